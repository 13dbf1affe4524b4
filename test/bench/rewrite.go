//go:build linux

package main

import "encoding/binary"

// rewrite gives the hosts of a frame other addresses in each round, so that a repeated capture is new connections: the third
// byte of IPv4 addresses and the fourth group of IPv6 addresses grow by round, which leaves private networks private. Multicast,
// broadcast and link-local addresses stay. Checksums stay as right or wrong as they were (RFC 1624). What is quoted
// or carried in tunnels keeps its addresses.
func rewrite(frame []byte, round int) {
	at := 12
	for len(frame) >= at+4 && (be16(frame[at:]) == 0x8100 || be16(frame[at:]) == 0x88a8) {
		at += 4
	}
	if len(frame) < at+2 || round == 0 {
		return
	}
	switch ip := frame[at+2:]; be16(frame[at:]) {
	case 0x0800:
		n := 0
		if len(ip) >= 20 {
			n = int(ip[0]&15) * 4
		}
		if n < 20 || len(ip) < n {
			return
		}
		delta := moved4(ip[12:16], round) + moved4(ip[16:20], round)
		adjust(ip[10:], delta)
		if be16(ip[6:])&0x1fff == 0 {
			adjustTransport(ip[n:], ip[9], delta)
		}
	case 0x86dd:
		if len(ip) >= 40 {
			adjustTransport(ip[40:], ip[6], moved6(ip[8:24], round)+moved6(ip[24:40], round))
		}
	}
}

// moved4 moves an IPv4 address to its place in round and returns what the sum of its words changes by.
func moved4(a []byte, round int) uint32 {
	if a[0] == 0 || a[0] == 127 || a[0] >= 224 || a[0] == 169 && a[1] == 254 {
		return 0
	}
	old := be16(a[2:])
	a[2] += byte(round)
	return uint32(^old) + uint32(be16(a[2:]))
}

// moved6 does it for an IPv6 address.
func moved6(a []byte, round int) uint32 {
	if a[0] == 0 || a[0] >= 0xfe {
		return 0
	}
	old := be16(a[6:])
	binary.BigEndian.PutUint16(a[6:], old+uint16(round))
	return uint32(^old) + uint32(be16(a[6:]))
}

// adjustTransport corrects the checksum of what the pseudo-header belongs to.
func adjustTransport(b []byte, proto byte, delta uint32) {
	switch {
	case proto == 6 && len(b) >= 18:
		adjust(b[16:], delta)
	case proto == 17 && len(b) >= 8 && be16(b[6:]) != 0:
		adjust(b[6:], delta)
	case proto == 58 && len(b) >= 4:
		adjust(b[2:], delta)
	}
}

// adjust adds delta, a sum of words and complements, to what the checksum at the beginning of b covers.
func adjust(b []byte, delta uint32) {
	s := uint32(^be16(b)) + delta
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	binary.BigEndian.PutUint16(b, ^uint16(s))
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
