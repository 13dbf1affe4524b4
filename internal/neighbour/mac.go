package neighbour

import "firestorm/internal/packet"

// Random reports a MAC address that its owner chose itself: the locally administered bit is set and the group bit is not
// (IEEE 802-2014 8.2). Phones change such addresses from network to network.
func Random(m packet.MAC) bool { return m[0]&3 == 2 }

// Group reports a multicast or broadcast address: no frame may come from one.
func Group(m packet.MAC) bool { return m[0]&1 != 0 }

// Shared names the protocol whose virtual address m is: machines hand it on among them, so that a move of it is no
// change of machine. Empty for others.
func Shared(m packet.MAC) string {
	switch {
	case m[0] == 0 && m[1] == 0 && m[2] == 0x5e && m[3] == 0 && (m[4] == 1 || m[4] == 2):
		return "VRRP or CARP" // RFC 9568 7.3
	case m[0] == 0 && m[1] == 0 && m[2] == 0x0c && m[3] == 0x07 && m[4] == 0xac:
		return "HSRP" // RFC 2281 1
	case m[0] == 0 && m[1] == 0 && m[2] == 0x0c && m[3] == 0x9f && m[4]&0xf0 == 0xf0:
		return "HSRP version 2"
	case m[0] == 0 && m[1] == 0x05 && m[2] == 0x73 && m[3] == 0xa0 && m[4]&0xf0 == 0:
		return "HSRP for IPv6"
	case m[0] == 0 && m[1] == 0x07 && m[2] == 0xb4:
		return "GLBP"
	case m[0]&^1 == 2 && m[1] == 0xbf: // and the cluster's IPv4 address
		return "Network Load Balancing"
	}
	return ""
}
