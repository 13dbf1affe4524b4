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

// scores appends for each window of width bytes of p the logarithm (base 2, in steps of 1/256) of how often it is met, plus a
// constant. From one window to the next only what begins and what ends it differs.
func (r *Rarity) scores(dst []int, p []byte, width int) []int {
	if len(p) < width {
		return dst
	}
	rest := 0 // of the window's first byte, how often all that follow it do so
	for i := range width - 1 {
		rest += r.step(p[i]|0x20, p[i+1]|0x20)
	}
	all := lg((uint64(r.total) + weight) * 1000)
	for i := 0; ; i++ {
		a := p[i] | 0x20
		s := lg(uint64(r.first[a])*1000+weight*prior[a]) - all + rest
		if width == 4 {
			// A whole that is met more often than its pairs suggest: Mozi, HTTP.
			s = max(s, lg(uint64(r.four[fourHash(p[i:])])*1000+1)-all)
		}
		if dst = append(dst, s); i+width == len(p) {
			return dst
		}
		if width > 1 {
			rest += r.step(p[i+width-1]|0x20, p[i+width]|0x20) - r.step(a, p[i+1]|0x20)
		}
	}
}

// step is the logarithm of how often b follows a.
func (r *Rarity) step(a, b byte) int {
	return lg(uint64(r.pair[int(a)<<8|int(b)])*1000+weight*prior[b]) - lg((uint64(r.first[a])+weight)*1000)
}

func fourHash(b []byte) uint32 {
	return (binary.LittleEndian.Uint32(b) | foldAll) * multiplier >> 16
}

// lg is 256 times the logarithm of x to the base 2, the fraction taken as linear: integers give the same everywhere.
func lg(x uint64) int {
	n := bits.Len64(x)
	return n<<8 | int(x<<(65-n)>>56)
}
