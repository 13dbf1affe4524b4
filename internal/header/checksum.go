package header

import (
	"encoding/binary"
	"math/bits"
)

// Sum returns the ones' complement sum (RFC 1071) of b added to initial, folded to 16 bits but not inverted.
// b starts at an even offset of the message; an odd last byte counts as if a zero followed. A message that
// includes its own correct checksum sums to 0xffff.
//
// Byte order does not matter to a ones' complement sum until the result is read (RFC 1071 2.B), so words are read in the
// machine's order and swapped once at the end.
func Sum(initial uint64, b []byte) uint16 {
	return Fold(uint64(bits.ReverseBytes16(Fold(RawSum(b)))) + uint64(Fold(initial)))
}

// RawSumIPv4 is RawSum of an IPv4 header without options: one of each packet (2026-11-30).
func RawSumIPv4(h *[20]byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(h[:])) + uint64(binary.LittleEndian.Uint32(h[4:])) +
		uint64(binary.LittleEndian.Uint32(h[8:])) + uint64(binary.LittleEndian.Uint32(h[12:])) + uint64(binary.LittleEndian.Uint32(h[16:]))
}

// sumWords is RawSum in plain Go: 64-bit words with end-around carry.
func sumWords(b []byte) (s uint64) {
	var c uint64
	for len(b) >= 64 {
		w := (*[64]byte)(b)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[0:]), 0)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[8:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[16:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[24:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[32:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[40:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[48:]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(w[56:]), c)
		s += c // cannot carry again: a carry left s below its largest value
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	var tail uint64
	switch {
	case len(b) >= 4:
		tail = uint64(binary.LittleEndian.Uint32(b))
		for i, x := range b[4:] {
			tail += uint64(x) << (8 * uint(4+i))
		}
	default:
		for i, x := range b {
			tail += uint64(x) << (8 * uint(i))
		}
	}
	s, c = bits.Add64(s, tail, 0)
	s += c
	return s>>32 + s&0xffffffff
}

// Fold reduces a ones' complement sum of any width to 16 bits.
func Fold(s uint64) uint16 {
	s = s>>32 + s&0xffffffff
	s = s>>16 + s&0xffff // up to 0x1ffff + 0xffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}

// Checksum returns the Internet checksum of b: the inverted sum.
func Checksum(b []byte) uint16 { return ^Sum(0, b) }

// PseudoSum returns the sum of a pseudo-header, to start Sum with: src and dst are 4 or 16 bytes each.
func PseudoSum(src, dst []byte, proto uint8, length int) uint64 {
	return uint64(Sum(0, src)) + uint64(Sum(0, dst)) + uint64(proto) + uint64(length>>16) + uint64(length&0xffff)
}
