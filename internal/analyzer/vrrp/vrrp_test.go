package vrrp

import (
	"bytes"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/packet"
)

// The messages as their specifications lay them out.
var (
	v2   = append([]byte{0x21, 51, 150, 1, 1, 2, 0xab, 0xcd, 10, 1, 0, 100}, []byte("geheim\x00\x00")...)
	v3   = []byte{0x31, 7, 255, 2, 0x01, 0x2c, 0, 0, 10, 1, 0, 100, 10, 1, 0, 101}
	v36  = append([]byte{0x31, 7, 0, 1, 0, 100, 0, 0}, bytes.Repeat([]byte{0xfe}, 16)...)
	carp = append([]byte{0x21, 3, 128, 7, 0, 1, 0, 0}, bytes.Repeat([]byte{0x5a}, 28)...)
	hsrp = []byte{0, 0, 16, 3, 10, 110, 5, 0, 'c', 'i', 's', 'c', 'o', 0, 0, 0, 10, 1, 0, 1}
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		v6   bool
		want Message
	}{
		{"version 2", v2, false, Message{Protocol: VRRP, Version: 2, Group: 51, Priority: 150, Count: 1, NAddress: 1, Auth: 1, Leads: true,
			Interval: 2 * time.Second, Addresses: [8]packet.Addr{packet.MustAddr("10.1.0.100")}}},
		{"version 3", v3, false, Message{Protocol: VRRP, Version: 3, Group: 7, Priority: 255, Count: 2, NAddress: 2, Leads: true,
			Interval: 3 * time.Second, Addresses: [8]packet.Addr{packet.MustAddr("10.1.0.100"), packet.MustAddr("10.1.0.101")}}},
		{"version 3 resigns, IPv6", v36, true, Message{Protocol: VRRP, Version: 3, Group: 7, Count: 1, NAddress: 1, Leads: true, Resigns: true,
			Interval: time.Second, Addresses: [8]packet.Addr{packet.MustAddr("fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe")}}},
		{"CARP", carp, false, Message{Protocol: CARP, Version: 2, Group: 3, Priority: 128, Leads: true, Interval: 1500 * time.Millisecond}},
	} {
		if got, ok := Parse(c.b, c.v6); !ok || got != c.want {
			t.Errorf("%s: %v %+v, want %+v", c.name, ok, got, c.want)
		}
		for n := range c.b[:min(len(c.b), 12)] {
			if m, ok := Parse(c.b[:n], c.v6); ok && (n < 8 || m.Count > 0) {
				t.Errorf("%s: %d bytes are enough", c.name, n)
			}
		}
	}
	seven := append([]byte{0x21, 3, 128, 7, 0, 1, 0, 0}, bytes.Repeat([]byte{10}, 36)...) // VRRP with seven addresses is no CARP
	if m, ok := Parse(seven, false); !ok || m.Protocol != VRRP || m.NAddress != 7 {
		t.Errorf("seven addresses: %v %+v", ok, m)
	}
	for _, b := range [][]byte{{0x21, 1, 1, 0, 0, 0, 0}, {0x41, 1, 1, 0, 0, 0, 0, 0}, {0x22, 1, 1, 0, 0, 0, 0, 0}} {
		if _, ok := Parse(b, false); ok {
			t.Errorf("% x is accepted", b)
		}
	}
}

func TestHSRP(t *testing.T) {
	m, ok := ParseHSRP(hsrp)
	if want := (Message{Protocol: HSRP, Group: 5, Priority: 110, Interval: 3 * time.Second, Count: 1, NAddress: 1, Leads: true,
		Addresses: [8]packet.Addr{packet.MustAddr("10.1.0.1")}}); !ok || m != want {
		t.Errorf("%v %+v", ok, m)
	}
	if probe(packet.ToServer, hsrp) != analyzer.Yes {
		t.Error("not recognised")
	}
	for at, v := range map[int]byte{0: 1, 1: 3, 2: 3, 7: 1, 8: 1, 12: 'x'} {
		b := bytes.Clone(hsrp)
		b[at] = v
		if probe(packet.ToServer, b) != analyzer.No {
			t.Errorf("byte %d = %d is taken for HSRP", at, v)
		}
	}
	standby := bytes.Clone(hsrp)
	standby[2] = 8
	if m, _ := ParseHSRP(standby); m.Leads {
		t.Error("a standby leads")
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, v3, func(m []byte) bool { _, ok := Parse(m, false); return ok })
}

func FuzzParse(f *testing.F) {
	for _, b := range [][]byte{v2, v3, v36, carp, hsrp, nil} {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		for _, m := range []Message{first(Parse(b, v6)), first(ParseHSRP(b))} {
			if m.NAddress > m.Count || m.NAddress > MaxAddresses || m.Interval < 0 || m.NAddress > 0 && m.Protocol == CARP {
				t.Errorf("% x became %+v", b, m)
			}
		}
		if probe(packet.ToServer, b) == analyzer.Yes && len(b) != hsrpLen {
			t.Errorf("% x is taken for HSRP", b)
		}
	})
}

func first(m Message, _ bool) Message { return m }
