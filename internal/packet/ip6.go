package packet

import "encoding/binary"

// ipv6 decodes an IPv6 header (RFC 8200), its extension headers and what they carry.
func (d *decoder) ipv6(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 40 || off > 0xff00 {
		d.short(off, 40, wend, BadIPv6PktTooSmall)
		return
	}
	h := (*[40]byte)(b[off:])
	if h[0]>>4 != 6 {
		p.AddAnomaly(BadIPv6WrongIPVersion)
		return
	}
	if !d.nest() || !d.layer(LayerIPv6, off) {
		return
	}
	if d.nesting > 1 {
		d.ipInside()
	}
	p.IPVersion = 6
	p.L3 = uint16(off)
	p.TOS = uint8(binary.BigEndian.Uint16(h[0:]) >> 4)
	p.TTL = h[7]
	p.Src = Addr(h[8:24])
	p.Dst = Addr(h[24:40])
	next := h[6]
	p.Proto = next
	plen := int(binary.BigEndian.Uint16(h[4:]))
	if plen == 0 {
		plen = d.jumbo(next, off+40, wend)
	}
	p.IPLen = uint32(plen + 40)
	if off+40+plen > wend {
		p.AddAnomaly(BadIPv6TruncPkt)
		d.trunc = true
	} else {
		wend = off + 40 + plen
	}
	trunc, known := d.trunc, p.NAnomaly
	switch next {
	case ProtoTCP, ProtoUDP, ProtoICMPv6:
		d.transport(next, off+40, wend)
	default:
		d.extensions(next, off+40, wend)
	}
	if trunc {
		d.forget(known)
	}
}

// forget drops what was found inside a packet whose end the wire did not hold: its length has been blamed already.
func (d *decoder) forget(known uint8) {
	if p := d.p; p.NAnomaly > known {
		clear(p.Anomalies[known:])
		p.NAnomaly = known
	}
}

// jumbo finds the length of a packet whose length field is 0: a jumbo payload option (RFC 2675), or
// segmentation offload, where everything captured belongs. Anything else is an empty packet.
func (d *decoder) jumbo(next uint8, off, wend int) int {
	rest := wend - off
	switch next {
	case ProtoHopByHop:
		if d.cut(wend)-off >= 8 && d.b[off+2] == 0xc2 && d.b[off+3] == 4 {
			return int(be32(d.b, off+4))
		}
	case ProtoTCP:
		if rest >= 20 {
			return rest
		}
	case ProtoUDP:
		if rest >= 8 {
			return rest
		}
	}
	return 0
}

// extensions walks the extension headers (RFC 8200 4) to the transport header.
func (d *decoder) extensions(next uint8, off, wend int) {
	p, b := d.p, d.b
	var seen uint8
	const (
		sawHop = 1 << iota
		sawRouting
		sawFragment
		sawDest
		sawAH
	)
	// once notes a repeated header. Two destination headers are legal, one before and one after a routing header.
	once := func(bit uint8, a Anomaly) {
		if seen&bit != 0 && !(bit == sawDest && seen&sawRouting != 0) {
			p.AddAnomaly(a)
		}
		seen |= bit
	}
	for first := true; ; first = false {
		p.Proto = next
		have := d.cut(wend) - off
		if !first && wend-off < 2 && next != ProtoNoNext { // the chain names a header that is not there
			p.AddAnomaly(BadIPv6TruncExthdr)
			p.L4 = d.at(off)
			d.payload(off, wend)
			return
		}
		switch next {
		case ProtoHopByHop, ProtoDestOpts, ProtoRouting, 135, 139, 140:
			p.IPFlags |= HasOptions
			if have < 2 {
				d.short(off, 2, wend, BadIPv6TruncExthdr)
				return
			}
			n := int(b[off+1])*8 + 8
			k := LayerIPv6Ext
			switch next {
			case ProtoHopByHop:
				k = LayerIPv6HopByHop
				once(sawHop, BadIPv6ExthdrDuplHH)
			case ProtoDestOpts:
				k = LayerIPv6DestOpts
				once(sawDest, BadIPv6ExthdrDuplDH)
			case ProtoRouting:
				k = LayerIPv6Routing
				once(sawRouting, BadIPv6ExthdrDuplRH)
			}
			if !d.layer(k, off) {
				return
			}
			if have < n {
				d.short(off, n, wend, BadIPv6TruncExthdr)
				return
			}
			switch next {
			case ProtoHopByHop:
				d.options6(b[off+2:off+n], BadIPv6HopoptsUnknownOpt, BadIPv6HopoptsOnlyPadding)
			case ProtoDestOpts:
				d.options6(b[off+2:off+n], BadIPv6DstoptsUnknownOpt, BadIPv6DstoptsOnlyPadding)
			case ProtoRouting:
				if b[off+2] == 0 {
					p.AddAnomaly(BadIPv6RHType0)
				}
			}
			next = b[off]
			off += n
		case ProtoFragment:
			if have < 8 {
				d.short(off, 8, wend, BadIPv6TruncExthdr)
				return
			}
			if once(sawFragment, BadIPv6ExthdrDuplFH); p.IPFlags&Fragment != 0 {
				// A fragment of a fragment: a host joins the outer ones before it looks at this header.
				p.L4 = d.at(off)
				d.payload(off, wend)
				return
			}
			if !d.layer(LayerIPv6Fragment, off) {
				return
			}
			if d.fragment6(off, wend) {
				return
			}
			next = b[off]
			off += 8
		case ProtoAH:
			p.IPFlags |= HasOptions
			if have < 12 {
				d.short(off, 12, wend, BadIPv6TruncExthdr)
				return
			}
			once(sawAH, BadIPv6ExthdrDuplAH)
			if !d.layer(LayerAH, off) {
				return
			}
			if be16(b, off+2) != 0 {
				p.AddAnomaly(BadIPv6ExthdrAHResNotNull)
			}
			n := int(b[off+1])*4 + 8
			if n < 12 || have < n {
				d.short(off, max(n, 13), wend, BadIPv6TruncExthdr)
				return
			}
			next = b[off]
			off += n
		case ProtoNoNext:
			if p.IPFlags&Fragment == 0 && wend > off {
				p.AddAnomaly(BadIPv6DataAfterNoneHeader)
			}
			p.L4 = d.at(off)
			d.payload(off, wend)
			return
		default:
			d.transport(next, off, wend)
			return
		}
	}
}

// fragment6 reads a fragment header (RFC 8200 4.5). True ends the decode: the rest is the middle of a datagram.
func (d *decoder) fragment6(off, wend int) bool {
	p, b := d.p, d.b
	w := be16(b, off+2)
	if b[off+1] != 0 || w&6 != 0 {
		p.AddAnomaly(BadIPv6FHNonZeroReservedField)
	}
	p.IPID = be32(b, off+4)
	more := w&1 != 0
	if more {
		p.IPFlags |= MoreFragments | Fragment
		if (wend-off)%8 != 0 {
			p.AddAnomaly(BadIPv6FragInvalidLength)
		}
	}
	p.FragOff = w &^ 7
	if p.FragOff == 0 {
		if !more {
			p.AddAnomaly(BadIPv6ExthdrUselessFH)
		}
		return false
	}
	p.IPFlags |= Fragment
	p.Proto = b[off]
	p.L4 = d.at(off + 8)
	d.payload(off+8, wend)
	return true
}

// options6 checks the options of a hop-by-hop or destination header (RFC 8200 4.2).
func (d *decoder) options6(o []byte, unknown, onlyPadding Anomaly) {
	p := d.p
	padding := true
	for i := 0; i < len(o); {
		t := o[i]
		if t == 0 {
			i++
			continue
		}
		if i+1 >= len(o) || i+2+int(o[i+1]) > len(o) {
			p.AddAnomaly(BadIPv6ExthdrInvalidOptlen)
			return
		}
		n := int(o[i+1])
		switch t {
		case 1:
			if n == 0 {
				p.AddAnomaly(BadIPv6ZeroLenPadN)
			}
		case 0x05: // router alert
			padding = false
			if n != 2 {
				p.AddAnomaly(BadIPv6ExthdrInvalidOptlen)
			}
		case 0xc2: // jumbo payload
			padding = false
			if n != 4 {
				p.AddAnomaly(BadIPv6ExthdrInvalidOptlen)
			}
		case 0xc9: // home address
			padding = false
			if n != 16 {
				p.AddAnomaly(BadIPv6ExthdrInvalidOptlen)
			}
		case 0x04, 0x07, 0x08, 0x1e, 0x26, 0x31, 0x3e, 0x63, 0x6d, 0x23, 0x8c, 0x8b, 0xee, 0x0f, 0x11, 0x30, 0x32:
			padding = false // registered with IANA, content not checked
		default:
			padding = false
			p.AddAnomaly(unknown)
		}
		i += 2 + n
	}
	if padding {
		p.AddAnomaly(onlyPadding)
	}
}

// at returns off as an offset field, 0 when it does not fit.
func (d *decoder) at(off int) uint16 {
	if off > 0xffff || off > len(d.b) {
		return 0
	}
	return uint16(off)
}

// rawIP decodes an IP packet whose version only its first byte tells.
func (d *decoder) rawIP(off, wend int) {
	if d.cut(wend)-off < 1 {
		d.short(off, 1, wend, BadIPv4PktTooSmall)
		return
	}
	switch d.b[off] >> 4 {
	case 4:
		d.ipv4(off, wend)
	case 6:
		d.ipv6(off, wend)
	default:
		d.p.AddAnomaly(BadIPRawInvalidIPVersion)
	}
}
