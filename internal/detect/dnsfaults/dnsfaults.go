// Package dnsfaults finds name look-ups that fail, and says whose fault it is: a resolver that answers nobody, some names
// or some clients only; one that answers "server failure"; long answers that cannot come because TCP is closed.
package dnsfaults

import (
	"math"
	"slices"
	"time"

	"firestorm/internal/analyzer/dns"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Silent   = "dns-server-silent"
	ServFail = "dns-servfail"
	NoTCP    = "dns-tc-no-tcp"
)

const (
	// patience is how long after the last try a look-up counts as unanswered: resolvers wait five seconds before they
	// ask again or give up (glibc, Windows), so that a later answer helps nobody.
	patience = 5 * time.Second
	// manyTries is how many queries in all must have met silence: one lost datagram is no silence.
	manyTries = 3
	// manyFailures is how many answers "server failure" for one zone make a fault of the zone.
	manyFailures = 3
	// tcpAfter is how long after a truncated answer a connection to the same server belongs to it.
	tcpAfter = 30 * time.Second
	// around is how far from the failures other answers of the resolver speak of its state.
	around = 30 * time.Second
	// unfragmented is the largest answer that passes every usual path in one piece (RFC 9715 3.2).
	unfragmented = 1400
	// flood is how many queries of one client in a second make truncation look like a defence (response rate limiting).
	flood = 20
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "dnsfaults",
	Codes: []*finding.Code{{
		ID:       Silent,
		Title:    "a name server does not answer",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "filter", Name: "a packet filter that drops queries or answers silently"},
			{ID: "unseen", Name: "answers that come back on a way this capture does not show"},
			{ID: "size", Name: "answers so large that they travel in fragments, of which one is lost"},
		},
		References: []string{"RFC 1035 4.2.1 (queries are sent again after 2 to 5 s)", "RFC 9520 (what resolvers do about failures)"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateTable},
		Settle:     15 * time.Second,
		About: "Name look-ups were sent, sent again, and nobody answered within five seconds of the last try. Told apart by what the same server did meanwhile: it answered nobody (it is down, or unreachable); it answered " +
			"other names of the same client (what stands behind these names does not answer it); it answered other clients only (an access list, or a route that some clients lack). Not this: an ICMP error, which has a " +
			"finding of its own; a single lost query; a capture of one direction.",
		Reproduce: "testbed: dns-server-silent",
	}, {
		ID:       ServFail,
		Title:    "a name server answers \"server failure\" for a zone",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "resolver", Name: "a fault of the resolver itself rather than of the zone"},
			{ID: "other", Name: "another reason than the one named here, wrong signatures and silent servers of the zone among them"},
		},
		References: []string{"RFC 1035 4.1.1 (RCODE 2)", "RFC 8914 (extended errors say why)", "RFC 4035 3.2.2 (the CD bit asks without verification)"},
		Needs:      []finding.Gate{finding.GateLoss},
		Settle:     15 * time.Second,
		About: "A resolver answered \"server failure\" (RCODE 2) for names of one zone. Its reason is told by the extended error of the answer where there is one (RFC 8914), by the same question with the CD bit (checking " +
			"disabled), which is answered when only the signatures are wrong, and by other zones that the same resolver answers meanwhile. Not this: NXDOMAIN, which is an answer; a single failure.",
		Reproduce: "testbed: dns-servfail-dnssec, dns-servfail-unreachable, dns-servfail-named",
	}, {
		ID:       NoTCP,
		Title:    "an answer is too long for UDP, and the name server cannot be reached over TCP",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "defence", Name: "truncation as a defence against floods (response rate limiting)"},
			{ID: "down", Name: "a server that is down meanwhile"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop", "tcp-closed-port", "tcp-refused-by-middlebox", "icmp-admin-prohibited", "icmp-unreachable"},
		References: []string{"RFC 7766 5 (name servers must answer over TCP)", "RFC 1035 4.2.1 (truncation)", "RFC 9715 (avoiding fragments)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss},
		Settle:     30 * time.Second,
		About: "A name server cut its answer (TC bit) because it did not fit into a datagram; the client then asked over TCP, as it must, and was not let through: silence, a reset, or an ICMP error. Small answers work, large " +
			"ones never do. Not this: a client that got its answer over TCP; a server that cuts answers because somebody floods it.",
		Reproduce: "testbed: dns-tc-no-tcp, dns-tc-refused, dns-tc-prohibited",
	}},
	Wants: detect.Wants{Named: []string{dns.Kind}, Kinds: []event.Kind{event.KindICMPError, event.KindDatagram}, TCP: []event.What{event.Answered, event.Refused, event.Silent}},
	New:   newDetector,
}

type detector struct {
	scope   *detect.Scope
	pending map[question]*lookup
	byFlow  map[uint64]*lookup // by the flow of the latest query
	order   []*lookup          // by first query; those that are over are skipped
	servers map[place]*server
	cut     map[talk]*truncated    // the last truncated answer of a server to a client
	pieces  map[talk][]packet.Time // when a server's answers began of which not all fragments came, or none was whole
	lost    uint64                 // look-ups that did not fit
}

func newDetector(s *detect.Scope) detect.Detector {
	return &detector{scope: s, pending: map[question]*lookup{}, byFlow: map[uint64]*lookup{}, servers: map[place]*server{}, cut: map[talk]*truncated{}, pieces: map[talk][]packet.Time{}}
}

type place struct {
	vantage uint16
	addr    packet.Addr
}

type talk struct {
	place
	client packet.Addr
}

// question is one look-up: a resolver asks again from other ports and with other numbers, but for the same name.
type question struct {
	talk
	name string
	typ  uint16
}

// lookup is a question that waits for its answer.
type lookup struct {
	question
	port  uint16
	flow  uint64
	tries int
	refs  [4]packet.Ref // first queries
	last  packet.Ref
	over  bool

	before answer     // the server's last answer to anybody before
	after  packet.Ref // its first one after the look-up was given up
	m      meanwhile
	size   uint16 // the largest answer that the client takes over UDP (RFC 6891 6.2.3), in bytes
}

func (l *lookup) first() packet.Ref { return l.refs[0] }

func (l *lookup) queries() []packet.Ref { return detect.Refs(append(l.refs[:], l.last)...) }

// answer is one of a server's latest answers.
type answer struct {
	client packet.Addr
	name   string
	ref    packet.Ref
	fails  bool
}

// server is what is remembered of a name server.
type server struct {
	answers []answer // latest, as a ring
	next    int
	last    answer
	waiting []*lookup       // given up since the last answer
	silent  map[string]bool // names it was silent for, up to manyNames, and whether it answered for them since
	failed  map[string]int  // answers "server failure" by zone, up to manyZones
	second  int64           // of packet time, for busy
	busy    map[packet.Addr]int
}

const (
	keptAnswers = 64
	manyZones   = 256
	manyNames   = 256
)

// Handle follows questions, answers and the connections that truncated answers lead to.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *dns.Message:
		if !x.Multicast() && x.Header.Opcode() == 0 && x.Name != "" {
			d.message(x)
		}
	case *event.ICMPError:
		if l := d.byFlow[x.Head().FlowID]; l != nil && x.QuotedDir == packet.ToServer { // no silence: somebody says why
			d.forget(l)
		}
		if h := x.Head(); h.Proto == packet.ProtoTCP && h.Server.Port == dns.Port && x.QuotedDir == packet.ToServer {
			d.forbidden(x)
		}
	case *event.Datagram:
		d.piece(x)
	case *event.Flow:
		if h := x.Head(); h.Proto == packet.ProtoTCP && h.Server.Port == dns.Port {
			d.connection(x)
		}
	}
}

// piece remembers an answer that began to come: its server is not silent, whatever became of the rest.
func (d *detector) piece(x *event.Datagram) {
	h := x.Head()
	if x.Whole || h.Proto != packet.ProtoUDP || h.Client.Port != dns.Port && h.Client.Port != 0 { // 0: its first fragment is missing or cut
		return
	}
	k := talk{place{h.Vantage, h.Client.Addr}, h.Server.Addr}
	switch l := d.pieces[k]; {
	case len(l) >= keptAnswers:
	case l == nil && len(d.pieces) >= d.scope.Limits.Entries:
		d.scope.Forgot("dnsfaults", "answers in fragments", h.Client.Addr, h.Server.Addr)
	default:
		d.pieces[k] = append(l, x.First.Time)
	}
}

// began reports that an answer to a look-up began to come.
func (d *detector) began(l *lookup) bool {
	return slices.ContainsFunc(d.pieces[l.talk], func(t packet.Time) bool { return t >= l.first().Time && t.Sub(l.last.Time) < patience })
}

func (d *detector) message(m *dns.Message) {
	asks, answers := m.Ends()
	h := m.Head()
	q := question{talk{place{h.Vantage, answers.Addr}, asks.Addr}, m.Name, m.Type}
	if !m.Header.Response() {
		d.ask(q, answers.Port, m)
		return
	}
	if l := d.pending[q]; l != nil {
		if h.Seen.Time.Sub(l.last.Time) >= patience {
			d.give(l) // nobody waits for it any more
		} else {
			d.forget(l)
		}
	}
	s := d.server(q.place)
	if s == nil {
		return
	}
	s.heard(answer{q.client, m.Name, h.Seen, m.RCode() == dns.ServFail})
	if m.Header.Flags&dns.FlagTruncated != 0 && h.Proto == packet.ProtoUDP {
		d.truncated(q, m)
	}
	if m.RCode() == dns.ServFail {
		d.failed(s, q, m)
	}
}

func (d *detector) ask(q question, port uint16, m *dns.Message) {
	h := m.Head()
	s := d.server(q.place)
	if s != nil {
		s.asked(q.client, h.Seen.Time)
	}
	l := d.pending[q]
	if l != nil && h.Seen.Time.Sub(l.last.Time) > patience { // asked anew, not once more
		d.give(l)
		l = nil
	}
	if l == nil {
		if len(d.pending) >= d.scope.Limits.Entries {
			d.lost++
			d.scope.Forgot("dnsfaults", "look-ups", h.Client.Addr, h.Server.Addr)
			return
		}
		l = &lookup{question: q, port: port, flow: h.FlowID}
		if s != nil {
			l.before = s.last
		}
		d.pending[q] = l
		d.order = append(d.order, l)
	}
	if l.tries < len(l.refs) {
		l.refs[l.tries] = h.Seen
	}
	l.tries++
	l.last = h.Seen
	l.size = max(l.size, m.UDPSize)
	if m.Malformed && !m.EDNS { // cut by the capture, for example: what it takes is not known
		l.size = math.MaxUint16
	}
	if l.flow != h.FlowID {
		delete(d.byFlow, l.flow)
		l.flow = h.FlowID
	}
	d.byFlow[h.FlowID] = l
}

// forget ends the wait for an answer.
func (d *detector) forget(l *lookup) {
	l.over = true
	delete(d.pending, l.question)
	delete(d.byFlow, l.flow)
}

// give reports a look-up that nobody answered. What the server did meanwhile is noted now: it keeps its latest answers
// only.
func (d *detector) give(l *lookup) {
	d.forget(l)
	if s := d.servers[l.place]; s != nil {
		l.m = s.meanwhile(l)
		if _, known := s.silent[l.name]; !known && len(s.silent) < manyNames {
			s.silent[l.name] = false
		}
		if len(s.waiting) < keptAnswers {
			s.waiting = append(s.waiting, l)
		}
	}
	d.scope.Report(&finding.Instance{Code: Silent, Key: l.addr.String(), FlowID: l.flow, Vantage: l.vantage, Client: l.client, Server: l.addr, Port: l.port,
		First: l.first(), Last: l.last, Data: l})
}

// Tick gives up what waited too long.
func (d *detector) Tick(now packet.Time) {
	keep := d.order[:0]
	for _, l := range d.order {
		switch {
		case l.over:
		case now.Sub(l.last.Time) >= patience:
			d.give(l)
		default:
			keep = append(keep, l)
		}
	}
	clear(d.order[len(keep):])
	d.order = keep
}

// End leaves open what is still waiting: the end of a capture is not a timeout. A look-up that was repeated after a
// whole patience has waited long enough for its first try.
func (d *detector) End(packet.Time) {
	for _, l := range d.order {
		if !l.over && l.tries >= manyTries && l.last.Time.Sub(l.first().Time) >= patience {
			d.give(l)
		}
	}
}

func (d *detector) server(p place) *server {
	s := d.servers[p]
	if s == nil {
		if len(d.servers) >= d.scope.Limits.Entries {
			d.scope.Forgot("dnsfaults", "servers", p.addr)
			return nil
		}
		s = &server{silent: map[string]bool{}, failed: map[string]int{}, busy: map[packet.Addr]int{}}
		d.servers[p] = s
	}
	return s
}

func (s *server) heard(a answer) {
	s.last = a
	if _, known := s.silent[a.name]; known {
		s.silent[a.name] = true
	}
	for _, l := range s.waiting {
		l.after = a.ref
	}
	s.waiting = s.waiting[:0]
	if len(s.answers) < keptAnswers {
		s.answers = append(s.answers, a)
		return
	}
	s.answers[s.next] = a
	s.next = (s.next + 1) % keptAnswers
}

// asked counts the queries of a client in the current second.
func (s *server) asked(client packet.Addr, at packet.Time) {
	if sec := int64(at) / int64(time.Second); sec != s.second {
		s.second = sec
		clear(s.busy)
	}
	if _, known := s.busy[client]; known || len(s.busy) < keptAnswers {
		s.busy[client]++
	}
}
