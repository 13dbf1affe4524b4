package invariants

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/test/harness"
)

// said is what a reader is told, without numbers of frames.
func said(o *harness.Outcome) []string {
	var out []string
	for _, f := range o.Findings {
		if f.Confidence >= finding.Possible {
			out = append(out, f.Code.ID+" "+f.Confidence.String()+": "+f.Title)
		}
	}
	slices.Sort(out)
	return out
}

// sure is the code, confidence and severity of what is found at likely or above.
func sure(o *harness.Outcome) []string {
	var out []string
	for _, f := range o.Findings {
		if f.Confidence >= finding.Likely {
			out = append(out, f.Code.ID+" "+f.Confidence.String())
		}
	}
	slices.Sort(out)
	return out
}

// ofTheWire are codes that speak of the place of capture as a whole: merged with traffic that does not show it, the
// place is another one.
var ofTheWire = map[string]string{
	"duplicate-on-wire": "a mirror port that doubles some packets only is not what was recorded",
}

// TestMixed merges each capture that shows a fault into much unrelated traffic on the same wire: the same is found,
// as surely, and nothing else. In the short tier every eighth capture, in a twentieth of the traffic.
func TestMixed(t *testing.T) {
	size := int64(10 << 20)
	if harness.Long() {
		size = 210 << 20
	}
	const meanFrame = 616 // bytes, header of the record included
	packets := float64(size) / meanFrame
	n := 0
	for i, c := range harness.Positives(t) {
		if !harness.Long() && i%8 != 0 {
			continue // the long tier takes all
		}
		for _, f := range c.Files {
			t.Run(c.Name+"/"+filepath.Base(f), func(t *testing.T) {
				n++
				frames, ifaces := harness.Frames(t, f)
				alone := harness.Run(t, f, capture.NewMemory(frames, ifaces...), harness.Options{NoEvents: true})
				from, to := harness.Span(frames)
				from = from.Add(-time.Second) // not longer than the capture: what is awaited longer is surer
				// A packet of the generator stands for 11 µs. Its time is stretched over the capture's; the fewer
				// connections, the more often each has its turn, so that round trips stay near 50 ms.
				each := time.Duration(float64(to.Sub(from)) / packets)
				live := max(10, int(50*time.Millisecond/each))
				traffic := func() capture.Source {
					return harness.Until(harness.Stretched(harness.Mix(t, size, live, seed), harness.MixBegin, from, float64(each)/11000), to)
				}
				mixed := harness.Run(t, f, harness.OneWire(capture.NewMemory(frames, ifaces...), traffic()),
					harness.Options{NoEvents: true, Workers: 2, Limit: time.Minute})
				harness.Whole(t, f, mixed)
				wire := func(s string) bool {
					code, _, _ := strings.Cut(s, " ")
					return ofTheWire[code] != ""
				}
				got, want := slices.DeleteFunc(sure(mixed), wire), slices.DeleteFunc(sure(alone), wire)
				if !slices.Equal(got, want) {
					t.Errorf("in %d MB of other traffic (%d packets, %d connections at a time)\n got  %v\n want %v",
						size>>20, mixed.Account.Read-alone.Account.Read, live, said(mixed), said(alone))
					quiet := harness.Run(t, "traffic", traffic(), harness.Options{NoEvents: true, Limit: time.Minute})
					t.Errorf("the other traffic alone: %v", said(quiet))
				}
			})
		}
	}
	t.Logf("%d captures, each in %d MB, seed %d", n, size>>20, seed)
}

// TestSplit reads captures cut in two, at several places, and cut into the two directions as a tap gives them: merged
// back, the same is found.
func TestSplit(t *testing.T) {
	for _, c := range harness.Positives(t) {
		for _, f := range c.Files {
			frames, ifaces := harness.Frames(t, f)
			for i := range frames {
				frames[i].Number = uint64(i + 1)
			}
			want := said(harness.Run(t, f, capture.NewMemory(frames, ifaces...), harness.Options{NoEvents: true}))
			check := func(how string, a, b []capture.Frame) {
				o := harness.Run(t, f, harness.OneWire(capture.NewMemory(a, ifaces...), capture.NewMemory(b, ifaces...)),
					harness.Options{NoEvents: true})
				if got := said(o); !slices.Equal(got, want) {
					t.Errorf("%s, %s\n got  %v\n want %v", harness.Name(f), how, got, want)
				}
			}
			if !ordered(frames) {
				continue // merging would sort it
			}
			for _, k := range []int{1, len(frames) / 3, len(frames) / 2, len(frames) - 1} {
				if k > 0 && k < len(frames) {
					check("cut in two", frames[:k], frames[k:])
				}
			}
			var a, b []capture.Frame
			for _, x := range frames {
				if len(x.Data) > 11 && slices.Compare(x.Data[0:6], x.Data[6:12]) < 0 {
					a = append(a, x)
				} else {
					b = append(b, x)
				}
			}
			if distinct(frames) {
				check("one file for each direction", a, b)
			}
		}
	}
}

func ordered(fs []capture.Frame) bool {
	return slices.IsSortedFunc(fs, func(a, b capture.Frame) int { return int(min(max(a.Time-b.Time, -1), 1)) })
}

// distinct reports that no two frames have the same time, so that merging cannot change their order.
func distinct(fs []capture.Frame) bool {
	seen := map[packet.Time]bool{}
	for i := range fs {
		if seen[fs[i].Time] {
			return false
		}
		seen[fs[i].Time] = true
	}
	return true
}
