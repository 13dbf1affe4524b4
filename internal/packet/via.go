package packet

// Via says how a packet came before the sensor: as it was captured, or out of something that was.
type Via uint8

// Ways in which a packet came before the sensor.
const (
	ViaWire    Via = iota
	ViaDefrag      // its fragments were put together
	ViaGRE         // out of GRE or ERSPAN
	ViaIPv4        // IPv4 in IP
	ViaIPv6        // IPv6 in IP
	ViaTeredo      // RFC 4380
	ViaVXLAN       // RFC 7348
	ViaGeneve      // RFC 8926
	ViaGTPU        // 3GPP TS 29.281
	ViaFlowEnd     // no packet: what was left of a stream when its connection was forgotten
)

// String returns EVE's pkt_src word.
func (v Via) String() string {
	return [...]string{"wire/pcap", "defrag", "gre tunnel", "ipv4 tunnel", "ipv6 tunnel", "teredo tunnel", "vxlan encapsulation",
		"geneve encapsulation", "gtp-u tunnel", "stream (flow timeout)"}[v]
}

// Via says how the innermost packet of p came before the sensor.
func (p *Packet) Via() Via {
	if p.IPFlags&Reassembled != 0 {
		return ViaDefrag
	}
	if p.Tunnel == 0 {
		return ViaWire
	}
	inner := LayerNone // the IP header inside
	for i := int(p.NLayer) - 1; i >= 0; i-- {
		switch k := p.Layers[i].Kind; k {
		case LayerGRE, LayerERSPAN:
			return ViaGRE
		case LayerTeredo:
			return ViaTeredo
		case LayerVXLAN:
			return ViaVXLAN
		case LayerGeneve:
			return ViaGeneve
		case LayerGTPU:
			return ViaGTPU
		case LayerIPv4, LayerIPv6:
			switch {
			case inner == LayerIPv4:
				return ViaIPv4
			case inner == LayerIPv6:
				return ViaIPv6
			}
			inner = k
		}
	}
	return ViaWire
}

// DataLink is what Data begins with: the link's header, or in a datagram that was put together the header of IP.
func (p *Packet) DataLink() LinkType {
	if p.IPFlags&Reassembled == 0 {
		return p.Link
	}
	switch p.Link {
	case LinkRawBSD, LinkRawOpenBSD, LinkIPv4, LinkIPv6: // as it was captured
		return p.Link
	}
	return LinkRaw
}
