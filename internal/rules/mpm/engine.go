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

// maxShuffle is up to how many patterns shuffling is faster than gathering: beyond, the tables let through too much
// (2026-11-28, BenchmarkEngines).
const maxShuffle = 48

// forGroup is the engine for a group of n patterns; e is resolved.
func (e Engine) forGroup(n int) Engine {
	switch {
	case e != Fastest:
		return e
	case n <= maxShuffle:
		return Shuffle
	case gatherPays():
		return Gather
	}
	return Portable
}

// gatherPays measures once whether this processor gathers faster than it loads: some were slowed down by what cures
// their leaks, and some never were fast. It has no part in what is found.
var gatherPays = sync.OnceValue(func() bool {
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
	best := func(e Engine) time.Duration {
		g := newGroup(all, members, 4, e, rarity)
		least := time.Duration(1 << 62)
		for range 7 {
			start := time.Now()
			g.scan(s, text)
			least = min(least, time.Since(start))
		}
		return least
	}
	return best(Gather) < best(Portable)
})
