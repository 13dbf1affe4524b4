package sensor

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// Busy is a host that sends or gets much, for a Status.
type Busy struct {
	Addr  packet.Addr
	Bytes float64 // a second, both ways, as on the wire; a mean over about busySpan
}

const (
	busySets = 256 // of busyWays hosts each
	busyWays = 4
	busyTop  = 8
	busySpan = 10 // seconds
	busyFew  = 64
	busyStep = 8
)

// busy estimates which hosts are the busiest right now. Each packet asks for two of them, so that there is no map and no
// allocation: a host has four places where it may stand, and who is new takes that of the least busy. A crowd of small ones
// does not drive out a large one.
type busy struct {
	seed  uint64
	turn  int
	hosts [busySets * busyWays]busyHost
	last  packet.Time // when rates were taken; 0: not yet
	span  float64     // seconds that were counted, up to busySpan
}

type busyHost struct {
	addr  packet.Addr
	bytes uint64  // since the last time
	rate  float64 // bytes a second until then
}

func newBusy() *busy { return &busy{seed: rand.Uint64()} }

// batch counts packets that were read at once, for both ends of each. Of many it takes every busyStep-th for as many: 120 ns
// for each packet were too much (2026-11-29).
func (b *busy) batch(ps []packet.Packet) {
	i, step := 0, 1
	if len(ps) > busyFew {
		b.turn = (b.turn + 3) % busyStep
		i, step = b.turn, busyStep
	}
	for ; i < len(ps); i += step {
		p := &ps[i]
		if p.IPVersion == 0 {
			continue
		}
		n := uint64(p.WireLen) * uint64(step)
		b.of(&p.Src).bytes += n
		b.of(&p.Dst).bytes += n
	}
}

func (b *busy) of(a *packet.Addr) *busyHost {
	hi, lo := bits.Mul64(fold(a)^b.seed, 0x9e3779b97f4a7c15)
	set := b.hosts[(hi^lo)%busySets*busyWays:][:busyWays]
	least := &set[0]
	for i := range set {
		h := &set[i]
		if h.addr == *a {
			return h
		}
		if h.rate*busySpan+float64(h.bytes) < least.rate*busySpan+float64(least.bytes) {
			least = h
		}
	}
	*least = busyHost{addr: *a}
	return least
}

// top returns the busiest at now, and begins to count anew.
func (b *busy) top(now packet.Time) []Busy {
	d := now.Sub(b.last).Seconds()
	first := b.last == 0
	b.last = now
	if first || d <= 0 { // since when what was counted came is not known
		for i := range b.hosts {
			b.hosts[i].bytes = 0
		}
		return nil
	}
	b.span = min(b.span+d, 1e6)
	weight := max(1-math.Exp(-d/busySpan), d/b.span) // at first the mean of what there was
	for i := range b.hosts {
		h := &b.hosts[i]
		h.rate += (float64(h.bytes)/d - h.rate) * weight
		h.bytes = 0
		if h.rate < 1 {
			*h = busyHost{}
		}
	}
	var out []Busy
	for _, i := range detect.Leading(busyTop, len(b.hosts), func(i, j int) bool {
		x, y := &b.hosts[i], &b.hosts[j]
		if x.rate != y.rate {
			return x.rate > y.rate
		}
		return x.addr.Compare(y.addr) < 0
	}) {
		if h := &b.hosts[i]; h.rate > 0 {
			out = append(out, Busy{h.addr, h.rate})
		}
	}
	return out
}
