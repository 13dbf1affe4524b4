package smb

import (
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// play runs a TCP conversation through the dispatcher, cut into pieces of size bytes: all requests, then all replies.
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
	c, s := "10.0.0.1:700", "10.0.0.2:445"
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

// packets runs packets through flow table and dispatcher, overwrites their bytes, and returns the exchanges.
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
		if _, ok := e.(*Exchange); ok {
			own = append(own, e)
		}
	}
	return own
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
