package mpm

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// cruelSets are patterns that make windows worthless: all in one bucket, each a piece of the next, or longer than what is
// compared at once.
func cruelSets() map[string][]Pattern {
	out := map[string][]Pattern{}
	var nested, alike, long []Pattern
	for i := 4; i < 300; i++ {
		nested = append(nested, Pattern{ID: uint32(i), Bytes: bytes.Repeat([]byte("a"), i), NoCase: i%2 == 0})
	}
	for i := range 33 { // one window, 32 ways to write it, and all of them
		p := []byte("aaaaa")
		for k := range p {
			p[k] -= byte(i) >> k & 1 * 0x20
		}
		alike = append(alike, Pattern{ID: uint32(i), Bytes: p, NoCase: i == 32})
	}
	for i := range 40 {
		p := bytes.Repeat([]byte("a"), 700)
		p[len(p)-1-i] = 'b'
		long = append(long, Pattern{ID: uint32(i), Bytes: p, NoCase: i%2 == 0, From: i * 10})
	}
	out["nested"], out["alike"], out["long"] = nested, alike, long
	return out
}

// TestHostile: the work for a byte is bounded and the answer stays right, whatever the buffer is made of.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for name, patterns := range cruelSets() {
		texts := [][]byte{
			bytes.Repeat([]byte("a"), 3000),
			bytes.Repeat([]byte("A"), 3000),
			bytes.Repeat([]byte("aaaab"), 600),
			bytes.Repeat(patterns[0].Bytes, 3000/len(patterns[0].Bytes)),
			someBytes(r, 3000, "aaaaaaaaab"),
			append(bytes.Repeat([]byte("b"), 1500), bytes.Repeat([]byte("aA"), 800)...),
			bytes.Repeat([]byte("a"), 20),
		}
		rescues := uint64(0)
		for _, s := range sets(t, patterns) {
			longest := 0
			for _, d := range s.patterns {
				longest = max(longest, len(d.bytes))
			}
			for i, text := range texts {
				var sc Scratch
				if got, want := s.Scan(&sc, text), naive(patterns, text); !slices.Equal(got, want) {
					t.Fatalf("%s, %v, text %d: %d hits, want %d", name, s.Engine(), i, len(got), len(want))
				}
				n, st := uint64(len(text)), sc.Stats
				// A group looks at each position, another one at each second. maxCost for each byte that is not heavy, half of it for heavy ones; the trees of both cases go over what is
				// left and what may reach into it.
				if st.Candidates > n+(n+1)/2 || st.Compared > n*maxCost*3/2+64 || st.Rescued > 2*n {
					t.Errorf("%s, %v, text %d of %d bytes: %+v", name, s.Engine(), i, n, st)
				}
				rescues += st.Rescues
			}
		}
		if rescues == 0 {
			t.Errorf("%s: no text was cruel enough for the automaton", name)
		}
	}
}

// BenchmarkHostile shows what the worst buffers cost against plain ones.
func BenchmarkHostile(b *testing.B) {
	for name, patterns := range cruelSets() {
		s, err := Build(patterns, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range []struct {
			name string
			text []byte
		}{
			{"plain", requests(16 << 10)},
			{"a", bytes.Repeat([]byte("a"), 16<<10)},
			{"aab", someBytes(rand.New(rand.NewPCG(1, 1)), 16<<10, "aaaaaaaaab")},
		} {
			b.Run(name+"/"+c.name, func(b *testing.B) { scanPieces(b, s, c.text) })
		}
	}
}
