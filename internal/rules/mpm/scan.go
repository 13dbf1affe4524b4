package mpm

import (
	"encoding/binary"
	"math/bits"
)

// scan searches b a chunk at a time: first the filter, then what it marked, while both are in the cache.
func (g *group) scan(s *Scratch, b []byte) {
	positions := len(b) - g.width + 1
	stride := g.stride & 3
	slots := (positions + 1<<stride - 1) >> stride // to be looked at
	// What heavy buckets may cost before the automaton takes over: as much for each position as half a bucket that is not.
	budget := 64 + maxCost/2*slots
	rescueFrom := -1
	shuffled := g.filter == Shuffle
	safe := max(len(b)-7, 0) // eight bytes may be loaded before it
	candidates, compared := uint64(0), uint64(0)
	for chunk := 0; chunk < slots; chunk += chunkSize {
		n := min(chunkSize, slots-chunk)
		g.mark(s, b[chunk<<stride:], n)
		for k := 0; k < n; k += 64 {
			marks := binary.LittleEndian.Uint64(s.marks[k/8:])
			if k+64 > n {
				marks &= 1<<(n-k) - 1
			}
			for ; marks != 0; marks &= marks - 1 {
				at := (chunk + k + bits.TrailingZeros64(marks)) << stride
				candidates++
				h := g.window(b[at:])
				if shuffled && !both(g.bitmap[h>>(g.toWord&31)], h) {
					continue // tables of half bytes let through more than the bitmap does
				}
				bucket := h >> (g.shift & 31)
				first, last := g.starts[bucket], g.starts[bucket+1]&^heavy
				if first&heavy != 0 {
					first &^= heavy
					if budget -= g.costs[bucket]; budget < 0 {
						if rescueFrom < 0 {
							rescueFrom = at
						}
						continue
					}
				}
				compared += uint64(last - first)
				entries := g.entries[first:last]
				for i := range entries {
					e := &entries[i]
					load := at - int(e.lead)
					var x uint64
					if uint(load) < uint(safe) {
						x = binary.LittleEndian.Uint64(b[load:])
					} else if load >= 0 {
						x = loadWord(b[load:])
					} else {
						continue
					}
					if x&e.word.mask == e.word.value && !s.found(e.pat) {
						g.confirm(s, b, at-int(e.back), e)
					}
				}
			}
		}
	}
	s.Stats.Candidates += candidates
	s.Stats.Compared += compared
	if rescueFrom >= 0 {
		s.Stats.Rescues++
		g.rescue.scan(s, b, rescueFrom)
	}
}

// confirm notes the entry's pattern when all of it stands in b at start, where its eight bytes are.
func (g *group) confirm(s *Scratch, b []byte, start int, e *entry) {
	end := start + int(e.len)
	if start < 0 || end > len(b) {
		return
	}
	if e.words != 0 && !equalWords(b[start:end], g.words[e.rest:][:e.words]) {
		return
	}
	if d := &s.set.patterns[e.pat]; start >= d.from && end <= d.to {
		s.hit(e.pat, start)
	}
}
