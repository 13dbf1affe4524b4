package packet

import "firestorm/internal/header"

// link dispatches on link types other than Ethernet.
func (d *decoder) link(wend int) {
	p, b := d.p, d.b
	switch p.Link {
	case LinkRaw, LinkRawBSD, LinkRawOpenBSD, LinkIPv4, LinkIPv6:
		if d.layer(LayerRaw, 0) {
			d.rawIP(0, wend)
		}
	case LinkNull, LinkLoop:
		d.null(wend)
	case LinkSLL:
		h, ok := header.ParseSLL(b)
		if !ok {
			d.short(0, header.SLLLen, wend, BadSLLPktTooSmall)
			return
		}
		d.layer(LayerSLL, 0)
		d.cooked(h.Addr(), h.Protocol(), header.SLLLen, wend)
	case LinkSLL2:
		h, ok := header.ParseSLL2(b)
		if !ok {
			d.short(0, header.SLL2Len, wend, BadSLL2PktTooSmall)
			return
		}
		d.layer(LayerSLL2, 0)
		d.cooked(h.Addr(), h.Protocol(), header.SLL2Len, wend)
	case LinkPPP:
		d.ppp(0, wend)
	case LinkPPPHDLC:
		if len(b) > 0 && (b[0] == 0x0f || b[0] == 0x8f) {
			d.chdlc(wend)
			return
		}
		d.ppp(0, wend)
	case LinkCHDLC:
		d.chdlc(wend)
	case LinkPPPoE:
		d.pppoe(EtherPPPoE, 0, wend)
	case LinkPFLOG:
		d.pflog(wend)
	case LinkNFLOG:
		d.nflog(wend)
	case LinkIEEE80211:
		d.ieee80211(0, wend, 0)
	case LinkRadiotap:
		d.radiotap(0, wend)
	case LinkPrism:
		d.prism(wend)
	default:
		p.AddAnomaly(BadLinkUnsupportedType)
	}
}

// cooked continues behind the header of a cooked capture; addr is the sender's link address.
func (d *decoder) cooked(addr []byte, proto uint16, off, wend int) {
	if len(addr) == 6 {
		d.p.SrcMAC = MAC(addr)
	}
	if proto == 1 || proto == 4 { // IEEE 802.3 and 802.2 frames without their MAC header
		d.llc(off, wend)
		return
	}
	d.ether(proto, off, wend, 0)
}

// family dispatches on a BSD or Linux address family.
func (d *decoder) family(af uint32, off, wend int) bool {
	switch af {
	case 2:
		d.ipv4(off, wend)
	case 10, 24, 28, 30:
		d.ipv6(off, wend)
	default:
		return false
	}
	return true
}

func (d *decoder) null(wend int) {
	h, ok := header.ParseNull(d.b)
	if !ok {
		d.short(0, header.NullLen, wend, BadLTNullPktTooSmall)
		return
	}
	k := LayerNull
	if d.p.Link == LinkLoop {
		k = LayerLoop
	}
	d.layer(k, 0)
	if !d.family(h.Family(), header.NullLen, wend) {
		d.p.AddAnomaly(BadLTNullUnsupportedType)
	}
}

func (d *decoder) chdlc(wend int) {
	if len(d.b) < 4 {
		d.short(0, 4, wend, BadCHDLCPktTooSmall)
		return
	}
	d.layer(LayerCHDLC, 0)
	switch et := be16(d.b, 2); et {
	case 0x8035, 0x2000: // SLARP keepalives, CDP
	default:
		d.ether(et, 4, wend, 0)
	}
}

func (d *decoder) pflog(wend int) {
	p := d.p
	h, ok := header.ParsePFLOG(d.b)
	if !ok {
		d.short(0, 64, wend, BadPFLOGHeaderTooSmall)
		return
	}
	d.layer(LayerPFLOG, 0)
	switch h.Action() {
	case 0:
		p.Firewall = FirewallPass
	case 1:
		p.Firewall = FirewallBlock
	default:
		p.Firewall = FirewallOther
	}
	if !d.family(uint32(h.Family()), len(h), wend) {
		d.p.AddAnomaly(BadLinkUnsupportedType)
	}
}

// nflog walks the attributes to the packet. The verdict is only hinted at: by words in the rule's log prefix.
func (d *decoder) nflog(wend int) {
	p := d.p
	h, ok := header.ParseNFLOG(d.b)
	if !ok {
		d.short(0, 4, wend, BadNFLOGMalformed)
		return
	}
	d.layer(LayerNFLOG, 0)
	p.Firewall = FirewallOther
	for off := 4; ; {
		typ, v, next, more, bad := h.Next(off)
		if !more {
			if bad {
				d.nflogCut(h, off, wend)
			}
			return
		}
		switch typ {
		case header.NFLOGPrefix:
			p.Firewall = prefixVerdict(v)
		case header.NFLOGPayload:
			if len(v) > 0 {
				d.nflogPayload(h.Family(), off+4, off+4+len(v), wend)
			}
			return
		}
		off = next
	}
}

// nflogCut handles an attribute that runs past the captured bytes: fine for a payload that the capture cut.
func (d *decoder) nflogCut(h header.NFLOG, off, wend int) {
	if wend > len(d.b) {
		if off+4 <= len(d.b) && d.b[off+2] == header.NFLOGPayload {
			d.nflogPayload(h.Family(), off+4, wend, wend)
		}
		return
	}
	d.p.AddAnomaly(BadNFLOGMalformed)
}

func (d *decoder) nflogPayload(family uint8, off, end, wend int) {
	switch family {
	case 2, 10:
		d.rawIP(off, min(end, wend))
	case 3:
		d.p.EtherType = EtherARP
		d.arp(off, min(end, wend))
	default:
		d.p.AddAnomaly(BadLinkUnsupportedType)
	}
}

// prefixVerdict reads the verdict that administrators write into log prefixes ("[UFW BLOCK] ").
func prefixVerdict(prefix []byte) Firewall {
	for _, w := range [...]struct {
		word string
		f    Firewall
	}{
		{"block", FirewallBlock}, {"drop", FirewallBlock}, {"deny", FirewallBlock}, {"denied", FirewallBlock},
		{"reject", FirewallBlock}, {"accept", FirewallPass}, {"allow", FirewallPass}, {"pass", FirewallPass},
	} {
		if containsFold(prefix, w.word) {
			return w.f
		}
	}
	return FirewallOther
}

// containsFold finds a lower-case ASCII word without regard to case.
func containsFold(b []byte, word string) bool {
	for i := 0; i+len(word) <= len(b); i++ {
		j := 0
		for j < len(word) && b[i+j]|0x20 == word[j] {
			j++
		}
		if j == len(word) {
			return true
		}
	}
	return false
}
