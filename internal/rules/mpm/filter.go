package mpm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// markPortable sets bit i of marks for each i < n where the bitmap has the window's hash. It may write bits from n on.
func (g *group) markPortable(marks []byte, b []byte, n int) {
	i := 0
	for ; i+8 <= n && i+12 <= len(b); i += 8 {
		x, y := binary.LittleEndian.Uint64(b[i:]), binary.LittleEndian.Uint64(b[i+4:])
		marks[i/8] = byte(g.bit(x) | g.bit(x>>8)<<1 | g.bit(x>>16)<<2 | g.bit(x>>24)<<3 |
			g.bit(y)<<4 | g.bit(y>>8)<<5 | g.bit(y>>16)<<6 | g.bit(y>>24)<<7)
	}
	for ; i < n; i += 8 {
		var m byte
		for k := i; k < min(i+8, n); k++ {
			h := g.window(b[k:])
			m |= byte(g.bitmap[h>>g.hash.toWord]<<(h>>g.hash.toBit&31)>>31) << (k - i)
		}
		marks[i/8] = m
	}
}

// bit is 1 where the bitmap has the window that x begins with.
func (g *group) bit(x uint64) uint32 {
	h := (uint32(x)&g.keep | g.fold) * multiplier
	return g.bitmap[h>>(g.hash.toWord&31)] << (h >> (g.hash.toBit & 31) & 31) >> 31
}

// gatherArgs is read by the assembly: its layout is fixed.
type gatherArgs struct {
	spread        [32]byte // which bytes of 16 make the eight windows; 0x80 is a zero
	fold          uint32
	_             uint32
	toWord, toBit uint64
}

func newGatherArgs(g *group) *gatherArgs {
	a := &gatherArgs{fold: g.fold, toWord: uint64(g.hash.toWord), toBit: uint64(g.hash.toBit)}
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

func newNibbles(all []distinct, members, backs []int, width int) *nibbles {
	type item struct {
		window []byte
		nocase bool
	}
	items := make([]item, len(members))
	for k, m := range members {
		items[k] = item{all[m].bytes[backs[k]:][:width], all[m].nocase}
	}
	// What is alike goes to one heap.
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(bytes.Compare(a.window, b.window), compareBool(a.nocase, b.nocase))
	})
	t := new(nibbles)
	for k, it := range items {
		heap := byte(1) << (k * 8 / len(items))
		for j := range 4 {
			if j >= width {
				for i := range 32 {
					t[2*j][i] |= heap
					t[2*j+1][i] |= heap
				}
				continue
			}
			c := it.window[j]
			t.set(j, c, heap)
			if it.nocase && isLetter(c) {
				t.set(j, c&^0x20, heap)
			}
		}
	}
	return t
}

func (t *nibbles) set(j int, c, heap byte) {
	for _, half := range []byte{0, 16} {
		t[2*j][half+c&15] |= heap
		t[2*j+1][half+c>>4] |= heap
	}
}
