// Package acceptqueue finds services whose program does not accept: the kernel's queue of new connections is full, and
// requests, or the first data, vanish in a server that is alive.
package acceptqueue

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the finding's identifier.
const Code = "tcp-accept-queue-full"

// Tunables.
const (
	// unanswered is how many connections must have met the full queue.
	unanswered = 2
	// parkedFor is how long a request must lie with the server's kernel before its program counts as not accepting.
	parkedFor = 3 * time.Second
	// parkedBefore is how long before the first victim a connection may have been parked.
	parkedBefore = 5 * time.Minute
	// triesLeast are the packets without an answer from which loss is out of the question.
	triesLeast = 6
	// flood is how many requests in the same time speak for a flood rather than for a service too busy to accept.
	flood = 1000
	// keep bounds what is remembered of one service.
	keep = 64
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "acceptqueue",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a service too busy to accept: its queue of new connections is full",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "packet loss on the way"},
			{ID: "firewall", Name: "a firewall that drops new connections, for instance beyond a number of them"},
			{ID: "server-down", Name: "a server that is off or hung"},
			{ID: "flood", Name: "a flood of requests that fills the queue before"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop", "tcp-loss-where", "tcp-server-slow", "tcp-data-unanswered"},
		References: []string{"RFC 9293 3.10.7.3, 3.10.7.4", "listen(2): backlog", "net/ipv4/tcp_ipv4.c, net/ipv4/tcp_minisocks.c (Linux: what happens when the accept queue is full)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A server's kernel finishes handshakes by itself and queues the connections for the program. When the program does not accept, the queue fills. Then three things are seen: the last " +
			"connections in the queue have their data acknowledged (by the kernel) and never answered; connections whose handshake was under way believe to be open, but their data meets silence while " +
			"the server may repeat its SYN/ACK; further requests meet silence. Looked for: at least two connections of the last two kinds, and one of the first or a repeated SYN/ACK. Other ports of the " +
			"server go on working. Not this: lost SYN/ACKs (the client repeats its request and gets through), a port where nobody was ever taken, a flood (syn-flood).",
		Reproduce: "testbed: accept-queue-full, accept-queue-full-burst, accept-queue-synack-loss, accept-queue-remedied",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Established, event.Silent, event.Stalled, event.Answered, event.Resumed, event.Ended}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, services: detect.NewByService[record](s, s.Limits.Entries, true).Of(s, "acceptqueue", "services"), open: map[uint64]*victim{}}
	},
}

// victim is a connection that met the full queue.
type victim struct {
	flow *event.Flow // newest snapshot
	late bool        // it got through after all
}

// mute reports that the handshake was answered; otherwise the request itself met silence.
func (v *victim) mute() bool { return !v.flow.Marks[event.MarkSYNACK].IsZero() && !v.late }

// parked is a connection that the kernel took and the program did not: data acknowledged, never answered.
type parked struct {
	client event.End
	start  packet.Ref
	data   packet.Ref
	synack packet.Ref
	finack packet.Ref // the server's acknowledgement of the client's FIN: a sign of life
	last   packet.Ref
}

// record is what is known of one service.
type record struct {
	taken  int // handshakes completed
	parked []parked
	served detect.Latest[packet.Ref] // first data of the program, of connections that it served
}

type detector struct {
	scope    *detect.Scope
	services *detect.ByService[record] // the oldest gives way
	open     map[uint64]*victim
}

// Handle follows handshakes, and what becomes of the first data.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.Head().Proto != packet.ProtoTCP {
		return
	}
	h := f.Head()
	switch f.What {
	case event.Established:
		if !f.Midstream && !f.Marks[event.MarkSYNACK].IsZero() {
			d.took(h)
		}
	case event.Silent:
		if r := d.services.Get(h); r != nil && r.taken > 0 {
			d.report(f)
		}
	case event.Stalled:
		if unheard(f) {
			d.report(f)
		}
	case event.Answered, event.Resumed:
		if v := d.open[h.FlowID]; v != nil {
			v.flow, v.late = f, true
		}
	case event.Ended:
		d.ended(f)
	}
}

// unheard reports a connection that was granted, and of whose data nothing was ever acknowledged.
func unheard(f *event.Flow) bool {
	c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	return !f.Midstream && f.Stall.Dir == packet.ToServer && f.Stall.Tries >= 3 && !f.Stall.WindowClosed && !f.Stall.EndedByRST &&
		!f.Marks[event.MarkSYNACK].IsZero() && s.Payload == 0 && c.SYNSeen && f.Stall.Seq == c.ISN+1
}

// took counts a handshake that the service completed.
func (d *detector) took(h *event.Head) {
	if r, _ := d.services.Own(h); r != nil {
		r.taken++
	}
}

func (d *detector) report(f *event.Flow) {
	h := f.Head()
	if d.open[h.FlowID] != nil {
		return
	}
	if len(d.open) >= d.scope.Limits.Entries {
		d.scope.Forgot("acceptqueue", "connections", h.Client.Addr, h.Server.Addr)
		return
	}
	v := &victim{flow: f.Keep()}
	d.open[h.FlowID] = v
	d.scope.Report(&finding.Instance{
		Code: Code, Key: detect.EndText(h.Server), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: f.Start, Last: f.Last, Covers: finding.Cover{Server: h.Server.Addr, Port: h.Server.Port}, Data: v,
	})
}

func (d *detector) ended(f *event.Flow) {
	h := f.Head()
	if v := d.open[h.FlowID]; v != nil {
		v.flow = f.Keep()
		delete(d.open, h.FlowID)
	}
	r := d.services.Get(h)
	if r == nil {
		return
	}
	c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	data := f.Marks[event.MarkClientData]
	switch {
	case s.Payload > 0:
		if x := f.Marks[event.MarkServerData]; !x.IsZero() {
			r.served.Push(x, keep)
		}
	case !data.IsZero() && c.SYNSeen && !f.Marks[event.MarkSYNACK].IsZero() && int32(c.Acked-(c.ISN+1)) > 0 && lay(f, data) >= parkedFor && s.Flags&(packet.FIN|packet.RST) == 0:
		if len(r.parked) < keep {
			r.parked = append(r.parked, parked{h.Client, f.Start, data, f.Marks[event.MarkSYNACK], f.Marks[event.MarkClientFINACK], f.Last})
		}
	}
}

// lay is how long data is known to have had no answer: to the last packet, or to the end of the input, where the
// connection was open still.
func lay(f *event.Flow, data packet.Ref) time.Duration {
	until := f.Last.Time
	if f.End == event.EndInput {
		until = max(until, f.Head().Seen.Time)
	}
	return until.Sub(data.Time)
}

// Tick does nothing: the flow table says when silence is silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing: the flow table ends every flow.
func (d *detector) End(packet.Time) {}
