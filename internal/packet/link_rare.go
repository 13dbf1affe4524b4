package packet

func (d *decoder) link(wend int) {
	switch d.p.Link {
	case LinkRaw, LinkRawBSD, LinkRawOpenBSD, LinkIPv4, LinkIPv6:
		d.rawIP(0, wend)
	default:
		d.p.AddAnomaly(BadLinkUnsupportedType)
	}
}

func (d *decoder) arp(off, wend int)                        { d.layer(LayerARP, off) }
func (d *decoder) llc(off, wend int)                        {}
func (d *decoder) etherRare(et uint16, off, wend, tags int) {}
