package event

import (
	"reflect"
	"testing"
	"unsafe"

	"firestorm/internal/packet"
)

// TestFlowSize: a snapshot fits the allocator's class of 896 bytes, of which it takes 8 for itself. A field that few
// flows have belongs into a part.
func TestFlowSize(t *testing.T) {
	if n := unsafe.Sizeof(Flow{}); n > 888 {
		t.Errorf("a flow event takes %d bytes, at most 888", n)
	}
}

// TestFlowParts: what a table fills, a clone changes or a test sets never reaches another event.
func TestFlowParts(t *testing.T) {
	dirty := func(f *Flow) {
		f.Stall.Tries, f.Exchanges, f.IdleSurvived = 7, 7, 7
		for d := range f.Sides {
			f.Sides[d].Retrans, f.Sides[d].RTTs = 7, 7
		}
	}
	own := NewSnapshot(Head{FlowID: 1})
	own.OwnRare()
	own.OwnTalk()
	for d := range own.Sides {
		own.Sides[d].OwnRare()
	}
	dirty(own)
	own.OwnRare()
	own.OwnTalk()
	own.Sides[0].OwnRare()
	if own.Stall.Tries != 7 || own.Exchanges != 7 || own.Sides[1].RTTs != 7 || own.Sides[0].Retrans != 7 {
		t.Error("asking again for an own part lost what it held")
	}
	c := own.Clone()
	if !reflect.DeepEqual(c, own) {
		t.Error("a clone differs")
	}
	dirty(NewFlow(Head{}))
	dirty(NewSnapshot(Head{}).Clone())
	c.Stall.Tries, c.Exchanges, c.Sides[0].Retrans, c.Sides[packet.ToClient].RTTs = 8, 8, 8, 8
	if own.Stall.Tries != 7 || own.Exchanges != 7 || own.Sides[0].Retrans != 7 || own.Sides[1].RTTs != 7 {
		t.Error("a clone shares parts")
	}
	s := NewSide(Side{Packets: 1})
	s.Retrans, s.RTTs = 7, 7
	for _, p := range []any{noSideRare, noSideTalk, noFlowRare, noFlowTalk} {
		if !reflect.ValueOf(p).IsZero() {
			t.Errorf("a shared part was written to: %+v", p)
		}
	}
}
