package rpc

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// play runs a TCP conversation through the dispatcher, cut into pieces of size bytes: all calls, then all replies.
func play(t *testing.T, both [2][]byte, size int) []event.Event {
	t.Helper()
	return packets(t, nil, frames(both, size)...)
}

func frames(both [2][]byte, size int) []*packet.Packet {
	return analyzertest.Exchange("10.0.0.1:700", "10.0.0.2:2049", both, size)
}

func udp(n uint64, back bool, b []byte) *packet.Packet {
	u := packettest.UDP{Src: "10.0.0.1:700", Dst: "10.0.0.2:111", Payload: string(b)}
	if back {
		u.Src, u.Dst = u.Dst, u.Src
	}
	return packettest.At(u.Frame(), n, packet.Time(1e15)+packet.Time(n*1e6))
}

func packets(t *testing.T, wanted func(string) bool, ps ...*packet.Packet) []event.Event {
	t.Helper()
	return analyzertest.Packets(t, []analyzer.Def{Def}, wanted, ps...)
}

// TestAllocations: a call costs none, a reply that nobody wants to hear of costs none, an event at most three (itself,
// its name, the ports of a directory).
func TestAllocations(t *testing.T) {
	for _, tc := range []struct {
		name   string
		wanted func(string) bool
		most   float64
	}{
		{"errors only", func(k string) bool { return k == KindNFSError }, 0},
		{"all", nil, 3},
	} {
		r, err := analyzer.NewRegistry([]analyzer.Def{Def}, tc.wanted)
		if err != nil {
			t.Fatal(err)
		}
		table := flow.New(flow.Options{MaxFlows: 100, Want: ^flow.Wants(0)})
		d, err := analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]event.Event, 0, 64)
		var q, a packet.Packet
		q = *udp(1, false, ask(7, NFS, 3, 3, cat(str("handle01"), str("file.txt"))))
		a = *udp(2, true, answer(7, words(0)))
		run := func() {
			d.Packet(&q, table.Packet(&q, &out), &out)
			d.Packet(&a, table.Packet(&a, &out), &out)
			out = out[:0]
		}
		run()
		if n := testing.AllocsPerRun(200, run); n > tc.most {
			t.Errorf("%s: %v allocations for a call and its reply, most %v", tc.name, n, tc.most)
		}
	}
}
