package mpm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// both reports whether a word of the bitmap has both bits of a hash.
func both(word, h uint32) bool { return word>>(h>>toBit&31)&(word>>(h>>toBit2&31))&1 != 0 }

// markPortable sets bit i of marks for each i < n where the bitmap has the window's hash. It may write bits from n on.
func (g *group) markPortable(marks []byte, b []byte, n int) {
	i := 0
	bitmap, toWord, keep, fold := g.bitmap, g.toWord&31, g.keep, g.fold
	for ; i+8 <= n && i+12 <= len(b); i += 8 {
		x, y := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+4:])
		m := byte(0)
		if h := (uint32(x)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m = 1
		}
		if h := (uint32(x>>8)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 1
		}
		if h := (uint32(x>>16)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 2
		}
		if h := (uint32(x>>24)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 3
		}
		if h := (uint32(y)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 4
		}
		if h := (uint32(y>>8)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 5
		}
		if h := (uint32(y>>16)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 6
		}
		if h := (uint32(y>>24)&keep | fold) * multiplier; both(bitmap[h>>toWord], h) {
			m |= 1 << 7
		}
		marks[i/8] = m
	}
	for ; i < n; i += 8 {
		var m byte
		for k := i; k < min(i+8, n); k++ {
			if h := g.window(b[k:]); both(bitmap[h>>toWord], h) {
				m |= 1 << (k - i)
			}
		}
		marks[i/8] = m
	}
}

// markPairs is markPortable for each second position of a group in pairs.
func (g *group) markPairs(marks []byte, b []byte, n int) {
	for i := 0; i < n; i += 8 {
		var m byte
		for k := i; k < min(i+8, n); k++ {
			if g.mayPair(loadWord(b[2*k:])) {
				m |= 1 << (k - i)
			}
		}
		marks[i/8] = m
	}
}

// mayPair reports whether the bitmap has the window with which x begins.
func (g *group) mayPair(x uint64) bool {
	w := g.bitmap[(uint32(x)&g.keep|g.fold)*multiplier>>(g.toWord&31)]
	if w == 0 {
		return false
	}
	upper, lower := pairBits(uint32(x>>24) | foldAll)
	return w>>upper&(w>>lower)&1 != 0
}

// pairBits are the two bits of a word of the bitmap that the four bytes behind a window's first three name: one of the upper half
// that says something of all four, and one of the lower half that says something of the first alone.
func pairBits(behind uint32) (upper, lower uint32) {
	behind *= multiplier
	return 31 - behind>>28, 15 - behind>>4&15
}

// hashSet is a set of hashes by their upper bits, one bit for each that it has.
type hashSet struct {
	bits  []uint64
	shift uint // 64 less the bits of a hash that count
}

// newHashSet makes a set for n hashes, so large that one in a hundred others seems to be in it.
func newHashSet(n int) hashSet {
	size := max(bits.Len(uint(n))+6, 6)
	return hashSet{make([]uint64, 1<<(size-6)), uint(64 - size)}
}

func (s *hashSet) add(h uint64) {
	h >>= s.shift
	s.bits[h>>6] |= 1 << (h & 63)
}

// has is 1 for a hash that was added, and mostly 0 for others.
func (s *hashSet) has(h uint64) uint64 {
	h >>= s.shift & 63
	return s.bits[h>>6] >> (h & 63) & 1
}

// Hashes of the first bytes of x without regard to case, which have nothing in common with the one of a window that names
// words of the bitmap.
func three(x uint64) uint64 { return (x<<40 | foldAll>>8<<40) * multiplier64 }
func four(x uint64) uint64  { return (x<<32 | foldAll<<32) * multiplier64 }
func seven(x uint64) uint64 { return (x<<8 | foldAll<<32 | foldAll) * multiplier64 }

// gatherArgs is read by the assembly: its layout is fixed.
type gatherArgs struct {
	spread [32]byte // which bytes of 16 make the eight windows; 0x80 is a zero
	fold   uint32
	_      uint32
	toWord uint64
}

func newGatherArgs(g *group) *gatherArgs {
	a := &gatherArgs{fold: g.fold, toWord: uint64(g.toWord)}
	for i := range a.spread {
		if a.spread[i] = byte(i/4 + i%4); i%4 >= g.width {
			a.spread[i] = 0x80
		}
	}
	return a
}

// nibbles are eight tables for the instruction that looks up 16 entries in each half of a register: for each byte of a
// window its lower half and its upper half, each with a bit for each of eight heaps of patterns.
type nibbles [8][32]byte

// newNibbles makes tables for up to per patterns each, of windows of up to width bytes.
func newNibbles(all []distinct, members, backs []int, width, per int) []nibbles {
	type item struct {
		window []byte
		nocase bool
	}
	items := make([]item, len(members))
	for k, m := range members {
		p := all[m].bytes[backs[k]:]
		items[k] = item{p[:min(width, len(p))], all[m].nocase}
	}
	// What is alike goes to one heap.
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(bytes.Compare(a.window, b.window), compareBool(a.nocase, b.nocase))
	})
	tables := make([]nibbles, min((len(items)+per-1)/per, maxTables))
	for k, it := range items {
		heap := k * 8 * len(tables) / len(items)
		t, bit := &tables[heap/8], byte(1)<<(heap%8)
		for j := range 4 {
			if j >= len(it.window) {
				for i := range 32 {
					t[2*j][i] |= bit
					t[2*j+1][i] |= bit
				}
				continue
			}
			c := it.window[j]
			t.set(j, c, bit)
			if it.nocase && isLetter(c) {
				t.set(j, c&^0x20, bit)
			}
		}
	}
	return tables
}

func (t *nibbles) set(j int, c, bit byte) {
	for _, half := range []byte{0, 16} {
		t[2*j][half+c&15] |= bit
		t[2*j+1][half+c>>4] |= bit
	}
}
