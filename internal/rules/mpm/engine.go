package mpm

import (
	"encoding/binary"
	"sync"
	"time"
)

// Engine is a way to mark the positions where a pattern may begin. All of them find the same.
type Engine uint8

// The engines.
const (
	Fastest  Engine = iota // what this processor is quickest with, for each set
	Portable               // plain Go
	Gather                 // AVX2: eight positions a step look into the bitmap; for any number of patterns
	Shuffle                // AVX2: 32 positions a step against tables of half bytes; for few patterns
)

// String names the engine.
func (e Engine) String() string { return [...]string{"fastest", "portable", "gather", "shuffle"}[e&3] }

// Engines are those that this processor has. A Set built with another one takes Portable.
func Engines() []Engine {
	if avx2 {
		return []Engine{Portable, Gather, Shuffle}
	}
	return []Engine{Portable}
}

func (e Engine) resolve() Engine {
	if !avx2 {
		return Portable
	}
	return e
}

const (
	// perTable is how many patterns tables of half bytes take before they let through too much (2026-11-28,
	// BenchmarkEngines).
	perTable = 40
	// perTwo is the same where no pattern is longer than three bytes (2026-11-30).
	perTwo = 80
	// maxTables is how many passes may be made with tables before the bitmap is faster everywhere.
	maxTables = 4
)

// forGroup is the engine for a group of n patterns, of no more than three bytes each if so short; e is resolved.
func (e Engine) forGroup(n int, short bool) Engine {
	per, tables := perTable, measured().tables
	if short { // a pass costs half as much
		per, tables = perTwo, min(2*tables, maxTables)
	}
	switch {
	case e != Fastest:
		return e
	case n <= per || n <= per*tables:
		return Shuffle
	case measured().gather:
		return Gather
	}
	return Portable
}

// forPairs is the engine for a group in pairs; e is resolved.
func (e Engine) forPairs() Engine {
	if e == Portable || e == Fastest && !measured().pairs {
		return Portable
	}
	return Gather
}

// speeds is what this processor is good at.
type speeds struct {
	gather bool // faster than Portable
	pairs  bool // the same of groups in pairs
	tables int  // that Shuffle may use before Gather or Portable is faster
}

// measured compares the engines once: some processors gather slowly, others were slowed down by what cures their leaks.
// It has no part in what is found.
var measured = sync.OnceValue(func() speeds {
	const n, length = 1000, 16 << 10
	r := uint64(1)
	next := func() uint64 { r = r*6364136223846793005 + 1442695040888963407; return r >> 16 }
	all, members := make([]distinct, n), make([]int, n)
	for i := range all {
		all[i] = distinct{bytes: binary.LittleEndian.AppendUint64(nil, next()), to: length, ids: []uint32{uint32(i)}}
		members[i] = i
	}
	text := make([]byte, length)
	for i := range text {
		text[i] = byte(next())
	}
	rarity, s := new(Rarity), new(Scratch)
	s.begin(&Set{patterns: all})
	best := func(e Engine, members []int, width int, paired uint) time.Duration {
		g := newGroup(all, members, width, paired, e, rarity)
		least := time.Duration(1 << 62)
		for range 7 {
			start := time.Now()
			g.scan(s, text)
			least = min(least, time.Since(start))
		}
		return max(least, 1)
	}
	gather, portable, shuffle := best(Gather, members, 4, 0), best(Portable, members, 4, 0), best(Shuffle, members[:perTable], 4, 0)
	// Tables let through somewhat more than the bitmap does: they must be half as fast again.
	tables := int(min(gather, portable) * 2 / (shuffle * 3))
	return speeds{gather: gather < portable, pairs: best(Gather, members, 3, 1) < best(Portable, members, 3, 1), tables: min(tables, maxTables)}
})
