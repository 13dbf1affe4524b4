package ndp

import (
	"bytes"
	"testing"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

var (
	target = packet.MustAddr("fe80::7")
	mac    = packet.MAC{2, 0, 0, 0, 0, 7}
	lladdr = func(kind byte) []byte { return append([]byte{kind, 1}, mac[:]...) }
)

func message(typ byte, flags uint32, body ...[]byte) []byte {
	b := []byte{typ, 0, 0, 0, byte(flags >> 24), byte(flags >> 16), byte(flags >> 8), byte(flags)}
	return append(b, bytes.Join(body, nil)...)
}

var prefix = append([]byte{header.NDPOptPrefix, 4, 64, 0xc0, 0, 0, 14, 16, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	0xfd, 0, 0, 1, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9)

var advert = message(header.ICMPv6RouterAdvert, 64<<24|0xc8<<16|1800, []byte{0, 0, 0x75, 0x30, 0, 0, 3, 232}, lladdr(1), prefix,
	[]byte{header.NDPOptMTU, 1, 0, 0, 0, 0, 5, 220},
	append([]byte{header.NDPOptRDNSS, 3, 0, 0, 0, 0, 1, 44}, target[:]...))

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want Message
	}{
		{"router solicitation", message(133, 0, lladdr(1)), Message{Type: 133, LinkAddr: mac}},
		{"router advertisement", advert, Message{Type: 134, LinkAddr: mac}},
		{"neighbour solicitation", message(135, 0, target[:], lladdr(1)), Message{Type: 135, Target: target, LinkAddr: mac}},
		{"target's option in a solicitation", message(135, 0, target[:], lladdr(2)), Message{Type: 135, Target: target}},
		{"neighbour advertisement", message(136, 0xe0<<24, target[:], lladdr(2)), Message{Type: 136, Target: target, LinkAddr: mac, Router: true, Solicited: true, Override: true}},
		{"its flags one by one", message(136, 0x20<<24, target[:]), Message{Type: 136, Target: target, Override: true}},
		{"redirect", message(137, 0, target[:], mac[:], make([]byte, 10), lladdr(2)), Message{Type: 137, Target: target, Dest: packet.Addr6(append(mac[:], make([]byte, 10)...)), LinkAddr: mac}},
		{"option of length zero", message(135, 0, target[:], []byte{1, 0, 0, 0, 0, 0, 0, 0}), Message{Type: 135, Target: target, Damaged: true}},
		{"option beyond the end", message(135, 0, target[:], []byte{1, 2, 0, 0, 0, 0, 0, 0}), Message{Type: 135, Target: target, Damaged: true}},
	} {
		if got, ok := Parse(c.b); !ok || got != c.want {
			t.Errorf("%s: %v %+v, want %+v", c.name, ok, got, c.want)
		}
	}
	for _, b := range [][]byte{nil, {135}, message(128, 0), message(135, 0, target[:15]), message(134, 0, make([]byte, 7)), message(137, 0, make([]byte, 31))} {
		if _, ok := Parse(b); ok {
			t.Errorf("% x is accepted", b)
		}
	}
}

func TestParseRouter(t *testing.T) {
	var ra event.RouterAdvert
	ParseRouter(advert, &ra)
	want := event.RouterAdvert{CurHopLimit: 64, Managed: true, OtherManaged: true, Preference: 1, Lifetime: 1800 * time.Second, Reachable: 30 * time.Second,
		Retrans: time.Second, MTU: 1500, NPrefix: 1, NServer: 1, ServerLife: 300 * time.Second}
	want.Prefixes[0] = event.NDPPrefix{Prefix: packet.MustAddr("fd00:1::"), Bits: 64, OnLink: true, Autonomous: true, Valid: time.Hour, Preferred: event.Forever}
	want.Servers[0] = target
	if ra != want {
		t.Errorf("%+v\nwant %+v", ra, want)
	}
	many := append([]byte(nil), advert...)
	for range 300 {
		many = append(many, prefix...)
	}
	ra = event.RouterAdvert{}
	if ParseRouter(many, &ra); ra.NPrefix != 255 || ra.Prefixes[3].Bits != 64 {
		t.Errorf("%d prefixes", ra.NPrefix)
	}
}

// run gives packets to the analyzer and overwrites their bytes afterwards.
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

func icmp(src, dst string, ttl uint8, b []byte) *packet.Packet {
	return packettest.ICMP{Src: src, Dst: dst, Type: b[0], Code: b[1], Rest: uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7]),
		Payload: string(b[8:]), IP: packettest.IP{TTL: ttl}}.Packet()
}

func TestEvents(t *testing.T) {
	got := run(t, nil,
		icmp("fe80::1", "ff02::1", 255, advert),
		icmp("::", "ff02::1:ff00:7", 255, message(135, 0, target[:])),
		icmp("fe80::9", "ff02::1", 64, message(136, 0xa0<<24, target[:], lladdr(2))),
		icmp("fe80::9", "fe80::1", 64, message(128, 0, target[:])))
	if len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	ra, dad, na := got[0].(*event.NDP), got[1].(*event.NDP), got[2].(*event.NDP)
	if ra.RA == nil || ra.RA.MTU != 1500 || !ra.Valid || ra.Probe || ra.HopLimit != 255 || ra.Head().Client.Addr != packet.MustAddr("fe80::1") {
		t.Errorf("advertisement: %+v", ra)
	}
	if !dad.Probe || !dad.Valid || dad.RA != nil || dad.Target != target || dad.Head().Kind != event.KindNDP || dad.Head().SrcMAC.IsZero() {
		t.Errorf("probe: %+v", dad)
	}
	if na.Valid || !na.Override || na.Solicited || na.LinkAddr != mac || na.HopLimit != 64 {
		t.Errorf("advertisement from afar: %+v", na)
	}
	if len(ra.AppendEVE(nil, &event.EVE{})) != 0 {
		t.Error("an EVE record that Suricata does not know")
	}
	if got := run(t, func(string) bool { return false }, icmp("fe80::1", "ff02::1", 255, advert)); len(got) != 0 {
		t.Error("an event that nobody wants")
	}
	p, quiet := icmp("fe80::1", "fe80::2", 255, message(128, 0, target[:])), []event.Event(nil)
	r, _ := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	d, _ := analyzer.NewDispatcher(r, analyzer.DispatchOptions{})
	if n := testing.AllocsPerRun(100, func() { d.Packet(p, flow.Handle{}, &quiet) }); n != 0 {
		t.Errorf("%v allocations for a ping", n)
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, advert, func(m []byte) bool { _, ok := Parse(m); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add(advert)
	f.Add(message(135, 0, target[:], lladdr(1)))
	f.Add(message(136, 0xe0<<24, target[:], lladdr(2)))
	f.Add(message(137, 0, target[:], target[:]))
	f.Add(message(135, 0, target[:], []byte{1, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := Parse(b)
		if !ok {
			if m != (Message{}) {
				t.Errorf("refused, but %+v", m)
			}
			return
		}
		var ra event.RouterAdvert
		ParseRouter(b, &ra)
		if m.Type != header.ICMPv6RouterAdvert && ra != (event.RouterAdvert{}) {
			t.Errorf("type %d announces %+v", m.Type, ra)
		}
		for i, p := range ra.Prefixes {
			if p.Bits > 128 || i >= int(ra.NPrefix) && p != (event.NDPPrefix{}) || masked(p.Prefix, p.Bits) != p.Prefix {
				t.Errorf("prefix %+v", p)
			}
		}
	})
}
