package mpm

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// FuzzScan: every engine finds what the naive matcher finds. Patterns are cut from list at newlines; their options follow
// from seed. The buffer gets pieces of the patterns, so that there is something to find.
func FuzzScan(f *testing.F) {
	f.Add([]byte("GET /\nHost: \nhost\na\nAb\nabc"), []byte("GET /index.html HTTP/1.1\r\nHOST: example\r\n"), uint64(1))
	f.Add([]byte("aaaa\naaaaa\naaaaaa\naaaaaaa\naaaaaaaa\naaaaaaaaa\naaaaaaaaaaaaaaaaab\nAAAA\nAAAAAAAAAAAA"), bytes.Repeat([]byte("a"), 200), uint64(2))
	f.Add([]byte("\x00\x00\n\x00\x00\x00\n \x00 \n  \n@@@@\n````"), []byte("\x00 \x00\x00\x00`@@@@`\x00"), uint64(3))
	f.Add([]byte("b"), []byte("aab"), uint64(4))
	var sc Scratch
	rarity := new(Rarity) // of nothing: learning takes more time than all else
	f.Fuzz(func(t *testing.T, list, text []byte, seed uint64) {
		if len(list) > 4000 || len(text) > 12000 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 0))
		var patterns []Pattern
		for i, p := range bytes.Split(list, []byte("\n")) {
			if len(p) == 0 || i >= 200 {
				continue
			}
			one := Pattern{ID: uint32(i), Bytes: p, NoCase: r.IntN(2) == 0}
			if r.IntN(4) == 0 {
				one.From = r.IntN(20)
			}
			if r.IntN(4) == 0 {
				one.To = one.From + len(p) + r.IntN(50)
			}
			patterns = append(patterns, one)
		}
		text = bytes.Clone(text)
		for range len(text) * len(patterns) / 64 % 7 {
			copy(text[r.IntN(len(text)):], patterns[r.IntN(len(patterns))].Bytes)
		}
		same(t, &sc, patterns, setsWith(t, patterns, rarity), text)
	})
}
