package packettest

import (
	"net/netip"
	"strconv"
	"strings"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Link holds what every frame has around its network header.
type Link struct {
	SrcMAC, DstMAC string   // "02:00:00:00:00:01"; empty: derived from the IP addresses
	VLANs          []uint16 // tags, outermost first
	Pad            int      // pad the frame with zeros to this many bytes
}

func (l Link) frame(etherType uint16, src, dst netip.Addr, payload []byte) []byte {
	b := header.AppendEthernet(nil, mac(l.DstMAC, dst), mac(l.SrcMAC, src), etherType)
	if n := len(l.VLANs); n > 0 {
		b = b[:12]
		b = append(b, 0x81, 0)
		for i, id := range l.VLANs {
			next := uint16(packet.EtherVLAN)
			if i == n-1 {
				next = etherType
			}
			b = header.AppendVLAN(b, id, 0, next)
		}
	}
	b = append(b, payload...)
	for len(b) < l.Pad {
		b = append(b, 0)
	}
	return b
}

// mac parses s, or derives a locally administered address from a.
func mac(s string, a netip.Addr) (m [6]byte) {
	if s == "" {
		if a.IsMulticast() && a.Is4() {
			b := a.As4()
			return [6]byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
		}
		b := a.As16()
		return [6]byte{2, 0, b[12], b[13], b[14], b[15]}
	}
	parts := strings.Split(s, ":")
	if len(parts) != 6 {
		panic("packettest: not a MAC: " + s)
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			panic("packettest: not a MAC: " + s)
		}
		m[i] = byte(v)
	}
	return m
}

// IP holds what every IP packet has.
type IP struct {
	TTL      uint8  // 0: 64
	TOS      uint8  // or traffic class
	ID       uint16 // IPv4 identification
	DF       bool
	Options  []byte // IPv4 options
	Ext      []byte // IPv6: extension headers, as bytes
	ExtFirst uint8  // IPv6: protocol number of the first extension header
}

// packet wraps a transport message into an IP packet of the family of src.
func (f IP) packet(src, dst netip.Addr, proto uint8, payload []byte) (etherType uint16, b []byte) {
	ttl := f.TTL
	if ttl == 0 {
		ttl = 64
	}
	if src.Is4() {
		h := header.IPv4Fields{TOS: f.TOS, TTL: ttl, Protocol: proto, ID: f.ID, DontFragment: f.DF,
			Src: src.As4(), Dst: dst.As4(), Options: f.Options}
		return packet.EtherIPv4, header.AppendIPv4(nil, &h, payload)
	}
	next := proto
	if len(f.Ext) > 0 {
		next = f.ExtFirst
		payload = append(append([]byte{}, f.Ext...), payload...)
	}
	h := header.IPv6Fields{TrafficClass: f.TOS, NextHeader: next, HopLimit: ttl, Src: src.As16(), Dst: dst.As16()}
	return packet.EtherIPv6, header.AppendIPv6(nil, &h, payload)
}

// ends returns addresses as the bytes a pseudo-header needs.
func ends(src, dst netip.Addr) (s, d []byte) { return src.AsSlice(), dst.AsSlice() }

func addrPort(s string) netip.AddrPort {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		panic("packettest: not an address with port: " + s)
	}
	return ap
}

func addr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		panic("packettest: not an address: " + s)
	}
	return a
}

// Decode returns frame as a decoded packet with Frame 1, WireLen set and all checksums computed.
func Decode(frame []byte) *packet.Packet {
	p := &packet.Packet{Data: frame, Link: packet.LinkEthernet, WireLen: uint32(len(frame)), Frame: 1, Ordinal: 1}
	packet.Decode(p, &packet.Options{Checksums: packet.ChecksumsAuto})
	return p
}

// At is Decode with a frame number and a time, for tests that need an order.
func At(frame []byte, number uint64, t packet.Time) *packet.Packet {
	p := Decode(frame)
	p.Frame, p.Ordinal, p.Time = number, number, t
	return p
}

func addr4(b [4]byte) netip.Addr   { return netip.AddrFrom4(b) }
func addr16(b [16]byte) netip.Addr { return netip.AddrFrom16(b) }
