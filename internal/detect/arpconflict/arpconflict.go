// Package arpconflict finds addresses that two machines use at once: IPv4 addresses by ARP, IPv6 addresses by duplicate
// address detection.
package arpconflict

import (
	"strconv"
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
	Code = "arp-ip-conflict"
	DAD  = "nd-dad-conflict"
)

const (
	// window is how far apart changes of the owner may lie to count together.
	window = 5 * time.Minute
	// minTurns is how often the owner must change within it: one way and back is what a fail-over and its end look like.
	minTurns = 3
	// answerWithin is how long an answer may take to belong to a question.
	answerWithin = 2 * time.Second
	// defendWithin is RFC 5227's DEFEND_INTERVAL: who hears another claim its address says so again within it.
	defendWithin = 10 * time.Second
	// others is how many further addresses one machine answers for until it is taken for a proxy.
	others = 3
	// again is how often a conflict that goes on is reported anew, so that what it explains stays explained.
	again = 10 * time.Second
	// maxTurns and maxBoth are how many sightings keep their frames.
	maxTurns, maxBoth = 8, 4
	// asksKept bounds the questions that wait for an answer.
	asksKept = 1024
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  "arpconflict",
	Codes: []*finding.Code{codeConflict, codeDAD},
	Wants: detect.Wants{TCP: []event.What{event.Started, event.Answered}, Other: []event.What{event.Started, event.Established}, Kinds: []event.Kind{event.KindARP, event.KindNDP}, Named: []string{vrrp.Kind}},
	New:   func(s *detect.Scope) detect.Detector { return newDetector(s) },
}

func newDetector(s *detect.Scope) *detector {
	return &detector{scope: s, places: detect.NewRecent[place, *address](s.Limits.Entries).Of(s, "arpconflict", "addresses", placeHost), asks: detect.NewRecent[ask, answer](asksKept).Of(s, "arpconflict", "questions", nil),
		claims: detect.NewRecent[claimer, spread](s.Limits.Entries).Of(s, "arpconflict", "cards", nil), shared: detect.NewRecent[place, bool](asksKept).Of(s, "arpconflict", "shared addresses", placeHost),
		probes: detect.NewRecent[place, probing](asksKept).Of(s, "arpconflict", "probed addresses", placeHost)}
}

// place is an IP address on a wire.
type place struct {
	neighbour.Wire
	IP packet.Addr
}

// claimer is a link-layer address on a wire.
type claimer struct {
	neighbour.Wire
	MAC packet.MAC
}

// spread is which addresses a machine answers for.
type spread struct {
	IPs [others + 1]packet.Addr
	N   int // in IPs
}

func (s *spread) add(a packet.Addr) {
	for _, x := range s.IPs[:s.N] {
		if x == a {
			return
		}
	}
	if s.N < len(s.IPs) {
		s.IPs[s.N] = a
		s.N++
	}
}

// ask is an open question, answer who was first to answer it.
type ask struct {
	Place place
	From  packet.Addr
}

type answer struct {
	Ref   packet.Ref
	At    packet.Time
	By    packet.MAC
	First packet.Ref
}

// mark counts one way to claim an address.
type mark struct {
	N           uint32
	First, Last packet.Ref
}

func (m *mark) add(r packet.Ref) {
	if m.N == 0 {
		m.First = r
	}
	m.Last = r
	m.N++
}

// rival is one machine that claims an address.
type rival struct {
	MAC                        packet.MAC
	Asked, Answered, Announced mark
	First, Last                packet.Ref
	Sent                       packet.Ref // a packet of a connection that it sent from the address
	Sends                      bool
	LastAt, AnnouncedAt        packet.Time
}

// turn is a claim by another than the one before.
type turn struct {
	Ref  packet.Ref
	At   packet.Time
	Told bool // it was announced: what a fail-over does
}

// both is one question with answers of two machines.
type both struct{ Ask, First, Second packet.Ref }

// address is what is known of one IP address.
type address struct {
	Rivals   [4]rival
	N        int // in Rivals
	More     uint32
	Current  packet.MAC
	Turns    []turn // the last maxTurns
	Both     []both // the first maxBoth
	BothN    uint32
	Defended []packet.Ref // at most maxBoth: announcements that answer another's
	TurnsN   uint32
	Said     packet.Time
	place    place
}

type detector struct {
	scope  *detect.Scope
	places *detect.Recent[place, *address]
	asks   *detect.Recent[ask, answer]
	claims *detect.Recent[claimer, spread]
	shared *detect.Recent[place, bool] // addresses that VRRP or HSRP speak of
	probes *detect.Recent[place, probing]
}

// Handle takes claims, and what routers say of the addresses they share.
func (d *detector) Handle(e event.Event) {
	switch x := e.(type) {
	case *event.Flow:
		d.sends(x)
		return
	case *vrrp.Advert:
		h := x.Head()
		w := neighbour.Wire{Vantage: h.Vantage}
		if h.NVLAN > 0 {
			w.VLAN = h.VLANs[0]
		}
		for _, a := range x.Addresses[:x.NAddress] {
			v, _ := d.shared.Put(place{w, a})
			*v = true
		}
		return
	}
	c, ok := neighbour.ClaimOf(e)
	if !ok {
		return
	}
	p := place{c.Wire(), c.IP}
	if c.How == neighbour.Asked && !c.To.IsZero() {
		v, _ := d.asks.Put(ask{place{c.Wire(), c.To}, c.IP})
		*v = answer{Ref: c.Seen, At: c.Seen.Time}
	}
	if !c.IP.Is4() {
		d.dad(p, &c)
		return
	}
	if c.How == neighbour.Probed || neighbour.Shared(c.MAC) != "" || neighbour.Group(c.MAC) {
		return
	}
	if c.How == neighbour.Answered {
		s, _ := d.claims.Put(claimer{c.Wire(), c.MAC})
		s.add(c.IP)
	}
	d.claim(p, &c)
}

// sends notes which of the rivals for an address use it in connections: packets of one machine leave by one card, also
// when it answers for the address on others.
func (d *detector) sends(f *event.Flow) {
	if d.places.Len() == 0 {
		return
	}
	h := f.Head()
	ip := h.Server.Addr
	if f.What == event.Started {
		ip = h.Client.Addr
	}
	w := neighbour.Wire{Vantage: h.Vantage}
	if h.NVLAN > 0 {
		w.VLAN = h.VLANs[0]
	}
	if v := d.places.Get(place{w, ip}); v != nil {
		a := *v
		for i := range a.Rivals[:a.N] {
			if r := &a.Rivals[i]; r.MAC == h.SrcMAC {
				r.Sends = true
				if r.Sent.IsZero() {
					r.Sent = h.Seen
				}
				return
			}
		}
	}
}

// claim takes one use of an address.
func (d *detector) claim(p place, c *neighbour.Claim) {
	v, fresh := d.places.Put(p)
	if fresh {
		*v = &address{place: p}
	}
	a := *v
	r := a.rival(c.MAC)
	if r == nil {
		a.More++
		return
	}
	now := c.Seen.Time
	if !a.Current.IsZero() && a.Current != c.MAC {
		if len(a.Turns) == maxTurns {
			a.Turns = append(a.Turns[:0], a.Turns[1:]...)
		}
		a.Turns = append(a.Turns, turn{c.Seen, now, c.How == neighbour.Announced})
		a.TurnsN++
		d.defence(a, r, c)
	}
	a.Current = c.MAC
	if r.First.IsZero() {
		r.First = c.Seen
	}
	r.Last, r.LastAt = c.Seen, now
	switch c.How {
	case neighbour.Asked:
		r.Asked.add(c.Seen)
	case neighbour.Answered:
		r.Answered.add(c.Seen)
		d.answered(a, c)
	case neighbour.Announced:
		r.Announced.add(c.Seen)
		r.AnnouncedAt = now
	}
	d.judge(a, c)
}

// rival returns the place for a machine; nil when there is none left.
func (a *address) rival(m packet.MAC) *rival {
	for i := range a.Rivals[:a.N] {
		if a.Rivals[i].MAC == m {
			return &a.Rivals[i]
		}
	}
	if a.N == len(a.Rivals) {
		return nil
	}
	a.N++
	a.Rivals[a.N-1].MAC = m
	return &a.Rivals[a.N-1]
}

// defence notices an announcement by a machine that had the address before, right after another announced it.
func (d *detector) defence(a *address, r *rival, c *neighbour.Claim) {
	if c.How != neighbour.Announced || r.LastAt == 0 || len(a.Defended) >= maxBoth {
		return
	}
	for i := range a.Rivals[:a.N] {
		o := &a.Rivals[i]
		if since := c.Seen.Time.Sub(o.AnnouncedAt); o != r && o.AnnouncedAt > r.LastAt && since >= 0 && since <= defendWithin {
			a.Defended = append(a.Defended, c.Seen)
			return
		}
	}
}

// answered compares who answers one question.
func (d *detector) answered(a *address, c *neighbour.Claim) {
	q := d.asks.Get(ask{a.place, c.To})
	if q == nil || c.Seen.Time.Sub(q.At) > answerWithin {
		return
	}
	switch {
	case q.By.IsZero():
		q.By, q.First = c.MAC, c.Seen
	case q.By != c.MAC:
		a.BothN++
		if len(a.Both) < maxBoth {
			a.Both = append(a.Both, both{q.Ref, q.First, c.Seen})
		}
	}
}

// judge reports a conflict once it is one, and again while it goes on.
func (d *detector) judge(a *address, c *neighbour.Claim) {
	now := c.Seen.Time
	if a.N < 2 || a.Said != 0 && now.Sub(a.Said) < again || !a.conflict(now) {
		return
	}
	if v := d.shared.Get(a.place); v != nil {
		return // routers that share it hand it on: who leads is another question
	}
	a.Said = now
	first := a.second()
	if first.IsZero() { // it was claimed before this input
		first = c.Seen
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: a.place.IP.String() + wire(a.place.Wire), Vantage: a.place.Vantage, Server: a.place.IP, First: first, Last: c.Seen,
		Covers: finding.Cover{Host: a.place.IP}, Data: a})
}

// conflict reports that the address was claimed in turn more than a hand-over explains.
func (a *address) conflict(now packet.Time) bool {
	turns, silent := 0, 0
	for _, t := range a.Turns {
		if now.Sub(t.At) <= window {
			turns++
			if !t.Told {
				silent++
			}
		}
	}
	return a.BothN >= 2 || a.BothN > 0 && turns >= 2 || turns >= minTurns && silent > 0 || len(a.Defended) > 0 && turns >= 2
}

// second is the frame where the second machine first claimed the address, as far as this input shows it.
func (a *address) second() packet.Ref {
	if b := &a.Rivals[1]; !b.First.IsZero() {
		return b.First
	}
	return a.Turns[len(a.Turns)-1].Ref
}

// Tick has nothing to time out.
func (d *detector) Tick(packet.Time) {}

// End leaves what is undecided undecided.
func (d *detector) End(packet.Time) {}

// wire writes a place of capture for the key of a finding.
func wire(w neighbour.Wire) string {
	return "|" + strconv.Itoa(int(w.Vantage)) + "." + strconv.Itoa(int(w.VLAN))
}

// placeHost is the host that an entry of a table by places is of.
func placeHost(k place) packet.Addr { return k.IP }
