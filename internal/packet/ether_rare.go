package packet

import "firestorm/internal/header"

// etherRare dispatches on EtherTypes other than IP, ARP and VLAN tags.
func (d *decoder) etherRare(et uint16, off, wend, tags int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	switch et {
	case EtherMPLS, EtherMPLSMulticast:
		d.mpls(off, wend)
	case EtherPPPoE, EtherPPPoEDiscovery:
		d.pppoe(et, off, wend)
	case EtherLLDP:
		d.layer(LayerLLDP, off)
	case EtherEAPOL:
		d.layer(LayerEAPOL, off)
	case EtherPBB:
		// 802.1ah: four bytes of service instance, then the customer's whole frame.
		if have < 4+ethernetLen {
			d.short(off, 4+ethernetLen, wend, BadIEEE8021AHHeaderTooSmall)
			return
		}
		if d.layer(LayerPBB, off) {
			d.ethernet(off+4, wend)
		}
	case EtherFabricPath:
		if have < 2+ethernetLen {
			d.short(off, 2+ethernetLen, wend, BadDCEPktTooSmall)
			return
		}
		d.ethernet(off+2, wend)
	case EtherVNTag:
		d.tag(LayerVNTag, BadVNTagHeaderTooSmall, 6, off, wend, tags)
	case EtherETag:
		d.tag(LayerETag, BadETagHeaderTooSmall, 8, off, wend, tags)
	case EtherNSH:
		d.nsh(off, wend)
	case EtherMACsec:
		if have < 14 || !d.layer(LayerMACsec, off) || b[off]&0x0c != 0 {
			return // the rest is encrypted
		}
		n := 6
		if b[off]&0x20 != 0 { // explicit channel identifier
			n = 14
		}
		if have >= n+2 {
			d.ether(be16(b, off+n), off+n+2, max(wend-16, off+n+2), tags)
		}
	default:
		if tags > 0 {
			p.AddAnomaly(BadVLANUnknownType)
		} else {
			p.AddAnomaly(BadEthernetUnknownEthertype)
		}
	}
}

// tag passes a tag of n bytes that ends with the next EtherType.
func (d *decoder) tag(k LayerKind, a Anomaly, n, off, wend, tags int) {
	if d.cut(wend)-off < n {
		d.short(off, n, wend, a)
		return
	}
	if tags++; tags > maxVLANTags {
		d.p.AddAnomaly(BadTooManyLayers)
		return
	}
	if d.layer(k, off) {
		d.ether(be16(d.b, off+n-2), off+n, wend, tags)
	}
}

// arp checks an ARP packet; its fields are read through header.ParseARP where they are wanted.
func (d *decoder) arp(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 8 {
		d.short(off, 8, wend, BadARPPktTooSmall)
		return
	}
	if !d.layer(LayerARP, off) {
		return
	}
	hw, pr, hl, pl := be16(b, off), be16(b, off+2), int(b[off+4]), int(b[off+5])
	d.short(off, 8+2*hl+2*pl, wend, BadARPPktTooSmall)
	switch {
	case hw != 1 && hw != 6:
		p.AddAnomaly(BadARPUnsupportedHardware)
	case pr != EtherIPv4:
		p.AddAnomaly(BadARPUnsupportedProtocol)
	case hl != 6:
		p.AddAnomaly(BadARPInvalidHardwareSize)
	case pl != 4:
		p.AddAnomaly(BadARPInvalidProtocolSize)
	default:
		if op := be16(b, off+6); op == 0 || op > 9 {
			p.AddAnomaly(BadARPUnsupportedOpcode)
		}
	}
}

// llc decodes IEEE 802.2 frames: spanning tree, SNAP and IP.
func (d *decoder) llc(off, wend int) {
	h, ok := header.ParseLLC(d.b[min(off, len(d.b)):max(d.cut(wend), min(off, len(d.b)))])
	if !ok {
		d.short(off, header.LLCLen, wend, BadLLCPktTooSmall)
		return
	}
	if !d.layer(LayerLLC, off) {
		return
	}
	off += len(h)
	switch {
	case h.DSAP() == 0xaa && h.Control() == 3:
		d.snap(off, wend)
	case h.DSAP() == 0x42 && h.SSAP() == 0x42:
		d.layer(LayerSTP, off)
	case h.DSAP() == 0x06 && h.Control() == 3:
		d.ipv4(off, wend)
	}
}

func (d *decoder) snap(off, wend int) {
	if d.cut(wend)-off < header.SNAPLen {
		d.short(off, header.SNAPLen, wend, BadLLCPktTooSmall)
		return
	}
	h, _ := header.ParseSNAP(d.b[off:])
	if !d.layer(LayerSNAP, off) {
		return
	}
	off += header.SNAPLen
	switch {
	case (h.OUI() == 0 || h.OUI() == 0xf8) && h.Type() >= header.EtherTypeMin:
		d.ether(h.Type(), off, wend, 0)
	case h.OUI() == 0x00000c && h.Type() == 0x2000:
		d.layer(LayerCDP, off)
	case h.OUI() == 0x00000c && h.Type() == 0x010b: // per-VLAN spanning tree
		d.layer(LayerSTP, off)
	}
}

// mpls passes a label stack and guesses what is under it, which no field says (RFC 4928 3).
func (d *decoder) mpls(off, wend int) {
	p, b := d.p, d.b
	for {
		if d.cut(wend)-off < header.MPLSLen {
			d.short(off, header.MPLSLen, wend, BadMPLSHeaderTooSmall)
			return
		}
		h, _ := header.ParseMPLS(b[off:])
		if !d.layer(LayerMPLS, off) {
			return
		}
		off += header.MPLSLen
		label := h.Label()
		if label == 3 {
			p.AddAnomaly(BadMPLSBadLabelImplicitNull)
		} else if label >= 4 && label < 16 && label != 7 && label != 13 && label != 14 && label != 15 {
			p.AddAnomaly(BadMPLSBadLabelReserved)
		}
		if !h.Bottom() {
			continue
		}
		if label == 1 {
			p.AddAnomaly(BadMPLSBadLabelRouterAlert)
		}
		break
	}
	if d.cut(wend)-off < 1 {
		d.short(off, 1, wend, BadMPLSPktTooSmall)
		return
	}
	switch b[off] >> 4 {
	case 4:
		d.ipv4(off, wend)
	case 6:
		d.ipv6(off, wend)
	case 0: // pseudowire control word (RFC 4385), then a frame
		if d.cut(wend)-off < 4+ethernetLen {
			d.short(off, 4+ethernetLen, wend, BadMPLSPktTooSmall)
			return
		}
		if d.layer(LayerPWControl, off) {
			d.ethernet(off+4, wend)
		}
	default:
		p.AddAnomaly(BadMPLSUnknownPayloadType)
	}
}

func (d *decoder) pppoe(et uint16, off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < header.PPPoELen {
		d.short(off, header.PPPoELen, wend, BadPPPoEPktTooSmall)
		return
	}
	h, _ := header.ParsePPPoE(b[off:])
	k := LayerPPPoE
	if et == EtherPPPoEDiscovery {
		k = LayerPPPoEDiscovery
	}
	if !d.layer(k, off) {
		return
	}
	off += header.PPPoELen
	if e := off + int(h.Len()); e <= wend {
		wend = e
	} else {
		p.AddAnomaly(BadPPPoEPktTooSmall)
	}
	if k == LayerPPPoE {
		if h.Code() != header.PPPoESession {
			p.AddAnomaly(BadPPPoEWrongCode)
			return
		}
		d.ppp(off, wend)
		return
	}
	switch h.Code() {
	case header.PPPoEPADI, header.PPPoEPADO, header.PPPoEPADR, header.PPPoEPADS, header.PPPoEPADT:
	default:
		p.AddAnomaly(BadPPPoEWrongCode)
		return
	}
	for tags := b[off:max(d.cut(wend), off)]; ; {
		_, _, rest, ok, bad := header.NextPPPoETag(tags)
		if !ok {
			if bad && wend <= len(b) {
				p.AddAnomaly(BadPPPoEMalformedTags)
			}
			return
		}
		tags = rest
	}
}

func (d *decoder) ppp(off, wend int) {
	p, b := d.p, d.b
	h, ok := header.ParsePPP(b[off:max(d.cut(wend), off)])
	if !ok {
		d.short(off, 2, wend, BadPPPPktTooSmall)
		return
	}
	if !d.layer(LayerPPP, off) {
		return
	}
	off += len(h)
	switch proto := h.Protocol(); proto {
	case header.PPPIPv4:
		d.short(off, 20, wend, BadPPPIPv4PktTooSmall)
		d.ipv4(off, wend)
	case header.PPPIPv6:
		d.short(off, 40, wend, BadPPPIPv6PktTooSmall)
		d.ipv6(off, wend)
	case header.PPPVJUncompressed:
		d.short(off, 20, wend, BadPPPVJUPktTooSmall)
		d.vj = true
		d.ipv4(off, wend)
	case header.PPPMPLS, header.PPPMPLSMulticast:
		d.mpls(off, wend)
	default:
		switch {
		case proto >= 0x8000: // control protocols: LCP, IPCP, PAP, CHAP and others
			if proto&0x0101 != 1 {
				p.AddAnomaly(BadPPPWrongType)
			}
		case proto&0x0101 != 1: // RFC 1661 2: the low bits of the two bytes are 0 and 1
			p.AddAnomaly(BadPPPWrongType)
		default:
			p.AddAnomaly(BadPPPUnsupProto)
		}
	}
}

// nsh passes a network service header (RFC 8300 2).
func (d *decoder) nsh(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 8 {
		d.short(off, 8, wend, BadNSHHeaderTooSmall)
		return
	}
	n := int(b[off+1]&0x3f) * 4
	switch {
	case b[off]>>6 != 0:
		p.AddAnomaly(BadNSHUnsupportedVersion)
		return
	case n < 8 || off+n > wend:
		p.AddAnomaly(BadNSHBadHeaderLength)
		return
	case b[off+2]&0xf == 0:
		p.AddAnomaly(BadNSHReservedType)
	case b[off+2]&0xf > 2:
		p.AddAnomaly(BadNSHUnsupportedType)
	}
	if !d.layer(LayerNSH, off) {
		return
	}
	off += n
	switch b[off-n+3] {
	case 1:
		d.ipv4(off, wend)
	case 2:
		d.ipv6(off, wend)
	case 3:
		d.ethernet(off, wend)
	case 4:
		d.nsh(off, wend)
	case 5:
		d.mpls(off, wend)
	default:
		p.AddAnomaly(BadNSHUnknownPayload)
	}
}
