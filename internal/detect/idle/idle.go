// Package idle explains connections that die after a silence: a device between forgot them, or the server did.
package idle

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Timeout  = "tcp-idle-timeout-drop"
	HalfOpen = "tcp-half-open-reset"
)

// Tunables.
const (
	// idleMin is the shortest silence that can have been a timer: the shortest one on the market are load balancers and
	// carrier NATs at some tens of seconds; tests shorten theirs to a few.
	idleMin = 2 * time.Second
	// enough is how many dead flows make a pattern.
	enough = 3
	// survivors is how long a silence must have been to count as survived.
	survivorMin = 500 * time.Millisecond
	// aliveFor is how long others must have gone on after the first death to show that neither end nor the way was gone.
	aliveFor = time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "idle",
	Codes: []*finding.Code{{
		ID:       Timeout,
		Title:    "a device between forgets connections that are silent for a while",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "peer-gone", Name: "the other machine went away at that moment"},
			{ID: "path-cut", Name: "the way between was cut at that moment"},
			{ID: "one-off", Name: "a fault that happened to come during a pause"},
		},
		Absorbs:    []string{"tcp-loss-where"},
		References: []string{"RFC 5382 REQ-5 (NAT: not under 2 h 4 min)", "RFC 9293 3.8.4 (keep-alives)", "RFC 1122 4.2.3.6"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     60 * time.Second,
		About: "A connection is silent for a while; when it speaks again its data is repeated into nothing, or answered by a reset that the other end did not send (its TTL is not that of " +
			"the other end). Both ends believe the connection is open; a firewall or NAT between them threw its memory of it away. Looked for: data repeated three times without an answer, or a reset " +
			"with a foreign TTL, after a pause, where packets of the same size passed before. Pauses that were survived and pauses that killed give bounds for the device's timer; three dead flows, " +
			"all after longer pauses than any that survived, make it certain. Not this: data too big for the path, a closed window, a server that restarted (tcp-half-open-reset).",
		Reproduce: "testbed: idle-timeout, idle-timeout-reset",
	}, {
		ID:       HalfOpen,
		Title:    "a server that no longer knows its connections: it restarted, or another took over its address",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "middlebox", Name: "a reset by a device between"},
			{ID: "abort", Name: "a program that cut the connection on purpose"},
			{ID: "one-off", Name: "a single confused connection"},
		},
		References: []string{"RFC 9293 3.5.1 (half-open connections)", "RFC 9293 3.10.7.1 (resets for unknown connections)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A client sends data on a connection it believes open, and the server answers with a reset for a connection it has never heard of: sequence number taken from the client's " +
			"acknowledgement, no ACK flag, the server's own TTL. It lost its memory: restarted, failed over, or closed without telling. Several connections at once make it certain. Not this: a " +
			"server that closed with FIN first, resets with another TTL (tcp-idle-timeout-drop), a program that aborts (its reset carries ACK).",
		Reproduce: "testbed: half-open-reset",
	}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, wires: map[wire]*history{}}
	},
}

// wire is a pair of networks: connections between them pass the same devices.
type wire struct {
	vantage        uint16
	client, server packet.Addr // prefixes
}

// history is what silences did on one wire.
type history struct {
	longest   time.Duration // longest silence that was survived
	from, to  packet.Ref    // packets around it
	survived  int           // flows that survived one
	alive     packet.Ref    // last packet of a flow between the networks that went well
	aliveFlow uint64
}

// death is one connection that died after a silence.
type death struct {
	flow  *event.Flow
	stall event.Stall
}

type detector struct {
	scope *detect.Scope
	wires map[wire]*history
}

func wireOf(h *event.Head) wire {
	return wire{h.Vantage, h.Client.Addr.Prefix(), h.Server.Addr.Prefix()}
}

// Handle learns how silences end, and reports the deaths.
func (d *detector) Handle(e event.Event) {
	f, ok := e.(*event.Flow)
	if !ok || f.Head().Proto != packet.ProtoTCP {
		return
	}
	switch f.What {
	case event.Stalled:
		d.stalled(f)
	case event.Reset:
		d.reset(f)
	case event.Ended:
		d.ended(f)
	}
}

// stalled reports data that met silence after a pause, where its size cannot be the reason.
func (d *detector) stalled(f *event.Flow) {
	s := f.Stall
	sender := &f.Sides[s.Dir]
	if s.IdleBefore < idleMin || s.PeerSpoke || s.WindowClosed || s.IPLen > max(sender.MaxDelivered, 576) {
		return
	}
	d.report(Timeout, f)
}

// reset tells the two kinds of reset after a pause apart by the TTL.
func (d *detector) reset(f *event.Flow) {
	s := f.Stall
	if !s.EndedByRST || s.IdleBefore < idleMin || f.Midstream {
		return
	}
	other := &f.Sides[s.Dir.Other()]
	if other.TTLFirst == 0 || !f.Marks[event.MarkServerFIN].IsZero() || !f.Marks[event.MarkClientFIN].IsZero() {
		return
	}
	switch {
	case s.RSTTTL < other.TTLMin || s.RSTTTL > other.TTLMax:
		d.report(Timeout, f)
	case !f.Refusal.HasACK && s.Dir == packet.ToServer:
		d.report(HalfOpen, f)
	}
}

func (d *detector) report(code string, f *event.Flow) {
	h := f.Head()
	key := h.Client.Addr.Prefix().String() + " " + h.Server.Addr.Prefix().String()
	if code == HalfOpen {
		key = h.Server.Addr.String()
	}
	last := f.Stall.Last
	if !f.Stall.RST.IsZero() {
		last = f.Stall.RST
	}
	d.scope.Report(&finding.Instance{Code: code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: f.Stall.Before, Last: last, NoBegin: f.Midstream, Data: &death{f, f.Stall}})
}

// ended learns from a flow that is over which silence it survived, and that both ends were there.
func (d *detector) ended(f *event.Flow) {
	h := f.Head()
	k := wireOf(h)
	w := d.wires[k]
	if w == nil {
		if len(d.wires) >= d.scope.Limits.Entries {
			return
		}
		w = &history{}
		d.wires[k] = w
	}
	if f.IdleSurvived >= survivorMin {
		w.survived++
		if f.IdleSurvived > w.longest {
			w.longest, w.from, w.to = f.IdleSurvived, f.IdleFrom, f.IdleTo
		}
	}
	if f.Stall.Tries == 0 && f.Sides[0].Packets > 0 && f.Sides[1].Packets > 0 && f.Last.Time > w.alive.Time {
		w.alive, w.aliveFlow = f.Last, h.FlowID
	}
}

// Tick does nothing: the flow table says when data met silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
