// Package idle explains connections that die after a silence: a device between forgot them, or the server did.
package idle

import (
	"time"
	"unsafe"

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
	// enough is how many dead flows make a pattern, and how many survivors make it more than chance: of three that died
	// and three that lived, chance alone lets just the three with the longest pauses die in 1 of 20 cases.
	enough = 3
	// smallest is a packet size, in bytes, that every path carries (RFC 1191 7.1): data up to it does not die of its size.
	smallest = 576
	// remembered is how many connections that lived, and how many that died without a pause, are kept for each wire.
	remembered = 32
	// announcements is how many announcements of an address are kept.
	announcements = 4
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
			{ID: "branch", Name: "one of several ways, or of several machines behind the address, failed for good"},
			{ID: "one-off", Name: "a fault that happened to come during a pause"},
		},
		Absorbs:    []string{"tcp-loss-where", "tcp-data-unanswered", "tcp-rst-injected"},
		References: []string{"RFC 5382 REQ-5 (NAT: not under 2 h 4 min)", "RFC 9293 3.8.4 (keep-alives)", "RFC 1122 4.2.3.6"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateNAT, finding.GateClock, finding.GateTable},
		Settle:     60 * time.Second,
		About: "A connection is silent for a while; when it speaks again its data is repeated into nothing, or answered by a reset from nearer than the other end (its TTL says so). Both ends " +
			"believe the connection is open; a firewall or NAT between them threw its memory of it away. Looked for: data repeated three times without an answer, or such a reset, after a pause, at " +
			"a size that passes. Pauses that were survived and pauses that killed give bounds for the device's timer; its connection tracker, where it was listened to, gives the value. Certain needs three dead connections, all after longer pauses than any that " +
			"was survived, other connections to the same machine that went on meanwhile, and three of them that paused too. Not this: connections that recover, data too big for the path, a closed " +
			"window, a client that went to sleep, a server that restarted (tcp-half-open-reset).",
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
			{ID: "idle-timer", Name: "a load balancer in the server's place that forgets silent connections"},
			{ID: "one-off", Name: "a single confused connection"},
		},
		References: []string{"RFC 9293 3.5.1 (half-open connections)", "RFC 9293 3.10.7.1 (resets for unknown connections)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A client sends data on a connection it believes open, and the server answers with a reset for a connection it has never heard of: sequence number taken from the client's " +
			"acknowledgement, no ACK flag, the server's own TTL. It lost its memory: restarted, failed over, or closed without telling. Not this: a " +
			"server that closed with FIN first, resets with another TTL (tcp-idle-timeout-drop), a program that aborts (its reset carries ACK). A load balancer that forgets silent connections answers " +
			"in the same way; the server's announcement of its address (ARP) as it came up, or a longer pause that was survived, exclude that.",
		Reproduce: "testbed: half-open-reset",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Stalled, event.Resumed, event.Reset, event.Ended}, Kinds: []event.Kind{event.KindARP}},
	New: func(s *detect.Scope) detect.Detector {
		room := s.Limits.Entries * detect.EntryBytes
		return &detector{scope: s, wires: detect.NewColumn[history](s.Nets, s.Limits.Entries).Of(s, "idle", "pairs of networks"), flows: map[uint64]*death{}, announced: map[packet.Addr][]packet.Ref{},
			mostFlows: max(1, room/int(unsafe.Sizeof(death{}))), lived: ring[witness]{most: max(1, room/int(unsafe.Sizeof(linked[witness]{})))},
			hasty: ring[hasty]{most: max(1, room/int(unsafe.Sizeof(linked[hasty]{})))}}
	},
}

// death is one connection that died, as it looks after a silence or not.
type death struct {
	head        event.Head // of the report
	syn, synack packet.Ref
	ttl         uint8       // of the other end's first packet; 0: none seen
	begun       bool        // its begin was seen
	stall       event.Stall // as last seen: repeats go on after the report
	back        bool        // it lived after all, or its peer itself answered
	hasty       uint64      // its number among those that died without a pause; 0: it had one
}

func deathBy(f *event.Flow) *death {
	return &death{head: *f.Head(), syn: f.Marks[event.MarkSYN], synack: f.Marks[event.MarkSYNACK], ttl: f.Sides[f.Stall.Dir.Other()].TTLFirst, begun: !f.Midstream, stall: f.Stall}
}

// hasty is a connection that died without a pause.
type hasty struct {
	peer   packet.Addr // who did not answer
	client event.End
	at     packet.Ref
	back   bool
}

// last is the end of the time in which the connection was tried in vain.
func (x *death) last() packet.Time { return max(x.stall.Last.Time, x.stall.RST.Time) }

// peer is the end that did not answer.
func (x *death) peer() event.End {
	if x.stall.Dir == packet.ToServer {
		return x.head.Server
	}
	return x.head.Client
}

type detector struct {
	scope     *detect.Scope
	wires     *detect.Column[history] // by networks: connections between them pass the same devices
	flows     map[uint64]*death       // live flows that seem dead, at most mostFlows
	mostFlows int
	lived     ring[witness] // connections that ended well
	hasty     ring[hasty]
	announced map[packet.Addr][]packet.Ref
	lost      bool // a table was full: what lived may be unknown
}

// Handle learns how silences end, and reports the deaths.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		if x.Head().Proto != packet.ProtoTCP {
			return
		}
		switch x.What {
		case event.Stalled:
			d.stalled(x)
		case event.Resumed:
			d.follow(x)
			d.learn(x)
		case event.Reset:
			d.reset(x)
		case event.Ended:
			d.follow(x)
			d.ended(x)
		}
	case *event.ARP:
		d.arp(x)
	}
}

// arp remembers machines that announce their address (RFC 5227 3), as they do when their interface comes up.
func (d *detector) arp(x *event.ARP) {
	if x.SenderIP != x.TargetIP || x.SenderIP.IsZero() {
		return
	}
	refs, ok := d.announced[x.SenderIP]
	if !ok && len(d.announced) >= d.scope.Limits.Entries {
		d.scope.Forgot("idle", "announced addresses", x.SenderIP)
		return
	}
	if len(refs) == announcements {
		refs = append(refs[:0], refs[1:]...)
	}
	d.announced[x.SenderIP] = append(refs, x.Head().Seen)
}

// stalled reports data that met silence after a pause, where its size cannot be the reason.
func (d *detector) stalled(f *event.Flow) {
	d.learn(f)
	s := f.Stall
	if s.PeerSpoke || s.SmallPassed || s.WindowClosed || s.IPLen > max(f.Sides[s.Dir].MaxDelivered, smallest) {
		return
	}
	x := deathBy(f)
	if !d.keep(x) {
		return
	}
	if s.IdleBefore < idleMin {
		if w := d.history(f.Head()); w != nil {
			x.hasty = d.hasty.push(&w.hasty, hasty{peer: x.peer().Addr, client: x.head.Client, at: s.First})
		}
		return
	}
	d.report(Timeout, x)
}

// keep remembers a flow that seems dead until its record is closed.
func (d *detector) keep(x *death) bool {
	if len(d.flows) >= d.mostFlows {
		d.lost = true
		d.scope.Forgot("idle", "connections", x.head.Client.Addr, x.head.Server.Addr)
		return false
	}
	d.flows[x.head.FlowID] = x
	return true
}

// follow brings a death up to date: more repeats, or a sign of life, which takes it back.
func (d *detector) follow(f *event.Flow) {
	id := f.Head().FlowID
	x := d.flows[id]
	if x == nil {
		return
	}
	if f.Stall.Tries >= x.stall.Tries && f.Stall.First == x.stall.First {
		x.stall = f.Stall
	}
	d.takeBack(x, f.What == event.Resumed || f.Stall.PeerSpoke || f.Stall.SmallPassed)
	if f.What == event.Ended {
		delete(d.flows, id)
	}
}

// takeBack notes that a death was none.
func (d *detector) takeBack(x *death, lives bool) {
	x.back = x.back || lives
	if e := d.hasty.get(x.hasty); e != nil {
		e.value.back = x.back
	}
}

// reset tells the two kinds of reset after a pause apart by the distance of their sender.
func (d *detector) reset(f *event.Flow) {
	s := f.Stall
	if !s.EndedByRST {
		return
	}
	from := sender(f)
	x := d.flows[f.Head().FlowID]
	if x != nil {
		d.follow(f)
		d.takeBack(x, from != nearer)
	}
	if s.IdleBefore < idleMin || f.Midstream || !f.Marks[event.MarkServerFIN].IsZero() || !f.Marks[event.MarkClientFIN].IsZero() {
		return
	}
	r := &f.Refusal
	switch {
	case from == nearer && x == nil:
		if x = deathBy(f); d.keep(x) {
			d.report(Timeout, x)
		}
	case from == otherEnd && s.Dir == packet.ToServer && r.Dir == packet.ToClient && !r.HasACK && (f.Missing&packet.NoSeq != 0 || r.Seq == f.Sides[packet.ToClient].Acked):
		d.report(HalfOpen, deathBy(f))
	}
}

// distance says who sent a reset, by its TTL.
type distance uint8

const (
	unknown  distance = iota // nothing to compare with, or as far away but counted from another beginning, or farther
	otherEnd                 // the TTL of the other end's packets
	nearer                   // fewer hops away than the other end
)

// sender compares the reset that ended f with the other end's packets.
func sender(f *event.Flow) distance {
	o := &f.Sides[f.Stall.Dir.Other()]
	ttl := f.Stall.RSTTTL
	switch {
	case o.TTLFirst == 0:
		return unknown
	case ttl >= o.TTLMin && ttl <= o.TTLMax:
		return otherEnd
	case hops(ttl) < hops(o.TTLMax):
		return nearer
	}
	return unknown
}

// hops is how many routers a packet passed if its TTL began with 64, 128 or 255, as systems have it.
func hops(ttl uint8) int {
	switch {
	case ttl <= 64:
		return 64 - int(ttl)
	case ttl <= 128:
		return 128 - int(ttl)
	}
	return 255 - int(ttl)
}

func (d *detector) report(code string, x *death) {
	h := &x.head
	key := h.Client.Addr.Prefix().String() + " " + h.Server.Addr.Prefix().String()
	if code == HalfOpen {
		key = h.Server.Addr.String()
	}
	last := x.stall.Last
	if !x.stall.RST.IsZero() {
		last = x.stall.RST
	}
	d.scope.Report(&finding.Instance{Code: code, Key: key, FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port,
		First: x.stall.Before, Last: last, NoBegin: !x.begun, Data: x})
}

// Tick does nothing: the flow table says when data met silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
