package packet

// LinkType is a libpcap LINKTYPE_ value, as written in capture files.
type LinkType uint16

// Link types that Decode knows.
const (
	LinkNull        LinkType = 0
	LinkEthernet    LinkType = 1
	LinkPPP         LinkType = 9
	LinkPPPHDLC     LinkType = 50
	LinkPPPoE       LinkType = 51
	LinkRaw         LinkType = 101
	LinkCHDLC       LinkType = 104
	LinkIEEE80211   LinkType = 105
	LinkLoop        LinkType = 108
	LinkSLL         LinkType = 113
	LinkPFLOG       LinkType = 117
	LinkPrism       LinkType = 119
	LinkRadiotap    LinkType = 127
	LinkIPv4        LinkType = 228
	LinkIPv6        LinkType = 229
	LinkNFLOG       LinkType = 239
	LinkSLL2        LinkType = 276
	LinkRawBSD      LinkType = 12 // DLT_RAW on most systems, seen in files written without translation
	LinkRawOpenBSD  LinkType = 14
	LinkUnspecified LinkType = 0xffff
)

// IP protocol numbers used across the tree (IANA).
const (
	ProtoHopByHop = 0
	ProtoICMP     = 1
	ProtoIGMP     = 2
	ProtoIPIP     = 4
	ProtoTCP      = 6
	ProtoUDP      = 17
	ProtoIPv6     = 41
	ProtoRouting  = 43
	ProtoFragment = 44
	ProtoGRE      = 47
	ProtoESP      = 50
	ProtoAH       = 51
	ProtoICMPv6   = 58
	ProtoNoNext   = 59
	ProtoDestOpts = 60
	ProtoVRRP     = 112
	ProtoSCTP     = 132
	ProtoUDPLite  = 136
)

// ProtoName returns the EVE spelling of an IP protocol, or its number.
func ProtoName(p uint8) string {
	if n := protoNames[p]; n != "" {
		return n
	}
	return itoa(uint(p))
}

var protoNames = [256]string{
	ProtoHopByHop: "HOPOPT", ProtoICMP: "ICMP", ProtoIGMP: "IGMP", ProtoIPIP: "IPV4", ProtoTCP: "TCP", ProtoUDP: "UDP",
	ProtoIPv6: "IPV6", ProtoGRE: "GRE", ProtoESP: "ESP", ProtoAH: "AH", ProtoICMPv6: "IPv6-ICMP", ProtoVRRP: "VRRP",
	ProtoSCTP: "SCTP", ProtoUDPLite: "UDPLite", 89: "OSPFIGP", 103: "PIM",
}

func itoa(u uint) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + u%10)
		if u /= 10; u == 0 {
			return string(b[i:])
		}
	}
}
