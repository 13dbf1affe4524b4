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

// dltNames are libpcap's names of link types (pcap_datalink_val_to_name).
var dltNames = map[LinkType]string{
	LinkNull: "NULL", LinkEthernet: "EN10MB", LinkPPP: "PPP", LinkPPPHDLC: "PPP_SERIAL", LinkPPPoE: "PPP_ETHER",
	LinkRaw: "RAW", LinkRawBSD: "RAW", LinkRawOpenBSD: "RAW", LinkCHDLC: "C_HDLC", LinkIEEE80211: "IEEE802_11", LinkLoop: "LOOP",
	LinkSLL: "LINUX_SLL", LinkPFLOG: "PFLOG", LinkPrism: "PRISM_HEADER", LinkRadiotap: "IEEE802_11_RADIO",
	LinkIPv4: "IPV4", LinkIPv6: "IPV6", LinkNFLOG: "NFLOG", LinkSLL2: "LINUX_SLL2",
}

// DLT returns libpcap's name of the link type, such as EN10MB; empty where Decode does not know it.
func (l LinkType) DLT() string { return dltNames[l] }
