package arp

import (
	"bytes"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func run(t *testing.T, wanted func(string) bool, packets ...*packet.Packet) []event.Event {
	t.Helper()
	r, err := analyzer.NewRegistry([]analyzer.Def{Def}, wanted)
	if err != nil {
		t.Fatal(err)
	}
	d, err := analyzer.NewDispatcher(r, analyzer.DispatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []event.Event
	for _, p := range packets {
		d.Packet(p, flow.Handle{}, &out)
		for i := range p.Data {
			p.Data[i] = 0xdb
		}
	}
	return out
}

func TestEvents(t *testing.T) {
	request := packettest.ARP{SenderMAC: "02:00:00:00:00:01", SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}
	reply := packettest.ARP{Op: 2, SenderMAC: "02:00:00:00:00:02", SenderIP: "10.0.0.2", TargetMAC: "02:00:00:00:00:01", TargetIP: "10.0.0.1"}
	got := run(t, nil, request.Packet(), reply.Packet(), packettest.ARP{Op: 3, SenderIP: "10.0.0.3", TargetIP: "10.0.0.3"}.Packet())
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	a, b := got[0].(*event.ARP), got[1].(*event.ARP)
	if a.Op != 1 || a.SenderIP != packet.MustAddr("10.0.0.1") || a.TargetIP != packet.MustAddr("10.0.0.2") || !a.TargetMAC.IsZero() {
		t.Errorf("request: %+v", a)
	}
	if b.Op != 2 || b.SenderMAC != (packet.MAC{2, 0, 0, 0, 0, 2}) || b.TargetMAC != (packet.MAC{2, 0, 0, 0, 0, 1}) {
		t.Errorf("reply: %+v", b)
	}
	if h := a.Head(); h.Kind != event.KindARP || h.SrcMAC != a.SenderMAC || h.Seen.Frame != 1 || h.Ordinal != 1 {
		t.Errorf("head: %+v", h)
	}
	if got := run(t, func(string) bool { return false }, request.Packet()); len(got) != 0 {
		t.Error("an event that nobody wants")
	}
}

func TestParse(t *testing.T) {
	good := Message{Op: 1, SenderMAC: packet.MAC{2}, SenderIP: packet.MustAddr("10.0.0.1"), TargetIP: packet.MustAddr("10.0.0.2")}.Append(nil)
	for _, tc := range []struct {
		name string
		at   int
		to   byte
		ok   bool
	}{
		{"good", 1, 1, true},
		{"IEEE 802", 1, 6, true},
		{"other hardware", 1, 7, false},
		{"other protocol", 2, 9, false},
		{"hardware size", 4, 5, false},
		{"protocol size", 5, 16, false},
		{"no operation", 7, 0, false},
		{"reverse ARP", 7, 3, false},
	} {
		b := bytes.Clone(good)
		b[tc.at] = tc.to
		if _, ok := Parse(b); ok != tc.ok {
			t.Errorf("%s: %v", tc.name, ok)
		}
	}
	for n := range good {
		if _, ok := Parse(good[:n]); ok {
			t.Errorf("%d bytes are enough", n)
		}
	}
	if m, ok := Parse(append(bytes.Clone(good), make([]byte, 18)...)); !ok || m.Op != 1 {
		t.Error("padding")
	}
}

// frame puts an ARP packet into an Ethernet frame.
func frame(b []byte) []byte {
	return append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6}, b...)
}

func TestMalformed(t *testing.T) {
	good := Message{Op: 1, SenderMAC: packet.MAC{2}, SenderIP: packet.MustAddr("10.0.0.1"), TargetIP: packet.MustAddr("10.0.0.2")}.Append(nil)
	for _, tc := range []struct {
		name string
		at   int
		to   byte
		want bool
	}{
		{"hardware size", 4, 5, true},
		{"protocol size", 5, 16, true},
		{"IEEE 802 with another size", 4, 0, true},
		{"other hardware", 1, 7, false},
		{"IPv6", 3, 0xdd, false},
		{"reverse ARP", 7, 3, false},
	} {
		b := bytes.Clone(good)
		b[tc.at] = tc.to
		if got := Impossible(b); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
		p := packettest.Decode(frame(b))
		got := run(t, nil, p)
		n := 0
		for _, e := range got {
			if m, ok := e.(*Malformed); ok && m.HardwareSize == b[4] && m.ProtocolSize == b[5] && len(m.AppendEVE(nil, &event.EVE{})) == 0 {
				n++
			}
		}
		if (n == 1) != tc.want {
			t.Errorf("%s: %d events of %d", tc.name, n, len(got))
		}
	}
	for n := range 8 {
		if Impossible(good[:n]) {
			t.Errorf("%d bytes: malformed", n)
		}
	}
	cut := bytes.Clone(good)
	cut[4] = 5
	p := packettest.Decode(frame(cut))
	if got := run(t, func(k string) bool { return k == "arp" }, p); len(got) != 0 {
		t.Error("an event that nobody wants")
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, Message{Op: 2, SenderMAC: packet.MAC{2}, SenderIP: packet.MustAddr("10.0.0.1"), TargetIP: packet.MustAddr("10.0.0.2")}.Append(nil), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add(Message{Op: 2, SenderMAC: packet.MAC{2}, SenderIP: packet.MustAddr("10.0.0.1"), TargetIP: packet.MustAddr("10.0.0.2")}.Append(nil))
	f.Add([]byte{0, 1, 8, 0, 6, 4, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if ok && Impossible(b) {
			t.Errorf("% x is good and malformed", b)
		}
		if !ok {
			if m != (Message{}) && len(b) < 28 {
				t.Errorf("refused, but %+v", m)
			}
			return
		}
		again := m.Append(nil)
		again[1] = b[1] // hardware type 1 or 6
		if !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("% x became % x", b, again)
		}
	})
}
