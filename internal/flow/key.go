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

// ident is a key in 16 bytes: two IPv4 addresses, or where there is more to it the hash of the whole, which then must be
// compared too. Most flows are told apart within one line of the cache (2026-11-28).
type ident struct {
	ends uint64 // a<<32 | b, or a hash
	rest uint64 // aport, bport, vantage, proto, 1 where ends is a hash
}

const identWhole = 1

func (i ident) proto() uint8    { return uint8(i.rest >> 8) }
func (i ident) vantage() uint16 { return uint16(i.rest >> 16) }
func (i ident) whole() bool     { return i.rest&identWhole != 0 }

// mapped is what precedes an IPv4 address in packet.Addr.
const mapped = 0xffff_0000_0000_0000

// ident returns k in short; h is its hash.
func (k *key) ident(h uint64) ident {
	le := binary.LittleEndian
	rest := uint64(k.aport)<<48 | uint64(k.bport)<<32 | uint64(k.vantage)<<16 | uint64(k.proto)<<8
	if le.Uint64(k.a[:8])|le.Uint64(k.b[:8])|uint64(k.tunnel) != 0 || le.Uint32(k.a[8:]) != mapped>>32 || le.Uint32(k.b[8:]) != mapped>>32 {
		return ident{h, rest | identWhole}
	}
	be := binary.BigEndian
	return ident{uint64(be.Uint32(k.a[12:]))<<32 | uint64(be.Uint32(k.b[12:])), rest}
}

// hash is what the index finds i by: a keyed multiply-and-fold hash, so that whoever picks ports cannot fill one slot
// without knowing the seed.
func (i ident) hash(seed uint64) uint64 {
	if i.whole() {
		return i.ends
	}
	return fold(fold(i.ends^seed^0x9e3779b97f4a7c15, i.rest^0xd1b54a32d192ed03)^seed, i.rest^0xa0761d6478bd642f)
}

// key returns the key of two IPv4 addresses that i is short for.
func (i ident) key() key {
	k := key{aport: uint16(i.rest >> 48), bport: uint16(i.rest >> 32), vantage: i.vantage(), proto: i.proto()}
	k.a[10], k.a[11], k.b[10], k.b[11] = 0xff, 0xff, 0xff, 0xff
	binary.BigEndian.PutUint32(k.a[12:], uint32(i.ends>>32))
	binary.BigEndian.PutUint32(k.b[12:], uint32(i.ends))
	return k
}

// makeKey sets k to the key of a packet between src and dst; swapped says that src is the key's b.
func makeKey(k *key, src, dst *packet.Addr, sport, dport, vantage uint16, tunnel uint32, proto uint8) (swapped bool) {
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
	return swapped
}

// hash is that by which tombstones are found, also those of an earlier run, and the index where ident holds no addresses.
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
	return named(k.hash(idSeed), start)
}
