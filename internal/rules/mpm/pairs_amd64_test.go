package mpm

import (
	"math/rand/v2"
	"testing"
)

// TestPairsTwin: the assembly marks what its twin in Go does, at each position behind which there are as many bytes as both look at.
func TestPairsTwin(t *testing.T) {
	if !avx2 {
		t.Skip("this processor has no AVX2")
	}
	r := rand.New(rand.NewPCG(31, 32))
	var a, b Scratch
	marked := 0
	for round := range 40 {
		alphabet := []string{"", "abAB", "abcdefgh /:=.", "\x00\x20\xff"}[round%4]
		var patterns []Pattern
		for i := range 1 + r.IntN(300) {
			patterns = append(patterns, Pattern{ID: uint32(i), Bytes: someBytes(r, 4+r.IntN(12), alphabet), NoCase: r.IntN(2) == 0})
		}
		s, err := Build(patterns, Options{Engine: Gather})
		if err != nil {
			t.Fatal(err)
		}
		g := s.long
		for size := 3; size < 200; size++ {
			text := someBytes(r, size, alphabet)
			copy(text, patterns[r.IntN(len(patterns))].Bytes)
			n := (size - 1) / 2
			g.mark(&a, text, n)
			g.markPairs(b.marks[:], text, n)
			for i := range n {
				x, y := a.marks[i/8]>>(i%8)&1, b.marks[i/8]>>(i%8)&1
				if marked += int(x); x != y && 2*i+7 <= size {
					t.Fatalf("round %d, %d bytes, position %d: assembly %d, Go %d", round, size, 2*i, x, y)
				}
			}
		}
	}
	if marked == 0 {
		t.Error("nothing was marked")
	}
}
