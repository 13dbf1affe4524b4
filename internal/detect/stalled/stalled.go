// Package stalled finds connections that die in the middle: data is repeated and nobody answers, though no pause, size
// or closed window explains it.
package stalled

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "tcp-data-unanswered"

const (
	// triesMin is how often data must have been sent in vain: three may be bad luck on a lossy path.
	triesMin = 4
	// smallSize is what every path carries (RFC 1191 7.1).
	smallSize = 576
	// aliveFor is how long others must have gone on to show that neither end nor the way was gone.
	aliveFor = time.Second
	// pauseLeast is the shortest silence that can have been a device's timer, as package idle has it.
	pauseLeast = 2 * time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "stalled",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "connections die in the middle: what is sent is no longer answered",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "peer-gone", Name: "the other machine went away at that moment"},
			{ID: "path-cut", Name: "the way between was cut at that moment"},
			{ID: "host", Name: "the other machine dropping these packets itself"},
			{ID: "pause", Name: "a device that forgets silent connections"},
			{ID: "unserved", Name: "a program that never took up the connection"},
		},
		Absorbs:    []string{"tcp-loss-where"},
		References: []string{"RFC 9293 3.8.3 (retransmission and giving up)", "RFC 1122 4.2.3.5 (connection failures)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A connection works, then one side's data is sent four times or more and never answered, without a pause before it (tcp-idle-timeout-drop), a size that was new " +
			"(pmtud-black-hole) or a closed window (tcp-zero-window-stall) to explain it. Other connections between the same networks that go on at that time exclude that the other end or the way was " +
			"gone; what is left is a device between that drops this one: a connection tracker that lost or rejects it, an inspection that dislikes its content, a load balancer that forgot it. Two captures, one on each " +
			"side of the device, prove it. Without others to compare with it stays possible.",
		Reproduce: "testbed: nat-drop-midway",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Stalled, event.Resumed, event.Ended}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, open: map[uint64]*death{}, roads: detect.NewColumn[road](s.Nets, s.Limits.Entries).Of(s, "stalled", "pairs of networks")}
	},
}

// death is one connection that is no longer answered.
type death struct {
	flow  *event.Flow
	stall event.Stall
}

type detector struct {
	scope *detect.Scope
	open  map[uint64]*death
	roads *detect.Column[road] // by networks, which share the devices between
}

// road is how other connections between two networks fared.
type road struct {
	last     packet.Ref    // last packet of a connection that went well
	survived time.Duration // longest silence that a connection survived
	from, to packet.Ref    // around that
}

// Handle takes stalls, forgives those that end well, and learns which connections go on.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.Head().Proto != packet.ProtoTCP {
		return
	}
	id := f.Head().FlowID
	if f.IdleSurvived > 0 {
		if r, _ := d.roads.Own(d.scope.Nets.Of(f.Head())); r != nil && f.IdleSurvived > r.survived {
			r.survived, r.from, r.to = f.IdleSurvived, f.IdleFrom, f.IdleTo
		}
	}
	switch f.What {
	case event.Stalled:
		if f.Stall.WindowClosed || f.Stall.EndedByRST || f.Midstream && !f.Stall.Handshake && f.Sides[f.Stall.Dir.Other()].Packets == 0 {
			return
		}
		if len(d.open) >= d.scope.Limits.Entries {
			d.scope.Forgot("stalled", "connections", f.Head().Client.Addr, f.Head().Server.Addr)
			return
		}
		d.open[id] = &death{flow: f.Keep(), stall: f.Stall}
	case event.Resumed:
		delete(d.open, id)
	case event.Ended:
		x := d.open[id]
		if x == nil {
			d.well(f)
			return
		}
		delete(d.open, id)
		x.flow = f.Keep()
		if f.Stall.Tries > 0 {
			x.stall = f.Stall
		}
		if x.stall.Tries < triesMin || x.stall.EndedByRST || x.stall.IPLen > max(smallSize, f.Sides[x.stall.Dir].MaxDelivered) {
			return // few tries are chance, and a size that never got through before may be too big for the path
		}
		h := f.Head()
		d.scope.Report(&finding.Instance{Code: Code, Key: h.Client.Addr.Prefix().String() + " " + h.Server.Addr.Prefix().String(), FlowID: id, Vantage: h.Vantage, Client: h.Client.Addr,
			Server: h.Server.Addr, Port: h.Server.Port, First: x.stall.First, Last: x.stall.Last, NoBegin: f.Midstream, Data: x})
	}
}

// well notes that a connection was over without a stall, and when it was last heard of.
func (d *detector) well(f *event.Flow) {
	if f.Sides[0].Packets == 0 || f.Sides[1].Packets == 0 || f.Stall.Tries > 0 {
		return
	}
	if r, _ := d.roads.Own(d.scope.Nets.Of(f.Head())); r != nil && f.Last.Time > r.last.Time {
		r.last = f.Last
	}
}

// Tick does nothing: a stall is judged when the connection is over.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every connection before.
func (d *detector) End(packet.Time) {}
