// Package ikefaults says why two VPN gateways do not get their tunnel up: nobody answers, they have no algorithm in
// common, the proof of identity fails, the tunnel's own settings are refused, or the network between them loses what is
// needed. What is encrypted is judged by its length and by what follows it, and never called certain.
package ikefaults

import (
	"slices"
	"time"

	"firestorm/internal/analyzer/esp"
	"firestorm/internal/analyzer/ike"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	NoAnswer         = "ike-no-answer"
	ProposalMismatch = "ike-proposal-mismatch"
	PSKMismatch      = "ike-psk-mismatch"
	IDMismatch       = "ike-id-mismatch"
	Phase2Refused    = "ike-phase2-refused"
	NATTBlocked      = "ike-natt-blocked"
	FragmentLost     = "ike-fragment-lost"
)

// idle is how long an SA rests before it is judged: repeats come after half a second to a few seconds at first, and a
// retry with another group comes at once.
const idle = 3 * time.Second

// fallback is within which time a tunnel that comes up after all makes a failed attempt a step of the negotiation: some
// gateways try one version or suite after the other.
const fallback = 10 * time.Second

// manyResponders is from how many silent addresses on an asker counts as somebody who looks for gateways: who has that
// many peers has tunnels with some of them.
const manyResponders = 5

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "ikefaults",
	Codes: codes,
	Wants: detect.Wants{Kinds: []event.Kind{event.KindICMPError}, Named: []string{ike.Kind, esp.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, by: map[key]*sa{}, peers: map[pair]*peer{}, askers: map[asker]*heard{}}
	},
}

type detector struct {
	scope *detect.Scope
	by    map[key]*sa
	order []*sa // by first sight
	// active are those with news since they were judged.
	active []*sa
	peers  map[pair]*peer
	pairs  []pair // by first sight
	// askers are those that sent first messages in vain, or got a tunnel.
	askers map[asker]*heard
	// Evicted counts SAs and pairs forgotten for lack of room. A forgotten SA whose begin is gone is not judged.
	Evicted uint64
}

type asker struct {
	vantage uint16
	addr    packet.Addr
}

// heard is how an asker fared with all it asked.
type heard struct {
	silent int  // addresses that did not answer
	up     bool // it has a tunnel with somebody
}

// looking reports that somebody only looks for gateways.
func (d *detector) looking(vantage uint16, a packet.Addr) bool {
	h := d.askers[asker{vantage, a}]
	return h != nil && h.silent > manyResponders && !h.up
}

// asked returns how an asker fared, for a new one nothing yet.
func (d *detector) asked(vantage uint16, a packet.Addr) *heard {
	k := asker{vantage, a}
	h := d.askers[k]
	if h == nil {
		if len(d.askers) >= d.scope.Limits.Entries { // all begin anew: nobody counts as a scanner for a while
			d.Evicted += uint64(len(d.askers))
			d.scope.Forgot("ikefaults", "generations of askers")
			clear(d.askers)
		}
		h = &heard{}
		d.askers[k] = h
	}
	return h
}

// peer is what two gateways did together.
type peer struct {
	silent  bool       // a first message of one of them was not answered
	esp     packet.Ref // latest begin of an association
	up      packet.Ref // latest tunnel that came up
	answer  packet.Ref // latest message of IKE that was an answer
	suite   []ike.Transform
	suiteOf uint8 // version
	suiteAt packet.Ref
	recent  [4]*sa
	n       int
}

// Handle follows IKE SAs, the associations of ESP that come of them, and ICMP errors about them.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *ike.Event:
		d.message(x)
	case *esp.Event:
		if x.What == esp.Started {
			d.peer(pairOf(x.Head().Vantage, x.From, x.To)).esp = x.First
		}
	case *event.ICMPError:
		if !x.Fresh || !unreachable(x) {
			return
		}
		if s := d.of(x); s != nil && x.Quoted.Src == s.initiator.Addr {
			if s.icmp == nil {
				s.icmp = x
			}
			s.icmps++
			d.touch(s)
		}
	}
}

// of returns the SA whose flow an ICMP error is about: of the pair's latest, the one heard last in that flow.
func (d *detector) of(x *event.ICMPError) *sa {
	p := d.peers[pairOf(x.Head().Vantage, x.Quoted.Src, x.Quoted.Dst)]
	if p == nil {
		return nil
	}
	var best *sa
	var at packet.Ref
	for _, s := range p.recent {
		if s == nil || s.forgotten {
			continue
		}
		flow := x.Head().FlowID
		if y := s.find(func(y *step) bool { return y.flow == flow }); y != nil && (best == nil || at.Frame < y.last.Frame) {
			best, at = s, y.last
		}
	}
	return best
}

// unreachable reports an error that ends an attempt.
func unreachable(x *event.ICMPError) bool {
	return x.Version == 4 && x.Type == 3 && x.Code != 4 || x.Version == 6 && x.Type == 1
}

func (d *detector) message(e *ike.Event) {
	h := e.Head()
	k := key{pairOf(h.Vantage, h.Client.Addr, h.Server.Addr), e.InitSPI}
	s := d.by[k]
	if s == nil {
		s = d.begin(k, e)
	}
	s.add(e)
	d.touch(s)
	p := d.peer(k.pair)
	if e.Sender().Addr == s.responder.Addr {
		p.answer = h.Seen
	}
	if d.success(s, e) {
		p.up = h.Seen
		d.asked(h.Vantage, s.initiator.Addr).up = true
		if s.chosen != nil {
			p.suite, p.suiteOf, p.suiteAt = s.chosen, s.major, s.chosenRef
		}
	}
}

// success reports that e brings a tunnel up.
func (d *detector) success(s *sa, e *ike.Event) bool {
	if e.Before > 0 {
		return false
	}
	if e.Major == 2 {
		least := minTunnel
		if e.Exchange == ike.CreateChildSA {
			least = minRekeyed
		}
		_, most := s.inside(e.Length)
		return e.Response() && (e.Exchange == ike.Auth || e.Exchange == ike.CreateChildSA) && (most >= least || e.Fragments > 0)
	}
	if e.Exchange != ike.QuickMode {
		return false
	}
	fromInit := e.Sender().Addr == s.initiator.Addr
	return s.find(func(x *step) bool {
		return x.exchange == ike.QuickMode && x.id == e.MessageID && x.fromInit != fromInit
	}) != nil
}

func (d *detector) begin(k key, e *ike.Event) *sa {
	for len(d.order) >= d.scope.Limits.Entries {
		old := d.order[0]
		d.order = d.order[1:]
		d.scope.Forgot("ikefaults", "security associations", old.initiator.Addr, old.responder.Addr)
		d.report(old)
		old.forgotten = true
		delete(d.by, old.key)
		d.Evicted++
	}
	h := e.Head()
	s := &sa{key: k, major: e.Major, first: h.Seen, initiator: e.Sender(), responder: e.Receiver()}
	switch {
	case e.RespSPI == 0 && !e.Response():
		s.begun = true
	case e.Major == 2 && e.FromInitiator():
	case e.Major == 2, e.Dir == packet.ToClient:
		s.initiator, s.responder = s.responder, s.initiator
	}
	d.by[k] = s
	d.order = append(d.order, s)
	p := d.peer(k.pair)
	p.recent[p.n%len(p.recent)] = s
	p.n++
	return s
}

// peer returns what is known of a pair, a new one if there was none.
func (d *detector) peer(k pair) *peer {
	p := d.peers[k]
	if p == nil {
		if len(d.pairs) >= d.scope.Limits.Entries {
			d.scope.Forgot("ikefaults", "peers", d.pairs[0].a, d.pairs[0].b)
			delete(d.peers, d.pairs[0])
			d.pairs = d.pairs[1:]
			d.Evicted++
		}
		p = &peer{}
		d.peers[k] = p
		d.pairs = append(d.pairs, k)
	}
	return p
}

// touch puts s among those to be judged.
func (d *detector) touch(s *sa) {
	if s.listed || s.forgotten {
		return
	}
	if len(d.active) >= 2*d.scope.Limits.Entries { // half of them at least are forgotten, and were judged then
		kept := slices.DeleteFunc(d.active, func(s *sa) bool { return s.forgotten })
		clear(d.active[len(kept):])
		d.active = kept
	}
	s.listed = true
	d.active = append(d.active, s)
}

// Tick judges the SAs that rest.
func (d *detector) Tick(now packet.Time) {
	kept := d.active[:0]
	for _, s := range d.active {
		switch {
		case s.forgotten:
		case now.Sub(s.last.Time) < idle:
			kept = append(kept, s)
		default:
			s.listed = false
			d.report(s)
		}
	}
	clear(d.active[len(kept):])
	d.active = kept
}

// End judges what is left: no verdict rests on time having passed, only on what was sent in vain.
func (d *detector) End(packet.Time) {
	for _, s := range d.active {
		if !s.forgotten {
			s.listed = false
			d.report(s)
		}
	}
	d.active = nil
}

func (d *detector) report(s *sa) {
	v := d.judge(s)
	if v.how == none || s.reported[v.code] {
		return
	}
	if s.reported == nil {
		s.reported = map[string]bool{}
	}
	s.reported[v.code] = true
	if p := d.peers[s.pair]; v.how == silent && p != nil && !p.silent {
		p.silent = true
		d.asked(s.vantage, s.initiator.Addr).silent++
	}
	last := v.what.last
	if v.reply != nil && v.reply.last.Time > last.Time {
		last = v.reply.last
	}
	port := v.what.ports[1]
	d.scope.Report(&finding.Instance{Code: v.code, Key: s.initiator.Addr.String() + " " + s.responder.Addr.String(), FlowID: v.what.flow, Vantage: s.vantage,
		Client: s.initiator.Addr, Server: s.responder.Addr, Port: port, First: s.first, Last: last,
		Covers: finding.Cover{Client: s.initiator.Addr, Server: s.responder.Addr, Port: port}, Data: s})
}
