package packet

// LayerKind names one header of a frame.
type LayerKind uint8

// Kinds of headers that Decode tells apart.
const (
	LayerNone LayerKind = iota
	LayerEthernet
	LayerVLAN
	LayerQinQ
	LayerPBB
	LayerVNTag
	LayerETag
	LayerMACsec
	LayerLLC
	LayerSNAP
	LayerSTP
	LayerCDP
	LayerLLDP
	LayerEAPOL
	LayerARP
	LayerMPLS
	LayerPWControl
	LayerPPPoEDiscovery
	LayerPPPoE
	LayerPPP
	LayerCHDLC
	LayerNSH
	LayerNull
	LayerLoop
	LayerSLL
	LayerSLL2
	LayerRaw
	LayerPFLOG
	LayerNFLOG
	LayerPrism
	LayerRadiotap
	LayerIEEE80211
	LayerIPv4
	LayerIPv6
	LayerIPv6HopByHop
	LayerIPv6Routing
	LayerIPv6Fragment
	LayerIPv6DestOpts
	LayerIPv6Ext
	LayerAH
	LayerESP
	LayerTCP
	LayerUDP
	LayerUDPLite
	LayerDCCP
	LayerSCTP
	LayerICMPv4
	LayerICMPv6
	LayerIGMP
	LayerVRRP
	LayerGRE
	LayerERSPAN
	LayerVXLAN
	LayerGeneve
	LayerGTPU
	LayerTeredo
	numLayerKinds
)

var layerNames = [numLayerKinds]string{
	"none", "ethernet", "vlan", "qinq", "pbb", "vntag", "etag", "macsec", "llc", "snap", "stp", "cdp", "lldp",
	"eapol", "arp", "mpls", "pwcw", "pppoed", "pppoe", "ppp", "chdlc", "nsh", "null", "loop", "sll", "sll2", "raw",
	"pflog", "nflog", "prism", "radiotap", "ieee80211", "ipv4", "ipv6", "ipv6-hopopts", "ipv6-routing",
	"ipv6-frag", "ipv6-dstopts", "ipv6-ext", "ah", "esp", "tcp", "udp", "udplite", "dccp", "sctp", "icmpv4",
	"icmpv6", "igmp", "vrrp", "gre", "erspan", "vxlan", "geneve", "gtpu", "teredo",
}

// String returns the short lower-case name of a header format.
func (k LayerKind) String() string {
	if k < numLayerKinds {
		return layerNames[k]
	}
	return "layer" + itoa(uint(k))
}

// Layer returns the offset of the innermost header of kind k.
func (p *Packet) Layer(k LayerKind) (off int, ok bool) {
	for i := int(p.NLayer) - 1; i >= 0; i-- {
		if p.Layers[i].Kind == k {
			return int(p.Layers[i].Off), true
		}
	}
	return 0, false
}

// HasLayer reports whether the frame has a header of kind k.
func (p *Packet) HasLayer(k LayerKind) bool {
	_, ok := p.Layer(k)
	return ok
}
