package dhcpv6

import (
	"bytes"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

func opt(code byte, v string) string {
	return string([]byte{0, code, byte(len(v) >> 8), byte(len(v))}) + v
}

func ip(s string) string { a := packet.MustAddr(s); return string(a[:]) }

const (
	duid  = "\x00\x03\x00\x01\x02\x00\x00\x00\x00\x09"
	duidS = "\x00\x03\x00\x01\x02\x00\x00\x00\x00\x01"
	times = "\x00\x00\x0e\x10\x00\x00\x1c\x20"
	iaid  = "\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00"
)

func solicit() []byte {
	return []byte("\x01\x12\x34\x56" + opt(1, duid) + opt(3, iaid) + opt(39, "\x01\x06laptop"))
}

func reply() []byte {
	return []byte("\x07\x12\x34\x56" + opt(1, duid) + opt(2, duidS) + opt(3, iaid+opt(5, ip("2001:db8::23")+times)) +
		opt(25, iaid+opt(26, times+"\x38"+ip("2001:db8:0:100::"))) + opt(23, ip("2001:db8::53")+ip("2001:db8::54")) + opt(39, "\x00\x06laptop\x07example\x00") + opt(13, "\x00\x00fine"))
}

func refusal() []byte {
	return []byte("\x07\x12\x34\x57" + opt(1, duid) + opt(2, duidS) + opt(3, iaid+opt(13, "\x00\x02no addresses\x1b[31m")))
}

func relayed(typ byte, m []byte) []byte {
	return []byte(string([]byte{typ, 1}) + ip("2001:db8:5::1") + ip("fe80::9") + opt(18, "eth0") + opt(9, string(m)))
}

func up(b []byte) []byte {
	return packettest.UDP{Src: "[fe80::9]:546", Dst: "[ff02::1:2]:547", Payload: string(b)}.Frame()
}

func down(b []byte) []byte {
	return packettest.UDP{Src: "[fe80::1]:547", Dst: "[fe80::9]:546", Payload: string(b)}.Frame()
}

func TestMessages(t *testing.T) {
	got := analyzertest.Of[*Event](analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, up(solicit()), down(reply()), down(refusal())))
	if len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	q, a, n := got[0], got[1], got[2]
	if q.Type != Solicit || q.XID != 0x123456 || string(q.ClientID) != duid || q.FQDN != "laptop" || q.HasStatus {
		t.Errorf("solicit %+v", q.Message)
	}
	if a.Type != Reply || string(a.ServerID) != duidS || len(a.Addrs) != 1 || a.Addrs[0] != (Lease{7, 3600, 7200, packet.MustAddr("2001:db8::23"), 128}) ||
		len(a.Prefixes) != 1 || a.Prefixes[0] != (Lease{7, 3600, 7200, packet.MustAddr("2001:db8:0:100::"), 56}) || len(a.DNS) != 2 || a.FQDN != "laptop.example" ||
		!a.HasStatus || a.Status != Success || a.From().Port != ServerPort {
		t.Errorf("reply %+v", a.Message)
	}
	if n.Status != NoAddrsAvail || n.Text != "no addresses\x1b[31m" {
		t.Errorf("refusal %+v", n.Message)
	}
	for i, want := range []int{0, 1, 0} {
		names := 0
		got[i].EachName(func(x event.Name) {
			if x.Name == "laptop.example" && x.Addr == packet.MustAddr("2001:db8::23") && x.From == event.NameDHCP {
				names++
			}
		})
		if names != want {
			t.Errorf("message %d gives %d names", i, names)
		}
		if e := got[i].AppendEVE(nil, &event.EVE{Version: 8}); len(e) != 0 {
			t.Errorf("%s", e)
		}
	}
}

func TestRelay(t *testing.T) {
	m, ok := Parse(relayed(12, solicit()))
	if !ok || m.Relay != RelayForward || m.Type != Solicit || m.XID != 0x123456 || m.Hops != 1 || m.Link != packet.MustAddr("2001:db8:5::1") || m.Peer != packet.MustAddr("fe80::9") {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok = Parse(relayed(13, reply())); !ok || m.Relay != RelayReply || m.Type != Reply || len(m.Addrs) != 1 {
		t.Errorf("%v %+v", ok, m)
	}
	if m, ok = Parse(relayed(12, relayed(12, solicit()))); !ok || m.Type != RelayForward || m.ClientID != nil {
		t.Errorf("a second level: %v %+v", ok, m)
	}
}

func TestOtherThings(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":            {},
		"type 0":           append([]byte{0}, solicit()[1:]...),
		"type 14":          append([]byte{14}, solicit()[1:]...),
		"no option":        []byte("\x01abc"),
		"option too long":  []byte("\x01abc\x00\x01\x00\x09ab"),
		"unknown option":   []byte("\x01abc\x7f\x01\x00\x00"),
		"a DNS question":   []byte("\x01\x02\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01"),
		"no identifier":    []byte("\x01abc" + opt(3, iaid)),
		"relay of nothing": relayed(12, nil)[:34+8],
		"relay cut":        relayed(12, nil)[:30],
		"relay hops":       func() []byte { b := relayed(12, solicit()); b[1] = 99; return b }(),
	} {
		if _, ok := Parse(b); ok || probe(packet.ToServer, b) != analyzer.No {
			t.Errorf("%s is taken for DHCPv6", name)
		}
	}
	for n := range len(reply()) { // cut within an option it is none; between two it may be
		m, ok := Parse(reply()[:n])
		if ok != (probe(packet.ToServer, reply()[:n]) == analyzer.Yes) || ok && string(m.ClientID) != duid {
			t.Errorf("cut at %d: %v %+v", n, ok, m)
		}
	}
}

// The message keeps nothing of the bytes it was read from, and of no list more than there is room for.
func TestCopiesAndBounds(t *testing.T) {
	b := []byte("\x07abc" + opt(1, duid) + opt(23, string(bytes.Repeat([]byte(ip("2001:db8::53")), 12))))
	for range 12 {
		b = append(b, opt(3, iaid+opt(5, ip("2001:db8::23")+times))...)
	}
	m, _ := Parse(b)
	clear(b)
	if string(m.ClientID) != duid || len(m.DNS) != maxKept || len(m.Addrs) != maxKept {
		t.Errorf("%+v", m)
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, reply(), func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add(solicit())
	f.Add(reply())
	f.Add(refusal())
	f.Add(relayed(12, solicit()))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if ok != (probe(packet.ToServer, b) == analyzer.Yes) {
			t.Fatal("probe and reader differ")
		}
		if len(m.DNS) > maxKept || len(m.Addrs) > maxKept || len(m.Prefixes) > maxKept || len(m.FQDN) > maxName || len(m.Text) > maxText || len(m.ClientID) > maxID {
			t.Fatalf("%+v", m)
		}
		e := &Event{Message: m}
		e.EachName(func(event.Name) {})
	})
}
