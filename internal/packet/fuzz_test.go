package packet_test

import (
	"encoding/hex"
	"testing"

	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// linkTypes are all link types that Decode knows, and one that it does not.
var linkTypes = []packet.LinkType{
	packet.LinkEthernet, packet.LinkNull, packet.LinkPPP, packet.LinkPPPHDLC, packet.LinkPPPoE, packet.LinkRaw,
	packet.LinkIEEE80211, packet.LinkLoop, packet.LinkSLL, packet.LinkPFLOG, packet.LinkPrism, packet.LinkRadiotap,
	packet.LinkIPv4, packet.LinkIPv6, packet.LinkNFLOG, packet.LinkSLL2, packet.LinkCHDLC, packet.LinkRawBSD,
	packet.LinkRawOpenBSD, packet.LinkUnspecified,
}

// checkPacket holds what must be true of any decoded packet.
func checkPacket(t *testing.T, p *packet.Packet) {
	t.Helper()
	n := len(p.Data)
	if int(p.NLayer) > packet.MaxLayers || int(p.NAnomaly) > len(p.Anomalies) || int(p.NVLAN) > len(p.VLANs) ||
		int(p.NSACK) > len(p.SACK) {
		t.Fatalf("a count is past its array: %+v", p)
	}
	for i, l := range p.Layers {
		if i < int(p.NLayer) {
			if int(l.Off) > n || l.Kind == packet.LayerNone {
				t.Fatalf("layer %d (%v) at %d of %d", i, l.Kind, l.Off, n)
			}
		} else if l != (packet.Layer{}) {
			t.Fatalf("layer %d past NLayer is not zero", i)
		}
	}
	if int(p.L3) > n || int(p.L4) > n || int(p.PayloadOff)+int(p.PayloadLen) > n {
		t.Fatalf("offsets outside %d bytes: L3 %d, L4 %d, payload %d+%d", n, p.L3, p.L4, p.PayloadOff, p.PayloadLen)
	}
	if p.PayloadLen > p.PayloadWire {
		t.Fatalf("captured payload %d is more than that of the wire %d", p.PayloadLen, p.PayloadWire)
	}
	if p.L4 != 0 && p.L4 < p.L3 || p.PayloadOff != 0 && p.IPVersion != 0 && p.PayloadOff < p.L4 {
		t.Fatalf("offsets out of order: %+v", p)
	}
	if p.IPVersion == 0 && (p.Src != packet.Addr{} || p.Dst != packet.Addr{} || p.Proto != 0 || p.Tunnel != 0) {
		t.Fatalf("IP fields without IP: %+v", p)
	}
	if p.IPVersion == 4 && (!p.Src.Is4() || !p.Dst.Is4()) {
		t.Fatalf("IPv4 without mapped addresses: %v %v", p.Src, p.Dst)
	}
	if p.FragOff != 0 && (p.SrcPort != 0 || p.DstPort != 0 || p.IPFlags&packet.Fragment == 0) {
		t.Fatalf("a later fragment with ports: %+v", p)
	}
	if len(p.Payload()) != int(p.PayloadLen) && p.PayloadOff != 0 {
		t.Fatalf("Payload() holds %d, PayloadLen is %d", len(p.Payload()), p.PayloadLen)
	}
	p.IPPayload()
}

// FuzzDecode reads any bytes as any link type: nothing panics, the properties hold, a dirty Packet decodes as a
// clean one does, and a decoded IP packet decodes as a datagram.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add(uint16(s.link), uint16(0), s.data)
		f.Add(uint16(s.link), uint16(9), s.data[:len(s.data)*2/3])
	}
	dirty := packettest.TCP{Src: "[2001:db8::1]:1234", Dst: "[2001:db8::2]:80", Flags: packet.SYN, MSS: 1460, TSVal: 9,
		SACK: [][2]uint32{{1, 2}, {3, 4}}, Link: packettest.Link{VLANs: []uint16{3, 4}}, Payload: "x"}.Packet()
	f.Fuzz(func(t *testing.T, link, more uint16, data []byte) {
		o := &packet.Options{Checksums: packet.Checksums(more % 3)}
		p := packet.Packet{Data: data, Link: linkTypes[int(link)%len(linkTypes)], WireLen: uint32(len(data)) + uint32(more)}
		q := *dirty
		q.Data, q.Link, q.WireLen, q.Frame, q.Ordinal = p.Data, p.Link, p.WireLen, 0, 0
		packet.Decode(&p, o)
		checkPacket(t, &p)
		packet.Decode(&q, o)
		if !same(&p, &q) {
			t.Fatalf("what was in the Packet before shows:\n%+v\n%+v", p, q)
		}
		if p.IPVersion != 0 {
			q.Data = data[p.L3:]
			packet.DecodeDatagram(&q, o)
			checkPacket(t, &q)
			if q.NAnomaly == 0 && q.Tunnel == p.Tunnel && (q.Src != p.Src || q.Proto != p.Proto) {
				t.Fatalf("as a datagram %v %d, in the frame %v %d", q.Src, q.Proto, p.Src, p.Proto)
			}
		}
	})
}

// same compares two packets field by field, Data by identity.
func same(a, b *packet.Packet) bool {
	if len(a.Data) != len(b.Data) {
		return false
	}
	x, y := *a, *b
	x.Data, y.Data = nil, nil
	return packetValue(x) == packetValue(y)
}

type seed struct {
	name string
	link packet.LinkType
	data []byte
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
