package mpm

import (
	"bytes"
	"slices"
	"unsafe"
)

// Set searches for all of its patterns at once. It does not change after it is built, and any number of goroutines may use
// it, each with its own [Scratch].
type Set struct {
	patterns []distinct
	engine   Engine
	limit    int // no pattern may end after it
	bytes    *singles
	short    *group // patterns of 2 and 3 bytes, or all that one Shuffle takes
	long     *group // patterns of 4 and more, in pairs
}

// Options change how a Set searches and never what it finds.
type Options struct {
	Engine Engine  // [Fastest] unless tests want another
	Rarity *Rarity // of the whole rule set; nil for that of the patterns themselves. Borrowed until Build returns
}

// Build makes a Set. The patterns may come in any order.
func Build(patterns []Pattern, o Options) (*Set, error) {
	all, err := unify(patterns)
	if err != nil {
		return nil, err
	}
	s := &Set{patterns: all, engine: o.Engine.resolve()}
	var one, short, long []int
	shortest := 3
	for i, d := range all {
		s.limit = max(s.limit, d.to)
		switch n := len(d.bytes); {
		case n == 1:
			one = append(one, i)
		case n < 4:
			short = append(short, i)
			shortest = min(shortest, n)
		default:
			long = append(long, i)
		}
	}
	// Few patterns are found fastest at each position, whatever their lengths: tables of half bytes do that in one pass.
	few := 0
	if n := len(short) + len(long); s.engine == Shuffle || s.engine == Fastest && n <= perTable {
		if short == nil {
			shortest = 4
		}
		few = len(long)
		short, long = append(short, long...), nil
		slices.Sort(short)
	}
	r := o.Rarity
	if r == nil && (short != nil || long != nil) {
		r = new(Rarity)
		for _, d := range all {
			r.Learn(d.bytes)
		}
	}
	if one != nil {
		s.bytes = newSingles(all, one)
	}
	if short != nil {
		s.short = newGroup(all, short, shortest, 0, s.engine.forGroup(len(short), few == 0), r)
	}
	if long != nil {
		s.long = newGroup(all, long, 3, 1, s.engine.forPairs(), r)
	}
	return s, nil
}

// Len is the number of patterns that differ.
func (s *Set) Len() int { return len(s.patterns) }

// Engine is the one that searches.
func (s *Set) Engine() Engine { return s.engine }

// Bytes is the memory that the set takes, without what the allocator rounds up.
func (s *Set) Bytes() int {
	n := int(unsafe.Sizeof(*s))
	for _, d := range s.patterns {
		n += int(unsafe.Sizeof(d)) + len(d.bytes) + 4*len(d.ids)
	}
	if s.bytes != nil {
		n += s.bytes.size()
	}
	for _, g := range []*group{s.short, s.long} {
		if g != nil {
			n += g.size()
			if g.rescue != nil {
				n += g.rescue.size()
			}
		}
	}
	return n
}

// Scan returns the patterns that occur in b, by rising ID, each with the first place that is in its range. The hits are
// the scratch's, and good until its next use. Nothing is allocated once the scratch has seen the set.
func (s *Set) Scan(sc *Scratch, b []byte) []Hit {
	sc.begin(s)
	b = b[:min(len(b), s.limit)]
	sc.Stats.Bytes += uint64(len(b))
	if len(s.patterns) == 1 && !s.patterns[0].nocase {
		d := &s.patterns[0]
		if d.from < len(b) {
			if at := bytes.Index(b[d.from:], d.bytes); at >= 0 {
				sc.hit(0, d.from+at)
			}
		}
		return sc.end()
	}
	if s.bytes != nil {
		s.bytes.scan(sc, b)
	}
	if s.short != nil {
		s.short.scan(sc, b)
	}
	if s.long != nil {
		s.long.scan(sc, b)
	}
	return sc.end()
}
