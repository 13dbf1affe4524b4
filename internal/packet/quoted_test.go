package packet_test

import (
	"testing"

	"firestorm/internal/header"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// TestQuoted reads the packet that an ICMP error quotes, down to eight bytes past its IP headers.
func TestQuoted(t *testing.T) {
	syn := packettest.TCP{Src: "192.0.2.1:40000", Dst: "198.51.100.2:443", Seq: 0x01020304, Flags: packet.SYN,
		IP: packettest.IP{ID: 77, TTL: 3}}
	optioned := syn
	optioned.IP.Options = []byte{148, 4, 0, 0}
	syn6 := packettest.TCP{Src: "[2001:db8::1]:40000", Dst: "[2001:db8::2]:443", Seq: 0x01020304, Flags: packet.SYN,
		IP: packettest.IP{TTL: 3}}
	hop := syn6
	hop.IP.Ext, hop.IP.ExtFirst = header.AppendIPv6Options(nil, packet.ProtoTCP, []byte{5, 2, 0, 0, 0, 0}), packet.ProtoHopByHop
	echo := packettest.ICMP{Src: "192.0.2.1", Dst: "198.51.100.2", Type: 8, Rest: 0x00070009, IP: packettest.IP{ID: 5}}
	later := packettest.Fragment(syn.Datagram(), 8, 78)[1]
	frag6 := packettest.Fragment(syn6.Datagram(), 8, 0x00010002)
	v4 := func(typ, code uint8, quote []byte) *packet.Packet {
		return packettest.ICMP{Src: "203.0.113.9", Dst: "192.0.2.1", Type: typ, Code: code, Quote: quote}.Packet()
	}
	v6 := func(typ uint8, quote []byte) *packet.Packet {
		return packettest.ICMP{Src: "2001:db8::9", Dst: "2001:db8::1", Type: typ, Quote: quote}.Packet()
	}
	a, b := packet.MustAddr("192.0.2.1"), packet.MustAddr("198.51.100.2")
	a6, b6 := packet.MustAddr("2001:db8::1"), packet.MustAddr("2001:db8::2")
	tcp4 := packet.Quoted{Src: a, Dst: b, SrcPort: 40000, DstPort: 443, Seq: 0x01020304, IPID: 77, Len: 40, Proto: 6, TTL: 3, HasPorts: true}
	with := func(q packet.Quoted, f func(*packet.Quoted)) packet.Quoted { f(&q); return q }
	tcp6 := packet.Quoted{Src: a6, Dst: b6, SrcPort: 40000, DstPort: 443, Seq: 0x01020304, Len: 60, Proto: 6, TTL: 3, HasPorts: true}
	redirect := append(make([]byte, 32), append([]byte{4, 9, 0, 0, 0, 0, 0, 0}, append(syn6.Datagram(), 0, 0, 0, 0)...)...)
	for _, c := range []struct {
		name string
		p    *packet.Packet
		want packet.Quoted
	}{
		{"whole", v4(3, 13, syn.Datagram()), tcp4},
		{"eight bytes", v4(11, 0, syn.Datagram()[:28]), tcp4},
		{"source quench", v4(4, 0, syn.Datagram()[:28]), tcp4},
		{"redirect", v4(5, 1, syn.Datagram()[:28]), tcp4},
		{"parameter problem", v4(12, 0, syn.Datagram()[:28]), tcp4},
		{"four bytes", v4(3, 3, syn.Datagram()[:24]), with(tcp4, func(q *packet.Quoted) { q.Seq = 0 })},
		{"header only", v4(3, 3, syn.Datagram()[:20]), with(tcp4, func(q *packet.Quoted) { q.Seq, q.SrcPort, q.DstPort, q.HasPorts = 0, 0, 0, false })},
		{"with IP options", v4(3, 4, optioned.Datagram()[:32]), with(tcp4, func(q *packet.Quoted) { q.Len = 44 })},
		{"later fragment", v4(11, 1, later), packet.Quoted{Src: a, Dst: b, IPID: 78, Len: 28, Proto: 6, TTL: 3}},
		{"echo", v4(11, 0, echo.Datagram()), packet.Quoted{Src: a, Dst: b, Seq: 0x00070009, IPID: 5, Len: 28, Proto: 1, TTL: 64}},
		{"v6", v6(3, syn6.Datagram()[:48]), tcp6},
		{"v6 through hop-by-hop", v6(1, hop.Datagram()), with(tcp6, func(q *packet.Quoted) { q.Len = 68 })},
		{"v6 first fragment", v6(2, frag6[0]), with(tcp6, func(q *packet.Quoted) { q.Len, q.IPID = 56, 2 })},
		{"v6 later fragment", v6(2, frag6[1]), packet.Quoted{Src: a6, Dst: b6, Len: 56, IPID: 2, Proto: 6, TTL: 3}},
		{"v6 redirect", packettest.ICMP{Src: "fe80::9", Dst: "2001:db8::1", Type: 137, Quote: redirect}.Packet(), tcp6},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkPacket(t, c.p)
			if !c.p.HasQuoted || c.p.Quoted != c.want {
				t.Errorf("%v\n got %+v\nwant %+v", c.p.Anomalies[:c.p.NAnomaly], c.p.Quoted, c.want)
			}
		})
	}
}

// TestWireless: the frame checksum is not payload, and what cannot be read says why.
func TestWireless(t *testing.T) {
	var wlan []byte
	for _, s := range seeds() {
		if s.name == "wlan" {
			wlan = edited(s.data, set16(26+8+2, 0)) // total length 0: all that belongs to the frame is payload
		}
	}
	decode := func(f []byte) packet.Packet {
		p := packet.Packet{Data: f, Link: packet.LinkRadiotap, WireLen: uint32(len(f))}
		packet.Decode(&p, nil)
		return p
	}
	tap := []byte{0, 0, 9, 0, 2, 0, 0, 0, header.RadiotapFCS}
	if p := decode(append(append(tap, wlan...), 1, 2, 3, 4)); string(p.Payload()) != "inner" {
		t.Errorf("payload %q", p.Payload())
	}
	for _, c := range []struct {
		off  int
		v    byte
		want packet.Anomaly
	}{{1, 0x41, packet.BadIEEE80211Encrypted}, {24, 0x80, packet.BadIEEE80211AMSDU}} {
		if p := decode(append(append([]byte(nil), tap...), edited(wlan, set8(c.off, c.v))...)); !p.HasAnomaly(c.want) || p.IPVersion != 0 {
			t.Errorf("%v: %+v", c.want, p)
		}
	}
	null := edited(wlan, set8(0, 0xc8)) // QoS null: no body
	if p := decode(append(append([]byte(nil), tap...), null...)); p.NAnomaly != 0 || p.IPVersion != 0 {
		t.Errorf("%+v", p)
	}
}
