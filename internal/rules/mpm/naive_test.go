package mpm

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"testing"
)

// naive is the answer by the plainest means: each pattern for itself.
func naive(patterns []Pattern, b []byte) []Hit {
	type key struct {
		text   string
		nocase bool
	}
	keyOf := func(p Pattern) key {
		nocase := p.NoCase && !bytes.Equal(bytes.ToLower(toASCII(p.Bytes)), bytes.ToUpper(toASCII(p.Bytes)))
		if nocase {
			return key{string(lowered(p.Bytes)), true}
		}
		return key{string(p.Bytes), false}
	}
	ranges := map[key][2]int{}
	for _, p := range patterns {
		to := p.To
		if to == 0 {
			to = math.MaxInt
		}
		k := keyOf(p)
		if r, ok := ranges[k]; ok {
			ranges[k] = [2]int{min(r[0], p.From), max(r[1], to)}
		} else {
			ranges[k] = [2]int{p.From, to}
		}
	}
	var out []Hit
	low := lowered(b)
	for _, p := range patterns {
		k := keyOf(p)
		text, r := b, ranges[k]
		if k.nocase {
			text = low
		}
		if r[1] = min(r[1], len(b)); r[0] >= r[1] {
			continue
		}
		if at := bytes.Index(text[r[0]:r[1]], []byte(k.text)); at >= 0 {
			out = append(out, Hit{p.ID, r[0] + at})
		}
	}
	slices.SortFunc(out, func(a, b Hit) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// toASCII replaces what is beyond ASCII, which the functions of bytes would take as runes.
func toASCII(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		b[i] = c & 0x7f
		if c >= 0x80 {
			b[i] = 0
		}
	}
	return b
}

func lowered(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// sets builds the patterns with every engine of this machine.
func sets(t testing.TB, patterns []Pattern) []*Set {
	rarity := new(Rarity)
	for _, p := range patterns {
		rarity.Learn(p.Bytes)
	}
	return setsWith(t, patterns, rarity)
}

func setsWith(t testing.TB, patterns []Pattern, rarity *Rarity) []*Set {
	var out []*Set
	for _, e := range append(Engines(), Fastest) {
		s, err := Build(patterns, Options{Engine: e, Rarity: rarity})
		if err != nil {
			t.Fatalf("%v: %v", e, err)
		}
		out = append(out, s)
	}
	return out
}

// same searches b with all sets and compares them with the naive answer.
func same(t *testing.T, sc *Scratch, patterns []Pattern, all []*Set, b []byte) {
	t.Helper()
	want := naive(patterns, b)
	for _, s := range all {
		if got := s.Scan(sc, b); !slices.Equal(got, want) {
			t.Fatalf("%v: %d bytes, %d patterns:\ngot  %v\nwant %v\nbuffer %.300q", s.Engine(), len(b), len(patterns), got, want, b)
		}
	}
}
