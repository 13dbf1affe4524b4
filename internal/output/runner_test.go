package output

import (
	"errors"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// recorder remembers what it got; gate, when set, holds every write until something can be received from it.
type recorder struct {
	ordinals []uint64
	findings []string
	flushed  int
	closed   bool
	gate     chan struct{}
	fail     error
}

func (r *recorder) Event(e event.Event) error {
	if r.gate != nil {
		<-r.gate
	}
	r.ordinals = append(r.ordinals, e.Head().Ordinal)
	return r.fail
}

func (r *recorder) Finding(f *finding.Finding) error {
	r.findings = append(r.findings, f.ID)
	return r.fail
}
func (r *recorder) Flush() error { r.flushed++; return nil }
func (r *recorder) Close() error { r.closed = true; return nil }

func numbered(i int) event.Event { return event.NewFlow(event.Head{Ordinal: uint64(i)}) }

func TestRunnerKeepsOrderAndLosesNothing(t *testing.T) {
	all, some := &recorder{}, &recorder{}
	r := NewRunner(false)
	r.Add(Def{Name: "all", Events: true, Blocking: true}, all)
	r.Add(Def{Name: "findings", Blocking: true}, some)
	const n = 20*batchItems + 17
	for i := range n {
		_ = r.Event(numbered(i))
	}
	r.Finding(&finding.Finding{ID: "FS-1"})
	if err := r.Flush(); err != nil || all.flushed != 1 {
		t.Fatalf("flush: %v, %d times", err, all.flushed)
	}
	if len(all.ordinals) != n || len(all.findings) != 1 || len(some.findings) != 1 || len(some.ordinals) != 0 {
		t.Fatalf("%d and %d events, %d and %d findings", len(all.ordinals), len(some.ordinals), len(all.findings), len(some.findings))
	}
	for i, o := range all.ordinals {
		if o != uint64(i) {
			t.Fatalf("event %d came at place %d", o, i)
		}
	}
	if err := r.Close(); err != nil || !all.closed || !some.closed {
		t.Fatalf("close: %v", err)
	}
	if c := r.Counts()[0]; c.Written != n+1 || c.Dropped != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRunnerLiveNeverWaits(t *testing.T) {
	slow := &recorder{gate: make(chan struct{})}
	r := NewRunner(true)
	r.Add(Def{Name: "slow", Events: true, Blocking: true}, slow)
	const n = (liveBatches + 10) * batchItems
	for i := range n { // nothing is received from the gate: a runner that waited would hang here
		_ = r.Event(numbered(i))
	}
	close(slow.gate)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := r.Counts()[0]
	if c.Dropped == 0 || c.Written+c.Dropped != n {
		t.Errorf("%d written and %d dropped of %d", c.Written, c.Dropped, n)
	}
}

func TestRunnerStopsAtTheFirstError(t *testing.T) {
	full := errors.New("disk full")
	bad := &recorder{fail: full}
	r := NewRunner(false)
	r.Add(Def{Name: "bad", Events: true, Blocking: true}, bad)
	for i := range 10 {
		_ = r.Event(numbered(i))
	}
	if err := r.Close(); !errors.Is(err, full) {
		t.Errorf("close: %v", err)
	}
	if c := r.Counts()[0]; c.Failed != 9 || len(bad.ordinals) != 1 || !bad.closed {
		t.Errorf("%+v after %d tries", c, len(bad.ordinals))
	}
}
