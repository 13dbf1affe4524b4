package mpm

import (
	"encoding/binary"
	"math/bits"
)

// scan searches b a chunk at a time: first the filter, then what it marked, while both are in the cache.
func (g *group) scan(s *Scratch, b []byte) {
	positions := len(b) - g.width + 1
	paired := g.paired & 1
	slots := (positions + int(paired)) >> paired // to be looked at
	// What heavy buckets may cost before the automaton takes over: as much for each position as half a bucket that is not.
	budget := 64 + maxCost/2*slots
	rescueFrom := -1
	safe := max(len(b)-7, 0) // eight bytes may be loaded before it
	for chunk := 0; chunk < slots; chunk += chunkSize {
		n := min(chunkSize, slots-chunk)
		g.mark(s, b[chunk<<paired:], n)
		marked := s.places(n, paired > 0)
		s.Stats.Candidates += uint64(len(marked))
		for _, place := range marked {
			at := (chunk + int(place)) << paired
			var x uint64
			if at < safe {
				x = binary.LittleEndian.Uint64(b[at:])
			} else {
				x = loadWord(b[at:])
			}
			h := (uint32(x)&g.keep | g.fold) * multiplier
			if !g.probable(x, h) {
				continue
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
			s.Stats.Compared += uint64(last - first)
			entries := g.entries[first:last]
			for i := range entries {
				e := &entries[i]
				load := at - int(e.lead)
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
	if rescueFrom >= 0 {
		s.Stats.Rescues++
		g.rescue.scan(s, b, rescueFrom)
	}
}

// places lists which of the first n marks are set. Where many of 64 are, two are written down whether they are there or not: how
// many there are is nothing that a processor can foresee (2026-11-30).
func (s *Scratch) places(n int, many bool) []uint16 {
	count := 0
	for k := 0; k < n; k += 64 {
		marks := binary.LittleEndian.Uint64(s.marks[k/8:])
		if k+64 > n {
			marks &= 1<<(n-k) - 1
		}
		if marks == 0 && !many {
			continue
		}
		to := s.marked[count : count+64]
		left := marks & (marks - 1)
		to[0], to[1] = uint16(k+bits.TrailingZeros64(marks)), uint16(k+bits.TrailingZeros64(left))
		left &= left - 1
		for i := 2; left != 0; left &= left - 1 {
			to[i] = uint16(k + bits.TrailingZeros64(left))
			i++
		}
		count += bits.OnesCount64(marks)
	}
	return s.marked[:count]
}

// probable reports whether some window may be what x begins with, whose hash is h: what the filter let through is mostly none,
// and this costs less than a bucket.
func (g *group) probable(x uint64, h uint32) bool {
	switch {
	case g.paired > 0:
		return g.sure[0].has(three(x))|g.sure[1].has(four(x))|g.sure[2].has(seven(x)) != 0
	case g.filter == Shuffle:
		return both(g.bitmap[h>>(g.toWord&31)], h)
	}
	return true
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
