package mpm

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"
)

// group holds patterns that are found by a window: width bytes of each, the rarest ones where it has more; with Shuffle up
// to four bytes. A filter marks
// the positions where some window may begin; there the window's hash names a bucket of entries to compare with.
type group struct {
	width   int      // 2 to 4
	stride  uint     // logarithm of how far apart the positions are that are looked at: 0, or 2 with four windows of each pattern
	keep    uint32   // the window's bytes of a 32-bit load
	fold    uint32   // set in each byte of the window, so that letters hash without regard to case
	filter  Engine   // never Fastest
	toWord  uint     // 32 less the bits of the number of a word in the bitmap
	bitmap  []uint32 // the upper bits of a hash name the word, those from toBit and from toBit2 on a bit each
	shift   uint     // 32 less the bits of a bucket's number
	starts  []uint32 // first entry of each bucket, with heavy; one more at the end
	entries []entry
	words   []word
	nibbles []nibbles // for Shuffle
	gather  *gatherArgs
	costs   map[uint32]int // of the heavy buckets
	rescue  *automaton     // of the patterns in heavy buckets; nil when there are none
}

const (
	multiplier    = 0x9e3779b1 // 2^32 over the golden ratio
	foldAll       = 0x20202020
	toBit, toBit2 = 7, 12 // known to the assembly

	// heavy marks a bucket that costs more than maxCost for each candidate, and whose visits are counted.
	heavy = 1 << 31

	// maxCost bounds the work for a position in a bucket that is not heavy: comparing an entry costs 1, and 1 more for
	// each 32 bytes that follow.
	maxCost = 8

	minBits, maxBits = 10, 20 // of a hash in the bitmap: 128 bytes to 128 KiB
)

// window returns the hash of the window that begins with b, which is at least as long.
func (g *group) window(b []byte) uint32 {
	if len(b) >= 4 {
		return (binary.LittleEndian.Uint32(b)&g.keep | g.fold) * multiplier
	}
	return (uint32(loadWord(b))&g.keep | g.fold) * multiplier
}

// cost is what comparing with a pattern costs where its window stands, in the unit of maxCost.
func cost(length int) int { return 1 + length/32 }

// strided is the length from which on a pattern has four windows one after the other, of which one lies at each fourth
// position.
const strided = 7

// newGroup builds a group of the patterns all[i], i in members, each of width bytes or more, with stride of strided or more.
// The engine is not Fastest, nor Shuffle with stride.
func newGroup(all []distinct, members []int, width int, stride uint, engine Engine, r *Rarity) *group {
	g := &group{width: width, stride: stride, filter: engine, keep: 1<<(8*width) - 1}
	g.fold = foldAll & g.keep
	n := len(members) << stride
	mapBits := min(max(bits.Len(uint(n))+6-int(stride/2), minBits), maxBits)
	g.toWord = uint(32 - mapBits + 5)
	g.bitmap = make([]uint32, 1<<(mapBits-5))
	bucketBits := max(bits.Len(uint(n)), 2)
	g.shift = uint(32 - bucketBits)

	backs := g.chooseWindows(all, members, r, make([]int, 1<<bucketBits))
	type placed struct {
		bucket uint32
		member int
		back   int
	}
	order := make([]placed, 0, n)
	for k, m := range members {
		for back := backs[k]; back < backs[k]+1<<stride; back++ {
			h := g.window(all[m].bytes[back:])
			g.bitmap[h>>g.toWord] |= 1<<(h>>toBit&31) | 1<<(h>>toBit2&31)
			order = append(order, placed{h >> g.shift, m, back})
		}
	}
	// Of two windows of a pattern that are alike, the later one tells of an earlier place.
	slices.SortFunc(order, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.member, b.member), cmp.Compare(b.back, a.back))
	})

	g.starts = make([]uint32, 1<<bucketBits+1)
	g.entries = make([]entry, 0, n)
	var slow []int
	for b, k := 0, 0; b < 1<<bucketBits; b++ {
		g.starts[b] = uint32(k)
		first, sum := k, 0
		for ; k < n && order[k].bucket == uint32(b); k++ {
			g.addEntry(&all[order[k].member], order[k].member, order[k].back)
			sum += cost(len(all[order[k].member].bytes))
		}
		if sum > maxCost {
			g.starts[b] |= heavy
			if g.costs == nil {
				g.costs = map[uint32]int{}
			}
			g.costs[uint32(b)] = sum
			for _, o := range order[first:k] {
				slow = append(slow, o.member)
			}
		}
	}
	g.starts[1<<bucketBits] = uint32(n)
	if slow != nil {
		slices.Sort(slow)
		slow = slices.Compact(slow)
		g.rescue = newAutomaton(all, slow)
	}
	switch engine {
	case Shuffle:
		g.nibbles = newNibbles(all, members, backs)
	case Gather:
		g.gather = newGatherArgs(g)
	}
	return g
}

// addEntry appends the entry of a pattern whose window begins at back.
func (g *group) addEntry(d *distinct, index, back int) {
	n := len(d.bytes)
	e := entry{pat: uint32(index), back: uint16(back), len: uint16(n)}
	load := max(0, min(back-2, n-8)) // some bytes before the window, which its own bytes hardly tell from others
	e.lead, e.word = uint16(back-load), makeWord(d.bytes[load:], d.nocase)
	if n > 8 {
		e.rest = uint32(len(g.words))
		g.words = makeWords(g.words, d.bytes, d.nocase)
		e.words = uint16(uint32(len(g.words)) - e.rest)
	}
	g.entries = append(g.entries, e)
}

// chooseWindows returns where each member's (first) window begins: where it is rare, and its bucket is not full. load is scratch
// for the costs of the buckets. The shortest patterns choose first, for they have the least choice.
func (g *group) chooseWindows(all []distinct, members []int, r *Rarity, load []int) []int {
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(len(all[members[a]].bytes), len(all[members[b]].bytes))
	})
	backs := make([]int, len(members))
	for _, k := range order {
		p := all[members[k]].bytes
		c, least, more := cost(len(p)), 0, 1<<g.stride-1
		width := g.width
		if g.filter == Shuffle {
			width = min(4, len(p))
		}
		for i := 0; i+width+more <= len(p) && i < maxWindows; i++ {
			worst := 0
			for j := i; j <= i+more; j++ {
				sum := load[g.window(p[j:])>>g.shift] + c
				s := r.score(p[j:j+width]) + lg(uint64(4+sum))
				if sum > maxCost {
					s += 16 << 8
				}
				if j == i || s > worst {
					worst = s
				}
			}
			if i == 0 || worst < least {
				least, backs[k] = worst, i
			}
		}
		for j := backs[k]; j <= backs[k]+more; j++ {
			load[g.window(p[j:])>>g.shift] += c
		}
	}
	return backs
}

// maxWindows is how many windows of a pattern are weighed.
const maxWindows = 256

// size is the group's memory in bytes, without the automaton's.
func (g *group) size() int {
	n := int(unsafe.Sizeof(*g)) + 4*len(g.bitmap) + 4*len(g.starts) + 32*len(g.entries) + 16*len(g.words) + 32*len(g.costs)
	if n += 256 * len(g.nibbles); g.gather != nil {
		n += int(unsafe.Sizeof(*g.gather))
	}
	return n
}
