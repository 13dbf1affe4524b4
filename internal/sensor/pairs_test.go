package sensor

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/packet"
)

// A set of pairs counts as a map does.
func TestPairSet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s pairSet
	want := map[pair]struct{}{}
	for i := range 20_000 {
		var p pair
		for _, a := range []*packet.Addr{&p.a, &p.b} {
			if *a = packet.Addr4([]byte{0, 0, 0, byte(r.Uint32N(200))}); i%7 == 0 {
				*a = packet.Addr{0: 0xfe, 15: byte(r.Uint32N(200))}
			}
		}
		if i%1000 == 500 {
			p = pair{packet.Addr4(make([]byte, 4)), packet.Addr4(make([]byte, 4))}
		}
		want[p] = struct{}{}
		s.add(&p)
		if s.len() != len(want) {
			t.Fatalf("step %d: %d pairs, want %d", i, s.len(), len(want))
		}
	}
}
