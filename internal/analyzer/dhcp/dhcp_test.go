package dhcp

import (
	"bytes"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// bootp builds a message; each option is code and value.
func bootp(op byte, yours string, options ...string) []byte {
	b := make([]byte, fixedLen)
	b[0], b[1], b[2] = op, 1, 6
	copy(b[4:], "\x12\x34\x56\x78")
	b[9], b[10] = 3, 0x80
	copy(b[16:], yours)
	copy(b[28:], "\x02\x00\x00\x00\x00\x09")
	b = append(b, cookie[:]...)
	for _, o := range options {
		b = append(b, o[0], byte(len(o)-1))
		b = append(b, o[1:]...)
	}
	return append(b, 255)
}

func up(b []byte) []byte {
	return packettest.UDP{Src: "0.0.0.0:68", Dst: "255.255.255.255:67", Payload: string(b)}.Frame()
}
func down(b []byte) []byte {
	return packettest.UDP{Src: "10.0.0.1:67", Dst: "10.0.0.23:68", Payload: string(b)}.Frame()
}

var (
	request = func() []byte {
		return bootp(1, "", "\x35\x03", "\x0claptop\x00", "\x32\x0a\x00\x00\x17", "\x36\x0a\x00\x00\x01", "\x37\x01\x03\x06", "\x3cMSFT 5.0")
	}
	ack = func() []byte {
		return bootp(2, "\x0a\x00\x00\x17", "\x35\x05", "\x36\x0a\x00\x00\x01", "\x33\x00\x00\x0e\x10", "\x01\xff\xff\xff\x00", "\x03\x0a\x00\x00\x01", "\x06\x0a\x00\x00\x35\x0a\x00\x00\x36",
			"\x51\x00\x00\x00laptop.example", "\x52\x01\x04abcd")
	}
	nak = func() []byte { return bootp(2, "", "\x35\x06", "\x36\x0a\x00\x00\x01", "\x38wrong network\x1b[31m") }
)

func run(t testing.TB, frames ...[]byte) []*Event {
	t.Helper()
	return analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames...))
}

func TestMessages(t *testing.T) {
	got := run(t, up(request()), down(ack()), down(nak()))
	if len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	q, a, n := got[0], got[1], got[2]
	if q.Reply || q.Type != Request || q.XID != 0x12345678 || q.Secs != 3 || !q.Broadcast || q.ClientMAC != (packet.MAC{2, 0, 0, 0, 0, 9}) ||
		q.HostName != "laptop" || q.RequestedIP != packet.MustAddr("10.0.0.23") || q.VendorClass != "MSFT 5.0" || !bytes.Equal(q.Params, []byte{1, 3, 6}) {
		t.Errorf("request %+v", q.Message)
	}
	if !a.Reply || a.Type != ACK || a.YourIP != packet.MustAddr("10.0.0.23") || a.Lease != 3600 || !a.HasLease || a.Mask != packet.MustAddr("255.255.255.0") ||
		len(a.Routers) != 1 || len(a.DNS) != 2 || a.DNS[1] != packet.MustAddr("10.0.0.54") || a.HostName != "laptop.example" || !a.RelayAgent || a.From().Port != ServerPort {
		t.Errorf("ack %+v", a.Message)
	}
	if n.Type != NAK || n.Text != "wrong network\x1b[31m" || n.ServerID != packet.MustAddr("10.0.0.1") {
		t.Errorf("nak %+v", n.Message)
	}
	for i, want := range []string{"laptop", "laptop.example", ""} {
		name := ""
		got[i].EachName(func(n event.Name) {
			if n.Addr == packet.MustAddr("10.0.0.23") && n.From == event.NameDHCP {
				name = n.Name
			}
		})
		if name != want {
			t.Errorf("message %d names %q", i, name)
		}
	}
	analyzertest.ValidEVE(t, q, a, n)
}

// Options go on in file and sname where option 52 says so.
func TestOverload(t *testing.T) {
	b := bootp(2, "", "\x35\x02", "\x34\x03")
	copy(b[108:], "\x0c\x04host\xff")
	copy(b[44:], "\x36\x04\x0a\x00\x00\x01\xff")
	m, ok := Parse(b)
	if !ok || m.HostName != "host" || m.ServerID != packet.MustAddr("10.0.0.1") || m.Type != Offer {
		t.Errorf("%+v", m)
	}
}

func TestOtherThings(t *testing.T) {
	for name, b := range map[string][]byte{
		"short":        ack()[:fixedLen-1],
		"operation 3":  bootp(3, ""),
		"wrong cookie": append(make([]byte, fixedLen), "abcd"...),
		"flags":        func() []byte { b := ack(); b[11] = 1; return b }(),
	} {
		if _, ok := Parse(b); ok || probe(packet.ToServer, b) != analyzer.No {
			t.Errorf("%s is taken for DHCP", name)
		}
	}
	if m, ok := Parse(ack()[:fixedLen]); !ok || m.Type != 0 {
		t.Error("plain BOOTP is not read")
	}
	for n := fixedLen + cookieLen; n < len(ack()); n++ { // cut anywhere, it is read up to there
		if m, ok := Parse(ack()[:n]); !ok || m.YourIP != packet.MustAddr("10.0.0.23") {
			t.Errorf("cut at %d: %v", n, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(request())
	f.Add(ack())
	f.Add(nak())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if ok != (probe(packet.ToServer, b) == analyzer.Yes) {
			t.Fatal("probe and reader differ")
		}
		if len(m.Routers) > maxAddrs || len(m.DNS) > maxAddrs || len(m.HostName) > maxText {
			t.Fatalf("%+v", m)
		}
		e := &Event{Message: m}
		e.EachName(func(event.Name) {})
		e.AppendEVE(nil, &event.EVE{Version: 8})
	})
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, ack(), func(m []byte) bool { _, ok := Parse(m); return ok })
}
