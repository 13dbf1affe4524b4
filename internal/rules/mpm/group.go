package mpm

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"
)

// group holds patterns that are found by a window: width bytes of each, the rarest ones where it has more; with Shuffle up
// to four bytes, in pairs up to seven (pairWindow). A filter marks the positions where some
// window may begin; there the window's hash names a bucket of entries to compare with.
type group struct {
	width   int      // 2 to 4
	paired  uint     // 1: only each second position is looked at, and each pattern has two windows, one after the other; else 0
	two     bool     // Shuffle looks at two bytes of a window, not at four
	keep    uint32   // the window's bytes of a 32-bit load
	fold    uint32   // set in each byte of the window, so that letters hash without regard to case
	filter  Engine   // never Fastest
	toWord  uint     // 32 less the bits of the number of a word in the bitmap
	bitmap  []uint32 // the upper bits of a hash name the word, those from toBit and from toBit2 on a bit each; in pairs pairBits does
	shift   uint     // 32 less the bits of a bucket's number
	starts  []uint32 // first entry of each bucket, with heavy; one more at the end
	entries []entry
	words   []word
	nibbles []nibbles  // for Shuffle
	sure    [3]hashSet // in pairs: the windows of three, of four and of seven bytes
	gather  *gatherArgs
	costs   map[uint32]int // of the heavy buckets
	rescue  *automaton     // of the patterns in heavy buckets; nil when there are none
}

const (
	multiplier    = 0x9e3779b1 // 2^32 over the golden ratio
	multiplier64  = 0x9e3779b97f4a7c15
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

// pairWindow is how many bytes of a pattern of n bytes a window has in a group in pairs. The first three choose a word of the
// bitmap, and a bucket.
func pairWindow(n int) int {
	switch {
	case n < 5:
		return 3
	case n < 8:
		return 4
	}
	return 7
}

// newGroup builds a group of the patterns all[i], i in members, each of width bytes or more, in pairs of one more. The engine is
// not Fastest, nor Shuffle in pairs.
func newGroup(all []distinct, members []int, width int, paired uint, engine Engine, r *Rarity) *group {
	g := &group{width: width, paired: paired, filter: engine}
	if engine == Shuffle && !slices.ContainsFunc(members, func(m int) bool { return len(all[m].bytes) > 3 }) {
		g.two, g.width = true, 2
	}
	g.keep = 1<<(8*g.width) - 1
	if g.fold = foldAll & g.keep; paired > 0 { // the fourth byte of a load is always the same: that is one step less than none
		g.keep, g.fold = math.MaxUint32, foldAll|0xff<<24
	}
	n := len(members) << paired
	mapBits := min(max(bits.Len(uint(n))+6+int(paired), minBits), maxBits)
	g.toWord = uint(32 - mapBits + 5)
	g.bitmap = make([]uint32, 1<<(mapBits-5))
	bucketBits := max(bits.Len(uint(n)), 2)
	if paired > 0 {
		var of [8]int
		for _, m := range members {
			of[pairWindow(len(all[m].bytes))] += 2
		}
		g.sure = [3]hashSet{newHashSet(of[3]), newHashSet(of[4]), newHashSet(of[7])}
	}
	g.shift = uint(32 - bucketBits)

	backs := g.chooseWindows(all, members, r, make([]int, 1<<bucketBits))
	type placed struct {
		bucket uint32
		member int
		back   int
	}
	order := make([]placed, 0, n)
	for k, m := range members {
		for back := backs[k]; back < backs[k]+1<<paired; back++ {
			h := g.window(all[m].bytes[back:])
			g.enter(h, all[m].bytes[back:], len(all[m].bytes))
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
		if g.two {
			g.nibbles = newNibbles(all, members, backs, 2, perTwo)
		} else {
			g.nibbles = newNibbles(all, members, backs, 4, perTable)
		}
	case Gather:
		g.gather = newGatherArgs(g)
	}
	return g
}

// enter sets the bits of a window with the hash h in the bitmap. It is where p begins, which belongs to a pattern of n bytes.
func (g *group) enter(h uint32, p []byte, n int) {
	w := &g.bitmap[h>>g.toWord]
	if g.paired == 0 {
		*w |= 1<<(h>>toBit&31) | 1<<(h>>toBit2&31)
		return
	}
	switch pairWindow(n) {
	case 3: // whatever follows
		*w = math.MaxUint32
		g.sure[0].add(three(loadWord(p)))
	case 4:
		g.sure[1].add(four(loadWord(p)))
		_, lower := pairBits(uint32(p[3]) | foldAll)
		*w |= 1<<lower | math.MaxUint16<<16
	default:
		g.sure[2].add(seven(loadWord(p)))
		upper, lower := pairBits(binary.LittleEndian.Uint32(p[3:]) | foldAll)
		*w |= 1<<upper | 1<<lower
	}
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
	var scores []int
	for _, k := range order {
		p := all[members[k]].bytes
		c, least, more := cost(len(p)), 0, int(g.paired)
		width := g.width
		switch {
		case g.paired > 0:
			width = pairWindow(len(p))
		case g.filter == Shuffle && !g.two:
			width = min(4, len(p))
		}
		scores = r.scores(scores[:0], p[:min(len(p), maxWindows+width+more)], width)
		for i := range scores {
			sum := load[g.window(p[i:])>>g.shift] + c
			if scores[i] += lg(uint64(4 + sum)); sum > maxCost {
				scores[i] += 16 << 8
			}
		}
		for i := 0; i+more < len(scores) && i < maxWindows; i++ {
			if worst := max(scores[i], scores[i+more]); i == 0 || worst < least {
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
	n := int(unsafe.Sizeof(*g)) + 8*(len(g.sure[0].bits)+len(g.sure[1].bits)+len(g.sure[2].bits)) + 4*len(g.bitmap) + 4*len(g.starts) + 32*len(g.entries) + 16*len(g.words) + 32*len(g.costs)
	if n += 256 * len(g.nibbles); g.gather != nil {
		n += int(unsafe.Sizeof(*g.gather))
	}
	return n
}
