package packet

import "firestorm/internal/header"

// transportRare decodes transport protocols other than TCP and UDP.
func (d *decoder) transportRare(proto uint8, off, wend int) {
	p := d.p
	switch proto {
	case ProtoICMP:
		if p.IPVersion == 6 {
			p.AddAnomaly(BadIPv6ICMPv4)
			d.payload(off, wend)
			return
		}
		d.icmp4(off, wend)
	case ProtoICMPv6:
		if p.IPVersion == 4 {
			p.AddAnomaly(BadIPv4ICMPv6)
			d.payload(off, wend)
			return
		}
		d.icmp6(off, wend)
	case ProtoSCTP:
		d.sctp(off, wend)
	case ProtoUDPLite:
		d.ports(LayerUDPLite, 8, off, wend)
	case protoDCCP:
		d.dccp(off, wend)
	case ProtoIGMP:
		d.igmp(off, wend)
	case ProtoVRRP:
		if d.cut(wend) > off && !d.layer(LayerVRRP, off) {
			return
		}
		d.payload(off, wend)
	case ProtoESP:
		if d.cut(wend)-off < 8 {
			d.tooShort(off, 8, wend, BadESPPktTooSmall)
			return
		}
		if d.layer(LayerESP, off) {
			d.payload(off+8, wend)
		}
	case ProtoAH:
		d.ah4(off, wend)
	case ProtoIPIP, ProtoIPv6, ProtoGRE, ProtoMPLS, ProtoEtherIP:
		if p.IPFlags&Fragment != 0 || d.o.NoTunnels {
			d.payload(off, wend)
			return
		}
		d.ipTunnel(proto, off, wend)
	default:
		// 143 to 252 are not assigned, 253 and 254 are for experiments (RFC 3692), 255 is reserved.
		if proto >= 143 {
			if p.IPVersion == 4 {
				p.AddAnomaly(BadIPv4UnknownProtocol)
			} else {
				p.AddAnomaly(BadIPv6UnknownNextHeader)
			}
		}
		d.payload(off, wend)
	}
}

// IP protocol numbers of tunnels and transports that only Decode needs (IANA).
const (
	protoDCCP    = 33
	ProtoEtherIP = 97
	ProtoMPLS    = 137
)

// ports decodes a header that starts with two ports and is n bytes long.
func (d *decoder) ports(k LayerKind, n, off, wend int) {
	have := d.cut(wend) - off
	if have < 4 || off+n > wend || !d.layer(k, off) {
		return
	}
	d.p.SrcPort, d.p.DstPort = be16(d.b, off), be16(d.b, off+2)
	if have >= n {
		d.payload(off+n, wend)
	}
}

// dccp decodes a DCCP header (RFC 4340 5.1); its fifth byte holds the offset of the data in words.
func (d *decoder) dccp(off, wend int) {
	n := 12
	if d.cut(wend)-off >= 5 {
		n = max(n, int(d.b[off+4])*4)
	}
	d.ports(LayerDCCP, n, off, wend)
}

// maxChunks is more than a sender can bundle into a jumbo frame of 9 000 bytes with 16 bytes for each chunk.
const maxChunks = 600

// sctp decodes the common header (RFC 9260 3.1) and counts chunks.
func (d *decoder) sctp(off, wend int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	if have < 12 {
		if d.tooShort(off, 12, wend, BadSCTPPktTooSmall) || !d.layer(LayerSCTP, off) {
			return
		}
		if have >= 4 {
			p.SrcPort, p.DstPort = be16(b, off), be16(b, off+2)
		}
		return
	}
	if !d.layer(LayerSCTP, off) {
		return
	}
	p.SrcPort, p.DstPort = be16(b, off), be16(b, off+2)
	d.payload(off+12, wend)
	chunks := 0
	for c := b[off+12 : d.cut(wend)]; ; chunks++ {
		_, _, _, rest, ok, _ := header.NextSCTPChunk(c)
		if !ok {
			break
		}
		c = rest
	}
	if chunks > maxChunks {
		p.AddAnomaly(BadSCTPTooManyChunks)
	}
	if d.o.Checksums != ChecksumsNone {
		d.sumSCTP(off, wend)
	}
}

// igmp decodes IGMP (RFC 3376): type, code and the group address as ICMPRest.
func (d *decoder) igmp(off, wend int) {
	p, b := d.p, d.b
	if d.cut(wend)-off < 8 {
		d.tooShort(off, 8, wend, BadIGMPPktTooSmall)
		return
	}
	if !d.layer(LayerIGMP, off) {
		return
	}
	p.ICMPType, p.ICMPCode = b[off], b[off+1]
	p.ICMPRest = be32(b, off+4)
	d.payload(off+8, wend)
	switch {
	case p.ICMPType == header.IGMPQuery && wend-off > 8 && wend-off < 12:
		p.AddAnomaly(BadIGMPV3PktTooSmall)
	case p.ICMPType == header.IGMPv3Report && int(p.ICMPRest&0xffff)*8 > wend-off-8:
		p.AddAnomaly(BadIGMPMalformed)
	}
	if d.o.Checksums != ChecksumsNone {
		d.sumL4(ProtoIGMP, off, wend, off+2)
	}
}

// ah4 passes an authentication header (RFC 4302) in IPv4; IPv6 meets it among the extension headers.
func (d *decoder) ah4(off, wend int) {
	b := d.b
	have := d.cut(wend) - off
	if have < 12 {
		d.tooShort(off, 12, wend, BadAHPktTooSmall)
		return
	}
	n := int(b[off+1])*4 + 8
	if n < 12 || off+n > wend {
		d.p.AddAnomaly(BadAHPktTooSmall)
		return
	}
	if !d.layer(LayerAH, off) || have < n {
		return
	}
	next := b[off]
	d.p.Proto = next
	d.transport(next, off+n, wend)
}
