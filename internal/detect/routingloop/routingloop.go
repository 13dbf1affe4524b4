// Package routingloop finds packets that routers pass round in a circle, from the packets themselves or from the
// complaints of the routers where they expire.
package routingloop

import (
	"math/bits"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "ip-routing-loop"

const (
	// tooLong is a number of hops that no path of today's Internet has: a packet that had so many left when it passed
	// the sensor, and yet expired, went round. Traceroutes stop at 30.
	tooLong = 40
	// expiries is how many such packets must expire before it is said: one message can be odd.
	expiries = 2
	// stations is how many different TTLs of a traceroute's probes the same router must have answered, and reach how
	// far they must lie apart: load sharing shows a router at two neighbouring hops, not more.
	stations = 3
	reach    = 4
	// again is how often a loop that goes on is reported anew, so that what it explains stays explained.
	again = time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "routingloop",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "packets run in a circle between routers",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "mirror", Name: "a mirror port that shows a packet several times"},
			{ID: "traceroute", Name: "a traceroute, whose packets are meant to expire"},
			{ID: "ttl-rewrite", Name: "a device that gives packets a short life on purpose"},
		},
		Absorbs: []string{"tcp-syn-silent-drop", "icmp-unreachable", "tcp-idle-timeout-drop", "pmtud-black-hole", "tcp-loss-where", "tcp-asymmetric-path", "tcp-data-unanswered"},
		References: []string{"RFC 791 3.2 (time to live)", "RFC 792 (time exceeded)", "RFC 4443 3.3 (hop limit exceeded)",
			"U. Hengartner, S. Moon, R. Mortier, C. Diot: Detection and Analysis of Routing Loops in Packet Traces, IMW 2002"},
		Settle: 30 * time.Second,
		About: "Two routers that each think the other one knows the way pass a packet to and fro until its time to live is used up. Looked for: the same packet (identification, ports, " +
			"sequence numbers, payload) on the same link three or more times, its TTL falling by the same step; or routers that report expiry for packets which had 40 or more hops left " +
			"when they passed the sensor; or a traceroute that meets the same routers again and again. Grouped by destination network. Not this: a mirror port that shows each packet " +
			"twice (same TTL), or before and after a router (TTL one less, another link); a traceroute over a healthy path.",
		Reproduce: "testbed: routing-loop (two routers with a default route at each other)",
	}},
	Wants: detect.Wants{Other: []event.What{event.Started, event.Ended}, Kinds: []event.Kind{event.KindRepeat, event.KindICMPError, event.KindARP}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, loops: map[packet.Addr]*loop{}, pings: map[uint64]uint8{}, names: map[packet.MAC]*[2]packet.Addr{}}
	},
}

// loop is what is known of packets to one network.
type loop struct {
	net    packet.Addr
	dsts   []packet.Addr // destinations met, at most maxDsts
	from   []packet.Addr // senders of looping packets, at most maxDsts
	round  uint64        // packets seen going round
	shown  *event.Repeat // the first of them
	refs   [6]packet.Ref // further first sights
	exits  uint64        // packets with a long life that expired
	probes uint64        // probes of traceroutes that expired
	least  uint8         // least TTL that one of the expired had at the sensor
	died   [3]packet.Ref // first reports of expiry
	sent   packet.Ref    // begin of the connection of the first, else that report
	where  []station     // who reported, in order
	last   uint64        // index+1 of the last reporter
	turns  int           // changes of reporter
	said   packet.Time
	client packet.Addr
	v      uint16 // vantage that saw it first
	diedAt uint16 // vantage whose reports of expiry count
}

// station is a router that reported expiry.
type station struct {
	addr packet.Addr
	ttls uint64 // of the probes it answered, as bits
	n    uint64
	ref  packet.Ref
}

const maxDsts = 8

type detector struct {
	scope *detect.Scope
	loops map[packet.Addr]*loop
	pings map[uint64]uint8 // TTL of the first packet of ICMP flows
	names map[packet.MAC]*[2]packet.Addr
}

// Handle takes sightings of circling packets and reports of expiry; from ARP it learns names for the drawing.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Repeat:
		if x.Loop {
			d.circle(x)
		}
	case *event.ICMPError:
		if x.Version == 4 && x.Type == 11 && x.Code == 0 || x.Version == 6 && x.Type == 3 && x.Code == 0 {
			d.expired(x)
		}
	case *event.ARP:
		d.name(x.SenderMAC, x.SenderIP)
	case *event.Flow:
		h := x.Head()
		if h.Proto != packet.ProtoICMP && h.Proto != packet.ProtoICMPv6 || h.FlowID == 0 {
			return
		}
		switch x.What {
		case event.Started:
			switch t := x.Sides[packet.ToServer].TTLFirst; {
			case t < tooLong:
			case len(d.pings) < d.scope.Limits.Entries:
				d.pings[h.FlowID] = t
			default:
				d.scope.Forgot("routingloop", "exchanges", h.Client.Addr, h.Server.Addr)
			}
		case event.Ended:
			delete(d.pings, h.FlowID)
		}
	}
}

// name remembers which address a link-layer address belongs to.
func (d *detector) name(m packet.MAC, a packet.Addr) {
	if m.IsZero() || a.IsZero() {
		return
	}
	n := d.names[m]
	if n == nil {
		if len(d.names) >= d.scope.Limits.Entries {
			d.scope.Forgot("routingloop", "cards", a)
			return
		}
		n = &[2]packet.Addr{}
		d.names[m] = n
	}
	if i := family(a); n[i].IsZero() {
		n[i] = a
	}
}

func family(a packet.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (d *detector) loop(dst, src packet.Addr, v uint16) *loop {
	net := dst.Prefix()
	l := d.loops[net]
	if l == nil {
		if len(d.loops) >= d.scope.Limits.Entries {
			d.scope.Forgot("routingloop", "networks", src, dst)
			return nil
		}
		l = &loop{net: net, client: src, v: v}
		d.loops[net] = l
	}
	l.dsts, l.from = with(l.dsts, dst), with(l.from, src)
	return l
}

func with(as []packet.Addr, a packet.Addr) []packet.Addr {
	for _, x := range as {
		if x == a {
			return as
		}
	}
	if len(as) < maxDsts {
		as = append(as, a)
	}
	return as
}

func (d *detector) circle(r *event.Repeat) {
	h := r.Head()
	l := d.loop(h.Server.Addr, h.Client.Addr, h.Vantage)
	if l == nil {
		return
	}
	if l.shown == nil {
		l.shown = r
	} else if l.round <= uint64(len(l.refs)) {
		l.refs[l.round-1] = r.First
	}
	l.round++
	d.report(l, r.First, h.Seen)
}

func (d *detector) expired(x *event.ICMPError) {
	h := x.Head()
	if x.TTL == 64 || x.TTL == 128 || x.TTL == 255 { // nobody passed it on: its sender is on this wire
		d.name(h.SrcMAC, x.Sender)
	}
	ttl, known := d.life(x)
	if !known {
		return
	}
	l := d.loop(x.Quoted.Dst, x.Quoted.Src, h.Vantage)
	if l == nil {
		return
	}
	if len(l.where) == 0 {
		l.diedAt = h.Vantage
	}
	if h.Vantage != l.diedAt {
		return // the same report, seen elsewhere
	}
	i := l.station(x.Sender, h.Seen)
	if i < 0 {
		return
	}
	if l.sent.IsZero() {
		l.sent = h.Seen
		if a := d.scope.Ledger.Attempt(h.FlowID); a != nil {
			l.sent = a.Start
		}
	}
	if n := l.exits + l.probes; n < uint64(len(l.died)) {
		l.died[n] = h.Seen
	}
	l.where[i].n++
	if l.last != uint64(i)+1 {
		if l.last != 0 {
			l.turns++
		}
		l.last = uint64(i) + 1
	}
	if ttl < tooLong {
		l.probes++
		l.where[i].ttls |= 1 << ttl
		if !l.traced() {
			return
		}
	} else {
		l.exits++
		if l.least == 0 || ttl < l.least {
			l.least = ttl
		}
		if l.exits < expiries {
			return
		}
	}
	d.report(l, l.sent, h.Seen)
}

func (l *loop) station(a packet.Addr, ref packet.Ref) int {
	for i := range l.where {
		if l.where[i].addr == a {
			return i
		}
	}
	if len(l.where) == 4*maxDsts {
		return -1
	}
	l.where = append(l.where, station{addr: a, ref: ref})
	return len(l.where) - 1
}

// traced reports that a traceroute met at least two routers over and over.
func (l *loop) traced() bool {
	n := 0
	for i := range l.where {
		if l.where[i].recurs() {
			n++
		}
	}
	return n >= 2
}

// recurs reports that the router answered probes of so many different TTLs that it stands on the path more than once.
func (s *station) recurs() bool {
	return bits.OnesCount64(s.ttls) >= stations && bits.Len64(s.ttls)-1-bits.TrailingZeros64(s.ttls) >= reach
}

// life is the TTL that the packet an error quotes had when it passed the sensor.
func (d *detector) life(x *event.ICMPError) (uint8, bool) {
	h := x.Head()
	if h.FlowID == 0 {
		return 0, false
	}
	if x.QuotedDir == packet.ToClient { // the ledger knows clients; of servers the memory of hosts does
		least := uint8(255)
		host := d.scope.Hosts.Get(h.Vantage, x.Quoted.Src)
		if host == nil || host.TTLs[0] == 0 {
			return 0, false
		}
		for _, t := range host.TTLs {
			if t != 0 {
				least = min(least, t)
			}
		}
		return least, least >= tooLong
	}
	if t, ok := d.pings[h.FlowID]; ok {
		return t, true
	}
	if a := d.scope.Ledger.Attempt(h.FlowID); a != nil && a.TTL > 0 {
		return a.TTL, true
	}
	return 0, false
}

func (d *detector) report(l *loop, first, last packet.Ref) {
	if l.said != 0 && last.Time.Sub(l.said) < again && last.Time >= l.said {
		return
	}
	l.said = last.Time
	d.scope.Report(&finding.Instance{
		Code: Code, Key: l.net.String(), Vantage: l.v, Server: l.dsts[0], First: first, Last: last,
		Covers: finding.Cover{Server: l.net, ByPrefix: true}, Data: l,
	})
}

// Tick does nothing: what expired is reported when it expires.
func (d *detector) Tick(packet.Time) {}

// End does nothing, for the same reason.
func (d *detector) End(packet.Time) {}
