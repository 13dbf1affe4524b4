package stalled_test

import (
	"strings"
	"testing"
	"time"

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

// TestPause: what died after a silence may have been forgotten by a device; a longer silence that was survived, or a death
// without one, exclude that.
func TestPause(t *testing.T) {
	for name, c := range map[string]struct {
		idle, survived time.Duration
		says           string
	}{
		"no silence":             {200 * time.Millisecond, 0, "not: a device that forgets silent connections: data was sent in vain 200 ms after the last packet"},
		"a silence":              {11 * time.Second, 0, "or: a device that forgets silent connections: each of these had been silent for 11.0 s or longer"},
		"a shorter one survived": {11 * time.Second, 7 * time.Second, "or: a device that forgets silent connections"},
		"a longer one survived":  {11 * time.Second, 20 * time.Second, "not: a device that forgets silent connections: a silence of 20.0 s was survived"},
	} {
		b := detecttest.NewBench(t, nil, stalled.Def)
		well := detecttest.Flow{ID: 3, Client: "10.1.0.5:3000", Server: "10.2.0.2:80"}
		if c.survived > 0 {
			x := b.Connect(well, 0.5, 0.01, 60).Clone()
			x.What, x.Last = event.Ended, b.Ref(0, 5)
			*x.Head() = b.Head(well, x.Last)
			x.OwnRare()
			x.IdleSurvived, x.IdleFrom, x.IdleTo = c.survived, b.Ref(0, 1), b.Ref(0, 4)
			b.Send(x)
		}
		dead := detecttest.Flow{ID: 7, Client: "10.1.0.5:4000", Server: "10.2.0.2:80"}
		for _, what := range []event.What{event.Stalled, event.Ended} {
			x := b.Connect(dead, 1, 0.01, 60).Clone()
			x.What, x.Last = what, b.Ref(0, 60)
			*x.Head() = b.Head(dead, x.Last)
			x.Stall = event.Stall{First: b.Ref(0, 2), Last: b.Ref(0, 8), Before: x.Start, Tries: 6, IPLen: 120, Handshake: true, IdleBefore: c.idle}
			b.Send(x)
		}
		fs := b.End()
		if len(fs) != 1 {
			t.Fatalf("%s: %d findings", name, len(fs))
		}
		detecttest.Says(t, fs[0], c.says)
		if strings.Contains(detecttest.Text(fs[0]), "neither a pause") != (c.idle < 2*time.Second) {
			t.Errorf("%s: %s", name, detecttest.Text(fs[0]))
		}
	}
}
