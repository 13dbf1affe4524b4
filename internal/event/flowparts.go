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
	AppBefore    string // the protocol that it began with, where that changed: by STARTTLS, CONNECT, an upgrade
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

// FlowTalk is what a flow has once data travelled.
type FlowTalk struct {
	Exchanges  uint32        // request/answer turns
	ThinkTotal time.Duration // time the server took to begin its answers
	ThinkMax   time.Duration
	Unasked    time.Duration // longest silence after which the server spoke though nothing was asked; 0 = never
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
	f := &Flow{head: h, FlowRare: &noFlowRare, FlowTalk: &noFlowTalk}
	f.head.Kind = KindFlow
	for d := range f.Sides {
		f.Sides[d].SideRare, f.Sides[d].SideTalk = &noSideRare, &noSideTalk
	}
	return f
}

// talkParts are all that data brings: one allocation.
type talkParts struct {
	flow  FlowTalk
	sides [2]SideTalk
}

// OwnTalk gives f and its sides talk parts of their own, as they are so far.
func (f *Flow) OwnTalk() {
	p := &talkParts{*f.FlowTalk, [2]SideTalk{*f.Sides[0].SideTalk, *f.Sides[1].SideTalk}}
	f.FlowTalk = &p.flow
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
