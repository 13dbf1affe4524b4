// Package outofwindow finds connections that a firewall's connection tracker cuts because, by what passed it, their
// packets lie outside the window.
package outofwindow

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "tcp-out-of-window"

// triesMin is how often data must have been sent in vain.
const triesMin = 3

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "outofwindow",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a firewall drops packets of a living connection as outside the window",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     1,
		Alternatives: []finding.Alt{
			{ID: "capture", Name: "packets that this capture lost"},
			{ID: "attack", Name: "somebody who writes packets into the connection blindly"},
			{ID: "other", Name: "a device that drops these packets for another reason"},
		},
		Absorbs:    []string{"tcp-data-unanswered", "tcp-loss-where", "tcp-idle-timeout-drop", "pmtud-black-hole"},
		References: []string{"Linux net/netfilter/nf_conntrack_proto_tcp.c, tcp_in_window", "RFC 9293 3.4 (sequence numbers), 3.8.6 (window)", "RFC 7323 2.2 (window scale)"},
		Needs:      []finding.Gate{finding.GateHandshake, finding.GateTwoWay, finding.GateLoss, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A connection tracker holds each packet against four bounds, as far as it saw both sides: it begins no later than the receiver's window allows, ends no more than a window before what was sent, " +
			"acknowledges no more than was sent, and not much less. Where part of a connection takes another way, it does not see all, and drops what is right between the two ends. Looked for: data that is repeated in " +
			"vain and, by what passed here, breaks a bound. Two captures, one on each side of the device, show that it is dropped there; one alone says no more than possible, and nothing beside a surer finding of the " +
			"same connection. What fools it: a capture that loses packets.",
		Reproduce: "testbed: out-of-window, out-of-window-ack",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, joined: map[uint64]seen{}} },
}

// cut is one connection with packets outside the window that went unanswered.
type cut struct {
	flow *event.Flow
	gone detect.Trace // of the last repeat
}

// seen is how far each side came by what passed one of two places, counted from its first sequence number.
type seen struct {
	sent, acked [2]uint32
}

type detector struct {
	scope   *detect.Scope
	joined  map[uint64]seen // connections that were seen at both places
	skipped uint64          // of them not remembered for lack of room: what the other place saw of them is not known
}

// Handle judges connections that end with data in vain. Both SYNs were seen of those that break a bound: without them the
// scale of the windows is not known.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Ended || f.Head().Proto != packet.ProtoTCP {
		return
	}
	h := f.Head()
	if d.scope.Twins.Of(h.FlowID) != 0 {
		d.remember(f)
	}
	s := &f.Stall
	if s.Tries < triesMin || s.WindowClosed || s.EndedByRST || s.Bound == event.InWindow {
		return
	}
	x := &cut{flow: f.Keep(), gone: d.scope.Twins.Trace(s.Last)}
	if x.gone.Known && x.gone.Seen {
		return // it left the device
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: h.Client.Addr.Prefix().String() + " " + h.Server.Addr.Prefix().String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr,
		Server: h.Server.Addr, Port: h.Server.Port, First: s.First, Last: s.Last, NoBegin: f.Midstream, Data: x})
}

func (d *detector) remember(f *event.Flow) {
	if len(d.joined) >= d.scope.Limits.Entries {
		d.skipped++
		return
	}
	var x seen
	for i := range f.Sides {
		s := &f.Sides[i]
		if !s.SYNSeen {
			return
		}
		x.sent[i], x.acked[i] = s.Next-s.ISN, s.Acked-s.ISN
	}
	d.joined[f.Head().FlowID] = x
}

// missingThere reports whether the other place did not see either what the tracker would have needed: two captures do
// not lose the same packets by themselves.
func (d *detector) missingThere(f *event.Flow) bool {
	far, ok := d.joined[d.scope.Twins.Of(f.Head().FlowID)]
	if !ok {
		return false
	}
	s := &f.Stall
	mine, other := &f.Sides[s.Dir], &f.Sides[s.Dir.Other()]
	switch s.Bound {
	case event.SeqAbove: // the acknowledgements that the sender heard
		return far.acked[s.Dir] <= mine.Acked-mine.ISN
	case event.AckAbove: // the data that it acknowledges
		return far.sent[s.Dir.Other()] <= other.Next-other.ISN-s.Outside
	}
	return false
}

// Tick does nothing: a connection is judged when it is over.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every connection before.
func (d *detector) End(packet.Time) {}
