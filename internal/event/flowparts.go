package event

import (
	"time"

	"firestorm/internal/packet"
)

// A table emits four snapshots of nearly every connection and hardly any has something to tell in most of the fields. So
// what few flows have lies in parts that a Flow and its Sides point to; where there is nothing, all point to one shared
// part that is zero and stays so. Who fills a part asks for its own first.

// SideRare is what few sides of a flow have: losses, repeats, closed windows.
type SideRare struct {
	Retrans     uint32 // segments seen twice: lost after the sensor, or repeated needlessly
	Spurious    uint32 // of Retrans: repeats of data whose acknowledgement had passed the sensor before
	DSACKs      uint32 // reports of the other side that data of this side came twice (RFC 2883 4, or an acknowledgement sent again), after something was repeated
	RetransGap  uint32 // segments that filled a hole: lost before the sensor
	OutOfOrder  uint32 // segments that came late within the reordering window: not losses
	Gaps        uint32 // holes acknowledged by the other side and never seen: lost by the capture, or another path
	GapBytes    uint64
	RetransRefs [3]packet.Ref // first ones of Retrans
	GapRefs     [3]packet.Ref // first ones of RetransGap
	SACKOutside uint32        // SACK blocks of the other side beyond all that this side sent

	HeldWaits uint32        // small segments sent at once when a late, bare acknowledgement of the one before came: Nagle and delayed ACK
	HeldTotal time.Duration // how long they waited in all, the way to the receiver and back taken off

	ZeroCount   uint32        // times this side closed its window
	ZeroProbes  uint32        // window probes of the other side during closed windows
	ZeroTotal   time.Duration // how long in all
	ZeroLongest time.Duration
	ZeroFrom    packet.Ref // begin of the longest
	ZeroTo      packet.Ref // window update or probe answer that ended it; zero when still closed
}

// SideTalk is what a side has once data travelled.
type SideTalk struct {
	MaxDelivered uint32        // longest IP packet known to have arrived (acknowledged), 0 = none
	MaxFlight    uint32        // most bytes sent and not yet acknowledged
	RTTs         uint32        // segments of this side whose acknowledgement measured a round trip: sensor to receiver and back
	RTTLeast     time.Duration // least of them, delayed acknowledgements included; 0 unknown
	RTTMost      time.Duration
}

// FlowRare is what few flows have: unanswered data, resets, ICMP errors, long silences.
type FlowRare struct {
	AppBefore string // the protocol that it began with, where that changed: by STARTTLS, CONNECT, an upgrade
	// AppSides is the protocol that the first bytes of a direction speak, where it is not that of the connection.
	AppSides     [2]string
	MACs         [2][]packet.MAC // the senders' of either direction, in the order seen, as many as were kept; nil: not asked for
	Passed       bool            // a pass rule took the connection
	Vars         *FlowVars       // nil: rules left none
	AnswerType   uint8           // ICMP and ICMPv6: of the first packet the server sent, valid when AnswerKnown
	AnswerCode   uint8
	AnswerKnown  bool
	Anomalies    []packet.Anomaly
	Stall        Stall
	Refusal      RST       // the RST that refused, or reset
	Resets       [2]Resets // by the direction travelled
	RSTFlags     [2]uint16
	StaleACKs    uint32
	StaleACKNum  uint32 // acknowledgement number of the first stale ACK
	ICMPType     uint8  // of MarkICMP
	ICMPCode     uint8
	IdleSurvived time.Duration // longest silence after which the flow went on well
	IdleFrom     packet.Ref    // packets around it
	IdleTo       packet.Ref
}

// FlowVars is what rules left behind on a connection.
type FlowVars struct {
	Bits  []string    // flowbits that are set, sorted
	Texts [][2]string // what rules caught, with its name before it, in the order in which it came: bytes of packets, hostile
}

// FlowTalk is what a flow has once data travelled.
type FlowTalk struct {
	Exchanges  uint32        // request/answer turns
	ThinkTotal time.Duration // time the server took to begin its answers
	ThinkMax   time.Duration
	Unasked    time.Duration // longest silence after which the server spoke though nothing was asked; 0 = never

	sides [2]SideTalk // those of its sides: all that data brings is one allocation
}

// The shared parts of snapshots. Nothing may write to them.
var (
	noSideRare SideRare
	noSideTalk SideTalk
	noFlowRare FlowRare
	noFlowTalk FlowTalk
)

// NewSnapshot returns an empty flow event with head h that shares its empty parts with others: before writing to a field
// of a part, ask for an own one (OwnRare, OwnTalk). It is for tables; everyone else takes NewFlow.
func NewSnapshot(h Head) *Flow {
	f := new(Flow)
	f.begin(&h)
	return f
}

// begin makes a snapshot of a Flow that is empty.
func (f *Flow) begin(h *Head) {
	f.head = *h
	f.share()
}

// share has the parts of a Flow that is empty be those of all.
func (f *Flow) share() {
	f.FlowRare, f.FlowTalk = &noFlowRare, &noFlowTalk
	f.head.Kind = KindFlow
	for d := range f.Sides {
		f.Sides[d].SideRare, f.Sides[d].SideTalk = &noSideRare, &noSideTalk
	}
}

// Keep makes f the caller's for as long as it likes. A snapshot that a table made is filled again once everybody had it: who
// remembers it, or a pointer into it or its talk parts, keeps it. Its other parts are never filled again.
func (f *Flow) Keep() *Flow {
	f.lent = false
	return f
}

// Keep makes e the caller's, whatever it is: see Flow.Keep.
func Keep(e Event) Event {
	if f, ok := e.(*Flow); ok {
		f.Keep()
	}
	return e
}

// Lent reports that f may be filled again once everybody had it.
func (f *Flow) Lent() bool { return f.lent }

// Nonsense makes of a snapshot that nobody keeps one that has no parts and means nothing: for tests.
func (f *Flow) Nonsense() { *f = Flow{} }

// Spare holds snapshots that everybody had, to be filled again: each connection has some four, and to make each anew, with
// the collections that follow, took a tenth of a run (2026-11-30). The zero value is empty. It is for one goroutine at a time.
type Spare struct {
	flows []*Flow
	talks []*FlowTalk // that these had
}

// mostSpare bounds a Spare, 2 MB. What is more is left to the collector.
const mostSpare = 2048

// NewSnapshot returns an empty flow event as the function of that name does, from s where there is one; its head is empty but
// for the kind, to be written in place. Without Keep it is good until it is given back.
func (s *Spare) NewSnapshot() *Flow {
	if s == nil {
		return NewSnapshot(Head{})
	}
	var f *Flow
	if n := len(s.flows) - 1; n >= 0 {
		f, s.flows = s.flows[n], s.flows[:n]
		*f = Flow{}
	} else {
		f = new(Flow)
	}
	f.share()
	f.lent = true
	return f
}

// OwnTalk gives f, which NewSnapshot of s made, empty talk parts of its own.
func (s *Spare) OwnTalk(f *Flow) {
	if s == nil {
		f.OwnTalk()
		return
	}
	var p *FlowTalk
	if n := len(s.talks) - 1; n >= 0 {
		p, s.talks = s.talks[n], s.talks[:n]
		*p = FlowTalk{}
	} else {
		p = new(FlowTalk)
	}
	f.talk(p)
}

// Give takes what nobody keeps of events that everybody had.
func (s *Spare) Give(evs []Event) {
	for _, e := range evs {
		if f, ok := e.(*Flow); ok && f.lent && len(s.flows) < mostSpare {
			f.lent = false
			s.flows = append(s.flows, f)
			if f.FlowTalk != &noFlowTalk && len(s.talks) < mostSpare {
				s.talks = append(s.talks, f.FlowTalk)
			}
		}
	}
}

// Move takes what another holds.
func (s *Spare) Move(from *Spare) {
	s.flows = move(s.flows, &from.flows)
	s.talks = move(s.talks, &from.talks)
}

func move[T any](to []*T, from *[]*T) []*T {
	n := min(len(*from), mostSpare-len(to))
	to = append(to, (*from)[:n]...)
	clear(*from)
	*from = (*from)[:0]
	return to
}

// OwnTalk gives f and its sides talk parts of their own, as they are so far.
func (f *Flow) OwnTalk() {
	p := new(FlowTalk)
	*p = *f.FlowTalk
	p.sides = [2]SideTalk{*f.Sides[0].SideTalk, *f.Sides[1].SideTalk}
	f.talk(p)
}

// talk has f's talk parts be those of p.
func (f *Flow) talk(p *FlowTalk) {
	f.FlowTalk = p
	for d := range f.Sides {
		f.Sides[d].SideTalk = &p.sides[d]
	}
}

// OwnRare gives f a rare part of its own unless it has one.
func (f *Flow) OwnRare() {
	if f.FlowRare == &noFlowRare {
		f.FlowRare = new(FlowRare)
	}
}

// OwnRare gives s a rare part of its own unless it has one.
func (s *Side) OwnRare() {
	if s.SideRare == &noSideRare {
		s.SideRare = new(SideRare)
	}
}

// NewFlow returns an empty flow event with head h. All its fields may be written.
func NewFlow(h Head) *Flow { return NewSnapshot(h).Clone() }

// Clone returns a copy of f that shares no part with it, except what Prev and Anomalies point to.
func (f *Flow) Clone() *Flow {
	c := *f
	c.lent = false
	r := *f.FlowRare
	c.FlowRare = &r
	for d := range c.Sides {
		s := *c.Sides[d].SideRare
		c.Sides[d].SideRare = &s
	}
	c.OwnTalk()
	return &c
}

// NewSide returns s with parts of its own where it has none.
func NewSide(s Side) Side {
	if s.SideRare == nil {
		s.SideRare = new(SideRare)
	}
	if s.SideTalk == nil {
		s.SideTalk = new(SideTalk)
	}
	return s
}
