package mpm

import (
	"encoding/binary"
	"math/bits"
)

// Rarity estimates how often four bytes follow each other in traffic, from the patterns themselves: what many rules look
// for is what traffic has (GET, HTTP/1., .com). It needs no sample of traffic and gives the same windows everywhere. Many
// small sets of one rule set share one Rarity that has learned all patterns. It does not distinguish what a window does
// not: bit 0x20 of each byte. The zero value is ready; it takes 513 KiB.
type Rarity struct {
	pair  [1 << 16]uint32
	first [256]uint32 // pairs that begin with it
	total uint32
	four  [1 << 16]uint32 // windows of four bytes, by 16 bits of their hash
}

// Learn counts the pairs of bytes in a pattern. It does not keep it.
func (r *Rarity) Learn(pattern []byte) {
	for i := 1; i < len(pattern); i++ {
		a, b := pattern[i-1]|0x20, pattern[i]|0x20
		r.pair[int(a)<<8|int(b)]++
		r.first[a]++
		r.total++
	}
	for i := 4; i <= len(pattern); i++ {
		r.four[fourHash(pattern[i-4:])]++
	}
}

// weight is how many observations the prior counts for.
const weight = 16

// prior is how often a byte is met in a thousand, with bit 0x20 set, before anything is learned: text and padding.
var prior = func() (t [256]uint64) {
	for i := range t {
		t[i] = 1
	}
	for c, n := range map[byte]uint64{
		'e': 80, 't': 60, 'a': 55, 'o': 50, 'i': 50, 'n': 45, 's': 45, 'r': 40, 'h': 25, 'l': 30, 'd': 25, 'u': 20, 'c': 25,
		'm': 20, 'p': 20, 'f': 12, 'g': 12, 'w': 15, 'y': 10, 'b': 10, 'v': 7, 'k': 5,
		' ': 80, '/': 12, '.': 12, '-': 15, '=': 8, ':': 8, ',': 5, '*': 10, '&': 4, '"': 6, ';': 5, 0xff: 10,
	} {
		t[c] = n
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = 10
	}
	return t
}()

// score returns the logarithm (base 2, in steps of 1/256) of how often a window is met, plus a constant.
func (r *Rarity) score(window []byte) int {
	a := window[0] | 0x20
	s := lg(uint64(r.first[a])*1000+weight*prior[a]) - lg((uint64(r.total)+weight)*1000)
	for _, c := range window[1:] {
		b := c | 0x20
		s += lg(uint64(r.pair[int(a)<<8|int(b)])*1000+weight*prior[b]) - lg((uint64(r.first[a])+weight)*1000)
		a = b
	}
	if len(window) == 4 {
		// A whole that is met more often than its pairs suggest: Mozi, HTTP.
		s = max(s, lg(uint64(r.four[fourHash(window)])*1000+1)-lg((uint64(r.total)+weight)*1000))
	}
	return s
}

func fourHash(b []byte) uint32 {
	return (binary.LittleEndian.Uint32(b) | foldAll) * multiplier >> 16
}

// lg is 256 times the logarithm of x to the base 2, the fraction taken as linear: integers give the same everywhere.
func lg(x uint64) int {
	n := bits.Len64(x)
	return n<<8 | int(x<<(65-n)>>56)
}
