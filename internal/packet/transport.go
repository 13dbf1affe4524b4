package packet

import "encoding/binary"

// transport dispatches on the protocol of the innermost IP packet; off is where its header starts.
func (d *decoder) transport(proto uint8, off, wend int) {
	p := d.p
	p.L4 = d.at(off)
	if p.FragOff != 0 {
		d.payload(off, wend)
		return
	}
	switch proto {
	case ProtoTCP:
		d.tcp(off, wend)
	case ProtoUDP:
		d.udp(off, wend)
	default:
		d.transportRare(proto, off, wend)
	}
}

// tcp decodes a TCP header (RFC 9293 3.1).
func (d *decoder) tcp(off, wend int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	if have < 20 {
		if d.tooShort(off, 20, wend, BadTCPPktTooSmall) {
			return
		}
		if !d.layer(LayerTCP, off) {
			return
		}
		if have >= 4 {
			p.SrcPort, p.DstPort = be16(b, off), be16(b, off+2)
		}
		if have >= 8 {
			p.Seq = be32(b, off+4)
		}
		if have >= 12 {
			p.Ack = be32(b, off+8)
		}
		if have >= 14 {
			p.TCPFlags = be16(b, off+12) & 0x1ff
		}
		if have >= 16 {
			p.Window = be16(b, off+14)
		}
		return
	}
	if !d.layer(LayerTCP, off) {
		return
	}
	h := (*[20]byte)(b[off:])
	p.SrcPort = binary.BigEndian.Uint16(h[0:])
	p.DstPort = binary.BigEndian.Uint16(h[2:])
	p.Seq = binary.BigEndian.Uint32(h[4:])
	p.Ack = binary.BigEndian.Uint32(h[8:])
	w := binary.BigEndian.Uint16(h[12:])
	p.TCPFlags = w & 0x1ff
	p.Window = binary.BigEndian.Uint16(h[14:])
	p.Urgent = binary.BigEndian.Uint16(h[18:])
	hlen := int(w>>12) * 4
	if hlen < 20 {
		p.AddAnomaly(BadTCPHLenTooSmall)
		return
	}
	if off+hlen > wend {
		if p.IPFlags&Fragment == 0 {
			p.AddAnomaly(BadTCPInvalidOptlen)
		}
		return
	}
	if hlen > 20 {
		if have >= hlen {
			d.tcpOptions(b[off+20 : off+hlen])
		} else {
			d.tcpOptions(b[off+20 : off+have])
		}
	}
	d.payload(off+hlen, wend)
	if d.o.Checksums != ChecksumsNone {
		d.sumL4(ProtoTCP, off, wend, off+16)
	}
}

// timestampOnly is how the options of most segments of an established connection begin: two paddings and timestamps, and no
// more (RFC 7323 appendix A).
const timestampOnly = 0x0101080a

// tcpOptions reads TCP options (RFC 9293 3.2). The slice may be cut by the capture length.
func (d *decoder) tcpOptions(o []byte) {
	p := d.p
	if len(o) == 12 && binary.BigEndian.Uint32(o) == timestampOnly {
		p.TCPOpts = OptTS
		p.TSVal = binary.BigEndian.Uint32(o[4:])
		p.TSEcr = binary.BigEndian.Uint32(o[8:])
		return
	}
	for i := 0; i < len(o); {
		kind := o[i]
		if kind == 0 {
			return
		}
		if kind == 1 {
			i++
			continue
		}
		if i+1 >= len(o) {
			d.tcpOptCut(len(o), i+2)
			return
		}
		n := int(o[i+1])
		if n < 2 {
			p.AddAnomaly(BadTCPOptInvalidLen)
			return
		}
		if i+n > len(o) {
			d.tcpOptCut(len(o), i+n)
			return
		}
		v := o[i : i+n]
		i += n
		var bit uint16
		switch { // what a SYN has, without fault
		case kind == 2 && n == 4 && p.TCPOpts&OptMSS == 0:
			bit = OptMSS
			p.MSS = binary.BigEndian.Uint16(v[2:])
		case kind == 4 && n == 2 && p.TCPOpts&OptSACKOK == 0:
			bit = OptSACKOK
		case kind == 8 && n == 10 && p.TCPOpts&OptTS == 0:
			bit = OptTS
			p.TSVal = binary.BigEndian.Uint32(v[2:])
			p.TSEcr = binary.BigEndian.Uint32(v[6:])
		case kind == 3 && n == 3 && p.TCPOpts&OptWScale == 0:
			bit = OptWScale
			p.WScale = v[2]
		default:
			bit = p.tcpOption(kind, v[2:])
		}
		p.TCPOpts |= bit
	}
}

// tcpOption judges an option that is not one of the usual ones, or is at fault, and returns its bit; 0 when it does not count.
func (p *Packet) tcpOption(kind uint8, v []byte) uint16 {
	n := len(v) + 2
	bit := uint16(OptOther)
	good := true
	switch kind {
	case 2:
		bit = OptMSS
		good = n == 4
	case 3:
		bit = OptWScale
		good = n == 3
	case 4:
		bit = OptSACKOK
		good = n == 2
	case 5:
		bit = OptSACK
		if good = n >= 10 && n <= 34 && (n-2)%8 == 0; good && p.TCPOpts&bit == 0 {
			for len(v) >= 8 {
				p.SACK[p.NSACK] = [2]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])}
				p.NSACK++
				v = v[8:]
			}
		}
	case 8:
		bit = OptTS
		good = n == 10
	case 19:
		bit = OptMD5
		good = n == 18
	case 29:
		bit = OptAO
		good = n >= 4
	case 30:
		bit = OptMPTCP
		good = n >= 3
	case 34:
		// RFC 7413: empty is a cookie request, else 4 to 16 bytes, even.
		bit = OptTFO
		good = n == 2 || n >= 6 && n <= 18 && n%2 == 0
	case 253, 254:
		// RFC 6994 experiments; 0xf989 is the fast open of before RFC 7413.
		if n >= 4 && binary.BigEndian.Uint16(v) == 0xf989 {
			bit = OptTFO
		}
	}
	switch {
	case !good:
		p.AddAnomaly(BadTCPOptInvalidLen)
	case p.TCPOpts&bit != 0 && bit != OptOther && bit != OptMPTCP:
		p.AddAnomaly(BadTCPOptDuplicate)
	default:
		return bit
	}
	return 0
}

// tcpOptCut judges an option that runs past what we hold: fine when the capture was cut there, else invalid.
func (d *decoder) tcpOptCut(have, need int) {
	p := d.p
	hlen := int(d.b[int(p.L4)+12]>>4)*4 - 20
	if need > hlen || have >= hlen {
		p.AddAnomaly(BadTCPOptInvalidLen)
	}
}

// tooShort judges a transport header of n bytes that is not all there. True means that even the wire did not
// hold it; in the first fragment of a datagram that is no anomaly, the rest comes in the next one.
func (d *decoder) tooShort(off, n, wend int, a Anomaly) bool {
	if off+n <= wend {
		return false
	}
	if d.p.IPFlags&Fragment == 0 {
		d.p.AddAnomaly(a)
	}
	return true
}

// udp decodes a UDP header (RFC 768) and the tunnels known by UDP port.
func (d *decoder) udp(off, wend int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	if have < 8 {
		if d.tooShort(off, 8, wend, BadUDPHLenTooSmall) || !d.layer(LayerUDP, off) {
			return
		}
		if have >= 4 {
			p.SrcPort, p.DstPort = be16(b, off), be16(b, off+2)
		}
		return
	}
	if !d.layer(LayerUDP, off) {
		return
	}
	h := (*[8]byte)(b[off:])
	p.SrcPort = binary.BigEndian.Uint16(h[0:])
	p.DstPort = binary.BigEndian.Uint16(h[2:])
	n := int(binary.BigEndian.Uint16(h[4:]))
	frag := p.IPFlags&Fragment != 0
	switch {
	case n < 8:
		// Jumbograms and segmentation offload write 0 when the length does not fit 16 bits.
		if n != 0 || wend-off <= 0xffff {
			p.AddAnomaly(BadUDPLenInvalid)
			return
		}
	case off+n <= wend:
		wend = off + n
	case !frag && !d.trunc:
		p.AddAnomaly(BadUDPPktTooSmall)
	}
	d.payload(off+8, wend)
	if d.o.Checksums != ChecksumsNone {
		d.sumL4(ProtoUDP, off, wend, off+6)
	}
	if !frag && !d.o.NoTunnels {
		d.udpTunnel(off+8, wend)
	}
}
