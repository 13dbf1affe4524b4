package event

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"

	"firestorm/internal/packet"
)

// AppendCommunityID appends the Community ID version 1, seed 0, of a flow: "1:" and the base64 of a SHA-1 over the
// ordered ends. For ICMP and ICMPv6, sport is the message type and dport the code. Both directions of a flow have
// the same id; so have an ICMP request and its reply.
func AppendCommunityID(dst []byte, proto uint8, src, dest packet.Addr, sport, dport uint16) []byte {
	oneWay, ports := false, hasPorts(proto)
	switch proto {
	case packet.ProtoICMP:
		sport, dport, oneWay = icmpPair(icmp4Pairs[:], sport, dport)
		ports = true
	case packet.ProtoICMPv6:
		sport, dport, oneWay = icmpPair(icmp6Pairs[:], sport, dport)
		ports = true
	case packet.ProtoUDPLite, protoDCCP:
		ports = false // the specification knows ports of ICMP, TCP, UDP and SCTP only
	}
	if c := src.Compare(dest); !oneWay && (c > 0 || c == 0 && sport > dport) {
		src, dest, sport, dport = dest, src, dport, sport
	}
	var b [40]byte // seed, two addresses, protocol, padding, two ports
	n := 2
	if src.Is4() && dest.Is4() {
		n += copy(b[n:], src[12:])
		n += copy(b[n:], dest[12:])
	} else {
		n += copy(b[n:], src[:])
		n += copy(b[n:], dest[:])
	}
	b[n] = proto
	n += 2
	if ports {
		binary.BigEndian.PutUint16(b[n:], sport)
		binary.BigEndian.PutUint16(b[n+2:], dport)
		n += 4
	}
	sum := sha1.Sum(b[:n])
	dst = append(dst, '1', ':')
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// Message types that answer each other. A type in no pair makes a one-way flow whose "ports" are type and code.
var (
	icmp4Pairs = [...][2]uint16{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Pairs = [...][2]uint16{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
)

func icmpPair(pairs [][2]uint16, typ, code uint16) (sport, dport uint16, oneWay bool) {
	for _, p := range pairs {
		switch typ {
		case p[0]:
			return typ, p[1], false
		case p[1]:
			return typ, p[0], false
		}
	}
	return typ, code, true
}
