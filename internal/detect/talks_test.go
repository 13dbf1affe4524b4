package detect_test

import (
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestLeading: those that come first, in the order of a stable sort, for any number of them and many equal ones.
func TestLeading(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		v := make([]int, rnd.IntN(40))
		for i := range v {
			v[i] = rnd.IntN(8)
		}
		want := make([]int, len(v))
		for i := range want {
			want[i] = i
		}
		sort.SliceStable(want, func(i, j int) bool { return v[want[i]] > v[want[j]] })
		n := rnd.IntN(12)
		want = want[:min(n, len(want))]
		if got := detect.Leading(n, len(v), func(i, j int) bool { return v[i] > v[j] }); !slices.Equal(got, want) {
			t.Fatalf("first %d of %v are %v, want %v", n, v, got, want)
		}
	}
}

// TestTalks: pairs are summed over ports, the busier first, and name the services that were asked for.
func TestTalks(t *testing.T) {
	l := detect.NewLedger(1000)
	id := uint64(0)
	add := func(client, server string, port uint16, bytes uint64) {
		id++
		f := tcp(id, client, server, port, event.Started, float64(id), float64(id))
		f.Sides[0].Bytes = bytes
		l.Handle(f)
	}
	add("10.0.0.1", "10.0.0.9", 80, 100)
	add("10.0.0.2", "10.0.0.9", 80, 70)
	add("10.0.0.1", "10.0.0.9", 81, 50)
	add("10.0.0.9", "10.0.0.1", 80, 120) // the other way round is another pair
	for port := uint16(90); port < 96; port++ {
		add("10.0.0.2", "10.0.0.9", port, 1)
	}
	ts := l.Talks(2)
	if len(ts) != 2 || ts[0].Client != packet.MustAddr("10.0.0.1") || ts[0].Bytes != 150 || ts[0].Attempts != 2 || ts[0].Asked != 2 || ts[0].Services[1].Port != 81 ||
		ts[1].Client != packet.MustAddr("10.0.0.9") || ts[1].Bytes != 120 {
		t.Errorf("busiest two: %+v", ts)
	}
	if ts = l.Talks(9); len(ts) != 3 || ts[2].Asked != 4 || ts[2].Services[3].Port != 92 || ts[2].Attempts != 7 {
		t.Errorf("all three: %+v", ts)
	}
}
