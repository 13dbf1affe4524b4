package pcapfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// readSlowly reads b block by block, never in one piece.
func readSlowly(b []byte) (out []string) {
	r := NewReader(bytes.NewReader(b), Options{})
	if err := r.Start(); err != nil {
		return []string{err.Error()}
	}
	for {
		var rec Record
		_, size, got, err := r.step(&rec)
		if err != nil {
			return append(out, err.Error(), fmt.Sprint(r.Notes()))
		}
		if r.w.r += size; got {
			out = append(out, fmt.Sprintf("%+v", rec))
		}
	}
}

// Packets that are read in one piece are the same as those read block by block, whatever is wrong with the file.
func TestPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := rich(littleNG())
	g := littleNG().shb().idb(1, 0).idb(113, 64).idb(1, 0, []byte{9, 0, 1, 0, 9, 0, 0, 0})
	for i := range 12 {
		g.epb(uint32(i%3), uint64(i)<<uint(i*5), string(make([]byte, 3+i*7)))
	}
	plain := 0
	for i := range 4_000 {
		b := append([]byte(nil), g.b...)
		if i%4 == 0 {
			b = append([]byte(nil), base...)
		}
		for range i % 4 {
			b[r.IntN(len(b))] = []byte{0, 1, 3, 0xff, byte(r.Uint32())}[r.IntN(5)]
		}
		var got []string
		rd := NewReader(bytes.NewReader(b), Options{})
		var err error
		if err = rd.Start(); err != nil {
			got = []string{err.Error()}
		}
		for err == nil {
			var rec Record
			if rd.plain(&rec) {
				plain++
			} else if err = rd.Next(&rec); err != nil {
				got = append(got, err.Error(), fmt.Sprint(rd.Notes()))
				break
			}
			got = append(got, fmt.Sprintf("%+v", rec))
		}
		if want := readSlowly(b); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("step %d:\n%v\nwant\n%v", i, got, want)
		}
	}
	if plain < 20_000 {
		t.Errorf("only %d packets were read in one piece", plain)
	}
}
