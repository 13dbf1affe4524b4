// Command impair is a cable with faults: it moves Ethernet frames between two
// devices of one network namespace and delays, loses, doubles, reorders or
// damages them on the way. It stands in for a kernel queueing discipline that
// is not everywhere available. Random choices come from -seed; the arrival
// order of frames, and with it the outcome, still depends on the machine.
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"time"
)

// faults says what happens to the frames of one direction.
type faults struct {
	delay, jitter               time.Duration
	loss, dup, reorder, corrupt float64 // probabilities, 0 to 1
	maxLen                      int     // longer frames vanish; 0: no limit
	minLen                      int     // frames up to this length are never lost
	tag                         uint16  // VLAN of the tag that frames get, 0: none
	untag                       bool    // frames lose their tag
}

// fate is the outcome for one frame.
type fate struct {
	drop   bool
	copies int
	wait   time.Duration
	flip   int // byte to damage, -1: none
}

const ethHeader = 14

// relabel puts the tag on a frame, or takes it off (IEEE 802.1Q 9.3).
func (f faults) relabel(b []byte) []byte {
	const addresses, tagType = 12, "\x81\x00"
	switch {
	case len(b) < ethHeader:
	case f.tag != 0:
		return slices.Concat(b[:addresses], []byte(tagType), []byte{byte(f.tag >> 8), byte(f.tag)}, b[addresses:])
	case f.untag && string(b[addresses:ethHeader]) == tagType && len(b) >= ethHeader+4:
		return slices.Concat(b[:addresses], b[addresses+4:])
	}
	return b
}

// decide draws the fate of a frame of n bytes. It draws in a fixed order, so
// that one seed and one sequence of frames give one result.
func (f faults) decide(n int, r *rand.Rand) fate {
	lost, doubled, late, damaged := r.Float64(), r.Float64(), r.Float64(), r.Float64()
	out := fate{copies: 1, wait: f.delay, flip: -1}
	if f.maxLen > 0 && n > f.maxLen || lost < f.loss && n > f.minLen {
		out.drop = true
		return out
	}
	if f.jitter > 0 {
		out.wait += time.Duration(r.Int63n(int64(f.jitter)))
	}
	if late < f.reorder {
		out.wait += 4 * time.Millisecond
	}
	if doubled < f.dup {
		out.copies = 2
	}
	if damaged < f.corrupt && n > ethHeader+20 {
		out.flip = ethHeader + 20 + r.Intn(n-ethHeader-20)
	}
	return out
}

func main() {
	a := flag.String("a", "", "first device")
	b := flag.String("b", "", "second device")
	dir := flag.String("dir", "both", "direction of -loss -dup -reorder -corrupt -maxlen: both, ab or ba; -delay and -jitter are for both")
	var f faults
	flag.DurationVar(&f.delay, "delay", 0, "one-way delay")
	flag.DurationVar(&f.jitter, "jitter", 0, "further random delay, up to this; may reorder")
	flag.Float64Var(&f.loss, "loss", 0, "share of frames that vanish, 0 to 1")
	flag.Float64Var(&f.dup, "dup", 0, "share of frames sent twice, 0 to 1")
	flag.Float64Var(&f.reorder, "reorder", 0, "share of frames held back by 4 ms, 0 to 1")
	flag.Float64Var(&f.corrupt, "corrupt", 0, "share of frames with one bit flipped after the IP header, 0 to 1")
	flag.IntVar(&f.maxLen, "maxlen", 0, "longer frames vanish; 0: no limit")
	flag.IntVar(&f.minLen, "minlen", 0, "frames up to this length are never lost")
	vlan := flag.Uint("vlan", 0, "VLAN of the tag that frames from -a have on -b, 1 to 4094; 0: no tag")
	seed := flag.Int64("seed", 1, "start of the random sequence")
	flag.Parse()
	if *a == "" || *b == "" || *dir != "both" && *dir != "ab" && *dir != "ba" || *vlan > 4094 {
		fmt.Fprintln(os.Stderr, "impair: -a and -b are needed, -dir is both, ab or ba, -vlan at most 4094")
		os.Exit(2)
	}
	plain := faults{delay: f.delay, jitter: f.jitter}
	ab, ba := f, f
	if *dir == "ab" {
		ba = plain
	}
	if *dir == "ba" {
		ab = plain
	}
	ab.tag, ba.untag = uint16(*vlan), *vlan != 0
	if err := run(*a, *b, ab, ba, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "impair:", err)
		os.Exit(1)
	}
}
