package packet

import "strconv"

var linkNames = map[LinkType]string{
	LinkNull: "BSD loopback", LinkEthernet: "Ethernet", LinkPPP: "PPP", LinkPPPHDLC: "PPP in HDLC", LinkPPPoE: "PPPoE",
	LinkRaw: "raw IP", LinkRawBSD: "raw IP", LinkRawOpenBSD: "raw IP", LinkCHDLC: "Cisco HDLC", LinkIEEE80211: "802.11",
	LinkLoop: "OpenBSD loopback", LinkSLL: "Linux cooked", LinkPFLOG: "PFLOG", LinkPrism: "802.11 with Prism header",
	LinkRadiotap: "802.11 with radiotap", LinkIPv4: "raw IPv4", LinkIPv6: "raw IPv6", LinkNFLOG: "NFLOG", LinkSLL2: "Linux cooked v2",
	LinkUnspecified: "not stated",
}

// String returns a short name, or the number for a link type without one.
func (l LinkType) String() string {
	if n, ok := linkNames[l]; ok {
		return n
	}
	return "link type " + strconv.Itoa(int(l))
}
