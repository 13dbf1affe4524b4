package main

import (
	"math/rand"
	"testing"
	"time"
)

// share counts how often ok holds over n draws.
func share(f faults, size, n int, ok func(fate) bool) float64 {
	r := rand.New(rand.NewSource(7))
	hit := 0
	for range n {
		if ok(f.decide(size, r)) {
			hit++
		}
	}
	return float64(hit) / float64(n)
}

func TestDecide(t *testing.T) {
	const n = 20000
	cases := []struct {
		name     string
		f        faults
		size     int
		ok       func(fate) bool
		min, max float64
	}{
		{"no loss", faults{}, 100, func(x fate) bool { return x.drop }, 0, 0},
		{"loss", faults{loss: 0.1}, 100, func(x fate) bool { return x.drop }, 0.09, 0.11},
		{"short frames spared", faults{loss: 1, minLen: 100}, 100, func(x fate) bool { return x.drop }, 0, 0},
		{"long frames vanish", faults{maxLen: 1400}, 1401, func(x fate) bool { return x.drop }, 1, 1},
		{"at the limit", faults{maxLen: 1400}, 1400, func(x fate) bool { return x.drop }, 0, 0},
		{"doubled", faults{dup: 0.5}, 100, func(x fate) bool { return x.copies == 2 }, 0.48, 0.52},
		{"reordered", faults{reorder: 0.2, delay: time.Millisecond}, 100, func(x fate) bool { return x.wait > time.Millisecond }, 0.18, 0.22},
		{"damage is after the IP header", faults{corrupt: 1}, 60, func(x fate) bool { return x.flip >= 34 && x.flip < 60 }, 1, 1},
		{"too short to damage", faults{corrupt: 1}, 34, func(x fate) bool { return x.flip == -1 }, 1, 1},
	}
	for _, c := range cases {
		if got := share(c.f, c.size, n, c.ok); got < c.min || got > c.max {
			t.Errorf("%s: %v of the frames, want %v to %v", c.name, got, c.min, c.max)
		}
	}
}

// A tag goes on one way and comes off the other way; frames without one stay as they are.
func TestRelabel(t *testing.T) {
	plain := "aaaaaabbbbbb\x08\x00text"
	tagged := "aaaaaabbbbbb\x81\x00\x0f\xfe\x08\x00text"
	for _, c := range []struct {
		name          string
		f             faults
		frame, become string
	}{
		{"on", faults{tag: 4094}, plain, tagged},
		{"off", faults{untag: true}, tagged, plain},
		{"nothing to take off", faults{untag: true}, plain, plain},
		{"left alone", faults{}, tagged, tagged},
		{"too short", faults{tag: 20}, "aaaaaabbbbbb", "aaaaaabbbbbb"},
	} {
		if got := string(c.f.relabel([]byte(c.frame))); got != c.become {
			t.Errorf("%s: %q, want %q", c.name, got, c.become)
		}
	}
}

// One seed and one sequence of frames give one result, whatever the faults are.
func TestDecideRepeats(t *testing.T) {
	f := faults{loss: 0.3, dup: 0.3, reorder: 0.3, corrupt: 0.3, jitter: time.Millisecond}
	a, b := rand.New(rand.NewSource(3)), rand.New(rand.NewSource(3))
	for i := range 1000 {
		if x, y := f.decide(60+i, a), f.decide(60+i, b); x != y {
			t.Fatalf("frame %d: %+v and %+v", i, x, y)
		}
	}
}
