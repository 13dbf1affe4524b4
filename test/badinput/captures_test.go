package badinput

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/test/harness"
)

// TestConformance reads every capture of the conformance set with every detector.
func TestConformance(t *testing.T) {
	list := harness.Conformance(t)
	var slowest time.Duration
	what, read, unused := "", uint64(0), uint64(0)
	for _, f := range list {
		s, err := harness.Open(f, true)
		if err != nil {
			t.Logf("%s: cannot be begun: %v", harness.Name(f), err)
			continue
		}
		o := harness.Run(t, harness.Name(f), s, harness.Options{MaxMemory: small})
		harness.Whole(t, harness.Name(f), o)
		read, unused = read+o.Account.Read, unused+o.Account.NotUsed
		if o.Took > slowest {
			slowest, what = o.Took, harness.Name(f)
		}
	}
	t.Logf("%d captures, %d packets, %d not used and counted; slowest %s in %s", len(list), read, unused, slowest.Round(time.Millisecond), what)
}

// harm is a sort of damage to the bytes of a file.
type harm struct {
	name string
	do   func(b []byte, r *rand.Rand) []byte
}

var harms = []harm{
	{"cut", func(b []byte, r *rand.Rand) []byte { return b[:r.IntN(len(b))] }},
	{"bits flipped", func(b []byte, r *rand.Rand) []byte {
		b = bytes.Clone(b)
		for range 1 + r.IntN(64) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
		return b
	}},
	{"blocks shuffled", func(b []byte, r *rand.Rand) []byte {
		head := min(24, len(b)) // the file header stays, so that what follows is read at all
		blocks := slices.Collect(slices.Chunk(b[head:], 512))
		r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
		return append(bytes.Clone(b[:head]), bytes.Join(blocks, nil)...)
	}},
	{"bytes left out", func(b []byte, r *rand.Rand) []byte {
		at := r.IntN(len(b))
		return append(bytes.Clone(b[:at]), b[min(len(b), at+1+r.IntN(100)):]...)
	}},
	{"bytes put in", func(b []byte, r *rand.Rand) []byte {
		at := r.IntN(len(b))
		return append(append(bytes.Clone(b[:at]), make([]byte, 1+r.IntN(100))...), b[at:]...)
	}},
}

// TestDamagedFiles damages the bytes of committed captures: a sample of them, all in the long tier.
func TestDamagedFiles(t *testing.T) {
	rounds := 1
	list := harness.Captures(t)
	some := harness.Sample(list, 110, seed)
	if harness.Long() {
		rounds, some = 40, list
	}
	begun := 0
	for _, f := range some {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rounds * len(harms) {
			h := harms[i%len(harms)]
			r := rand.New(rand.NewPCG(seed, uint64(i)<<32+uint64(len(b))))
			name := fmt.Sprintf("%s: %s (%d)", harness.Name(f), h.name, i)
			s, err := capture.OpenReader("-", bytes.NewReader(h.do(b, r)), capture.FileOptions{Poison: true})
			if err != nil {
				continue // it says so, and nothing of it can be read
			}
			begun++
			harness.Whole(t, name, harness.Run(t, name, s, harness.Options{MaxMemory: small}))
		}
	}
	t.Logf("%d damaged forms of %d of %d captures, %d of them could be begun; seed %d", rounds*len(harms)*len(some), len(some), len(list), begun, seed)
}

// disorder is a sort of harm to the frames of a capture.
type disorder struct {
	name string
	do   func(fs []capture.Frame, r *rand.Rand) []capture.Frame
}

// retimed gives each frame a new time.
func retimed(f func(i int, t packet.Time, r *rand.Rand) packet.Time) func([]capture.Frame, *rand.Rand) []capture.Frame {
	return func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		fs = slices.Clone(fs)
		for i := range fs {
			fs[i].Time = f(i, fs[i].Time, r)
		}
		return fs
	}
}

var year2106 = packet.Time(math.MaxUint32) * packet.Time(time.Second)

var disorders = []disorder{
	{"repeated", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		return capture.Apply(fs, capture.Duplicate(1+r.IntN(3), time.Duration(r.IntN(3))*time.Millisecond))
	}},
	{"missing", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		return capture.Apply(fs, capture.DropWhere(func(*capture.Frame) bool { return r.IntN(3) == 0 }))
	}},
	{"overtaken", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		return capture.Apply(fs, capture.Reorder(2, 1+r.IntN(5)))
	}},
	{"shuffled", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		fs = slices.Clone(fs)
		r.Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
		return fs
	}},
	{"backwards", func(fs []capture.Frame, _ *rand.Rand) []capture.Frame {
		fs = slices.Clone(fs)
		slices.Reverse(fs)
		return fs
	}},
	{"cut short", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		return capture.Apply(fs, capture.Truncate(r.IntN(80)))
	}},
	{"bits flipped", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		return capture.Apply(fs, capture.Corrupt(r.Uint64(), 1+r.IntN(4), 1+r.IntN(6)))
	}},
	{"time stands at 0", retimed(func(int, packet.Time, *rand.Rand) packet.Time { return 0 })},
	{"time at the end of 64 bits", retimed(func(_ int, t packet.Time, r *rand.Rand) packet.Time {
		return math.MaxInt64 - packet.Time(r.IntN(1000))
	})},
	{"time before everything", retimed(func(_ int, t packet.Time, r *rand.Rand) packet.Time {
		return math.MinInt64 + packet.Time(r.IntN(1000))
	})},
	{"in the year 2106", retimed(func(i int, _ packet.Time, _ *rand.Rand) packet.Time {
		return year2106 + packet.Time(i)*packet.Time(time.Millisecond)
	})},
	{"steps back", retimed(func(i int, t packet.Time, _ *rand.Rand) packet.Time {
		return t - packet.Time(i/10)*packet.Time(time.Hour)
	})},
	{"time at random", retimed(func(_ int, _ packet.Time, r *rand.Rand) packet.Time { return packet.Time(r.Uint64()) })},
	{"one absurd stamp", func(fs []capture.Frame, r *rand.Rand) []capture.Frame {
		fs = slices.Clone(fs)
		if len(fs) > 0 {
			fs[r.IntN(len(fs))].Time = packet.Time(r.Uint64())
		}
		return fs
	}},
}

// TestDisorderedFrames repeats, loses, reorders, cuts and misdates the frames of every committed capture. Two workers
// see the same as one, however absurd the input.
func TestDisorderedFrames(t *testing.T) {
	rounds := 1
	list := harness.Captures(t)
	some := harness.Sample(list, 20, seed)
	if harness.Long() {
		rounds, some = 12, list
	}
	n := 0
	for _, f := range some {
		frames, ifaces := harness.Frames(t, f)
		for i := range rounds * len(disorders) {
			d := disorders[i%len(disorders)]
			bad := d.do(frames, rand.New(rand.NewPCG(seed, uint64(i))))
			name := fmt.Sprintf("%s: %s (%d)", harness.Name(f), d.name, i)
			run := func(workers int) *harness.Outcome {
				m := capture.NewMemory(bad, ifaces...)
				m.Poison = true
				return harness.Run(t, name, m, harness.Options{Workers: workers, MaxMemory: small})
			}
			o := run(1)
			harness.Whole(t, name, o)
			n++
			if n%4 == 0 || harness.Long() {
				if diff := harness.Diff(o.Text, run(2).Text); diff != "" {
					t.Errorf("%s: two workers: %s", name, diff)
				}
			}
		}
	}
	t.Logf("%d disordered forms of %d of %d captures, seed %d", n, len(some), len(list), seed)
}
