package serverslow

import (
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// A DNP3 outstation reports changes when they happen; the master confirms each report. What comes after a confirmation
// is no answer to it, though it looks like one: such a service was accused of being slow.
func TestReportsUnaskedAreNoSlowAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		unasked time.Duration
		want    finding.Confidence
	}{
		{"reports as far apart as the waits", 1500 * time.Millisecond, finding.Possible},
		{"answers in pieces, closer than the waits", 500 * time.Millisecond, finding.Likely},
	} {
		var got []*finding.Instance
		l := detect.NewLedger(10)
		d := Def.New(detect.NewScope(l, detect.NewHosts(10), nil, detect.Limits{Entries: 10}, func(i *finding.Instance) { got = append(got, i) }))
		begin := ended(0, false)
		begin.What = event.Started
		l.Handle(begin)
		for i := 1; i <= 8; i++ {
			d.Handle(exchange(i, time.Second+time.Duration(i)*100*time.Millisecond, time.Millisecond))
		}
		f := ended(8, false)
		f.Unasked = c.unasked
		l.Handle(f)
		d.Handle(f)
		g := &finding.Group{Code: Def.Codes[0], Count: len(got), First: got[0].First, Last: got[len(got)-1].Last}
		for _, i := range got {
			g.Kept = append(g.Kept, *i)
		}
		b := finding.NewBuilder(g)
		if !d.Compose(g, b) {
			t.Fatalf("%s: no finding", c.name)
		}
		out, err := b.Done()
		if err != nil {
			t.Fatal(err)
		}
		if out.Confidence != c.want {
			t.Errorf("%s: %s, want %s", c.name, out.Confidence, c.want)
		}
	}
}
