package synflood

import (
	"encoding/binary"
	"math"
	"math/bits"

	"firestorm/internal/packet"
)

// sketch estimates how many different addresses were added, in a kilobyte whatever their number (HyperLogLog). Its
// standard error is about 3 %.
type sketch struct{ regs [registers]uint8 }

const registers = 1024

func (s *sketch) add(a packet.Addr) {
	h := binary.BigEndian.Uint64(a[8:])
	h ^= bits.RotateLeft64(binary.BigEndian.Uint64(a[:8])*0x9e3779b97f4a7c15, 31)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	i := h % registers
	if r := uint8(bits.LeadingZeros64(h|registers-1)) + 1; r > s.regs[i] {
		s.regs[i] = r
	}
}

func (s *sketch) count() int {
	sum, zero := 0.0, 0
	for _, r := range s.regs {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zero++
		}
	}
	const m = float64(registers)
	n := 0.7213 / (1 + 1.079/m) * m * m / sum
	if n < 2.5*m && zero > 0 { // few addresses: count the empty registers
		n = m * math.Log(m/float64(zero))
	}
	return int(n + 0.5)
}

// atLeast is the estimate less three standard errors, in round numbers: a bound that holds.
func (s *sketch) atLeast() int {
	n := s.count()
	if n <= 20 {
		return n
	}
	n = n * 9 / 10
	for unit := 1000000; unit >= 10; unit /= 10 {
		if n >= 100*unit {
			return n - n%unit
		}
	}
	return n
}

// majority counts how often the commonest of a few values came.
type majority struct {
	vals  [8]uint32
	n     [8]uint64
	used  int
	total uint64
}

func (m *majority) add(v uint32) {
	m.total++
	for i := 0; i < m.used; i++ {
		if m.vals[i] == v {
			m.n[i]++
			return
		}
	}
	if m.used < len(m.vals) {
		m.vals[m.used], m.n[m.used] = v, 1
		m.used++
	}
}

// top returns the commonest value.
func (m *majority) top() uint32 {
	best := 0
	for i := 1; i < m.used; i++ {
		if m.n[i] > m.n[best] {
			best = i
		}
	}
	return m.vals[best]
}

// share is the part of all that had the commonest value; values first seen after eight others are counted as others.
func (m *majority) share() float64 {
	var best uint64
	for i := range m.used {
		best = max(best, m.n[i])
	}
	if m.total == 0 {
		return 0
	}
	return float64(best) / float64(m.total)
}

// heavy finds the one source that sends most, if there is one, in eight places (Misra and Gries 1982): what it counts is
// less than the truth by at most a ninth of all, and by no more than what others sent.
type heavy struct {
	addrs [8]packet.Addr
	n     [8]uint64
	total uint64
}

func (x *heavy) add(a packet.Addr) {
	x.total++
	free := -1
	for i := range x.addrs {
		switch {
		case x.n[i] > 0 && x.addrs[i] == a:
			x.n[i]++
			return
		case x.n[i] == 0:
			free = i
		}
	}
	if free >= 0 {
		x.addrs[free], x.n[free] = a, 1
		return
	}
	for i := range x.n {
		x.n[i]--
	}
}

// top returns the commonest source and the part of all that it sent at least.
func (x *heavy) top() (a packet.Addr, share float64) {
	best := 0
	for i := range x.n {
		if x.n[i] > x.n[best] {
			best = i
		}
	}
	return x.addrs[best], float64(x.n[best]) / float64(max(x.total, 1))
}
