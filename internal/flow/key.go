package flow

import (
	"encoding/binary"
	"math/bits"

	"firestorm/internal/packet"
)

// key is vantage, tunnel and 5-tuple with the two ends in canonical order: both directions have the same key.
type key struct {
	a, b         packet.Addr // a:aport <= b:bport
	tunnel       uint32
	aport, bport uint16
	vantage      uint16
	proto        uint8
	_            uint8
}

// makeKey returns the key of a packet between src and dst; swapped says that src is the key's b.
func makeKey(src, dst *packet.Addr, sport, dport, vantage uint16, tunnel uint32, proto uint8) (k key, swapped bool) {
	s0, d0 := binary.BigEndian.Uint64(src[:8]), binary.BigEndian.Uint64(dst[:8])
	s1, d1 := binary.BigEndian.Uint64(src[8:]), binary.BigEndian.Uint64(dst[8:])
	switch {
	case s0 != d0:
		swapped = s0 > d0
	case s1 != d1:
		swapped = s1 > d1
	default:
		swapped = sport > dport
	}
	if swapped {
		k.a, k.b, k.aport, k.bport = *dst, *src, dport, sport
	} else {
		k.a, k.b, k.aport, k.bport = *src, *dst, sport, dport
	}
	k.tunnel, k.vantage, k.proto = tunnel, vantage, proto
	return k, swapped
}

// hash is a keyed multiply-and-fold hash: whoever picks ports does not know the seed, so cannot fill one slot.
func (k *key) hash(seed uint64) uint64 {
	w := uint64(k.tunnel)<<32 | uint64(k.aport)<<16 | uint64(k.bport)
	v := uint64(k.vantage)<<8 | uint64(k.proto)
	h := fold(binary.LittleEndian.Uint64(k.a[:8])^seed^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(k.a[8:])^0xd1b54a32d192ed03)
	h ^= fold(binary.LittleEndian.Uint64(k.b[:8])^seed^0xaef17502108ef2d9, binary.LittleEndian.Uint64(k.b[8:])^0x2545f4914f6cdd1d^h)
	h = fold(w^h, v^seed^0x8cb92ba72f3d8dd7)
	return fold(h^seed, 0xa0761d6478bd642f^h)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// id names one incarnation of a flow: the same on every run, never zero.
func (k *key) id(start packet.Ref) uint64 {
	h := k.hash(0x6669726573746f72)
	h = fold(h^start.Frame, uint64(start.Time)^0xe7037ed1a0b428db)
	h = fold(h^uint64(start.Source), 0x8ebc6af09c88c6e3)
	if h == 0 {
		return 1
	}
	return h
}
