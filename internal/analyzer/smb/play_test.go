package smb

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// play runs a TCP conversation through the dispatcher, cut into pieces of size bytes: all requests, then all replies.
func play(t *testing.T, both [2][]byte, size int) []event.Event {
	t.Helper()
	return packets(t, nil, frames(both, size)...)
}

func frames(both [2][]byte, size int) []*packet.Packet {
	return analyzertest.Exchange("10.0.0.1:700", "10.0.0.2:445", both, size)
}

func packets(t *testing.T, wanted func(string) bool, ps ...*packet.Packet) []event.Event {
	t.Helper()
	return analyzertest.Packets(t, []analyzer.Def{Def}, wanted, ps...)
}

func BenchmarkBulk(b *testing.B) {
	c := conversation()
	both := [2][]byte{c[0], c[1]}
	for i := range 60 {
		both[0] = append(both[0], session(two(8, false, uint64(100+i), 0, 0, make([]byte, 49)))...)
		both[1] = append(both[1], session(two(8, true, uint64(100+i), 0, 0, make([]byte, 32768)))...)
	}
	r, err := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(both[0]) + len(both[1])))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		ps := frames(both, 1448)
		table := flow.New(flow.Options{MaxFlows: 100})
		d, _ := analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head})
		var out []event.Event
		b.StartTimer()
		for _, p := range ps {
			d.Packet(p, table.Packet(p, &out), &out)
			out = out[:0]
		}
	}
}
