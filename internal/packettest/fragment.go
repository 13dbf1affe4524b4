package packettest

import "firestorm/internal/header"

// Fragment cuts an IP packet (as Datagram returns it) into fragments of size bytes of payload, a multiple of 8,
// and returns each as an IP packet. For IPv6 it inserts fragment headers with the given identification.
func Fragment(datagram []byte, size int, id uint32) [][]byte {
	if size <= 0 || size%8 != 0 {
		panic("packettest: fragment size must be a multiple of 8")
	}
	var out [][]byte
	if h, ok := header.ParseIPv4(datagram); ok {
		data := datagram[len(h):]
		for off := 0; off < len(data); off += size {
			end := min(off+size, len(data))
			f := header.IPv4Fields{TOS: h.TOS(), TTL: h.TTL(), Protocol: h.Protocol(), ID: uint16(id),
				MoreFragments: end < len(data), Offset: off, Src: h.Src(), Dst: h.Dst(), Options: h.Options()}
			out = append(out, header.AppendIPv4(nil, &f, data[off:end]))
		}
		return out
	}
	h, ok := header.ParseIPv6(datagram)
	if !ok {
		panic("packettest: not an IP packet")
	}
	data := datagram[len(h):]
	for off := 0; off < len(data); off += size {
		end := min(off+size, len(data))
		body := header.AppendIPv6Fragment(nil, h.NextHeader(), off, end < len(data), id)
		body = append(body, data[off:end]...)
		f := header.IPv6Fields{TrafficClass: h.TrafficClass(), NextHeader: 44, HopLimit: h.HopLimit(),
			Src: h.Src(), Dst: h.Dst()}
		out = append(out, header.AppendIPv6(nil, &f, body))
	}
	return out
}

// Ethernet wraps an IP packet (as Datagram or Fragment return it) into a frame.
func Ethernet(datagram []byte, l Link) []byte {
	if h, ok := header.ParseIPv4(datagram); ok {
		s, d := h.Src(), h.Dst()
		return l.frame(0x0800, addr4(s), addr4(d), datagram)
	}
	h, ok := header.ParseIPv6(datagram)
	if !ok {
		panic("packettest: not an IP packet")
	}
	return l.frame(0x86dd, addr16(h.Src()), addr16(h.Dst()), datagram)
}
