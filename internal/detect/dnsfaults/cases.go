package dnsfaults

import (
	"strings"
	"time"

	"firestorm/internal/analyzer/dns"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// failure is one answer "server failure".
type failure struct {
	question
	ref    packet.Ref
	id     uint16 // of the query
	ede    uint16
	hasEDE bool
	flow   uint64
}

// zone is the last two labels of a name: near enough to a zone for counting failures together.
func zone(name string) string {
	name = strings.ToLower(name)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		if k := strings.LastIndexByte(name[:i], '.'); k >= 0 {
			return name[k+1:]
		}
	}
	return name
}

func (d *detector) failed(s *server, q question, m *dns.Message) {
	z := zone(q.name)
	if _, known := s.failed[z]; !known && len(s.failed) >= manyZones {
		d.lost++
		return
	}
	s.failed[z]++
	h := m.Head()
	d.scope.Report(&finding.Instance{Code: ServFail, Key: q.addr.String() + " " + z, FlowID: h.FlowID, Vantage: q.vantage, Client: q.client, Server: q.addr, Port: dns.Port,
		First: h.Seen, Last: h.Seen, Data: &failure{q, h.Seen, m.Header.ID, m.EDE, m.HasEDE, h.FlowID}})
}

// truncated is an answer that did not fit, and the connection that came of it.
type truncated struct {
	question
	ref  packet.Ref
	size int // bytes of the cut answer
	busy int // queries of the client in that second
	flow uint64
	syn  packet.Ref
	end  packet.Ref  // refused, or given up
	what event.What  // how the connection ended
	by   packet.Addr // who refused it by an ICMP error; zero: nobody did
}

func (d *detector) truncated(q question, m *dns.Message) {
	t := &truncated{question: q, ref: m.Head().Seen, size: m.Size}
	if s := d.servers[q.place]; s != nil {
		t.busy = s.busy[q.client]
	}
	if old := d.cut[q.talk]; old == nil && len(d.cut) >= d.scope.Limits.Entries {
		d.lost++
		d.scope.Forgot("dnsfaults", "truncated answers", q.client, q.place.addr)
		return
	}
	d.cut[q.talk] = t
}

// connection watches for the connection that a truncated answer leads to.
func (d *detector) connection(f *event.Flow) {
	h := f.Head()
	k := talk{place{h.Vantage, h.Server.Addr}, h.Client.Addr}
	t := d.cut[k]
	if t == nil || f.Start.Time < t.ref.Time || f.Start.Time.Sub(t.ref.Time) > tcpAfter {
		return
	}
	switch f.What {
	case event.Answered:
		delete(d.cut, k) // TCP works
	case event.Refused, event.Silent:
		t.report(d, h, f.What, f.Start, f.Last, f.Midstream)
	}
}

// forbidden takes an ICMP error that quotes such a connection's request: its flow ends without another word.
func (d *detector) forbidden(x *event.ICMPError) {
	h := x.Head()
	a, t := d.scope.Ledger.Attempt(h.FlowID), d.cut[talk{place{h.Vantage, h.Server.Addr}, h.Client.Addr}]
	if a == nil || a.Outcome != detect.OutRefused || t == nil || t.flow == h.FlowID || a.Start.Time < t.ref.Time || a.Start.Time.Sub(t.ref.Time) > tcpAfter {
		return
	}
	t.by = x.Sender
	t.report(d, h, event.Refused, a.Start, h.Seen, false)
}

func (t *truncated) report(d *detector, h *event.Head, what event.What, begin, last packet.Ref, midstream bool) {
	t.flow = h.FlowID
	x := *t
	x.syn, x.what, x.end = begin, what, h.Seen
	d.scope.Report(&finding.Instance{Code: NoTCP, Key: h.Server.Addr.String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: t.ref, Last: last, NoBegin: midstream, Covers: finding.Cover{Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port}, Data: &x})
}

// meanwhile is what the same server answered while a look-up was asked again and again.
type meanwhile struct {
	same, others [4]packet.Ref // answers to the same client for other names, to other clients
	nsame, n     int
	names        [3]string // of the first ones to the same client
}

// meanwhile looks for answers from the look-up's first repeat to the end of its patience: what came before or after says
// nothing about the silence.
func (s *server) meanwhile(l *lookup) (m meanwhile) {
	from, to := l.first().Time, l.last.Time.Add(patience)
	if l.tries > 1 {
		from = l.refs[1].Time
	}
	for i := range s.answers {
		a := &s.answers[(s.next+i)%len(s.answers)]
		switch {
		case a.ref.Time < from || a.ref.Time > to || a.name == l.name:
		case a.client == l.client:
			if m.nsame < len(m.same) {
				m.same[m.nsame] = a.ref
			}
			if m.nsame < len(m.names) {
				m.names[m.nsame] = a.name
			}
			m.nsame++
		default:
			if m.n < len(m.others) {
				m.others[m.n] = a.ref
			}
			m.n++
		}
	}
	return m
}

// waited is how long the clients of these look-ups waited in all: from the first query to the last, and the patience
// after it.
func waited(ls []*lookup) (sum time.Duration) {
	for _, l := range ls {
		sum += l.last.Time.Sub(l.first().Time) + patience
	}
	return sum
}
