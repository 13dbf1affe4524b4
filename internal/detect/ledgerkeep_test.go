package detect

import (
	"bytes"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestLedgerKept: attempts come back with their times, as an earlier run's; one whose connection went on goes on, and more than are
// kept are known to be missing.
func TestLedgerKept(t *testing.T) {
	l := NewLedger(2 * keptAttempts)
	flow := func(id uint64, port uint16, at packet.Time, midstream bool) *event.Flow {
		f := event.NewFlow(event.Head{FlowID: id, Proto: packet.ProtoTCP, Seen: packet.Ref{Frame: id, Time: at},
			Client: event.End{Addr: packet.MustAddr("10.0.0.1"), Port: port}, Server: event.End{Addr: packet.MustAddr("10.0.0.9"), Port: 80}})
		f.What, f.Start, f.Last, f.Midstream = event.Established, f.Head().Seen, f.Head().Seen, midstream
		return f
	}
	n := keptAttempts + 100
	for i := range n {
		l.Handle(flow(uint64(i+1), uint16(i), packet.Time(i)*1e9, false))
	}
	var b bytes.Buffer
	if err := l.Save(&b); err != nil {
		t.Fatal(err)
	}
	k := NewLedger(2 * keptAttempts)
	if err := k.Load(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	s := Service{packet.MustAddr("10.0.0.9"), 80, packet.ProtoTCP}
	if c := k.Others(0, s, nil, 0, packet.Time(n)*1e9); c.Known || c.Answered != keptAttempts || k.Len() != keptAttempts {
		t.Errorf("%+v, %d", c, k.Len())
	}
	if c := k.Others(0, s, nil, 200e9, packet.Time(n)*1e9); !c.Known {
		t.Error("what was kept is not known")
	}
	k.Handle(flow(999_999, uint16(n-1), packet.Time(n)*1e9, true))
	a := k.Attempt(999_999)
	if k.Len() != keptAttempts || a == nil || a.Start.Time != packet.Time(n-1)*1e9 || a.Start.Source != packet.Earlier {
		t.Errorf("%d attempts, %+v", k.Len(), a)
	}
	if err := k.Load(bytes.NewReader(b.Bytes()[:b.Len()/2])); err == nil || k.Len() != keptAttempts && k.Len() != 0 {
		t.Error(err, k.Len())
	}
}
