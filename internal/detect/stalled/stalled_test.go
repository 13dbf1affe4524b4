package stalled_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/stalled"
	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// death sends the events of a connection whose data of size bytes is sent tries times in vain, after delivered bytes
// had passed in one packet.
func death(t *testing.T, size, delivered, tries uint32, change func(stall, end *event.Flow)) []*finding.Finding {
	t.Helper()
	b := detecttest.NewBench(t, nil, stalled.Def)
	c := b.Connect(detecttest.Flow{ID: 7, Client: "10.1.0.5:4000", Server: "10.2.0.2:80"}, 1, 0.01, 60)
	at := func(what event.What, seconds float64) *event.Flow {
		x := c.Clone()
		ref := b.Ref(0, seconds)
		x.What, x.Last = what, ref
		*x.Head() = b.Head(detecttest.Flow{ID: 7, Client: "10.1.0.5:4000", Server: "10.2.0.2:80"}, ref)
		x.OwnTalk()
		x.Sides[0].MaxDelivered = delivered
		x.Stall = event.Stall{First: b.Ref(0, 2), Last: b.Ref(0, 8), Before: c.Last, Tries: tries, IPLen: size, Handshake: true}
		return x
	}
	stall, end := at(event.Stalled, 8), at(event.Ended, 60)
	if change != nil {
		change(stall, end)
	}
	b.Send(stall)
	b.Send(end)
	return b.End()
}

func TestWhatCountsAsDeath(t *testing.T) {
	for name, c := range map[string]struct {
		size, delivered, tries uint32
		change                 func(stall, end *event.Flow)
		found                  bool
	}{
		"data that passed before":                {1400, 1400, 6, nil, true},
		"small data":                             {120, 0, 6, nil, true},
		"a size that never passed":               {1400, 120, 6, nil, false},
		"few tries":                              {120, 120, 3, nil, false},
		"a closed window":                        {120, 120, 6, func(s, _ *event.Flow) { s.Stall.WindowClosed = true }, false},
		"a reset in the end":                     {120, 120, 6, func(_, e *event.Flow) { e.Stall.EndedByRST = true }, false},
		"nothing else to compare: only possible": {120, 120, 6, nil, true},
	} {
		fs := death(t, c.size, c.delivered, c.tries, c.change)
		if (len(fs) == 1) != c.found {
			t.Errorf("%s: %d findings", name, len(fs))
		}
		for _, f := range fs {
			if f.Confidence != finding.Possible {
				t.Errorf("%s: %s without anything to compare with", name, f.Confidence)
			}
		}
	}
}
