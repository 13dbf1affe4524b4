package signature

import (
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func alert(r *event.RuleInfo, dir packet.Dir, flow uint64, frame uint64, last byte) *event.Alert {
	h := event.Head{FlowID: flow, Seen: packet.Ref{Frame: frame, Time: packet.Time(frame)}}
	h.Client.Addr[15], h.Server.Addr[15], h.Server.Port = 1, last, 80
	a := event.NewAlert(h, r)
	a.Dir = dir
	return a
}

// TestHits: alerts of a rule between two hosts are one row, the two directions two, and the more severe comes first.
func TestHits(t *testing.T) {
	mild, bad := &event.RuleInfo{SID: 1, Severity: 3}, &event.RuleInfo{SID: 2, Severity: 1}
	h := &Hits{}
	for i, a := range []*event.Alert{alert(mild, 0, 7, 1, 2), alert(mild, 0, 7, 2, 2), alert(mild, 0, 8, 3, 2), alert(mild, 1, 8, 4, 2), alert(bad, 0, 9, 5, 2)} {
		if err := h.Event(a); err != nil {
			t.Fatal(i, err)
		}
	}
	l := h.List()
	if len(l) != 3 || h.All != 5 || l[0].Rule != bad || l[1].Count != 3 || l[1].Conversations != 2 || l[1].First.Frame != 1 || l[1].Last.Frame != 3 || l[2].From != l[1].To {
		t.Errorf("%+v", l)
	}
}

// TestRoom: more rows than fit are counted, not kept.
func TestRoom(t *testing.T) {
	h := &Hits{}
	for i := range Most + 5 {
		r := &event.RuleInfo{SID: uint32(i)}
		h.Event(alert(r, 0, 1, 1, 2))
	}
	if len(h.List()) != Most || h.Lost != 5 || h.All != Most+5 {
		t.Errorf("%d rows, %d lost", len(h.List()), h.Lost)
	}
}
