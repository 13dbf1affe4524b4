package header

import (
	"math/rand/v2"
	"testing"
)

// TestWide: wide registers sum as words do, for any length and place; full bytes carry everywhere.
func TestWide(t *testing.T) {
	if !avx2 {
		t.Skip("this processor has no AVX2")
	}
	r := rand.New(rand.NewPCG(7, 8))
	whole := make([]byte, 9000)
	for n := range 2500 {
		b := whole[n%37:][:n+n%5*1200]
		for i := range b {
			b[i] = byte(r.Uint32())
			if n%3 == 0 {
				b[i] = 0xff
			}
		}
		sum, rest := sumBlocks(b)
		want, wantRest := sumWords(b)
		if Fold(sum) != Fold(want) || len(rest) != len(wantRest) {
			t.Fatalf("%d bytes: %#x with %d left, want %#x with %d", len(b), Fold(sum), len(rest), Fold(want), len(wantRest))
		}
		avx2 = false
		slow := Sum(uint64(n), b)
		avx2 = true
		if got := Sum(uint64(n), b); got != slow {
			t.Fatalf("%d bytes: %#x, want %#x", len(b), got, slow)
		}
	}
}
