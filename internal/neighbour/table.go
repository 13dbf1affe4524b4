package neighbour

import (
	"bytes"
	"sort"
	"strings"
	"time"

	"firestorm/internal/packet"
)

// Key is an IP address on a wire. Places of capture are numbered in the order in which they are given to the program.
type Key struct {
	Wire
	IP packet.Addr
}

// Station is a link-layer address that used an IP address.
type Station struct {
	First, Last packet.Time
	MAC         packet.MAC
	Count       uint32 // claims seen
}

// KeptStations is how many link-layer addresses of one IP address are remembered.
const KeptStations = 4

// Neighbour is an IP address with who used it.
type Neighbour struct {
	Key
	Stations [KeptStations]Station // the first N; the current one first, then by last use
	N        uint8
	Approved bool   // somebody said that it belongs here
	Gone     bool   // its silence was noted
	Name     string // what it was called in packets: hostile text
	Note     string // what somebody wrote about it
}

// Current is the station that uses the address.
func (n *Neighbour) Current() *Station { return &n.Stations[0] }

// First is when the address was first used, as far as is known.
func (n *Neighbour) First() packet.Time {
	f := n.Stations[0].First
	for _, s := range n.Stations[:n.N] {
		f = min(f, s.First)
	}
	return f
}

// Change says what a claim changed; the words are arpwatch's.
type Change uint8

// Changes.
const (
	Same     Change = iota
	New             // an address that was not seen before
	Changed         // another station than before, which never had the address
	FlipFlop        // back to the station before the last
	Reused          // back to one before that
)

// Table is the memory of who is on the wires. It is bounded: when it is full, who was not heard for longest makes room,
// those that somebody approved or wrote about last of all.
type Table struct {
	// Evicted counts neighbours forgotten for lack of room.
	Evicted uint64
	// Began is when the memory began; zero: nothing was seen.
	Began packet.Time
	// Learned says that somebody ended the time of learning.
	Learned bool
	max     int
	by      map[Key]int32
	slots   []slot
	hand    int
}

type slot struct {
	Neighbour
	used bool
}

// NewTable returns a memory for at most max neighbours, at least one.
func NewTable(most int) *Table { return &Table{max: max(most, 1), by: map[Key]int32{}} }

// Len is how many neighbours are known.
func (t *Table) Len() int { return len(t.slots) }

// Get returns what is known of an address, or nil; good until the next See or Add.
func (t *Table) Get(k Key) *Neighbour {
	if i, ok := t.by[k]; ok {
		return &t.slots[i].Neighbour
	}
	return nil
}

// See notes that a station uses an address, and returns what is new about it. was is the station before, of a change.
func (t *Table) See(c *Claim) (n *Neighbour, what Change, was Station) {
	now := c.Seen.Time
	if t.Began == 0 {
		t.Began = now
	}
	k := Key{c.Wire(), c.IP}
	i, ok := t.by[k]
	if !ok {
		n = t.add(k)
		n.N = 1
		n.Stations[0] = Station{now, now, c.MAC, 1}
		return n, New, was
	}
	s := &t.slots[i]
	s.used = true
	n = &s.Neighbour
	n.Gone = false
	if cur := &n.Stations[0]; cur.MAC == c.MAC {
		cur.Last = max(cur.Last, now)
		cur.Count++
		return n, Same, was
	}
	was = n.Stations[0]
	for i := 1; i < int(n.N); i++ {
		if n.Stations[i].MAC != c.MAC {
			continue
		}
		what = Reused
		if i == 1 {
			what = FlipFlop
		}
		old := n.Stations[i]
		copy(n.Stations[1:i+1], n.Stations[:i])
		old.Last = max(old.Last, now)
		old.Count++
		n.Stations[0] = old
		return n, what, was
	}
	copy(n.Stations[1:], n.Stations[:KeptStations-1])
	n.Stations[0] = Station{now, now, c.MAC, 1}
	n.N = min(n.N+1, KeptStations)
	return n, Changed, was
}

// add makes room for a new neighbour.
func (t *Table) add(k Key) *Neighbour {
	i := len(t.slots)
	if i < t.max {
		t.slots = append(t.slots, slot{})
	} else {
		i = t.room()
		delete(t.by, t.slots[i].Key)
		t.Evicted++
	}
	t.slots[i] = slot{Neighbour: Neighbour{Key: k}}
	t.by[k] = int32(i)
	return &t.slots[i].Neighbour
}

// room finds the place of a neighbour to forget: one not heard since the search last came by; on the third time round
// also one that somebody cares for.
func (t *Table) room() int {
	for n := 0; ; n++ {
		i := t.hand
		t.hand = (t.hand + 1) % len(t.slots)
		s := &t.slots[i]
		cared := s.Approved || s.Note != ""
		if !s.used && (!cared || n > 2*len(t.slots)) {
			return i
		}
		s.used = false
	}
}

// Add puts a neighbour into the table as it is, in the place of what was known of its address. Who holds the table owns
// n's strings from then on.
func (t *Table) Add(n Neighbour) {
	if t.Began == 0 || n.First() < t.Began {
		t.Began = n.First()
	}
	if old := t.Get(n.Key); old != nil {
		*old = n
		return
	}
	*t.add(n.Key) = n
}

// Merge adds what another source knows of an address: stations that are not known yet, and a name where there is none.
func (t *Table) Merge(n Neighbour) {
	old := t.Get(n.Key)
	if old == nil {
		t.Add(n)
		return
	}
	if n.Name != "" && old.Name == "" {
		old.Name = n.Name
	}
next:
	for _, s := range n.Stations[:n.N] {
		for i := range old.Stations[:old.N] {
			if o := &old.Stations[i]; o.MAC == s.MAC {
				o.First, o.Last = min(o.First, s.First), max(o.Last, s.Last)
				continue next
			}
		}
		if old.N < KeptStations {
			old.Stations[old.N] = s
			old.N++
		}
	}
	st := old.Stations[:old.N]
	sort.SliceStable(st, func(i, j int) bool { return st[i].Last > st[j].Last })
	t.Began = min(t.Began, old.First())
}

// Drop forgets an address.
func (t *Table) Drop(k Key) {
	i, ok := t.by[k]
	if !ok {
		return
	}
	last := len(t.slots) - 1
	if int(i) != last {
		t.slots[i] = t.slots[last]
		t.by[t.slots[i].Key] = i
	}
	t.slots[last] = slot{}
	t.slots = t.slots[:last]
	delete(t.by, k)
	if t.hand >= last {
		t.hand = 0
	}
}

// Each calls f for every neighbour, in no order of meaning; f may change it, but not the table.
func (t *Table) Each(f func(n *Neighbour)) {
	for i := range t.slots {
		f(&t.slots[i].Neighbour)
	}
}

// All returns every neighbour by place of capture, VLAN and address.
func (t *Table) All() []*Neighbour {
	out := make([]*Neighbour, len(t.slots))
	for i := range t.slots {
		out[i] = &t.slots[i].Neighbour
	}
	sort.Slice(out, func(i, j int) bool { return less(&out[i].Key, &out[j].Key) })
	return out
}

func less(a, b *Key) bool {
	switch {
	case a.Vantage != b.Vantage:
		return a.Vantage < b.Vantage
	case a.VLAN != b.VLAN:
		return a.VLAN < b.VLAN
	}
	return bytes.Compare(a.IP[:], b.IP[:]) < 0
}

// Learning reports whether the time of learning is not over: less than a day of packet time since the memory began, and
// nobody has ended it.
func (t *Table) Learning(now packet.Time) bool {
	return !t.Learned && (t.Began == 0 || now.Sub(t.Began) < LearnFor)
}

// LearnFor is how long a new memory only listens.
const LearnFor = 24 * time.Hour

// MaxName bounds names and notes, bytes.
const MaxName = 255

// SetName notes what an address is called.
func (n *Neighbour) SetName(name string) {
	if name != "" && len(name) <= MaxName && n.Name != name {
		n.Name = strings.Clone(name)
	}
}
