package sensor

import (
	"math/rand/v2"
	"testing"

	"firestorm/internal/packet"
)

// Hosts are counted each for itself until there is no room: then those that are known go on to be.
func TestTalkers(t *testing.T) {
	var got talkers
	want := map[packet.Addr]uint64{}
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 40_000 {
		a := packet.Addr{15: byte(r.Uint32()), 14: byte(r.IntN(24)), 3: byte(r.IntN(2))}
		_, known := want[a]
		h := got.of(&a)
		if full := len(want) == maxTalkers; (h == nil) != (full && !known) {
			t.Fatalf("%v, known %v: %v with %d hosts", a, known, h, len(want))
		}
		if h == nil {
			refused++
			continue
		}
		h.Flows++
		want[a]++
	}
	for i := range got.hosts {
		if h := &got.hosts[i]; h.Flows != want[h.Addr] {
			t.Errorf("%v: %d, want %d", h.Addr, h.Flows, want[h.Addr])
		}
	}
	if len(got.hosts) != len(want) || refused == 0 {
		t.Errorf("%d hosts, want %d; %d refused", len(got.hosts), len(want), refused)
	}
}
