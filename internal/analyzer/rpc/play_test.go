package rpc

import (
	"testing"

	"firestorm/internal/analyzer"
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
	var out []*packet.Packet
	n := uint64(0)
	add := func(f packettest.TCP) {
		n++
		out = append(out, packettest.At(f.Frame(), n, packet.Time(1e15)+packet.Time(n*1e6)))
	}
	c, s := "10.0.0.1:700", "10.0.0.2:2049"
	add(packettest.TCP{Src: c, Dst: s, Seq: 99, Flags: packet.SYN})
	add(packettest.TCP{Src: s, Dst: c, Seq: 499, Ack: 100, Flags: packet.SYN | packet.ACK})
	add(packettest.TCP{Src: c, Dst: s, Seq: 100, Ack: 500, Flags: packet.ACK})
	seq := [2]uint32{100, 500}
	for d, b := range both {
		src, dst := c, s
		if d == 1 {
			src, dst = s, c
		}
		for len(b) > 0 {
			k := min(size, len(b))
			add(packettest.TCP{Src: src, Dst: dst, Seq: seq[d], Ack: seq[1-d], Flags: packet.ACK | packet.PSH, Payload: string(b[:k])})
			seq[d] += uint32(k)
			b = b[k:]
			add(packettest.TCP{Src: dst, Dst: src, Seq: seq[1-d], Ack: seq[d], Flags: packet.ACK})
		}
	}
	return out
}

func udp(n uint64, back bool, b []byte) *packet.Packet {
	u := packettest.UDP{Src: "10.0.0.1:700", Dst: "10.0.0.2:111", Payload: string(b)}
	if back {
		u.Src, u.Dst = u.Dst, u.Src
	}
	return packettest.At(u.Frame(), n, packet.Time(1e15)+packet.Time(n*1e6))
}

// packets runs packets through flow table and dispatcher, overwrites their bytes, and returns the transactions.
func packets(t *testing.T, wanted func(string) bool, ps ...*packet.Packet) []event.Event {
	t.Helper()
	r, err := analyzer.NewRegistry([]analyzer.Def{Def}, wanted)
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	var d *analyzer.Dispatcher
	table := flow.New(flow.Options{MaxFlows: 100, Released: func(i uint32, why event.EndReason) string { return d.Released(i, why, 1<<30, &out) }})
	if d, err = analyzer.NewDispatcher(r, analyzer.DispatchOptions{Head: table.Head}); err != nil {
		t.Fatal(err)
	}
	var last packet.Time
	for _, p := range ps {
		p.Ordinal = p.Frame
		d.Packet(p, table.Packet(p, &out), &out)
		last = p.Time
		for i := range p.Data {
			p.Data[i] = 0xdb
		}
	}
	table.End(last, 1<<30, &out)
	var own []event.Event
	for _, e := range out {
		if _, ok := e.(*Transaction); ok {
			own = append(own, e)
		}
	}
	return own
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
