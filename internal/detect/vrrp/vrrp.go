// Package vrrp finds routers that share an address and both lead, because they do not hear each other.
package vrrp

import (
	"fmt"
	"io"
	"time"

	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "vrrp-dup-master"

const (
	// intervals is for how many of its intervals a leader may be unheard and still count as one (RFC 9568 6.1: the
	// master-down interval), and for how many both must lead together.
	intervals = 3
	// leastInterval replaces intervals of zero.
	leastInterval = time.Second
	// flaps is how often the lead may change within flapIn before it is said.
	flaps, flapIn = 3, time.Hour
	// again is how often what goes on is reported anew.
	again = 10 * time.Second
	// groupsKept bounds the virtual routers.
	groupsKept = 4096
	maxRefs    = 6
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "vrrp",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "two routers lead one virtual router",
		Kind:     finding.Diagnosis,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "hand-over", Name: "a hand-over from one to the other"},
			{ID: "numbers", Name: "two virtual routers that were given one number, on wires that the mirror shows as one"},
		},
		References: []string{"RFC 9568 6.4", "RFC 3768", "RFC 2281 (HSRP)", "carp(4)"},
		Settle:     30 * time.Second,
		About: "Routers that share an address (VRRP, CARP, HSRP) agree who leads by the leader's advertisements: who hears one with a greater priority keeps quiet. Looked for: two senders " +
			"that both advertise one virtual router for three intervals or longer, side by side; or the lead going to and fro more than three times within an hour. Not this: one hand-over, " +
			"and its end; leaders that say that they leave, and come back.",
		Reproduce: "testbed: vrrp-split",
	}},
	Wants: detect.Wants{Named: []string{vrrp.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, groups: detect.NewRecent[group, *state](min(s.Limits.Entries, groupsKept)).Of(s, "vrrp", "virtual routers", nil)}
	},
}

// group is a virtual router on a wire.
type group struct {
	neighbour.Wire
	Protocol vrrp.Protocol
	ID       uint8
	V6       bool
}

// leader is a router that advertises a group.
type leader struct {
	Addr        packet.Addr
	MAC         packet.MAC
	First, Last packet.Ref
	LastAt      packet.Time
	Interval    time.Duration
	N           uint32 // advertisements as leader
	Together    uint32 // of them while another led too
	Priority    uint8
	Version     uint8
	Auth        uint8
	TTL         uint8
	Addresses   [vrrp.MaxAddresses]packet.Addr
	Count       uint8
	Left        bool // said that it leaves, and was not heard to lead since
}

// state is what is known of one group.
type state struct {
	Leaders [4]leader
	N       int
	Since   packet.Time // both lead since; 0: one leads
	SinceR  packet.Ref
	Longest time.Duration
	Refs    []packet.Ref  // advertisements while both led, at most maxRefs
	Pair    [2]int        // who led together, in Leaders
	Changes []packet.Time // of the lead, without a word of who led
	ChangeR []packet.Ref
	Last    packet.Addr
	Said    packet.Time
	key     group
}

type detector struct {
	scope  *detect.Scope
	groups *detect.Recent[group, *state]
}

// Handle takes advertisements.
func (d *detector) Handle(e event.Event) {
	x, ok := e.(*vrrp.Advert)
	if !ok || !x.Leads && !x.Resigns {
		return
	}
	h := x.Head()
	k := group{neighbour.Wire{Vantage: h.Vantage}, x.Protocol, x.Group, !h.Client.Addr.Is4()}
	if h.NVLAN > 0 {
		k.VLAN = h.VLANs[0]
	}
	v, fresh := d.groups.Put(k)
	if fresh {
		*v = &state{key: k}
	}
	s := *v
	i := s.leader(h.Client.Addr, h.SrcMAC)
	if i < 0 {
		return
	}
	l := &s.Leaders[i]
	if x.Resigns {
		l.LastAt, l.Left = 0, true
		s.Since = 0
		return
	}
	now := h.Seen.Time
	l.Priority, l.Version, l.Auth, l.TTL, l.Interval = x.Priority, x.Version, x.Auth, x.TTL, max(x.Interval, leastInterval)
	l.Addresses, l.Count = x.Addresses, x.Count
	if l.First.IsZero() {
		l.First = h.Seen
	}
	l.Last, l.LastAt = h.Seen, now
	l.N++
	s.changed(l, h.Seen)
	d.together(s, i, h.Seen)
}

// leader returns the place of a router; -1 when there is none left.
func (s *state) leader(a packet.Addr, m packet.MAC) int {
	for i := range s.Leaders[:s.N] {
		if s.Leaders[i].Addr == a {
			return i
		}
	}
	if s.N == len(s.Leaders) {
		return -1
	}
	s.Leaders[s.N] = leader{Addr: a, MAC: m}
	s.N++
	return s.N - 1
}

// changed counts changes of the lead to l within flapIn. A leader that says that it leaves (priority 0, RFC 9568 6.4.3)
// is taken down in order: neither its leave nor its return counts.
func (s *state) changed(l *leader, r packet.Ref) {
	back := l.Left
	l.Left = false
	if s.Last == l.Addr {
		return
	}
	if !s.Last.IsZero() && !back && !s.left(s.Last) {
		for len(s.Changes) > 0 && r.Time.Sub(s.Changes[0]) > flapIn || len(s.Changes) > 4*flaps {
			s.Changes, s.ChangeR = s.Changes[1:], s.ChangeR[1:]
		}
		s.Changes, s.ChangeR = append(s.Changes, r.Time), append(s.ChangeR, r)
	}
	s.Last = l.Addr
}

// left reports whether router a said that it leaves.
func (s *state) left(a packet.Addr) bool {
	for i := range s.Leaders[:s.N] {
		if s.Leaders[i].Addr == a {
			return s.Leaders[i].Left
		}
	}
	return false
}

// together follows for how long two lead side by side.
func (d *detector) together(s *state, i int, r packet.Ref) {
	l := &s.Leaders[i]
	other := -1
	for j := range s.Leaders[:s.N] {
		o := &s.Leaders[j]
		if j != i && o.LastAt != 0 && r.Time.Sub(o.LastAt) <= intervals*max(o.Interval, leastInterval) {
			other = j
		}
	}
	if other < 0 {
		s.Since = 0
		if len(s.Changes) > flaps {
			d.report(s, r)
		}
		return
	}
	if s.Since == 0 {
		s.Since, s.SinceR = r.Time, r
		for j := range s.Leaders[:s.N] {
			s.Leaders[j].Together = 0
		}
	}
	l.Together++
	if len(s.Refs) < maxRefs {
		s.Refs = append(s.Refs, r)
	}
	span := r.Time.Sub(s.Since)
	s.Longest = max(s.Longest, span)
	if span > intervals*l.Interval && l.Together >= intervals && s.Leaders[other].Together >= intervals-1 {
		s.Pair = [2]int{min(i, other), max(i, other)}
		d.report(s, r)
	}
}

func (d *detector) report(s *state, r packet.Ref) {
	if s.Said != 0 && r.Time.Sub(s.Said) < again {
		return
	}
	s.Said = r.Time
	first := s.SinceR
	if first.IsZero() || first.Time > r.Time {
		first = r
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprint(s.key), Vantage: s.key.Vantage, First: first, Last: r, Data: s})
}

// Tick has nothing to time out.
func (d *detector) Tick(packet.Time) {}

// End leaves what is undecided undecided.
func (d *detector) End(packet.Time) {}

// Save writes who leads.
func (d *detector) Save(w io.Writer) error {
	p := d.groups.Pairs()
	return detect.SaveMemory(w, &p)
}

// Load reads what Save wrote.
func (d *detector) Load(r io.Reader) error {
	var p []detect.Pair[group, *state]
	if err := detect.LoadMemory(r, &p); err != nil {
		return err
	}
	for i := range p {
		s := p[i].Value
		s.key, s.Refs, s.Said = p[i].Key, nil, 0
		s.N = min(max(s.N, 0), len(s.Leaders))
		s.Pair[0], s.Pair[1] = min(max(s.Pair[0], 0), 3), min(max(s.Pair[1], 0), 3)
		if len(s.Changes) != len(s.ChangeR) {
			s.Changes, s.ChangeR = nil, nil
		}
	}
	d.groups.Restore(p)
	return nil
}
