package header

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestWide: wide registers sum as words do, for any length and place; full bytes carry everywhere.
func TestWide(t *testing.T) {
	if !avx2 {
		t.Skip("this processor has no AVX2")
	}
	r := rand.New(rand.NewPCG(7, 8))
	whole := make([]byte, 1<<16+100)
	for n := range 2500 {
		b := whole[n%37:][:n+n%5*1200]
		for i := range b {
			b[i] = byte(r.Uint32())
			if n%3 == 0 {
				b[i] = 0xff
			}
		}
		want := Fold(sumWords(b))
		if got := Fold(RawSum(b)); got != want {
			t.Fatalf("%d bytes: %#x, want %#x", len(b), got, want)
		}
		avx2 = false
		slow := Sum(uint64(n), b)
		avx2 = true
		if got := Sum(uint64(n), b); got != slow {
			t.Fatalf("%d bytes: %#x, want %#x", len(b), got, slow)
		}
	}
}

// TestWideLimits: the longest message of the wide registers with the smallest and the largest sum, and one more byte.
func TestWideLimits(t *testing.T) {
	for _, n := range []int{31, 32, 33, 127, 128, 1<<16 - 1, 1 << 16, 1<<16 + 1} {
		for _, x := range []byte{0, 0x7f, 0x80, 0xff} {
			b := bytes.Repeat([]byte{x}, n)
			if got, want := Fold(RawSum(b)), Fold(sumWords(b)); got != want {
				t.Errorf("%d bytes of %#x: %#x, want %#x", n, x, got, want)
			}
		}
	}
}

// FuzzRawSum holds the wide registers to plain Go.
func FuzzRawSum(f *testing.F) {
	for _, n := range []int{0, 1, 31, 32, 47, 63, 129, 300} {
		f.Add(bytes.Repeat([]byte{0xff, 0x80, 1}, n)[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for at := range min(len(b), 3) {
			if got, want := Fold(RawSum(b[at:])), Fold(sumWords(b[at:])); got != want {
				t.Fatalf("%#x, want %#x", got, want)
			}
		}
	})
}
