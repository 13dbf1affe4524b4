// Package loss says where packets get lost: before or behind the sensor, in which direction, and how many.
package loss

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the finding's identifier.
const Code = "tcp-loss-where"

// Tunables.
const (
	// lostLeast and rateLeast are what must be lost on one way before it is worth a word: single losses are how TCP
	// finds the speed of a path (RFC 5681), and half a percent halves the speed of a long one.
	lostLeast = 5
	rateLeast = 0.005
	// manyLost losses in episodes different moments are no single disturbance; losses within together are one moment.
	manyLost = 8
	episodes = 3
	together = 50 * time.Millisecond
	// grave and slight are the rates, at the least, from which severity is high, and below which it is low.
	grave  = 0.03
	slight = 0.01
	// burstGap separates bursts; burstLeast losses make one.
	burstGap   = time.Second
	burstLeast = 2
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "loss",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "packets get lost, and on which side of the sensor",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "capture", Name: "packets that the capture lost, not the network"},
			{ID: "late", Name: "packets that came late, not never (overtaken, or repeated needlessly)"},
			{ID: "passing", Name: "a single short disturbance"},
		},
		References: []string{"RFC 6298 (retransmission timer)", "RFC 5681 (congestion control)", "RFC 2018, RFC 2883 (SACK, and its report of copies)", "RFC 4737 (reordering)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateDup, finding.GateClock},
		Settle:     30 * time.Second,
		About: "TCP repeats what was lost, and the sensor sees the repeat. If it saw the first copy too, that was lost behind the sensor, on the way to the receiver (or the acknowledgement was, on the way " +
			"back); if it never saw the first copy, that was lost before the sensor. Counted per pair of networks, direction and side: at least five losses and half a percent. Not counted: repeats of data that " +
			"had arrived (the sensor had seen the acknowledgement, or the receiver reported a copy: DSACK), segments that were only overtaken, keep-alives, window probes, one segment repeated " +
			"into silence (that connection is dead, which is another finding), connections that were told by ICMP that their packets are too big. A capture that drops packets looks alike: then holes are acknowledged that nobody filled.",
		Reproduce: "testbed: loss-server-side-down, loss-server-side-up, loss-client-side-down, loss-client-side-up, loss-none, reorder",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}, Kinds: []event.Kind{event.KindCapture}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, ways: detect.NewColumn[traffic](s.Nets, s.Limits.Entries).Of(s, "loss", "pairs of networks"), flows: map[uint64]*[2]counts{}}
	},
}

// way is one direction between two networks, at one vantage.
type way struct {
	vantage        uint16
	client, server packet.Addr // prefixes
	dir            packet.Dir
}

// traffic is what travelled between two networks, over all flows that ended, by direction. What every flow adds to lies
// together: a healthy flow touches one cache line (2026-11-28).
type traffic struct {
	carried [2]carried
	trouble [2]trouble
}

type carried struct {
	packets  uint64
	segments uint64 // data segments, at least
	flows    uint32
}

type trouble struct {
	lost     [2]uint64
	lossy    [2]int // flows
	needless uint64
	late     uint64 // overtaken
	holes    uint64 // acknowledged and never seen: lost by the capture
}

// total is the same for one direction.
type total struct {
	carried
	trouble
}

// place is a side of the sensor, as seen by the packets.
type place int

const (
	before place = iota
	behind
)

// counts is what one flow lost in one direction, by place.
type counts struct{ lost [2]uint32 }

// losses is one flow's losses at one place.
type losses struct {
	head   event.Head
	way    way
	place  place
	lost   uint32
	refs   []packet.Ref // first repeats
	copies bool         // the receiver would have reported copies: SACK was agreed on
}

type detector struct {
	scope  *detect.Scope
	ways   *detect.Column[traffic]
	flows  map[uint64]*[2]counts // by flow, for the join of two vantages only
	broken []uint64              // by vantage: packets with a wrong checksum
	// Unknown counts ways beyond the table's room.
	Unknown uint64
}

// Handle takes flows when they end: the counters are whole then.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Capture:
		for len(d.broken) <= int(x.Head().Vantage) {
			d.broken = append(d.broken, 0)
		}
		d.broken[x.Head().Vantage] += x.BadSums
	case *event.Flow:
		if x.What == event.Ended && x.Head().Proto == packet.ProtoTCP {
			d.flow(x)
		}
	}
}

func (d *detector) flow(f *event.Flow) {
	h := f.Head()
	var both [2]counts
	var t *traffic
	for i := range f.Sides {
		dir := packet.Dir(i)
		s := &f.Sides[dir]
		if s.Packets == 0 || !f.Marks[event.MarkFragNeeded].IsZero() {
			continue // too big for the path, and told so: that is how path MTU discovery works
		}
		if t == nil {
			if t, _ = d.ways.Own(d.scope.Nets.Of(h)); t == nil {
				d.Unknown++
				break
			}
		}
		c, needless := lostOf(f, dir)
		both[dir] = c
		v := &t.carried[dir]
		v.flows++
		v.packets += s.Packets
		v.segments += segments(s, h.Client.Addr.Is4())
		if c == (counts{}) && needless|s.OutOfOrder|s.Gaps == 0 {
			continue
		}
		x := &t.trouble[dir]
		x.needless += uint64(needless)
		x.late += uint64(s.OutOfOrder)
		x.holes += uint64(s.Gaps)
		for p, n := range c.lost {
			if n == 0 {
				continue
			}
			x.lost[p] += uint64(n)
			x.lossy[p]++
			d.report(f, way{h.Vantage, h.Client.Addr.Prefix(), h.Server.Addr.Prefix(), dir}, place(p), n)
		}
	}
	switch {
	case d.scope.Twins == nil || both == [2]counts{}:
	case len(d.flows) < d.scope.Limits.Entries:
		d.flows[h.FlowID] = &both
	default:
		d.scope.Forgot("loss", "joined connections", h.Client.Addr, h.Server.Addr)
	}
}

// lostOf counts what one side's repeats show to be lost, and the repeats that were needless. One segment repeated into
// silence is one loss at most: that is a dead connection, not a rate.
func lostOf(f *event.Flow, dir packet.Dir) (c counts, needless uint32) {
	s, o := &f.Sides[dir], &f.Sides[dir.Other()]
	if o.Packets == 0 {
		return c, 0 // nobody answers at all: dead, or out of sight
	}
	again := s.Retrans
	if f.Stall.Tries > 1 && f.Stall.Dir == dir {
		again -= min(again, f.Stall.Tries-1)
	}
	if o.ZeroCount > 0 {
		again -= min(again, o.ZeroProbes)
	}
	// A sensor sees the acknowledgement before the repeat, a receiver reports the copy (RFC 2883): often both.
	needless = min(max(s.Spurious, s.DSACKs), s.Retrans)
	c.lost[behind] = again - min(again, needless)
	// A late original after its repeat makes a hole that was filled, and a copy: nothing was lost.
	c.lost[before] = s.RetransGap - min(s.RetransGap, needless)
	return c, needless
}

// segments is the least number of packets that can have carried a side's payload.
func segments(s *event.Side, v4 bool) uint64 {
	if s.Payload == 0 {
		return 0
	}
	head := uint32(40)
	if !v4 {
		head = 60
	}
	if s.TSSeen {
		head += 12
	}
	if s.MaxIPLen <= head {
		return 1
	}
	full := uint64(s.MaxIPLen - head)
	return min(max((s.Payload+full-1)/full, 1), s.Packets)
}

func (d *detector) report(f *event.Flow, w way, p place, n uint32) {
	h := f.Head()
	s := &f.Sides[w.dir]
	refs := s.RetransRefs
	if p == before {
		refs = s.GapRefs
	}
	x := &losses{head: *h, way: w, place: p, lost: n, refs: detect.Refs(refs[:]...), copies: f.Sides[0].SACKOK && f.Sides[1].SACKOK}
	first, last := f.Start, f.Last
	if len(x.refs) > 0 {
		first, last = x.refs[0], x.refs[len(x.refs)-1]
	}
	d.scope.Report(&finding.Instance{
		Code: Code, Key: w.client.String() + " " + w.server.String() + [...]string{" up", " down"}[w.dir] + [...]string{" before", " behind"}[p],
		FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: first, Last: last, NoBegin: f.Midstream, Data: x,
	})
}

// Tick does nothing: flows report at their end.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every flow.
func (d *detector) End(packet.Time) {}
