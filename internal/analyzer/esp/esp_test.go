package esp

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

type rig struct {
	d   *analyzer.Dispatcher
	out []event.Event
	n   uint64
	at  packet.Time
}

func newRig(t testing.TB, wanted func(string) bool) *rig {
	t.Helper()
	reg, err := analyzer.NewRegistry([]analyzer.Def{Def}, wanted)
	if err != nil {
		t.Fatal(err)
	}
	d, err := analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Quarantined: func(q analyzer.Quarantine) { t.Errorf("panic: %v", q.Value) }})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{d: d, at: 1_700_000_000_000_000_000}
}

// frame is a packet of ESP with nothing to read inside.
func frame(src, dst string, spi, seq uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, spi)
	b = binary.BigEndian.AppendUint32(b, seq)
	return packettest.Raw{Src: src, Dst: dst, Proto: packet.ProtoESP, Payload: string(append(b, make([]byte, 40)...))}.Frame()
}

func (r *rig) give(src, dst string, spi, seq uint32) {
	r.n++
	p := packettest.At(frame(src, dst, spi, seq), r.n, r.at)
	p.Ordinal = r.n
	r.d.Packet(p, flow.Handle{}, &r.out)
}

func (r *rig) last() *Event { return r.out[len(r.out)-1].(*Event) }

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		name                         string
		seqs                         []uint32
		missing, late, repeated, old uint64
	}{
		{"in order", []uint32{1, 2, 3, 4}, 0, 0, 0, 0},
		{"a hole", []uint32{1, 2, 5, 6}, 2, 0, 0, 0},
		{"late", []uint32{1, 3, 2, 4}, 0, 1, 0, 0},
		{"twice", []uint32{1, 2, 2, 3}, 0, 0, 1, 0},
		{"replayed", []uint32{1, 2, 3, 1}, 0, 0, 1, 0},
		{"before the window", []uint32{1, 100, 2, 101}, 98, 0, 0, 1},
		{"from the middle", []uint32{900, 901, 902, 903}, 0, 0, 0, 0},
		{"around the end", []uint32{1<<32 - 2, 1<<32 - 1, 0, 1}, 0, 0, 0, 0},
	} {
		r := newRig(t, nil)
		for _, s := range c.seqs {
			r.give("10.0.0.1", "10.0.0.2", 0x1000, s)
		}
		f := r.last().Facts
		if f.Packets != 4 || f.Missing != c.missing || f.Late != c.late || f.Repeated != c.repeated || f.Old != c.old || f.FirstSeq != c.seqs[0] {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
}

func TestEvents(t *testing.T) {
	r := newRig(t, nil)
	for i := range uint32(1000) { // ten seconds
		r.give("10.0.0.1", "10.0.0.2", 0x1000, i+1)
		r.give("10.0.0.2", "10.0.0.1", 0x2000, i+1)
		r.at = r.at.Add(10 * time.Millisecond)
	}
	if n := len(r.out); n < 16 || n > 20 {
		t.Errorf("%d events for 2000 packets", n)
	}
	if e := r.out[0].(*Event); e.What != Started || e.SPI != 0x1000 || e.From != packet.MustAddr("10.0.0.1") || e.UDP || e.Head().FlowID != 0 {
		t.Errorf("first: %+v", e)
	}
	r.at = r.at.Add(silentAfter + tellEvery)
	r.give("10.0.0.3", "10.0.0.4", 0x3000, 1)
	silent := 0
	for _, e := range r.out {
		if x := e.(*Event); x.What == Silent {
			silent++
			if x.Packets != 1000 || x.Head().Client.Addr != x.From || x.Bytes != 1000*68 {
				t.Errorf("silent: %+v, head %+v", x.Facts, x.Head())
			}
		}
	}
	if silent != 2 {
		t.Errorf("%d associations were called silent", silent)
	}
	r = newRig(t, func(string) bool { return false })
	r.give("10.0.0.1", "10.0.0.2", 1, 1)
	if len(r.out) > 0 {
		t.Error("an event that nobody wants")
	}
}

// TestAH: decoding goes through AH to what it carries; its own numbers are counted all the same.
func TestAH(t *testing.T) {
	ah := func(seq byte) string {
		return string([]byte{packet.ProtoUDP, 4, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, seq, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) + string(packettest.UDP{Src: "10.0.0.1:5000", Dst: "10.0.0.2:5001", Payload: "hello"}.Segment())
	}
	for _, ends := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		r := newRig(t, nil)
		for i := range 4 {
			p := packettest.Raw{Src: ends[0], Dst: ends[1], Proto: packet.ProtoAH, Payload: ah(byte(i + 1))}.Packet()
			if p.Proto != packet.ProtoUDP {
				t.Fatalf("decoded as %d", p.Proto)
			}
			r.d.Packet(p, flow.Handle{}, &r.out)
		}
		if len(r.out) != 3 || !r.last().AH || r.last().SPI != 0x1000 || r.last().Packets != 4 || r.last().Missing != 0 {
			t.Errorf("%d events, %+v", len(r.out), r.out)
		}
	}
	b := []byte{59, 4, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	m, ok := Parse(true, b)
	if !ok || m.SPI != 0x1000 || m.Seq != 7 || !m.AH {
		t.Errorf("%+v %v", m, ok)
	}
	if _, ok := Parse(true, b[:20]); ok {
		t.Error("a short header was read")
	}
	if _, ok := Parse(false, b[:7]); ok {
		t.Error("a short header of ESP was read")
	}
}

// TestBounded: more associations than there is room for; the one that rested longest goes.
func TestBounded(t *testing.T) {
	r := newRig(t, nil)
	for i := range uint32(2*maxShard + 10) {
		r.give("10.0.0.1", "10.0.0.2", 0x1000+i, 1)
		r.at = r.at.Add(time.Microsecond)
	}
	r.out = nil
	r.give("10.0.0.1", "10.0.0.2", 0x1000, 2) // forgotten: begins anew
	if r.last().What != Started {
		t.Errorf("%+v", r.last())
	}
	r.out = nil
	r.give("10.0.0.1", "10.0.0.2", 0x1000+2*maxShard+9, 2)
	if r.last().What != Going || r.last().Packets != 2 {
		t.Errorf("%+v", r.last())
	}
	tr := NewTracker(1, 3)
	for i := range 50 {
		k := key{spi: uint32(i)}
		if len(tr.list) >= tr.most {
			tr.drop(0)
		}
		tr.by[k] = &sa{key: k}
		tr.list = append(tr.list, tr.by[k])
	}
	if len(tr.by) != 3 || len(tr.list) != 3 {
		t.Errorf("%d in the map, %d in the list", len(tr.by), len(tr.list))
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte("\x00\x00\x10\x00\x00\x00\x00\x01"), uint32(1), uint32(2))
	f.Add([]byte{}, uint32(0), uint32(1<<31))
	f.Fuzz(func(t *testing.T, b []byte, s1, s2 uint32) {
		_, _ = Parse(true, b)
		_, _ = Parse(false, b)
		r := newRig(t, nil)
		for i, s := range []uint32{s1, s2, s1, s2 + 1, s1 - 64} {
			r.give("10.0.0.1", fmt.Sprintf("10.0.0.%d", 2+i%2), s1^s2, s)
			r.at = r.at.Add(time.Duration(s2%30) * time.Second)
		}
		for _, e := range r.out {
			x := e.(*Event)
			if x.Packets == 0 || x.Late+x.Repeated+x.Old >= x.Packets {
				t.Fatalf("%+v", x.Facts)
			}
		}
	})
}

func BenchmarkESP(b *testing.B) {
	r := newRig(b, nil)
	p := packettest.At(frame("10.0.0.1", "10.0.0.2", 0x1000, 1), 1, r.at)
	b.SetBytes(1400)
	b.ReportAllocs()
	for b.Loop() {
		r.d.Packet(p, flow.Handle{}, &r.out)
		r.out = r.out[:0]
	}
}

func TestAllocations(t *testing.T) {
	r := newRig(t, nil)
	p := packettest.At(frame("10.0.0.1", "10.0.0.2", 0x1000, 1), 1, r.at)
	for range 100 {
		r.d.Packet(p, flow.Handle{}, &r.out)
	}
	if n := testing.AllocsPerRun(500, func() { r.d.Packet(p, flow.Handle{}, &r.out) }); n > 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}
