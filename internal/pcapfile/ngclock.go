package pcapfile

import (
	"math"
	"math/bits"

	"firestorm/internal/packet"
)

// clock turns an interface's 64-bit ticks into time (draft-ietf-opsawg-pcapng, if_tsresol and if_tsoffset).
type clock struct {
	mul    uint64 // nanoseconds per tick, or 0
	div    uint64 // ticks per nanosecond, for resolutions finer than ours; 0 with mul 0 = too fine for 64 bits
	bin    uint8  // ticks are 2^-bin seconds when binary is set
	binary bool
	offset int64 // seconds to add
}

// microClock is what holds when an interface says nothing.
var microClock = clock{mul: 1000}

// clockOf reads an if_tsresol octet: the high bit chooses powers of two, the rest is the negative exponent.
func clockOf(res byte, offset int64) clock {
	n := res & 0x7f
	switch {
	case res&0x80 != 0:
		return clock{binary: true, bin: n, offset: offset}
	case n <= 9:
		return clock{mul: pow10(9 - n), offset: offset}
	case n <= 28:
		return clock{div: pow10(n - 9), offset: offset}
	}
	return clock{offset: offset}
}

func pow10(n byte) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// time converts; what does not fit into 1677 to 2262 saturates, and ok is false.
func (c *clock) time(ticks uint64) (t packet.Time, ok bool) {
	if c.mul != 0 && c.offset == 0 {
		hi, lo := bits.Mul64(ticks, c.mul)
		if hi == 0 && lo <= math.MaxInt64 {
			return packet.Time(lo), true
		}
		return math.MaxInt64, false
	}
	sec, ns := c.split(ticks)
	return join(sec, ns, c.offset)
}

// split returns whole seconds and nanoseconds below one second.
func (c *clock) split(ticks uint64) (sec, ns uint64) {
	switch {
	case c.binary && c.bin >= 64:
		hi, _ := bits.Mul64(ticks, 1e9)
		return 0, hi >> (c.bin - 64)
	case c.binary:
		hi, lo := bits.Mul64(ticks&(1<<c.bin-1), 1e9)
		if c.bin == 0 {
			return ticks, 0
		}
		return ticks >> c.bin, hi<<(64-c.bin) | lo>>c.bin
	case c.mul != 0:
		perSec := 1e9 / c.mul
		return ticks / perSec, ticks % perSec * c.mul
	case c.div != 0:
		n := ticks / c.div
		return n / 1e9, n % 1e9
	}
	return 0, 0
}

// join puts seconds, nanoseconds and an offset together without wrapping.
func join(sec, ns uint64, offset int64) (packet.Time, bool) {
	const most = math.MaxInt64 / 1_000_000_000 // seconds that fit, less one for ns
	if sec > 2*most && offset > -most || sec > math.MaxInt64 {
		return math.MaxInt64, false
	}
	s := int64(sec)
	switch sum := s + offset; {
	case offset > 0 && sum < s, sum >= most:
		return math.MaxInt64, false
	case sum <= -most:
		return math.MinInt64, false
	default:
		return packet.Time(sum*1e9 + int64(ns)), true
	}
}
