package packet

// icmp4 decodes ICMP (RFC 792).
func (d *decoder) icmp4(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 8 {
		d.icmpShort(LayerICMPv4, off, wend, BadICMPv4PktTooSmall)
		return
	}
	if !d.layer(LayerICMPv4, off) {
		return
	}
	p.ICMPType, p.ICMPCode = b[off], b[off+1]
	p.ICMPRest = be32(b, off+4)
	d.payload(off+8, wend)
	if d.o.Checksums != ChecksumsNone {
		d.sumL4(ProtoICMP, off, wend, off+2)
	}
	maxCode := uint8(0)
	switch p.ICMPType {
	case 3:
		maxCode = 15
	case 5:
		maxCode = 3
	case 9:
		if p.ICMPCode == 16 { // RFC 5944: does not route common traffic
			return
		}
	case 11:
		maxCode = 1
	case 12:
		maxCode = 2
	case 40:
		maxCode = 5
	case 43: // RFC 8335 extended echo reply
		maxCode = 4
	case 0, 4, 8, 10, 13, 14, 15, 16, 17, 18, 42:
	default:
		p.AddAnomaly(BadICMPv4UnknownType)
		return
	}
	if p.ICMPCode > maxCode {
		p.AddAnomaly(BadICMPv4UnknownCode)
		return
	}
	switch p.ICMPType {
	case 3, 4, 5, 11, 12:
		d.quote4(off+8, wend)
	}
}

// icmpShort handles an ICMP header that is not all there; type and code are kept when a cut capture shows them.
func (d *decoder) icmpShort(k LayerKind, off, wend int, a Anomaly) {
	if d.tooShort(off, 8, wend, a) || !d.layer(k, off) {
		return
	}
	if d.cut(wend)-off >= 2 {
		d.p.ICMPType, d.p.ICMPCode = d.b[off], d.b[off+1]
	}
}

// quote4 reads the packet that an ICMP error quotes; eight bytes past its IP header are enough for the ports.
func (d *decoder) quote4(off, wend int) {
	b := d.b
	if d.cut(wend)-off < 20 {
		d.short(off, 20, wend, BadICMPv4IPv4TruncPkt)
		return
	}
	if b[off]>>4 != 4 {
		d.p.AddAnomaly(BadICMPv4IPv4UnknownVer)
		return
	}
	hlen := int(b[off]&15) * 4
	if hlen < 20 {
		d.p.AddAnomaly(BadICMPv4IPv4TruncPkt)
		return
	}
	q := &d.p.Quoted
	d.p.HasQuoted = true
	q.Src, q.Dst = Addr4(b[off+12:]), Addr4(b[off+16:])
	q.Proto, q.TTL = b[off+9], b[off+8]
	q.IPID, q.Len = be16(b, off+4), be16(b, off+2)
	if be16(b, off+6)&0x1fff == 0 {
		d.quotePorts(q.Proto, off+hlen, wend)
	}
}

// quotePorts reads ports and sequence number of a quoted packet.
func (d *decoder) quotePorts(proto uint8, off, wend int) {
	b, q := d.b, &d.p.Quoted
	have := d.cut(wend) - off
	switch proto {
	case ProtoTCP, ProtoUDP, ProtoSCTP, ProtoUDPLite, protoDCCP:
		if have < 4 {
			return
		}
		q.SrcPort, q.DstPort, q.HasPorts = be16(b, off), be16(b, off+2), true
		if proto == ProtoTCP && have >= 8 {
			q.Seq = be32(b, off+4)
		}
	case ProtoICMP, ProtoICMPv6:
		if have >= 8 {
			q.Seq = be32(b, off+4)
		}
	}
}

// icmp6 decodes ICMPv6 (RFC 4443).
func (d *decoder) icmp6(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 8 {
		d.icmpShort(LayerICMPv6, off, wend, BadICMPv6PktTooSmall)
		return
	}
	if !d.layer(LayerICMPv6, off) {
		return
	}
	p.ICMPType, p.ICMPCode = b[off], b[off+1]
	p.ICMPRest = be32(b, off+4)
	d.payload(off+8, wend)
	if d.o.Checksums != ChecksumsNone {
		d.sumL4(ProtoICMPv6, off, wend, off+2)
	}
	maxCode := uint8(0)
	switch t := p.ICMPType; {
	case t == 1:
		maxCode = 8
	case t == 3 || t == 140:
		maxCode = 2
		if t == 3 {
			maxCode = 1
		}
	case t == 4:
		maxCode = 10
	case t == 2 || t == 128 || t == 129 || t >= 133 && t <= 137 || t >= 141 && t <= 155:
	case t >= 130 && t <= 132:
		// RFC 2710 3: multicast listener messages never leave the link.
		if p.TTL != 1 {
			p.AddAnomaly(BadICMPv6MLDMessageWithInvalidHopLimit)
		}
	case t == 138 || t == 139 || t == 160 || t == 161:
		maxCode = 255
	case t == 100 || t == 101 || t == 200 || t == 201:
		p.AddAnomaly(BadICMPv6ExperimentationType)
		return
	case t == 127 || t == 255 || t == 0:
		p.AddAnomaly(BadICMPv6UnknownType)
		return
	default:
		p.AddAnomaly(BadICMPv6UnassignedType)
		return
	}
	if p.ICMPCode > maxCode {
		p.AddAnomaly(BadICMPv6UnknownCode)
	}
	switch {
	case p.ICMPType <= 4:
		d.quote6(off+8, wend)
	case p.ICMPType == 137:
		d.redirect6(off, wend)
	}
}

// redirect6 finds the redirected-header option of a redirect (RFC 4861 4.5, 4.6.3) and reads its quote.
func (d *decoder) redirect6(off, wend int) {
	b, end := d.b, d.cut(wend)
	for o := off + 40; o+8 <= end; {
		n := int(b[o+1]) * 8
		if n == 0 {
			return
		}
		if b[o] == 4 {
			d.quote6(o+8, min(o+n, wend))
			return
		}
		o += n
	}
}

// quote6 reads the packet that an ICMPv6 error quotes, through its extension headers.
func (d *decoder) quote6(off, wend int) {
	b, end := d.b, d.cut(wend)
	if end-off < 40 {
		d.short(off, 40, wend, BadICMPv6IPv6TruncPkt)
		return
	}
	if b[off]>>4 != 6 {
		d.p.AddAnomaly(BadICMPv6IPv6UnknownVersion)
		return
	}
	q := &d.p.Quoted
	d.p.HasQuoted = true
	q.Src, q.Dst = Addr6(b[off+8:]), Addr6(b[off+24:])
	q.TTL = b[off+7]
	q.Len = uint16(min(int(be16(b, off+4))+40, 0xffff))
	next := b[off+6]
	off += 40
	for i := 0; i < MaxLayers; i++ {
		q.Proto = next
		n := 0
		switch next {
		case ProtoHopByHop, ProtoDestOpts, ProtoRouting, 135, 139, 140:
			n = 8
			if end-off >= 2 {
				n = int(b[off+1])*8 + 8
			}
		case ProtoAH:
			n = 12
			if end-off >= 2 {
				n = int(b[off+1])*4 + 8
			}
		case ProtoFragment:
			n = 8
			if end-off >= 8 {
				q.IPID = be16(b, off+6)
				if be16(b, off+2)&0xfff8 != 0 {
					q.Proto = b[off]
					return
				}
			}
		default:
			d.quotePorts(next, off, wend)
			return
		}
		if end-off < n {
			return
		}
		next = b[off]
		off += n
	}
}
