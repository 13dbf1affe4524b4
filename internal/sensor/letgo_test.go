package sensor

import (
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Events that had their turn are let go of one by one: the last ones of a full table, held together, take as much memory
// as all that is allowed.
func TestBorderLetsGo(t *testing.T) {
	s, err := newRun(&Options{Source: capture.NewMemory(nil), Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	var evs []event.Event
	for i := range 100 {
		f := event.NewFlow(event.Head{FlowID: uint64(i + 1), Proto: packet.ProtoTCP})
		f.What = event.Started
		evs = append(evs, f)
	}
	s.border.all(evs, &event.Spare{})
	for i, e := range evs {
		if e != nil {
			t.Fatalf("event %d is held", i)
		}
	}
	if s.border.events != 100 {
		t.Errorf("%d events had their turn", s.border.events)
	}
}
