package mpm

import (
	"encoding/binary"
	"math/bits"
)

// scan searches b a chunk at a time: first the filter, then what it marked, while both are in the cache.
func (g *group) scan(s *Scratch, b []byte) {
	positions := len(b) - g.width + 1
	// What heavy buckets may cost before the automaton takes over: as much for each byte as half a bucket that is not.
	budget := 64 + maxCost/2*len(b)
	rescueFrom := -1
	for chunk := 0; chunk < positions; chunk += chunkSize {
		n := min(chunkSize, positions-chunk)
		g.mark(s, b[chunk:], n)
		for k := 0; k < n; k += 64 {
			marks := binary.LittleEndian.Uint64(s.marks[k/8:])
			if k+64 > n {
				marks &= 1<<(n-k) - 1
			}
			for ; marks != 0; marks &= marks - 1 {
				at := chunk + k + bits.TrailingZeros64(marks)
				s.Stats.Candidates++
				bucket := g.window(b[at:]) >> g.shift
				first, last := g.starts[bucket], g.starts[bucket+1]&^heavy
				if first&heavy != 0 {
					if budget <= 0 {
						if rescueFrom < 0 {
							rescueFrom = at
						}
						continue
					}
					first &^= heavy
					for _, e := range g.entries[first:last] {
						budget -= cost(int(e.len))
					}
				}
				s.Stats.Compared += uint64(last - first)
				for i := first; i < last; i++ {
					g.compare(s, b, at, &g.entries[i])
				}
			}
		}
	}
	if rescueFrom >= 0 {
		s.Stats.Rescues++
		g.rescue.scan(s, b, rescueFrom)
	}
}

// compare notes the entry's pattern when it stands in b with its window at position at.
func (g *group) compare(s *Scratch, b []byte, at int, e *entry) {
	start := at - int(e.back)
	if start < 0 || start+int(e.len) > len(b) {
		return
	}
	load := start + int(e.load)
	var x uint64
	if load+8 <= len(b) {
		x = binary.LittleEndian.Uint64(b[load:])
	} else {
		x = loadWord(b[load:])
	}
	if x&e.word.mask != e.word.value || s.found(e.pat) {
		return
	}
	end := start + int(e.len)
	if e.words != 0 && !equalWords(b[start:end], g.words[e.rest:][:e.words]) {
		return
	}
	if d := &s.set.patterns[e.pat]; start >= d.from && end <= d.to {
		s.hit(e.pat, start)
	}
}
