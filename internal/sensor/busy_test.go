package sensor

import (
	"encoding/binary"
	"math"
	"testing"

	"firestorm/internal/packet"
)

// TestBusy: the hosts that move the most are named with their rates though ten thousand others send a little, and are
// forgotten when they are silent.
func TestBusy(t *testing.T) {
	b := newBusy()
	at := packet.Time(1e18)
	b.top(at)
	var ps []packet.Packet
	size := 1000 // of a batch: some packets stand for others
	send := func(from, to uint32, bytes uint32) {
		p := packet.Packet{IPVersion: 4, WireLen: bytes}
		binary.BigEndian.PutUint32(p.Src[12:], from)
		binary.BigEndian.PutUint32(p.Dst[12:], to)
		if ps = append(ps, p); len(ps) >= size {
			b.batch(ps)
			ps = ps[:0]
		}
	}
	var top []Busy
	for second := range 30 {
		for i := range uint32(10_000) {
			send(1000+uint32(second)*10_000+i, 9, 60)
			if i%10 == 0 {
				send(1, 2, 1500)
			}
			if i%20 == 0 {
				send(3, 2, 1500)
			}
		}
		at = at.Add(1e9)
		top = b.top(at)
		if second == 0 && len(top) != busyTop {
			t.Fatalf("%d after the first second", len(top))
		}
	}
	want := []float64{1000*1500 + 500*1500, 1000 * 1500, 500 * 1500}
	if len(top) < 4 || len(top) > busyTop {
		t.Fatalf("%d hosts: %+v", len(top), top)
	}
	for i, host := range []uint32{2, 1, 3} {
		h := top[i]
		if i > 1 { // host 9 gets 600 000 a second
			if got := binary.BigEndian.Uint32(h.Addr[12:]); got != host {
				t.Errorf("place %d is host %d", i, got)
			}
		}
		if math.Abs(h.Bytes-want[i]) > want[i]/20 {
			t.Errorf("place %d: %v, want %v", i, h.Bytes, want[i])
		}
	}
	for range 200 {
		at = at.Add(1e9)
		top = b.top(at)
	}
	if len(top) != 0 {
		t.Errorf("silent hosts are named: %+v", top)
	}
	b.batch([]packet.Packet{{WireLen: 60}}) // no IP
	// A few packets are counted one by one.
	b, at, ps, size = newBusy(), 1e18, nil, 7
	for range 7 { // of before, who knows since when
		send(8, 9, 1e6)
	}
	if top = b.top(at); len(top) != 0 {
		t.Errorf("rates without a time: %+v", top)
	}
	for i := range uint32(70) {
		send(1, 2+i%2, 100)
	}
	if top = b.top(at.Add(1e9)); len(top) != 3 || top[0].Bytes != 7000 || top[1].Bytes != 3500 {
		t.Errorf("%+v", top)
	}
	if n := testing.AllocsPerRun(100, func() { send(1, 2, 3) }); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkBusy(b *testing.B) {
	x := newBusy()
	ps := make([]packet.Packet, 1024)
	for i := range ps {
		p := &ps[i]
		p.IPVersion, p.WireLen = 4, 600
		binary.BigEndian.PutUint32(p.Src[12:], uint32(i)*2654435761>>20)
		binary.BigEndian.PutUint32(p.Dst[12:], uint32(i)%7)
	}
	for i := 0; i < b.N; i += len(ps) {
		x.batch(ps)
	}
}
