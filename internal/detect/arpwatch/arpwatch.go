// Package arpwatch remembers who is on the wire, over restarts, and says what changed: new machines, exchanged cards,
// addresses that go to and fro, machines that are gone. The words are those of arpwatch and macwatch.
package arpwatch

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
	NewStation = "arp-new-station"
	Changed    = "arp-changed"
	ReusedOld  = "arp-reused-old"
	FlipFlop   = "arp-flip-flop"
	Expired    = "arp-mac-expired"
)

const (
	// expireAfter is how long a machine may be silent until it counts as gone; knownFor is how long one must have been
	// there for that to matter.
	expireAfter, knownFor = 30 * 24 * time.Hour, 7 * 24 * time.Hour
	// lookEvery is how often it is looked for such machines.
	lookEvery = time.Hour
	// mostNeighbours is how many addresses are remembered, as far as --max-memory allows: perEntry for each entry that
	// other tables may have.
	mostNeighbours, perEntry = 100_000, 16
	// sharedKept bounds the addresses remembered as shared by routers.
	sharedKept = 1024
	// Snapshot is the name under which the memory is kept.
	Snapshot = "arpwatch"
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name:  Snapshot,
	Codes: []*finding.Code{codeNew, codeChanged, codeReused, codeFlipFlop, codeExpired},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindARP, event.KindNDP}, Named: []string{vrrp.Kind}},
	New: func(s *detect.Scope) detect.Detector {
		most := min(s.Limits.Entries*perEntry, mostNeighbours)
		return &detector{scope: s, most: most, table: neighbour.NewTable(most), machines: detect.NewRecent[machine, home](most).Of(s, "arpwatch", "cards", nil),
			shared: detect.NewRecent[neighbour.Key, bool](sharedKept).Of(s, "arpwatch", "shared addresses", nil)}
	},
}

// machine is a link-layer address on a wire, home the address that it asks questions from.
type machine struct {
	neighbour.Wire
	MAC packet.MAC
}

type home struct{ IP packet.Addr }

// change is one thing that is worth a line.
type change struct {
	key    neighbour.Key
	mac    packet.MAC
	was    neighbour.Station // of a change: the station before
	name   string
	first  packet.Time // of an expired one: first and last sight
	last   packet.Time
	at     packet.Ref
	random bool
}

type detector struct {
	scope    *detect.Scope
	most     int
	table    *neighbour.Table
	machines *detect.Recent[machine, home]
	shared   *detect.Recent[neighbour.Key, bool]
	latest   packet.Ref
	looked   packet.Time
	told     uint64 // of what the table forgot
}

// Handle takes claims, and what routers say of the addresses they share.
func (d *detector) Handle(e event.Event) {
	if x, ok := e.(*vrrp.Advert); ok {
		h := x.Head()
		w := neighbour.Wire{Vantage: h.Vantage}
		if h.NVLAN > 0 {
			w.VLAN = h.VLANs[0]
		}
		for _, a := range x.Addresses[:x.NAddress] {
			v, _ := d.shared.Put(neighbour.Key{Wire: w, IP: a})
			*v = true
		}
		return
	}
	c, ok := neighbour.ClaimOf(e)
	if !ok || c.How == neighbour.Probed || neighbour.Group(c.MAC) || neighbour.Shared(c.MAC) != "" {
		return
	}
	d.latest = c.Seen
	m := machine{c.Wire(), c.MAC}
	met := d.machines.Get(m)
	if met == nil {
		v, _ := d.machines.Put(m)
		if c.How == neighbour.Asked {
			v.IP = c.IP
		}
	} else if c.How == neighbour.Asked && met.IP.IsZero() {
		met.IP = c.IP
	}
	n, what, was := d.table.See(&c)
	if name, ok := d.scope.Names.Get(c.IP); ok {
		n.SetName(name.Name)
	}
	if what == neighbour.Same || d.table.Learning(c.Seen.Time) {
		return
	}
	d.changed(n, what, was, &c, met != nil)
}

// changed reports what a claim changed, unless it is the way of things.
func (d *detector) changed(n *neighbour.Neighbour, what neighbour.Change, was neighbour.Station, c *neighbour.Claim, met bool) {
	x := &change{key: n.Key, mac: c.MAC, was: was, name: n.Name, at: c.Seen, random: neighbour.Random(c.MAC)}
	code := NewStation
	switch what {
	case neighbour.New:
		if met {
			return // a machine that is known has another address: leases and IPv6 do that
		}
	case neighbour.Changed:
		code = Changed
	case neighbour.FlipFlop:
		code = FlipFlop
	case neighbour.Reused:
		code = ReusedOld
	}
	if what != neighbour.New {
		if d.shared.Get(n.Key) != nil {
			return // routers hand it on
		}
		if x.random && neighbour.Random(was.MAC) && !n.Approved {
			return // phones choose new addresses, and leases go from one to the next
		}
		if d.elsewhere(c.MAC, n.Key) || d.elsewhere(was.MAC, n.Key) {
			return // a machine known under another address answers for this one: a sleep proxy, a proxy; an impostor is arpspoof's matter
		}
	}
	d.report(code, x)
}

// elsewhere reports that a machine asks its questions from another address than k's.
func (d *detector) elsewhere(m packet.MAC, k neighbour.Key) bool {
	h := d.machines.Get(machine{k.Wire, m})
	return h != nil && !h.IP.IsZero() && h.IP != k.IP && h.IP.Is4() == k.IP.Is4()
}

func (d *detector) report(code string, x *change) {
	i := &finding.Instance{Code: code, Key: wire(x.key.Wire), Vantage: x.key.Vantage, First: x.at, Last: x.at, Data: x}
	if !x.was.MAC.IsZero() {
		i.Server = x.key.IP // so that a conflict or an impostor explains it
	}
	d.scope.Report(i)
}

// Tick looks for machines that are gone.
func (d *detector) Tick(now packet.Time) {
	d.forgot()
	if d.latest.IsZero() || d.looked != 0 && now.Sub(d.looked) < lookEvery {
		return
	}
	d.looked = now
	if d.table.Learning(now) {
		return
	}
	d.table.Each(func(n *neighbour.Neighbour) {
		s := n.Current()
		if n.Gone || now.Sub(s.Last) < expireAfter {
			return
		}
		n.Gone = true
		if n.Approved || s.Last.Sub(n.First()) >= knownFor && !neighbour.Random(s.MAC) {
			d.report(Expired, &change{key: n.Key, mac: s.MAC, name: n.Name, first: n.First(), last: s.Last, at: d.latest})
		}
	})
}

// End leaves what is undecided undecided.
func (d *detector) End(packet.Time) { d.forgot() }

// forgot says what the table had no room for.
func (d *detector) forgot() {
	for ; d.told < d.table.Evicted; d.told++ {
		d.scope.Forgot("arpwatch", "neighbours")
	}
}
