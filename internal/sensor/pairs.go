package sensor

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"

	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

type pair struct{ a, b packet.Addr }

// pairSet counts the pairs of hosts that were seen. A pair of IPv4 addresses takes eight bytes: one cache line for a
// look-up (2026-11-23).
type pairSet struct {
	slots []uint64 // IPv4 pairs, zero is free: a power of two, at most three quarters used
	used  int
	none  bool // the pair of 0.0.0.0 with itself
	long  map[pair]struct{}
	seed  uint64
}

func (s *pairSet) len() int {
	n := s.used + len(s.long)
	if s.none {
		n++
	}
	return n
}

// add notes a pair whose addresses are in order.
func (s *pairSet) add(p *pair) {
	if !p.a.Is4() || !p.b.Is4() {
		if s.long == nil {
			s.long = map[pair]struct{}{}
		}
		s.long[*p] = struct{}{}
		return
	}
	k := short(p)
	if k == 0 {
		s.none = true
		return
	}
	if s.slots == nil {
		s.slots, s.seed = make([]uint64, 64), rand.Uint64()
	}
	if !s.place(k) {
		return
	}
	s.used++
	if 4*s.used > 3*len(s.slots) {
		old := s.slots
		s.slots = make([]uint64, 2*len(old))
		for _, k := range old {
			if k != 0 {
				s.place(k)
			}
		}
	}
}

// ask asks for the place of a pair.
func (s *pairSet) ask(p *pair) {
	if len(s.slots) > 0 {
		prefetch.Line(unsafe.Pointer(&s.slots[s.home(short(p))&uint64(len(s.slots)-1)]))
	}
}

// short is a pair of IPv4 addresses in one word.
func short(p *pair) uint64 {
	return uint64(binary.BigEndian.Uint32(p.a[12:]))<<32 | uint64(binary.BigEndian.Uint32(p.b[12:]))
}

// home is where the search for k begins. Whoever picks addresses does not know the seed, so cannot fill one place.
func (s *pairSet) home(k uint64) uint64 {
	hi, lo := bits.Mul64(k^s.seed, 0x9e3779b97f4a7c15^s.seed<<1)
	return hi ^ lo
}

// place reports whether k is new.
func (s *pairSet) place(k uint64) bool {
	mask := uint64(len(s.slots) - 1)
	for i := s.home(k) & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case k:
			return false
		case 0:
			s.slots[i] = k
			return true
		}
	}
}
