// Package pmtud finds paths on which large packets vanish while small ones pass: path MTU discovery black holes.
package pmtud

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "pmtud-black-hole"

const (
	// smallest4 and smallest6 are the sizes from which a lost packet can be too big for a path, in bytes: every IPv6 link carries 1280 bytes (RFC
	// 8200 5), and every IPv4 path in practice 576 (RFC 1191 7.1).
	smallest4, smallest6 = 576, 1280
	// enough is how many flows with the same limit make a pattern.
	enough = 2
	// often is how many transmissions in a row make chance unlikely on one flow alone.
	often = 5
	// pause is the silence from which a small packet that vanishes may be another matter (tcp-idle-timeout-drop).
	pause = 2 * time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "pmtud",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "large packets vanish on the way, and the message that should say so does not arrive",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "loss", Name: "ordinary loss, whatever the size"},
			{ID: "receiver", Name: "a receiver that stopped reading or went away"},
			{ID: "one-off", Name: "chance: the packet lost was a large one"},
			{ID: "sender-ignores", Name: "a sender that ignores the message about size"},
		},
		Absorbs:    []string{"tcp-loss-where", "tcp-idle-timeout-drop", "tcp-data-unanswered"},
		References: []string{"RFC 1191 (path MTU discovery)", "RFC 8201 (for IPv6)", "RFC 2923 2.1 (black holes)", "RFC 8899 (DPLPMTUD)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateOffload, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A connection comes up and small packets pass, but a packet above some size is repeated in vain, always at the same size. A link on the way carries less, and the ICMP message " +
			"that should tell the sender (IPv4 type 3 code 4, IPv6 type 2) is filtered or never sent. Looked for: a handshake, then a packet that no router may cut (DF, or IPv6) repeated three times at one " +
			"size above what was ever delivered, while smaller packets pass, and no such ICMP message on its way to the sender. Two captures show who filters it. Not this: small packets that are lost " +
			"too, a flow that recovers at the same size, a closed window, captures whose sizes are not those on the wire (offload). A capture filter like tcp hides the message: then the sender may " +
			"have been told all the same.",
		Reproduce: "testbed: pmtud-black-hole, pmtud-black-hole-filtered",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Stalled, event.Resumed, event.Ended}, Kinds: []event.Kind{event.KindICMPError}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, told: map[path]int{}, passed: detect.NewColumn[[2]passage](s.Nets, s.Limits.Entries).Of(s, "pmtud", "pairs of networks"), small: map[path]packet.Ref{}, flows: map[uint64]*hole{}}
	},
}

// path is one direction between two networks.
type path struct {
	vantage  uint16
	from, to packet.Addr // prefixes
}

// message is an ICMP message about size that was seen on its way back.
type message struct {
	path   path
	ref    packet.Ref
	flow   uint64 // that it quotes
	sender packet.Addr
	mtu    uint32
}

// passage is the largest packet known to have got through, beside those that vanished.
type passage struct {
	size uint32
	ref  packet.Ref // last packet of the connection it belonged to
}

// hole is one flow whose large packets vanished.
type hole struct {
	flow  *event.Flow
	stall event.Stall // as last seen: repeats go on after the report
	back  bool        // the packet was acknowledged after all
}

type detector struct {
	scope    *detect.Scope
	messages []message                  // the first one of each path, in the order seen
	told     map[path]int               // index into messages
	passed   *detect.Column[[2]passage] // between client and server, by direction
	small    map[path]packet.Ref        // first packet that no path is too narrow for, and that vanished too
	flows    map[uint64]*hole           // live flows with a hole
	lost     bool                       // a table was full: what got through may be unknown
}

func pathOf(f *event.Flow, d packet.Dir) path {
	h := f.Head()
	p := path{h.Vantage, h.Client.Addr.Prefix(), h.Server.Addr.Prefix()}
	if d == packet.ToClient {
		p.from, p.to = p.to, p.from
	}
	return p
}

// Handle takes stalls by size, the messages that explain them, and what got through.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.ICMPError:
		d.icmp(x)
	case *event.Flow:
		if x.Head().Proto != packet.ProtoTCP {
			return
		}
		switch x.What {
		case event.Stalled:
			d.stalled(x)
		case event.Resumed:
			d.follow(x)
		case event.Ended:
			d.follow(x)
			d.delivered(x)
		}
	}
}

// icmp remembers a report of size; the quoted packet's way is the path that is too narrow.
func (d *detector) icmp(x *event.ICMPError) {
	if !(x.Version == 4 && x.Type == 3 && x.Code == 4 || x.Version == 6 && x.Type == 2) || !x.Fresh || x.Head().FlowID == 0 {
		return
	}
	k := path{x.Head().Vantage, x.Quoted.Src.Prefix(), x.Quoted.Dst.Prefix()}
	if _, ok := d.told[k]; ok { // the first one counts: from then on the sender could know
		return
	}
	if len(d.told) >= d.scope.Limits.Entries {
		d.lost = true
		d.scope.Forgot("pmtud", "paths that were told of a size")
		return
	}
	d.told[k] = len(d.messages)
	d.messages = append(d.messages, message{k, x.Head().Seen, x.Head().FlowID, x.Sender, x.MTU})
}

// delivered learns from a flow that is over which sizes got through.
func (d *detector) delivered(f *event.Flow) {
	s := &f.Sides
	if s[0].MaxDelivered|s[1].MaxDelivered == 0 {
		return
	}
	p, _ := d.passed.Own(d.scope.Nets.Of(f.Head()))
	if p == nil {
		d.lost = true
		return
	}
	for dir := range p {
		if size := s[dir].MaxDelivered; size > p[dir].size {
			p[dir] = passage{size, f.Last}
		}
	}
}

// largest returns the largest packet known to have got through on a path, whoever began the connection.
func (d *detector) largest(k path) (p passage) {
	if there := d.passed.Get(d.scope.Nets.Find(k.vantage, k.from, k.to)); there != nil {
		p = there[packet.ToServer]
	}
	if back := d.passed.Get(d.scope.Nets.Find(k.vantage, k.to, k.from)); back != nil {
		if b := back[packet.ToClient]; b.size > p.size || b.size == p.size && b.ref.Time < p.ref.Time {
			p = b
		}
	}
	return p
}

// stalled reports a packet that was repeated in vain and may have been too big for the way.
func (d *detector) stalled(f *event.Flow) {
	s := f.Stall
	k := pathOf(f, s.Dir)
	limit := uint32(smallest4)
	if !f.Head().Client.Addr.Is4() {
		limit = smallest6
	}
	if s.WindowClosed || !s.Handshake && f.Midstream {
		return
	}
	h := f.Head()
	if s.IPLen <= limit {
		_, ok := d.small[k]
		switch {
		case ok || s.PeerSpoke || s.IdleBefore >= pause:
		case len(d.small) < d.scope.Limits.Entries:
			d.small[k] = s.First
		default:
			d.scope.Forgot("pmtud", "paths that lose small packets", h.Client.Addr, h.Server.Addr)
		}
		return
	}
	if s.IPLen <= f.Sides[s.Dir].MaxDelivered || !s.DF {
		return
	}
	x := &hole{flow: f.Keep(), stall: s}
	if len(d.flows) >= d.scope.Limits.Entries {
		d.lost = true
		d.scope.Forgot("pmtud", "connections", h.Client.Addr, h.Server.Addr)
	} else {
		d.flows[h.FlowID] = x
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: k.from.String() + " " + k.to.String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr,
		Port: h.Server.Port, First: f.Start, Last: s.Last, NoBegin: f.Midstream, Data: x})
}

// follow brings a hole up to date: more repeats, or an acknowledgement after all.
func (d *detector) follow(f *event.Flow) {
	id := f.Head().FlowID
	x := d.flows[id]
	if x == nil {
		return
	}
	if f.Stall.Tries >= x.stall.Tries && f.Stall.First == x.stall.First {
		x.stall = f.Stall
	}
	if f.What == event.Ended {
		delete(d.flows, id)
		return
	}
	x.back = true
}

// Tick does nothing: the flow table says when data met silence.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
