// Package rarogue finds machines that announce themselves as IPv6 routers beside the network's own.
package rarogue

import (
	"fmt"
	"io"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "ra-rogue"

const (
	// settled is how many advertisements make a router the network's own, when it was there before another one.
	settled = 2
	// again is how often what goes on is reported anew.
	again = 10 * time.Second
	// takersKept bounds the hosts that are named.
	takersKept = 6
	// wiresKept and routersKept bound the memory.
	wiresKept, routersKept = 4096, 8
	maxRefs                = 4
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "rarogue",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a machine announces itself as an IPv6 router beside the network's own",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "second", Name: "a second router that somebody set up, or a machine that shares its connection, with no ill will"},
			{ID: "renumber", Name: "the network's own router with a new prefix or a new card"},
		},
		References: []string{"RFC 6104 (rogue router advertisements)", "RFC 6105 (RA guard)", "RFC 4861 6.2", "RFC 3756 4.2"},
		Settle:     30 * time.Second,
		About: "Every host believes a router advertisement: it makes itself an address in the prefix, and sends what leaves the network to the sender. Looked for: a second sender of valid " +
			"advertisements that offers itself as default router, with a prefix or name servers that the one before does not have; or somebody who speaks in a router's name with another link-layer " +
			"address. Not this: several routers that say the same, advertisements without a router lifetime (border routers of home automation send them), a router alone.",
		Reproduce: "testbed: ra-rogue",
	}},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindNDP}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, wires: detect.NewRecent[neighbour.Wire, *segment](min(s.Limits.Entries, wiresKept)).Of(s, "rarogue", "wires", nil)}
	},
}

// router is a sender of advertisements: an address with a link-layer address.
type router struct {
	Addr        packet.Addr
	MAC         packet.MAC
	First, Last packet.Ref
	FirstAt     packet.Time
	N           uint32
	Default     bool // it offered itself as default router
	Resigned    bool // lifetime 0
	Preference  int8
	Lifetime    time.Duration
	Prefixes    [4]event.NDPPrefix
	NPrefix     uint8
	Servers     [3]packet.Addr
	NServer     uint8
}

// segment is what is known of one wire.
type segment struct {
	Routers [routersKept]router
	N       int
	Takers  []taker // hosts that probed an address in a rogue's prefix
	Said    packet.Time
	wire    neighbour.Wire
}

// taker is a host that makes itself an address.
type taker struct {
	MAC packet.MAC
	IP  packet.Addr
	Ref packet.Ref
}

type detector struct {
	scope *detect.Scope
	wires *detect.Recent[neighbour.Wire, *segment]
}

// Handle takes advertisements, and probes of hosts for the addresses they make of them.
func (d *detector) Handle(e event.Event) {
	x, ok := e.(*event.NDP)
	if !ok || !x.Valid {
		return
	}
	h := x.Head()
	w := neighbour.Wire{Vantage: h.Vantage}
	if h.NVLAN > 0 {
		w.VLAN = h.VLANs[0]
	}
	if x.RA == nil {
		if v := d.wires.Get(w); v != nil && x.Probe {
			(*v).taken(x)
		}
		return
	}
	v, fresh := d.wires.Put(w)
	if fresh {
		*v = &segment{wire: w}
	}
	s := *v
	r := s.router(h.Client.Addr, h.SrcMAC)
	if r == nil {
		return
	}
	if r.N == 0 {
		r.FirstAt = h.Seen.Time
	}
	if r.First.IsZero() {
		r.First = h.Seen
	}
	r.Last = h.Seen
	r.N++
	r.learn(x.RA)
	d.judge(s, h.Seen)
}

// router returns the place of a sender; nil when there is none left.
func (s *segment) router(a packet.Addr, m packet.MAC) *router {
	for i := range s.Routers[:s.N] {
		if r := &s.Routers[i]; r.Addr == a && r.MAC == m {
			return r
		}
	}
	if s.N == len(s.Routers) {
		return nil
	}
	s.Routers[s.N] = router{Addr: a, MAC: m}
	s.N++
	return &s.Routers[s.N-1]
}

// learn notes what a router says.
func (r *router) learn(ra *event.RouterAdvert) {
	r.Default, r.Resigned = r.Default || ra.Lifetime > 0, ra.Lifetime == 0
	r.Lifetime, r.Preference = ra.Lifetime, ra.Preference
next:
	for _, p := range ra.Prefixes[:min(int(ra.NPrefix), len(ra.Prefixes))] {
		for _, o := range r.Prefixes[:r.NPrefix] {
			if o.Prefix == p.Prefix && o.Bits == p.Bits {
				continue next
			}
		}
		if int(r.NPrefix) < len(r.Prefixes) {
			r.Prefixes[r.NPrefix] = p
			r.NPrefix++
		}
	}
	if n := min(ra.NServer, uint8(len(ra.Servers))); n > 0 {
		r.Servers, r.NServer = ra.Servers, n
	}
}

// has reports that the router announces prefix p.
func (r *router) has(p *event.NDPPrefix) bool {
	for _, o := range r.Prefixes[:r.NPrefix] {
		if o.Prefix == p.Prefix && o.Bits == p.Bits {
			return true
		}
	}
	return false
}

// serves reports that the router names a DNS server.
func (r *router) serves(a packet.Addr) bool {
	for _, o := range r.Servers[:r.NServer] {
		if o == a {
			return true
		}
	}
	return false
}

// differs reports that r offers what own does not.
func (r *router) differs(own *router) bool {
	for i := range r.Prefixes[:r.NPrefix] {
		if !own.has(&r.Prefixes[i]) {
			return true
		}
	}
	for _, a := range r.Servers[:r.NServer] {
		if !own.serves(a) {
			return true
		}
	}
	return false
}

// own is the network's own router: the first that was there, heard often enough before another one came.
func (s *segment) own() *router {
	for i := range s.Routers[:s.N] {
		if r := &s.Routers[i]; r.Default && r.N >= settled {
			return r
		}
	}
	return nil
}

// rogue returns the first sender that does not fit the network's own router, and forged: it uses that one's address.
func (s *segment) rogue() (own, r *router, forged bool) {
	if own = s.own(); own == nil {
		return nil, nil, false
	}
	for i := range s.Routers[:s.N] {
		r = &s.Routers[i]
		if r == own || r.FirstAt < own.FirstAt {
			continue
		}
		if r.Addr == own.Addr && r.MAC != own.MAC && neighbour.Shared(r.MAC) == "" && own.Last.Time > r.First.Time {
			return own, r, true
		}
		if r.Addr != own.Addr && r.Default && r.differs(own) {
			return own, r, false
		}
	}
	return own, nil, false
}

func (d *detector) judge(s *segment, at packet.Ref) {
	_, r, _ := s.rogue()
	if r == nil || s.Said != 0 && at.Time.Sub(s.Said) < again {
		return
	}
	s.Said = at.Time
	first := r.First
	if first.IsZero() {
		first = at
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprint(s.wire, r.MAC, r.Addr), Vantage: s.wire.Vantage, First: first, Last: at, Data: s})
}

// taken notes a host that wants an address in a prefix.
func (s *segment) taken(x *event.NDP) {
	_, r, _ := s.rogue()
	if r == nil || len(s.Takers) >= takersKept {
		return
	}
	for _, p := range r.Prefixes[:r.NPrefix] {
		if p.Bits == 64 && p.Autonomous && x.Target.Prefix() == p.Prefix {
			s.Takers = append(s.Takers, taker{x.Head().SrcMAC, x.Target, x.Head().Seen})
			return
		}
	}
}

// Tick has nothing to time out.
func (d *detector) Tick(packet.Time) {}

// End leaves what is undecided undecided.
func (d *detector) End(packet.Time) {}

// Save writes which routers are known.
func (d *detector) Save(w io.Writer) error {
	p := d.wires.Pairs()
	return detect.SaveMemory(w, &p)
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var p []detect.Pair[neighbour.Wire, *segment]
	if err := detect.LoadMemory(r, &p); err != nil {
		return err
	}
	for i := range p {
		s := p[i].Value
		s.wire, s.Takers, s.Said = p[i].Key, nil, 0
		s.N = min(max(s.N, 0), len(s.Routers))
		for j := range s.Routers {
			r := &s.Routers[j]
			r.NPrefix, r.NServer = min(r.NPrefix, uint8(len(r.Prefixes))), min(r.NServer, uint8(len(r.Servers)))
		}
	}
	d.wires.Restore(p)
	return nil
}
