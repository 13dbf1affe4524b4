// Package arpspoof finds machines that pose as others on the wire, to have their traffic: by ARP or by IPv6 neighbour
// discovery.
package arpspoof

import (
	"time"

	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// Codes of the package.
const (
	Code = "arp-spoof-mitm"
	ND   = "nd-spoof"
)

const (
	// askedWithin is how long before an answer somebody may have asked for it.
	askedWithin = 2 * time.Second
	// pace is how far apart the unasked answers may lie: tools repeat every second or two, for tables forget.
	pace = 10 * time.Second
	// enough is how many unasked answers in a row it takes.
	enough = 3
	// again is how often what goes on is reported anew, so that what it explains stays explained.
	again = 10 * time.Second
	// asksKept bounds the questions remembered, flowsKept the connections that went through a poser.
	asksKept, flowsKept = 4096, 4096
	// maxPoses and maxRefs are how much of one poser keeps its details.
	maxPoses, maxRefs = 16, 6
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "arpspoof",
	Codes: []*finding.Code{codeARP, codeND},
	Wants: detect.Wants{TCP: []event.What{event.Started, event.Ended}, Other: []event.What{event.Started, event.Ended},
		Kinds: []event.Kind{event.KindARP, event.KindNDP, event.KindRepeat}, Named: []string{vrrp.Kind}},
	New: func(s *detect.Scope) detect.Detector { return newDetector(s) },
}

func newDetector(s *detect.Scope) *detector {
	return &detector{scope: s, places: detect.NewRecent[place, claimants](s.Limits.Entries).Of(s, "arpspoof", "addresses", placeHost), asks: detect.NewRecent[ask, packet.Time](asksKept).Of(s, "arpspoof", "questions", nil),
		posers: detect.NewRecent[claimer, *poser](s.Limits.Entries).Of(s, "arpspoof", "suspects", nil), homes: detect.NewRecent[claimer, home](s.Limits.Entries).Of(s, "arpspoof", "cards", nil),
		flows: detect.NewRecent[uint64, *poser](flowsKept).Of(s, "arpspoof", "connections", nil), shared: detect.NewRecent[place, bool](asksKept).Of(s, "arpspoof", "shared addresses", placeHost)}
}

// place is an IP address on a wire, claimer a link-layer address on one, ask a question of one address for another.
type (
	place struct {
		neighbour.Wire
		IP packet.Addr
	}
	claimer struct {
		neighbour.Wire
		MAC packet.MAC
	}
	ask struct {
		neighbour.Wire
		From, For packet.Addr
	}
)

// claimant is one machine that uses an address: it asks in its name, or answers when it is asked.
type claimant struct {
	MAC         packet.MAC
	First, Last packet.Ref
	LastAt      packet.Time
	N           uint32
	Asked       uint32
}

// claimants are the first machines that used an address.
type claimants struct {
	By [3]claimant
	N  int
}

func (c *claimants) find(m packet.MAC) *claimant {
	for i := range c.By[:c.N] {
		if c.By[i].MAC == m {
			return &c.By[i]
		}
	}
	return nil
}

// other returns the machine beside m that used the address last.
func (c *claimants) other(m packet.MAC) *claimant {
	var best *claimant
	for i := range c.By[:c.N] {
		if x := &c.By[i]; x.MAC != m && (best == nil || x.LastAt > best.LastAt) {
			best = x
		}
	}
	return best
}

// home is the address under which a machine asks questions of its own.
type home struct {
	IP  packet.Addr
	Ref packet.Ref
}

// pose is one statement that a machine makes unasked, again and again: it has IP. To is who is told; zero: everybody.
type pose struct {
	IP, To      packet.Addr
	First, Last packet.Ref
	FirstAt     packet.Time
	LastAt      packet.Time
	Refs        []packet.Ref // the first of them, at most maxRefs
	N           uint32
	Asked       uint32 // of them, made after a question all the same, marked as no answer to it
	Run         uint32 // in a row, each within pace of the one before
	Best        uint32 // longest row
	Said        packet.Time
}

// poser is a machine that makes such statements.
type poser struct {
	claimer
	Poses    []*pose // at most maxPoses
	More     uint32
	Relayed  uint32
	Relays   []relay     // the first, at most maxRefs
	Told     packet.Time // when it was last reported what it relays
	Flows    uint32      // connections of others that went through it
	Bytes    uint64      // of those that ended
	Services []detect.Service
	FlowRefs []packet.Ref // their first packets, at most maxRefs
	Repairs  []packet.Ref // frames that it sent in the true owner's name, at most maxRefs
	Poked    packet.Ref   // its last own question before the first pose
}

// relay is a packet of others that came to the machine and went on from it.
type relay struct {
	In, Out  packet.Ref
	Src, Dst packet.Addr
	TTLIn    uint8
	TTLOut   uint8
	From     packet.MAC
}

type detector struct {
	scope  *detect.Scope
	places *detect.Recent[place, claimants]
	asks   *detect.Recent[ask, packet.Time]
	posers *detect.Recent[claimer, *poser]
	homes  *detect.Recent[claimer, home]
	flows  *detect.Recent[uint64, *poser]
	shared *detect.Recent[place, bool]
}

// Handle takes claims, packets seen twice, connections, and what routers say of the addresses they share.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		d.flow(x)
	case *event.Repeat:
		d.relay(x)
	case *vrrp.Advert:
		w := wireOf(x.Head())
		for _, a := range x.Addresses[:x.NAddress] {
			v, _ := d.shared.Put(place{w, a})
			*v = true
		}
	default:
		if c, ok := neighbour.ClaimOf(e); ok {
			d.claim(&c)
		}
	}
}

func wireOf(h *event.Head) neighbour.Wire {
	w := neighbour.Wire{Vantage: h.Vantage}
	if h.NVLAN > 0 {
		w.VLAN = h.VLANs[0]
	}
	return w
}

func (d *detector) claim(c *neighbour.Claim) {
	if c.How == neighbour.Probed || neighbour.Shared(c.MAC) != "" || neighbour.Group(c.MAC) {
		return
	}
	w, now := c.Wire(), c.Seen.Time
	if c.Ether != c.MAC && c.Reply {
		d.repair(c)
	}
	if c.How == neighbour.Asked && !c.To.IsZero() {
		v, _ := d.asks.Put(ask{w, c.IP, c.To})
		*v = now
		h, fresh := d.homes.Put(claimer{w, c.MAC})
		if fresh {
			*h = home{c.IP, c.Seen}
		}
	}
	if c.Reply && !d.solicited(c) {
		d.pose(c)
		return
	}
	v, _ := d.places.Put(place{w, c.IP})
	x := v.find(c.MAC)
	if x == nil {
		if v.N == len(v.By) {
			return
		}
		x = &v.By[v.N]
		v.N++
		x.MAC, x.First = c.MAC, c.Seen
	}
	if x.First.IsZero() {
		x.First = c.Seen
	}
	x.Last, x.LastAt = c.Seen, now
	x.N++
	if c.How == neighbour.Asked {
		x.Asked++
	}
}

// solicited reports that who is told had asked. An advertisement that says itself that it is no answer is none, though the
// question may have been asked a moment before.
func (d *detector) solicited(c *neighbour.Claim) bool {
	return c.How == neighbour.Answered && !c.Unasked && d.asked(c)
}

// asked reports that who is told asked for the address a moment before.
func (d *detector) asked(c *neighbour.Claim) bool {
	at := d.asks.Get(ask{c.Wire(), c.To, c.IP})
	return at != nil && c.Seen.Time.Sub(*at) <= askedWithin
}

// pose takes a statement that nobody asked for.
func (d *detector) pose(c *neighbour.Claim) {
	k := claimer{c.Wire(), c.MAC}
	v, fresh := d.posers.Put(k)
	if fresh {
		*v = &poser{claimer: k}
		if h := d.homes.Get(k); h != nil {
			(*v).Poked = h.Ref
		}
	}
	p := (*v).at(c.IP, c.To)
	if p == nil {
		return
	}
	now := c.Seen.Time
	if p.LastAt != 0 && now.Sub(p.LastAt) <= pace {
		p.Run++
	} else {
		p.Run = 1
	}
	p.Best = max(p.Best, p.Run)
	if p.FirstAt == 0 {
		p.FirstAt = now
	}
	if p.First.IsZero() {
		p.First = c.Seen
	}
	p.Last, p.LastAt = c.Seen, now
	p.N++
	if d.asked(c) {
		p.Asked++
	}
	if len(p.Refs) < maxRefs {
		p.Refs = append(p.Refs, c.Seen)
	}
	d.judge(*v, p, c.Seen)
}

// at returns the poser's statement that it has ip, made to to; nil when there is no room for another.
func (x *poser) at(ip, to packet.Addr) *pose {
	for _, p := range x.Poses {
		if p.IP == ip && p.To == to {
			return p
		}
	}
	if len(x.Poses) == maxPoses {
		x.More++
		return nil
	}
	p := &pose{IP: ip, To: to}
	x.Poses = append(x.Poses, p)
	return p
}

// judge reports a machine that keeps saying unasked that it has an address; whether it is another's is decided at the
// end, when all that is known is known.
func (d *detector) judge(x *poser, p *pose, now packet.Ref) {
	if p.Run < enough || p.Said != 0 && now.Time.Sub(p.Said) < again || !d.suspect(x, p) {
		return
	}
	first := p.Said == 0
	p.Said = now.Time
	i := x.instance(p, now)
	i.Covers = finding.Cover{Host: p.IP}
	d.scope.Report(&i)
	if x.Relayed > 0 {
		d.copies(x, p, now)
	}
	if !p.To.IsZero() {
		i.Covers = finding.Cover{Host: p.To}
		d.scope.Report(&i)
	}
	if h := d.homes.Get(x.claimer); first && h != nil && !x.Poked.IsZero() {
		i.Covers, i.First = finding.Cover{Client: h.IP}, x.Poked // tools wake their victims with a packet of their own first
		d.scope.Report(&i)
	}
}

// instance is one report of a pose, from its first statement to now.
func (x *poser) instance(p *pose, now packet.Ref) finding.Instance {
	i := finding.Instance{Code: Code, Key: x.key(), Vantage: x.Vantage, Server: p.IP, First: p.First, Last: now, Data: x}
	if !p.IP.Is4() {
		i.Code = ND
	}
	return i
}

// suspect reports that the address is not the poser's own as far as is known: it does not ask in its name, routers do
// not share it, and another uses it, or it claims several.
func (d *detector) suspect(x *poser, p *pose) bool {
	k := place{x.Wire, p.IP}
	if d.shared.Get(k) != nil {
		return false
	}
	v := d.places.Get(k)
	if v != nil {
		if own := v.find(x.MAC); own != nil && own.Asked > 0 {
			return false
		}
		if o := v.other(x.MAC); o != nil && (!p.To.IsZero() || o.LastAt > p.FirstAt) {
			return true
		}
	}
	return !p.To.IsZero() && x.both(p)
}

// both reports that the machine also tells the other end: it says to A that it has B, and to B that it has A.
func (x *poser) both(p *pose) bool {
	for _, q := range x.Poses {
		if q.IP == p.To && q.To == p.IP && !p.To.IsZero() {
			return true
		}
	}
	return false
}

// repair notices answers in the name of another's link-layer address: tools put things right when they end.
func (d *detector) repair(c *neighbour.Claim) {
	v := d.posers.Get(claimer{c.Wire(), c.Ether})
	if v == nil {
		return
	}
	x := *v
	if len(x.Repairs) < maxRefs {
		x.Repairs = append(x.Repairs, c.Seen)
	}
	for _, p := range x.Poses { // the odd frame is part of the story
		if p.IP == c.IP && p.Said != 0 {
			i := x.instance(p, c.Seen)
			i.Covers = finding.Cover{Host: p.IP}
			d.scope.Report(&i)
			return
		}
	}
}

// relay takes a packet that left the poser right after it had come in.
func (d *detector) relay(r *event.Repeat) {
	h := r.Head()
	v := d.posers.Get(claimer{wireOf(h), h.SrcMAC})
	// A kernel passes packets on as a router, ettercap by itself, with the TTL as it was.
	if v == nil || r.TTLLast+1 != r.TTLFirst && r.TTLLast != r.TTLFirst || r.MACs[0] == h.SrcMAC {
		return
	}
	x := *v
	x.Relayed++
	if len(x.Relays) < maxRefs {
		x.Relays = append(x.Relays, relay{r.First, h.Seen, h.Client.Addr, h.Server.Addr, r.TTLFirst, r.TTLLast, r.MACs[0]})
	}
	for _, p := range x.Poses {
		if p.Said != 0 {
			d.copies(x, p, h.Seen)
			return
		}
	}
}

// copies reports again that the machine poses, to explain the second sights of packets that it sends: what it relays.
func (d *detector) copies(x *poser, p *pose, now packet.Ref) {
	if x.Told != 0 && now.Time.Sub(x.Told) < again {
		return
	}
	x.Told = now.Time
	i := x.instance(p, now)
	i.Covers = finding.Cover{MAC: x.MAC}
	d.scope.Report(&i)
}

// flow follows connections of others whose packets go to or come from a poser.
func (d *detector) flow(f *event.Flow) {
	if d.posers.Len() == 0 {
		return
	}
	h := f.Head()
	switch f.What {
	case event.Started:
		w := wireOf(h)
		v := d.posers.Get(claimer{w, h.DstMAC})
		if v == nil {
			v = d.posers.Get(claimer{w, h.SrcMAC})
		}
		if v == nil {
			return
		}
		x := *v
		if linkLocal(h.Client.Addr) || linkLocal(h.Server.Addr) {
			return // between neighbours: the poser's own, under an address that it did not ask from
		}
		if own := d.homes.Get(x.claimer); own != nil && (own.IP == h.Client.Addr || own.IP == h.Server.Addr) || !x.poses(h.Client.Addr, h.Server.Addr) {
			return
		}
		x.Flows++
		if len(x.FlowRefs) < maxRefs {
			x.FlowRefs = append(x.FlowRefs, f.Start)
		}
		x.service(detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: h.Proto})
		p, _ := d.flows.Put(h.FlowID)
		*p = x
	case event.Ended:
		if p := d.flows.Get(h.FlowID); p != nil {
			x := *p
			x.Bytes += f.Sides[0].Bytes + f.Sides[1].Bytes
			d.flows.Drop(h.FlowID)
			for _, p := range x.Poses { // what the detour did to it is part of the story
				if p.Said != 0 {
					i := x.instance(p, h.Seen)
					i.FlowID = h.FlowID
					d.scope.Report(&i)
					break
				}
			}
		}
	}
}

// linkLocal reports an address of RFC 4291 2.5.6, or a multicast one.
func linkLocal(a packet.Addr) bool { return a[0] == 0xfe && a[1]&0xc0 == 0x80 || a[0] == 0xff }

// poses reports that one of two ends is told lies, or lied about.
func (x *poser) poses(a, b packet.Addr) bool {
	for _, p := range x.Poses {
		if p.To.IsZero() || p.To == a || p.To == b || p.IP == a || p.IP == b {
			return true
		}
	}
	return false
}

func (x *poser) service(s detect.Service) {
	for _, o := range x.Services {
		if o == s {
			return
		}
	}
	if len(x.Services) < maxRefs {
		x.Services = append(x.Services, s)
	}
}

// Tick has nothing to time out.
func (d *detector) Tick(packet.Time) {}

// End leaves what is undecided undecided.
func (d *detector) End(packet.Time) {}

// placeHost is the host that an entry of a table by places is of.
func placeHost(k place) packet.Addr { return k.IP }
