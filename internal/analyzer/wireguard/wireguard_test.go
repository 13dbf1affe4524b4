package wireguard

import (
	"encoding/binary"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

type rig struct {
	flows *flow.Table
	d     *analyzer.Dispatcher
	out   []event.Event
	of    []event.Event
	n     uint64
}

func newRig(t testing.TB) *rig {
	t.Helper()
	reg, err := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	r.flows = flow.New(flow.Options{Released: func(i uint32, why event.EndReason) (string, string) { return r.d.Released(i, why, r.n, &r.out) }})
	if r.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: r.flows.Head,
		Quarantined: func(q analyzer.Quarantine) { t.Errorf("panic: %v", q.Value) }}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) give(src, dst string, b []byte, keep int) {
	f := packettest.UDP{Src: src, Dst: dst, Payload: string(b)}.Frame()
	p := &packet.Packet{Data: f, Link: packet.LinkEthernet, WireLen: uint32(len(f))}
	if keep > 0 && keep < len(f) {
		p.Data = f[:keep]
	}
	packet.Decode(p, nil)
	r.packet(p)
}

func (r *rig) packet(p *packet.Packet) {
	r.n++
	p.Frame, p.Ordinal = r.n, r.n
	r.of = r.of[:0]
	r.d.Packet(p, r.flows.Packet(p, &r.of), &r.out)
}

// message makes one of a type and size; a and b are what follows the type.
func message(kind uint8, size int, a, b uint32) []byte {
	m := make([]byte, size)
	m[0] = kind
	binary.LittleEndian.PutUint32(m[4:], a)
	binary.LittleEndian.PutUint32(m[8:], b)
	return m
}

func TestMessages(t *testing.T) {
	r := newRig(t)
	a, b := "10.0.0.1:40000", "10.0.0.2:51820"
	r.give(a, b, message(Initiation, sizeInitiation, 7, 0), 0)
	r.give(b, a, message(CookieRepl, sizeCookie, 7, 0), 0)
	r.give(b, a, message(Response, sizeResponse, 9, 7), 0)
	for range 10 {
		r.give(a, b, message(Transport, 96, 9, 1), 0)
		r.give(b, a, message(Transport, 32, 7, 1), 0)
	}
	r.give(a, b, message(Initiation, sizeInitiation, 8, 0), 0)
	want := []Message{{Type: 1, Sender: 7, Len: 148}, {Type: 3, Receiver: 7, Len: 64}, {Type: 2, Sender: 9, Receiver: 7, Len: 92},
		{Type: 4, Receiver: 9, Counter: 1, Len: 96}, {Type: 4, Receiver: 7, Counter: 1, Len: 32}, {Type: 1, Sender: 8, Len: 148}}
	if len(r.out) != len(want) {
		t.Fatalf("%d events", len(r.out))
	}
	for i, w := range want {
		if e := r.out[i].(*Event); e.Message != w {
			t.Errorf("event %d: %+v", i, e.Message)
		}
	}
	if e := r.out[5].(*Event); e.Packets != [2]uint64{10, 10} || e.Bytes != [2]uint64{960, 320} {
		t.Errorf("counted: %v %v", e.Packets, e.Bytes)
	}
}

// TestNotWireGuard: sizes and reserved bytes must fit; data alone decides nothing.
func TestNotWireGuard(t *testing.T) {
	odd := message(Initiation, sizeInitiation, 1, 0)
	odd[2] = 1
	for _, c := range []struct {
		name string
		b    []byte
		want analyzer.Answer
	}{
		{"initiation", message(Initiation, sizeInitiation, 1, 0), analyzer.Yes},
		{"initiation of another size", message(Initiation, sizeInitiation-1, 1, 0), analyzer.No},
		{"reserved bytes", odd, analyzer.No},
		{"response", message(Response, sizeResponse, 1, 0), analyzer.Yes},
		{"data", message(Transport, 64, 1, 0), analyzer.More},
		{"data of an odd size", message(Transport, 65, 1, 0), analyzer.No},
		{"type 5", message(5, 64, 1, 0), analyzer.No},
		{"short", message(Initiation, 16, 1, 0), analyzer.No},
		{"nothing", nil, analyzer.No},
	} {
		if got := Probe(packet.ToServer, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestCut: the size on the wire tells, too.
func TestCut(t *testing.T) {
	if m, ok := parseCut(message(Initiation, 60, 5, 0), sizeInitiation); !ok || m.Sender != 5 || m.Len != sizeInitiation {
		t.Errorf("%+v %v", m, ok)
	}
	if m, ok := parseCut(message(Transport, 54, 5, 0), 1456); !ok || m.Receiver != 5 || m.Len != 1456 {
		t.Errorf("%+v %v", m, ok)
	}
	if _, ok := parseCut(message(Initiation, 60, 5, 0), sizeInitiation-1); ok {
		t.Error("another size was taken")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(message(Initiation, sizeInitiation, 1, 2), 148)
	f.Add(message(Transport, 64, 1, 2), 1456)
	f.Add([]byte{}, -1)
	f.Fuzz(func(t *testing.T, b []byte, wire int) {
		m, ok := Parse(b)
		if ok && m.Len != len(b) || ok != (Probe(packet.ToServer, b) != analyzer.No) {
			t.Fatalf("%+v of %d bytes", m, len(b))
		}
		if m, ok := parseCut(b, wire); ok && m.Len != wire {
			t.Fatalf("%+v of %d bytes", m, wire)
		}
		if len(b) < 1400 {
			r := newRig(t)
			r.give("10.0.0.1:40000", "10.0.0.2:51820", message(Initiation, sizeInitiation, 7, 0), 0)
			r.give("10.0.0.2:51820", "10.0.0.1:40000", b, wire)
		}
	})
}

func BenchmarkData(b *testing.B) {
	r := newRig(b)
	r.give("10.0.0.1:40000", "10.0.0.2:51820", message(Initiation, sizeInitiation, 7, 0), 0)
	p := packettest.UDP{Src: "10.0.0.1:40000", Dst: "10.0.0.2:51820", Payload: string(message(Transport, 1456, 9, 1))}.Packet()
	b.SetBytes(1456)
	b.ReportAllocs()
	for b.Loop() {
		r.packet(p)
	}
}

func TestAllocations(t *testing.T) {
	r := newRig(t)
	r.give("10.0.0.1:40000", "10.0.0.2:51820", message(Initiation, sizeInitiation, 7, 0), 0)
	p := packettest.UDP{Src: "10.0.0.1:40000", Dst: "10.0.0.2:51820", Payload: string(message(Transport, 1456, 9, 1))}.Packet()
	r.packet(p)
	if n := testing.AllocsPerRun(500, func() { r.packet(p) }); n > 0 {
		t.Errorf("%v allocations for data", n)
	}
}
