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
		About: "A connection tracker lets a packet pass that begins within what the receiver allowed and acknowledges no more than was sent, as far as it saw both. Where part of a connection takes another way, it does not " +
			"see all, and drops what is right between the two ends. Looked for: data that is repeated in vain and, by what passed here, lies beyond the receiver's window, or acknowledges data that never came by. Two " +
			"captures, one on each side of the device, must show that it is dropped there; nothing is said of such packets without that. What fools it: a capture that loses packets.",
		Reproduce: "testbed: out-of-window, out-of-window-ack",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s} },
}

// reason is what a connection tracker holds against a packet.
type reason uint8

const (
	fits         reason = iota
	beyondWindow        // seq > td_maxend
	unseenData          // ack > td_end of the other side
)

// cut is one connection with packets outside the window that went unanswered.
type cut struct {
	flow *event.Flow
	why  reason
	gone detect.Trace // of the last repeat
}

type detector struct{ scope *detect.Scope }

// Handle judges connections that end with data in vain.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.What != event.Ended || f.Head().Proto != packet.ProtoTCP {
		return
	}
	s := &f.Stall
	if s.Tries < triesMin || s.WindowClosed || s.EndedByRST {
		return
	}
	x := &cut{flow: f, why: judge(f), gone: d.scope.Twins.Trace(s.Last)}
	if x.why == fits || !x.gone.Known || x.gone.Seen {
		return // one capture shows a death (tcp-data-unanswered), not who caused it
	}
	h := f.Head()
	d.scope.Report(&finding.Instance{Code: Code, Key: h.Client.Addr.Prefix().String() + " " + h.Server.Addr.Prefix().String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr,
		Server: h.Server.Addr, Port: h.Server.Port, First: s.First, Last: s.Last, NoBegin: f.Midstream, Data: x})
}

// judge checks the repeated data against the upper bounds of a connection tracker that saw what was seen here. Both SYNs
// must have been seen: without them the scale of the windows is not known.
func judge(f *event.Flow) reason {
	mine, other := &f.Sides[f.Stall.Dir], &f.Sides[f.Stall.Dir.Other()]
	if !mine.SYNSeen || !other.SYNSeen {
		return fits
	}
	if over(mine, other) > 1 { // a probe of a closed window may be one byte beyond
		return beyondWindow
	}
	if other.Gaps > 0 {
		return unseenData
	}
	return fits
}

// over is how many bytes a side sent beyond what the other one allowed, by what was seen; 0 or less: none.
func over(mine, other *event.Side) int32 { return int32(mine.Next - (mine.Acked + other.MaxWindow)) }

// Tick does nothing: a connection is judged when it is over.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every connection before.
func (d *detector) End(packet.Time) {}
