package packet

import "encoding/binary"

// ipv4 decodes an IPv4 header (RFC 791) and what it carries. Bytes past its total length are link padding.
func (d *decoder) ipv4(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 20 || off > 0xff00 {
		d.short(off, 20, wend, BadIPv4PktTooSmall)
		return
	}
	h := (*[20]byte)(b[off:])
	if h[0]>>4 != 4 {
		p.AddAnomaly(BadIPv4WrongIPVersion)
		return
	}
	if !d.nest() || !d.layer(LayerIPv4, off) {
		return
	}
	if d.nesting > 1 {
		d.ipInside()
	}
	p.IPVersion = 4
	p.L3 = uint16(off)
	p.TOS, p.TTL, p.Proto = h[1], h[8], h[9]
	p.Src.set4((*[4]byte)(h[12:16]))
	p.Dst.set4((*[4]byte)(h[16:20]))
	p.IPID = uint32(binary.BigEndian.Uint16(h[4:]))
	total := int(binary.BigEndian.Uint16(h[2:]))
	hlen := int(h[0]&15) * 4
	if hlen < 20 {
		p.IPLen = uint32(total)
		p.AddAnomaly(BadIPv4HLenTooSmall)
		return
	}
	if total == 0 {
		// Segmentation offload: the card would have written the lengths. All that was captured belongs.
		total = wend - off
	}
	p.IPLen = uint32(total)
	if total < hlen {
		p.AddAnomaly(BadIPv4IPLenSmallerThanHLen)
		return
	}
	if off+total > wend {
		p.AddAnomaly(BadIPv4TruncPkt)
		d.trunc = true
	} else {
		wend = off + total
	}
	trunc, known := d.trunc, p.NAnomaly
	frag := binary.BigEndian.Uint16(h[6:])
	if frag != 0 {
		d.fragment4(frag)
	}
	if hlen > 20 {
		p.IPFlags |= HasOptions
		if off+hlen > len(b) {
			return
		}
		d.options4(b[off+20 : off+hlen])
	}
	if d.o.Checksums != ChecksumsNone {
		p.IPSum = d.sumIPv4(off, hlen)
	}
	if d.vj {
		d.vj = false
		p.Proto = ProtoTCP // the field holds the compression slot (RFC 1144 3.2.2)
	}
	d.transport(p.Proto, off+hlen, wend)
	if trunc {
		d.forget(known)
	}
}

// fragment4 reads the flags and offset word of an IPv4 header.
func (d *decoder) fragment4(frag uint16) {
	p := d.p
	if frag&0x8000 != 0 {
		p.IPFlags |= EvilBit
	}
	if frag&0x4000 != 0 {
		p.IPFlags |= DontFragment
	}
	if frag&0x2000 != 0 {
		p.IPFlags |= MoreFragments | Fragment
	}
	if frag&0x1fff != 0 {
		p.IPFlags |= Fragment
		p.FragOff = (frag & 0x1fff) * 8
	}
}

// nest counts an IP header; false when too many are inside each other.
func (d *decoder) nest() bool {
	if d.nesting == maxNesting {
		d.p.AddAnomaly(BadTooManyLayers)
		return false
	}
	d.nesting++
	return true
}

// options4 checks the options of an IPv4 header (RFC 791 3.1).
func (d *decoder) options4(o []byte) {
	p := d.p
	var seen [4]uint64
	for i := 0; i < len(o); {
		t := o[i]
		if t == 0 {
			return
		}
		if t == 1 {
			i++
			continue
		}
		if i+1 >= len(o) {
			p.AddAnomaly(BadIPv4OptInvalidLen)
			return
		}
		n := int(o[i+1])
		if n < 2 || i+n > len(o) {
			p.AddAnomaly(BadIPv4OptInvalidLen)
			return
		}
		if seen[t>>6]>>(t&63)&1 != 0 {
			p.AddAnomaly(BadIPv4OptDuplicate)
		}
		seen[t>>6] |= 1 << (t & 63)
		switch t {
		case 7, 131, 137: // record route, loose and strict source route: pointer from 4, in steps of 4
			if n < 3 || o[i+2] < 4 || o[i+2]&3 != 0 || int(o[i+2]) > n+1 {
				p.AddAnomaly(BadIPv4OptMalformed)
			}
		case 68: // timestamp
			if n < 4 || o[i+2] < 5 || int(o[i+2]) > n+1 {
				p.AddAnomaly(BadIPv4OptMalformed)
			}
		case 136, 148: // stream id, router alert
			if n != 4 {
				p.AddAnomaly(BadIPv4OptInvalidLen)
			}
		case 130: // security
			if n != 11 {
				p.AddAnomaly(BadIPv4OptInvalidLen)
			}
		case 133, 134: // extended security, commercial security
			if n < 3 {
				p.AddAnomaly(BadIPv4OptInvalidLen)
			}
		default:
			p.AddAnomaly(BadIPv4OptUnknown)
		}
		i += n
	}
}
