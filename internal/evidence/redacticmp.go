package evidence

import (
	"encoding/binary"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// icmp4 keeps the header, and of an error the packet that it quotes up to its ports (RFC 792).
func (f *frame) icmp4(b []byte) (int, bool) {
	if len(b) < 8 {
		return 0, false
	}
	switch b[0] {
	case 3, 4, 11, 12:
		return 8 + f.quoted(b[8:]), true
	case 5:
		f.m.put(b[4:8]) // the better gateway
		return 8 + f.quoted(b[8:]), true
	}
	return 8, true
}

// icmp6 keeps the header, of an error the packet that it quotes (RFC 4443 3), and neighbour discovery whole.
func (f *frame) icmp6(b []byte) (int, bool) {
	if len(b) < 8 {
		return 0, false
	}
	switch {
	case b[0] >= 1 && b[0] <= 4:
		return 8 + f.quoted(b[8:]), true
	case b[0] == 133:
		return f.ndOptions(b, 8), true
	case b[0] == 134 && len(b) >= 16:
		return f.ndOptions(b, 16), true
	case (b[0] == 135 || b[0] == 136) && len(b) >= 24:
		f.m.put(b[8:24])
		return f.ndOptions(b, 24), true
	case b[0] == 137 && len(b) >= 40:
		f.m.put(b[8:24])
		f.m.put(b[24:40])
		return f.ndOptions(b, 40), true
	}
	return 8, true
}

// ndOptions maps the options of a neighbour discovery message, from at on, and returns how far it understood them
// (RFC 4861 4.6, RFC 8106 5.1). Unknown ones are cleared.
func (f *frame) ndOptions(b []byte, at int) int {
	for at+8 <= len(b) {
		n := int(b[at+1]) * 8
		if n == 0 || at+n > len(b) {
			break
		}
		o := b[at : at+n]
		switch {
		case o[0] == 1 || o[0] == 2: // a link-layer address
			f.m.putMAC(o[2:])
			clear(o[8:])
		case o[0] == 3 && n == 32: // a prefix
			f.prefix(o[16:32], int(o[2]))
		case o[0] == 5: // MTU
		case o[0] == 25: // name servers
			for k := 8; k+16 <= n; k += 16 {
				f.m.put(o[k : k+16])
			}
		default:
			clear(o[2:])
		}
		at += n
	}
	return at
}

// prefix maps the first n bits of an address and leaves no others.
func (f *frame) prefix(b []byte, n int) {
	f.m.put(b)
	for i := min(n, 128); i < 128; i++ {
		b[i/8] &^= 0x80 >> (i % 8)
	}
}

// quoted maps the packet that an ICMP error quotes and returns how much of it stays: its IP header and the eight bytes
// behind, without what they tell of the payload.
func (f *frame) quoted(b []byte) int {
	var n int
	var proto byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		n, proto = int(b[0]&15)*4, b[9]
		if n < 20 || n > len(b) {
			return 0
		}
		f.m.put(b[12:16])
		f.m.put(b[16:20])
		eachOption(b[20:n], func(_ byte, data []byte) { clear(data) })
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], header.Checksum(b[:n]))
		if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return n // a later fragment: payload follows
		}
	case len(b) >= 40 && b[0]>>4 == 6:
		n, proto = 40, b[6]
		f.m.put(b[8:24])
		f.m.put(b[24:40])
	default:
		return 0
	}
	if len(b) < n+8 {
		return n
	}
	switch proto {
	case packet.ProtoTCP:
		return n + 8 // ports and sequence number
	case packet.ProtoUDP:
		b[n+6], b[n+7] = 0, 0
		return n + 8
	case packet.ProtoICMP, packet.ProtoICMPv6:
		b[n+2], b[n+3] = 0, 0
		return n + 8
	}
	return n
}
