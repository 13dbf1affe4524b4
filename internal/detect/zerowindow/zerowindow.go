// Package zerowindow finds receivers whose program does not take what has arrived: the window stays shut and the sender
// can only ask again and again.
package zerowindow

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the finding's identifier.
const Code = "tcp-zero-window-stall"

// Tunables.
const (
	// shutLeast is how long a window must stay shut. Windows that close for less are the normal way of a receiver that
	// works as fast as it can; a sender asks (probes) after its retransmission timeout, 200 ms on Linux at the least.
	shutLeast = 200 * time.Millisecond
	// longShut raises the severity: people notice pauses of seconds.
	longShut = 10 * time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "zerowindow",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a program does not read what it is sent: its receive window stays shut",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "network", Name: "a lossy, slow or broken way between"},
			{ID: "device", Name: "a device between that shuts the window in the receiver's name"},
		},
		Absorbs:    []string{"tcp-loss-where", "tcp-server-slow", "tcp-data-unanswered"},
		References: []string{"RFC 9293 3.8.6.1 (zero-window probing)", "RFC 9293 3.8.6.2 (silly window)", "RFC 1122 4.2.2.17"},
		Needs:      []finding.Gate{finding.GateLoss, finding.GateClock},
		Settle:     30 * time.Second,
		About: "A receiver tells with every acknowledgement how much more it can take. When its program does not read, the buffer fills and the window goes to zero: the sender must wait and " +
			"asks from time to time whether there is room (zero-window probes). Looked for: a window that stays at zero for 200 ms or longer while the sender probes; the times of one receiver " +
			"are added up. Neither the network nor the sender can shorten the wait. Not this: a window that closes for a moment, a side that has sent its FIN and wants nothing more, a reset " +
			"(its window says nothing), a sender that has nothing left to send and does not probe.",
		Reproduce: "testbed: zero-window, zero-window-short",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Stalled, event.Resumed, event.Reset, event.HalfClosed, event.Closed, event.Ended}, Other: []event.What{event.Stalled, event.Resumed, event.Reset, event.HalfClosed, event.Closed, event.Ended}},
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s, open: map[side]*closure{}} },
}

// side is one end of a flow.
type side struct {
	flow uint64
	dir  packet.Dir
}

// closure is a flow whose side dir kept its window shut.
type closure struct {
	flow *event.Flow // newest snapshot
	dir  packet.Dir
}

func (c *closure) sums() *event.Side { return &c.flow.Sides[c.dir] }

// receiver and sender say which end is which.
func (c *closure) receiver() event.End {
	if c.dir == packet.ToClient {
		return c.flow.Head().Server
	}
	return c.flow.Head().Client
}

func (c *closure) sender() event.End {
	if c.dir == packet.ToClient {
		return c.flow.Head().Client
	}
	return c.flow.Head().Server
}

type detector struct {
	scope *detect.Scope
	open  map[side]*closure // reported, until their flow ends
}

// Handle looks at each snapshot of a flow for a window that stayed shut.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok {
		return
	}
	switch f.What {
	case event.Stalled, event.Resumed, event.Reset, event.HalfClosed, event.Closed, event.Ended:
	default:
		return
	}
	h := f.Head()
	for dir := range f.Sides {
		k := side{h.FlowID, packet.Dir(dir)}
		s := &f.Sides[dir]
		c := d.open[k]
		switch {
		case c != nil:
			c.flow = f.Keep()
		case s.ZeroLongest < shutLeast || s.ZeroProbes == 0 || s.ZeroFrom.IsZero():
		case len(d.open) >= d.scope.Limits.Entries:
			d.scope.Forgot("zerowindow", "connections", f.Head().Client.Addr, f.Head().Server.Addr)
		default:
			c = &closure{flow: f.Keep(), dir: packet.Dir(dir)}
			d.open[k] = c
			last := s.ZeroTo
			if last.IsZero() {
				last = f.Last
			}
			d.scope.Report(&finding.Instance{
				Code: Code, Key: detect.EndText(h.Server) + " " + c.receiver().Addr.String(),
				FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
				First: s.ZeroFrom, Last: last, NoBegin: f.Midstream, Data: c,
			})
		}
		if f.What == event.Ended {
			delete(d.open, k)
		}
	}
}

// Tick does nothing: the flow table measures.
func (d *detector) Tick(packet.Time) {}

// End does nothing: a window that is shut when the input ends was shut as long as it was seen.
func (d *detector) End(packet.Time) {}
