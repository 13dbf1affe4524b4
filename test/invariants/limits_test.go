package invariants

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/test/harness"
)

// TestTableLimits gives the sensor more connections than it has memory for: it counts what it forgets, says the same
// for any number of workers, and is no longer sure of what the forgetting touched.
func TestTableLimits(t *testing.T) {
	const little = 8 << 20
	frames, ifaces := harness.Frames(t, filepath.Join(harness.Root(), "testdata", "captures", "founding-timewait", "founding.pcap"))
	from, to := harness.Span(frames)
	const size, live = 16 << 20, 9000
	each := to.Sub(from) / (size / 616)
	run := func(memory int64, workers int, seedOfHash uint64) *harness.Outcome {
		traffic := harness.Stretched(harness.Mix(t, size, live, seed), harness.MixBegin, from, float64(each)/11000)
		return harness.Run(t, "founding case among many", harness.OneWire(capture.NewMemory(frames, ifaces...), traffic),
			harness.Options{NoEvents: true, MaxMemory: memory, Workers: workers, Seed: seedOfHash, Limit: time.Minute})
	}
	ample := run(0, 1, 0)
	if n := ample.Flow.Ended[event.EndEvicted]; n > 0 {
		t.Errorf("default memory: %d connections evicted", n)
	}
	if c, ok := confidence(ample, "tcp-timewait-reuse"); !ok || c < finding.Likely {
		t.Errorf("default memory: %v", said(ample))
	}
	scarce := run(little, 1, 0)
	harness.Whole(t, "8M", scarce)
	evicted, graves := scarce.Flow.Ended[event.EndEvicted], scarce.Flow.TombsEvicted
	t.Logf("%d packets, %d MB: with 8M %d of %d connections evicted, %d tombstones thrown out; found %v at likely or above", scarce.Account.Read, size>>20,
		evicted, scarce.Flow.Flows, graves, sure(scarce))
	if evicted == 0 || graves == 0 {
		t.Error("8M: nothing was evicted, so nothing is shown")
	}
	if !slices.ContainsFunc(scarce.Gates, func(g finding.GateResult) bool { return g.Gate == finding.GateTable }) {
		t.Errorf("8M: the account of the capture does not say that connections were forgotten: %v", scarce.Gates)
	}
	for _, f := range scarce.Findings {
		if f.Confidence >= finding.Likely && slices.Contains(f.Code.Needs, finding.GateTable) {
			t.Errorf("8M: as sure as ever: %s %s: %s", f.Code.ID, f.Confidence, f.Title)
		}
	}
	for _, o := range []struct {
		workers int
		seed    uint64
	}{{2, 0}, {8, 7}} {
		if d := harness.Diff(scarce.Text, run(little, o.workers, o.seed).Text); d != "" {
			t.Errorf("%d workers, hash seed %d: %s", o.workers, o.seed, d)
		}
	}
}

func confidence(o *harness.Outcome, code string) (finding.Confidence, bool) {
	for _, f := range o.Findings {
		if f.Code.ID == code {
			return f.Confidence, true
		}
	}
	return 0, false
}
