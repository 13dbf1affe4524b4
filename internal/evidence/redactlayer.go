package evidence

import (
	"encoding/binary"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// layer maps what one header tells and returns how many bytes of it may stay, from off on. end is where the next
// header begins, or the frame's end where last is set. It refuses what it does not know.
func (f *frame) layer(k packet.LayerKind, off, end int, last bool) (n int, ok bool) {
	b := f.b[off:end]
	f.wrong = false
	need := func(n int) (int, bool) { return n, len(b) >= n }
	// header is for headers of any length that tell nothing: they reach to the next one, or are least bytes long.
	header := func(least int) (int, bool) {
		if last {
			return need(least)
		}
		return len(b), true
	}
	switch k {
	case packet.LayerEthernet:
		if len(b) < 14 {
			return 0, false
		}
		f.m.putMAC(b)
		f.m.putMAC(b[6:])
		return header(14)
	case packet.LayerVLAN, packet.LayerQinQ, packet.LayerMPLS, packet.LayerPWControl, packet.LayerNull, packet.LayerLoop, packet.LayerCHDLC:
		return header(4)
	case packet.LayerLLC:
		return header(3)
	case packet.LayerSNAP, packet.LayerPPPoE:
		return header(5)
	case packet.LayerPPP:
		return header(1)
	case packet.LayerRaw:
		return header(0)
	case packet.LayerSLL:
		return f.sll(b, 16, 4, 6)
	case packet.LayerSLL2:
		return f.sll(b, 20, 11, 12)
	case packet.LayerNFLOG:
		return f.nflog(b, last)
	case packet.LayerPFLOG:
		if len(b) < 61 {
			return 0, false
		}
		clear(b[min(len(b), 61):]) // newer ones hold the addresses before translation here
		return header(61)
	case packet.LayerRadiotap, packet.LayerPrism:
		return len(b), !last
	case packet.LayerIEEE80211:
		return f.wifi(b, last)
	case packet.LayerARP:
		return f.arp(b)
	case packet.LayerIPv4:
		return f.ipv4(b, off)
	case packet.LayerIPv6:
		if len(b) < 40 {
			return 0, false
		}
		f.ip = off
		f.m.put(b[8:24])
		f.m.put(b[24:40])
		return 40, true
	case packet.LayerIPv6Fragment:
		return need(8)
	case packet.LayerIPv6HopByHop, packet.LayerIPv6DestOpts, packet.LayerIPv6Routing, packet.LayerIPv6Ext:
		return f.extension(b, k)
	case packet.LayerAH:
		if len(b) < 12 {
			return 0, false
		}
		n := min((int(b[1])+2)*4, len(b))
		clear(b[min(12, n):n])
		return n, true
	case packet.LayerESP:
		return need(8)
	case packet.LayerTCP:
		return f.tcp(b)
	case packet.LayerUDP, packet.LayerUDPLite:
		return need(8)
	case packet.LayerSCTP, packet.LayerDCCP:
		if len(b) < 12 {
			return 0, false
		}
		clear(b[8:12]) // a checksum of the payload
		return 12, true
	case packet.LayerICMPv4:
		return f.icmp4(b)
	case packet.LayerICMPv6:
		return f.icmp6(b)
	case packet.LayerIGMP:
		return need(8)
	case packet.LayerVRRP:
		return f.vrrp(b)
	case packet.LayerGRE:
		return header(4)
	case packet.LayerVXLAN, packet.LayerGTPU, packet.LayerERSPAN:
		return header(8)
	case packet.LayerGeneve:
		if len(b) < 8 {
			return 0, false
		}
		n := min(8+int(b[0]&0x3f)*4, len(b))
		clear(b[8:n])
		return n, true
	case packet.LayerTeredo:
		return len(b), !last && len(b) == 0
	}
	return 0, false
}

// sll maps the link-layer address of Linux's cooked captures: its length stands at lenAt (16 bits in the older form,
// 8 in the newer), its bytes at addrAt.
func (f *frame) sll(b []byte, n, lenAt, addrAt int) (int, bool) {
	if len(b) < n {
		return 0, false
	}
	length := int(b[lenAt])
	if n == 16 {
		length = int(binary.BigEndian.Uint16(b[lenAt:]))
	}
	if length == 6 {
		f.m.putMAC(b[addrAt:])
		clear(b[addrAt+6 : addrAt+8])
	} else {
		clear(b[addrAt : addrAt+8])
	}
	return n, true
}

// The attributes of NFLOG's messages that tell more than the packet (linux/netfilter/nfnetlink_log.h).
var nflogTelling = map[uint16]bool{8: true /* HWADDR */, 11: true /* UID */, 14: true /* GID */, 16: true /* HWHEADER */, 18: true /* CT */}

func (f *frame) nflog(b []byte, last bool) (int, bool) {
	if last || len(b) < 4 {
		return 0, false
	}
	for at := 4; at+4 <= len(b); {
		n, typ := int(binary.LittleEndian.Uint16(b[at:])), binary.LittleEndian.Uint16(b[at+2:])&0x7fff
		if n < 4 || at+n > len(b) { // the payload: it reaches past this header
			break
		}
		if nflogTelling[typ] {
			clear(b[at+4 : at+n])
		}
		at += (n + 3) &^ 3
	}
	return len(b), true
}

// wifi maps the three or four addresses of an 802.11 header (IEEE 802.11-2020 9.2.3).
func (f *frame) wifi(b []byte, last bool) (int, bool) {
	if last || len(b) < 24 {
		return 0, false
	}
	for _, at := range []int{4, 10, 16} {
		f.m.putMAC(b[at:])
	}
	if b[1]&3 == 3 && len(b) >= 30 {
		f.m.putMAC(b[24:])
	}
	return len(b), true
}

// arp maps an ARP message for IPv4 over Ethernet (RFC 826); others are cut off.
func (f *frame) arp(b []byte) (int, bool) {
	if len(b) < 28 || b[4] != 6 || b[5] != 4 {
		return 0, false
	}
	f.m.putMAC(b[8:])
	f.m.put(b[14:18])
	f.m.putMAC(b[18:])
	f.m.put(b[24:28])
	return 28, true
}

func (f *frame) ipv4(b []byte, off int) (int, bool) {
	if len(b) < 20 {
		return 0, false
	}
	n := int(b[0]&15) * 4
	if n < 20 || n > len(b) {
		return 0, false
	}
	f.ip = off
	sum := binary.BigEndian.Uint16(b[10:])
	f.wrong = sum != 0 && header.Sum(0, b[:n]) != 0xffff // zero: the sending card had still to fill it in
	f.m.put(b[12:16])
	f.m.put(b[16:20])
	eachOption(b[20:n], func(typ byte, data []byte) {
		if typ != 148 { // router alert; routes and time stamps hold addresses
			clear(data)
		}
	})
	return n, true
}

// eachOption calls give with each option of IPv4 or TCP that has data; what is malformed is cleared to its end.
func eachOption(b []byte, give func(typ byte, data []byte)) {
	for len(b) > 0 {
		switch {
		case b[0] == 0:
			clear(b)
			return
		case b[0] == 1:
			b = b[1:]
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			clear(b)
			return
		default:
			give(b[0], b[2:b[1]])
			b = b[b[1]:]
		}
	}
}

// tcp keeps the header. Options that diagnoses rest on stay; digests, cookies and unknown ones are cleared.
func (f *frame) tcp(b []byte) (int, bool) {
	if len(b) < 20 {
		return 0, false
	}
	n := int(b[12]>>4) * 4
	if n < 20 || n > len(b) {
		return 20, true
	}
	eachOption(b[20:n], func(typ byte, data []byte) {
		switch typ {
		case header.TCPOptMSS, header.TCPOptWScale, header.TCPOptSACKOK, header.TCPOptSACK, header.TCPOptTimestamp:
		default:
			clear(data)
		}
	})
	return n, true
}

// extension clears what an IPv6 extension header says beside its length.
func (f *frame) extension(b []byte, k packet.LayerKind) (int, bool) {
	if len(b) < 8 {
		return 0, false
	}
	n := (int(b[1]) + 1) * 8
	if n > len(b) {
		return 0, false
	}
	if k == packet.LayerIPv6Routing || k == packet.LayerIPv6Ext {
		clear(b[8:n])
		return n, true
	}
	for o := b[2:n]; len(o) > 0; {
		if o[0] == 0 {
			o = o[1:]
			continue
		}
		if len(o) < 2 || 2+int(o[1]) > len(o) {
			clear(o)
			break
		}
		if o[0] != 5 && o[0] != 194 { // router alert, jumbo payload
			clear(o[2 : 2+int(o[1])])
		}
		o = o[2+int(o[1]):]
	}
	return n, true
}

// vrrp maps the shared addresses and cuts off the password of version 2 (RFC 3768 5.3, RFC 9568 5.2).
func (f *frame) vrrp(b []byte) (int, bool) {
	if len(b) < 8 {
		return 0, false
	}
	size := 4
	if f.b[f.ip]>>4 == 6 {
		size = 16
	}
	n := 8
	for range b[3] {
		if n+size > len(b) {
			break
		}
		f.m.put(b[n : n+size])
		n += size
	}
	return n, true
}
