package ftpdata

import (
	"time"

	"firestorm/internal/analyzer/ftp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// pair is two machines at one place of capture, whichever called.
type pair struct {
	vantage uint16
	a, b    packet.Addr
}

func pairOf(v uint16, a, b packet.Addr) pair {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return pair{v, a, b}
}

// session is one control channel.
type session struct {
	id             uint64
	vantage        uint16
	client, server event.End
	begin          packet.Ref
	implicit       bool       // port 990: encrypted from its first byte
	auth, tls      packet.Ref // AUTH, and the 234 that accepted it; zero: clear text
	method         string     // argument of AUTH
	again          packet.Ref // first clear text after that
	offered        *offer     // the newest
	end            *event.Flow
	failed         []failed // data connections that failed, the first finding.MaxKept
	last           packet.Time
}

// encrypted is the frame from which on nobody between could read; zero for a readable channel.
func (s *session) encrypted() packet.Ref {
	if s.implicit {
		return s.begin
	}
	return s.tls
}

// failed is a data connection by its flow.
type failed struct {
	flow uint64
	how  *failure
}

// take remembers that a data connection failed. It is false when that is known: an error and the silence after it are
// one failure.
func (s *session) take(flow uint64, x *failure) bool {
	for _, f := range s.failed {
		if f.flow == flow {
			if f.how.flow == nil {
				f.how.flow = x.flow
			}
			return false
		}
	}
	if len(s.failed) < finding.MaxKept {
		s.failed = append(s.failed, failed{flow, x})
	}
	return true
}

func (s *session) key() string { return s.client.Addr.String() + " " + detect.EndText(s.server) }

func (s *session) cover() finding.Cover {
	return finding.Cover{Client: s.client.Addr, Server: s.server.Addr, Port: s.server.Port}
}

// open returns the session of a flow, a new one where there is none. A full table forgets the oldest.
func (d *detector) open(h *event.Head, begin packet.Ref) *session {
	if s := d.byFlow[h.FlowID]; s != nil {
		s.last = max(s.last, h.Seen.Time)
		return s
	}
	for len(d.order) >= max(d.scope.Limits.Entries, 1) {
		old := d.order[0]
		d.evicted++
		d.forget(old)
		d.scope.Forgot("ftpdata", "control channels", old.client.Addr, old.server.Addr)
		d.order = d.order[1:]
	}
	s := &session{id: h.FlowID, vantage: h.Vantage, client: h.Client, server: h.Server, begin: begin, last: h.Seen.Time}
	d.byFlow[s.id] = s
	k := pairOf(s.vantage, s.client.Addr, s.server.Addr)
	if list := d.byPair[k]; len(list) >= mostOfPair {
		d.evicted++
		d.forget(list[0])
	}
	d.byPair[k] = append(d.byPair[k], s)
	d.order = append(d.order, s)
	return s
}

func (d *detector) forget(s *session) {
	if d.byFlow[s.id] == s {
		delete(d.byFlow, s.id)
	}
	k := pairOf(s.vantage, s.client.Addr, s.server.Addr)
	list := d.byPair[k]
	for i, x := range list {
		if x == s {
			list = append(list[:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(d.byPair, k)
	} else {
		d.byPair[k] = list
	}
}

// ageSessions forgets control channels that ended long ago.
func (d *detector) ageSessions(now packet.Time) {
	kept := d.order[:0]
	for _, s := range d.order {
		switch {
		case d.byFlow[s.id] != s: // forgotten before
		case s.end != nil && now.Sub(s.end.Last.Time) > 2*after:
			d.forget(s)
		default:
			kept = append(kept, s)
		}
	}
	clear(d.order[len(kept):])
	d.order = kept
}

// control learns from a command and its reply.
func (d *detector) control(e event.Event) {
	x, ok := e.(*ftp.Exchange)
	if !ok {
		return
	}
	h := x.Head()
	begin := x.Request
	if begin.IsZero() {
		begin = h.Seen
	}
	s := d.open(h, begin)
	code := x.Code()
	if x.Again && s.again.IsZero() {
		s.again = begin
	}
	switch {
	case x.Command == "AUTH" && code == 234:
		s.auth, s.tls, s.method = x.Request, h.Seen, x.Data
	case x.Channel.End.Port != 0 && !x.Channel.End.Addr.IsZero():
		d.offer(s, x)
	case x.Transfers():
		d.transfer(s, x)
	}
}

// transfer learns how a command that needs a data connection went.
func (d *detector) transfer(s *session, x *ftp.Exchange) {
	code, h := x.Code(), x.Head()
	switch {
	case code == 226 || code == 250:
		if s.encrypted().IsZero() || x.Again {
			d.worked(s, h.Seen, x.Command)
		}
	case !x.Lost && (code == 425 || code == 426):
		if o := s.offered; o != nil && o.foreign() && len(s.failed) == 0 {
			d.reportPrivate(&failure{how: unseen, ses: s, offer: o, client: o.from, reply: h.Seen, code: code}, h)
		}
	}
}

// inClear is a transfer that was completed without encryption: the firewall between the two read its port.
type inClear struct {
	ref     packet.Ref // the 226
	command string
}

// worked remembers the last one of each client and server for as long as there is room: the comparison may lie hours back.
func (d *detector) worked(s *session, at packet.Ref, command string) {
	k := clearKey{s.vantage, s.client.Addr, s.server.Addr}
	if _, known := d.clear[k]; !known {
		for len(d.clearOrder) >= max(d.scope.Limits.Entries, 1) {
			d.scope.Forgot("ftpdata", "pairs where it worked in clear", d.clearOrder[0].client, d.clearOrder[0].server)
			delete(d.clear, d.clearOrder[0])
			d.clearOrder = d.clearOrder[1:]
		}
		d.clearOrder = append(d.clearOrder, k)
	}
	d.clear[k] = inClear{at, command}
}

// clearKey is a client and a server at one place of capture.
type clearKey struct {
	vantage        uint16
	client, server packet.Addr
}

// hidden returns the encrypted session that a connection between the same machines belongs to, nil for none.
func (d *detector) hidden(h *event.Head, at packet.Ref) *session {
	list := d.byPair[pairOf(h.Vantage, h.Client.Addr, h.Server.Addr)]
	for i := len(list) - 1; i >= 0; i-- {
		s := list[i]
		from := s.encrypted()
		if from.IsZero() || at.Time < from.Time || s.id == h.FlowID || !s.again.IsZero() && at.Time >= s.again.Time {
			continue
		}
		if s.end != nil && at.Time.Sub(s.end.Last.Time) > after {
			continue
		}
		passive := h.Client.Addr == s.client.Addr && h.Server.Addr == s.server.Addr && h.Server.Port >= firstData
		active := h.Client.Addr == s.server.Addr && h.Server.Addr == s.client.Addr && h.Server.Port >= firstData &&
			(h.Client.Port == s.server.Port-1 || h.Client.Port >= firstData)
		if passive || active {
			return s
		}
	}
	return nil
}

// alone looks at an encrypted control channel that ended: without any data connection in sight, a long silence is all
// that a place behind the firewall shows.
func (d *detector) alone(s *session) {
	f := s.end
	from := s.encrypted()
	if from.IsZero() || !s.again.IsZero() || len(s.failed) > 0 || f.Sides[0].Payload == 0 || f.Sides[1].Payload == 0 {
		return
	}
	if d.silence(s) < quiet {
		return
	}
	d.scope.Report(&finding.Instance{Code: Hidden, Key: s.key() + " alone", FlowID: s.id, Vantage: s.vantage, Client: s.client.Addr, Server: s.server.Addr,
		Port: s.server.Port, First: s.begin, Last: f.Last, Data: &failure{how: unseen, ses: s, client: s.client.Addr}, Covers: s.cover()})
}

// silence is the longest that an ended control channel was silent: while it lived, or until the input ended.
func (d *detector) silence(s *session) time.Duration {
	f := s.end
	longest := f.IdleSurvived
	if f.End == event.EndInput {
		longest = max(longest, d.now.Sub(f.Last.Time))
	}
	return longest
}
