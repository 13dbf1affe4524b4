package mpm

import (
	"cmp"
	"slices"
)

// Hit is a pattern that was found.
type Hit struct {
	ID uint32
	At int // where its first occurrence begins
}

// Stats counts what searching cost, since the scratch was made.
type Stats struct {
	Bytes      uint64 // searched
	Candidates uint64 // positions that the filters let through
	Compared   uint64 // entries compared with such positions
	Rescues    uint64 // buffers that the automaton had to finish
	Rescued    uint64 // bytes that it went through
}

// Scratch is what a search needs; each goroutine has its own, for all of its sets. The zero value is ready.
type Scratch struct {
	Stats   Stats
	set     *Set
	hits    []Hit
	pats    []uint32 // found in this search
	seen    []uint64 // a bit for each of them; else zero between searches
	settled []uint64
	marks   [chunkSize/8 + 8]byte  // a bit for each position that may begin a window
	more    [chunkSize/8 + 8]byte  // the marks of one table of several
	marked  [chunkSize + 64]uint16 // the places of marks
	tail    [tailSize]byte         // the end of a buffer, with room to read beyond it
}

const (
	chunkSize = 4096 // positions: their bytes and marks stay in the first cache
	tailSize  = 128
)

func (s *Scratch) begin(set *Set) {
	s.set = set
	if n := (len(set.patterns) + 63) / 64; n > len(s.seen) {
		s.seen = make([]uint64, n)
	}
	s.hits, s.pats = s.hits[:0], s.pats[:0]
}

func (s *Scratch) found(pat uint32) bool { return s.seen[pat>>6]&(1<<(pat&63)) != 0 }

// hit notes a pattern; only its first call counts.
func (s *Scratch) hit(pat uint32, at int) {
	if s.found(pat) {
		return
	}
	s.seen[pat>>6] |= 1 << (pat & 63)
	s.pats = append(s.pats, pat)
	for _, id := range s.set.patterns[pat].ids {
		s.hits = append(s.hits, Hit{id, at})
	}
}

// first notes a pattern at a place that may lie before the one that was noted.
func (s *Scratch) first(pat uint32, at int) {
	if !s.found(pat) {
		s.hit(pat, at)
		return
	}
	for _, id := range s.set.patterns[pat].ids {
		for i := range s.hits {
			if h := &s.hits[i]; h.ID == id && h.At > at {
				h.At = at
			}
		}
	}
}

// end leaves the scratch clean for the next set.
func (s *Scratch) end() []Hit {
	for _, p := range s.pats {
		s.seen[p>>6] = 0
	}
	s.set = nil
	slices.SortFunc(s.hits, func(a, b Hit) int { return cmp.Compare(a.ID, b.ID) })
	return s.hits
}
