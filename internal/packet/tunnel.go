package packet

import (
	"encoding/binary"
	"math/bits"

	"firestorm/internal/header"
)

// Tunnels differ in what identifies them; the kind keeps equal numbers of two kinds apart.
const (
	tunnelIP = iota + 1
	tunnelGRE
	tunnelPPTP
	tunnelERSPAN
	tunnelVXLAN
	tunnelGeneve
	tunnelGTPU
	tunnelTeredo
)

// tunnel remembers which tunnel was opened. It counts once an IP header is found inside (ipInside).
func (d *decoder) tunnel(kind, id uint32) { d.tid = uint64(kind)<<32 | uint64(id) }

// ipInside turns the packet over to an IP header inside another: the outer pair becomes part of Tunnel.
func (d *decoder) ipInside() {
	p := d.p
	h := tunnelHash(p.Tunnel, d.tid, &p.Src, &p.Dst)
	p.clearIP()
	p.Tunnel = h
	d.tid = 0
}

// tunnelHash mixes an outer tunnel, an identifier and an unordered pair of addresses. It is never 0 and has no
// seed: it must be the same in every run.
func tunnelHash(outer uint32, tid uint64, a, b *Addr) uint32 {
	x := addrHash(a) + addrHash(b) // a sum does not know the order
	x = mix(x^tid, 0x9e3779b97f4a7c15)
	x = mix(x^uint64(outer), 0xd6e8feb86659fd93)
	h := uint32(x ^ x>>32)
	if h == 0 {
		return 1
	}
	return h
}

func addrHash(a *Addr) uint64 {
	return mix(binary.LittleEndian.Uint64(a[:8])^0xa0761d6478bd642f, binary.LittleEndian.Uint64(a[8:])^0xe7037ed1a0b428db)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// ipTunnel opens tunnels that are IP protocols.
func (d *decoder) ipTunnel(proto uint8, off, wend int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	d.payload(off, wend)
	switch proto {
	case ProtoIPIP:
		if p.IPVersion == 6 {
			if off+20 > wend {
				p.AddAnomaly(BadIPv6IPv4InIPv6TooSmall)
				return
			}
			if have >= 1 && b[off]>>4 != 4 {
				p.AddAnomaly(BadIPv6IPv4InIPv6WrongVersion)
				return
			}
		}
		d.tunnel(tunnelIP, 0)
		d.ipv4(off, wend)
	case ProtoIPv6:
		if p.IPVersion == 6 {
			if off+40 > wend {
				p.AddAnomaly(BadIPv6IPv6InIPv6TooSmall)
				return
			}
			if have >= 1 && b[off]>>4 != 6 {
				p.AddAnomaly(BadIPv6IPv6InIPv6WrongVersion)
				return
			}
		}
		d.tunnel(tunnelIP, 0)
		d.ipv6(off, wend)
	case ProtoMPLS:
		d.tunnel(tunnelIP, 0)
		d.mpls(off, wend)
	case ProtoEtherIP:
		if have >= 2+ethernetLen && b[off] == 0x30 { // RFC 3378: version 3
			d.tunnel(tunnelIP, 0)
			d.ethernet(off+2, wend)
		}
	case ProtoGRE:
		d.gre(off, wend)
	}
}

// gre decodes GRE (RFC 2784, RFC 2890, RFC 2637) and opens what it carries.
func (d *decoder) gre(off, wend int) {
	p, b := d.p, d.b
	h, ok := header.ParseGRE(b[off:max(d.cut(wend), off)])
	if !ok {
		if wend <= len(b) {
			p.AddAnomaly(BadGREPktTooSmall)
		}
		return
	}
	if bad := greFault(h); bad != noAnomaly {
		p.AddAnomaly(bad)
		return
	}
	if !d.layer(LayerGRE, off) {
		return
	}
	off += len(h)
	d.payload(off, wend)
	if h.Version() == 1 {
		// The key is payload length and call identifier, which differs by direction.
		if h.HasSequence() {
			d.tunnel(tunnelPPTP, 0)
			d.ppp(off, wend)
		}
		return
	}
	d.tunnel(tunnelGRE, h.Key())
	switch proto := h.Protocol(); proto {
	case EtherIPv4:
		d.ipv4(off, wend)
	case EtherIPv6:
		d.ipv6(off, wend)
	case EtherTEB:
		d.ethernet(off, wend)
	case EtherPPP:
		d.ppp(off, wend)
	case EtherMPLS, EtherMPLSMulticast:
		d.mpls(off, wend)
	case EtherVLAN, EtherQinQ, EtherNSH, EtherARP:
		d.ether(proto, off, wend, 0)
	case EtherERSPAN2:
		if !h.HasSequence() { // type I: the mirrored frame follows at once
			d.tunnel(tunnelERSPAN, 0)
			if d.layer(LayerERSPAN, off) {
				d.ethernet(off, wend)
			}
			return
		}
		d.erspan(off, wend)
	case EtherERSPAN3:
		d.erspan(off, wend)
	case 0x883e: // WCCP: version 2 puts a redirect header of one word in front
		if d.cut(wend)-off >= 1 && b[off]>>4 != 4 {
			off += 4
		}
		d.ipv4(off, wend)
	}
}

// greFault names what is wrong with a header, by Suricata's rules for both versions.
func greFault(h header.GRE) Anomaly {
	switch h.Version() {
	case 0:
		switch {
		case h.Recursion() != 0:
			return BadGREVersion0Recur
		case h[1]&0xf8 != 0:
			return BadGREVersion0Flags
		}
	case 1:
		switch {
		case h.HasChecksum():
			return BadGREVersion1Chksum
		case h.HasRouting():
			return BadGREVersion1Route
		case h[0]&0x08 != 0:
			return BadGREVersion1SSR
		case h.Recursion() != 0:
			return BadGREVersion1Recur
		case h[1]&0x78 != 0:
			return BadGREVersion1Flags
		case !h.HasKey():
			return BadGREVersion1NoKey
		case h.Protocol() != EtherPPP:
			return BadGREVersion1WrongProtocol
		}
	default:
		return BadGREWrongVersion
	}
	return noAnomaly
}

// erspan decodes a mirrored frame. The VLAN it came from is noted as a tag.
func (d *decoder) erspan(off, wend int) {
	p, b := d.p, d.b
	have := d.cut(wend) - off
	if have < header.ERSPANLen {
		d.short(off, header.ERSPANLen, wend, BadERSPANHeaderTooSmall)
		return
	}
	if v := b[off] >> 4; v != 1 && v != 2 {
		p.AddAnomaly(BadERSPANUnsupportedVersion)
		return
	}
	h, ok := header.ParseERSPAN(b[off : off+have])
	if !ok {
		d.short(off, header.ERSPAN3Len+8, wend, BadERSPANHeaderTooSmall)
		return
	}
	if !d.layer(LayerERSPAN, off) {
		return
	}
	d.tunnel(tunnelERSPAN, uint32(h.Session()))
	if v := h.VLAN(); v != 0 && int(p.NVLAN) < len(p.VLANs) {
		p.VLANs[p.NVLAN] = v
		p.NVLAN++
	}
	off += len(h)
	if h.FrameType() == 2 {
		d.rawIP(off, wend)
		return
	}
	d.ethernet(off, wend)
}

// vxlanPorts are the registered port and the one Linux used before it was registered.
var vxlanPorts = [...]uint16{4789, 8472}

// udpTunnel opens tunnels known by their UDP port. Ports prove nothing: what does not parse stays plain UDP.
func (d *decoder) udpTunnel(off, wend int) {
	p := d.p
	switch p.DstPort {
	case 6081:
		d.geneve(off, wend)
		return
	case 2152:
		d.gtpu(off, wend)
		return
	case 3544:
		d.teredo(off, wend)
		return
	}
	if p.SrcPort == 3544 {
		d.teredo(off, wend)
		return
	}
	ports := d.o.VXLANPorts
	if ports == nil {
		if p.DstPort != vxlanPorts[0] && p.DstPort != vxlanPorts[1] {
			return
		}
		d.vxlan(off, wend)
		return
	}
	for _, port := range ports {
		if port == p.DstPort {
			d.vxlan(off, wend)
			return
		}
	}
}

// vxlan opens VXLAN, VXLAN-GBP and VXLAN-GPE. RFC 7348 makes senders clear the reserved bits and receivers ignore
// them. Where they are set, other traffic on these ports is likely, so the frame inside must look like IP.
func (d *decoder) vxlan(off, wend int) {
	b := d.b
	have := d.cut(wend) - off
	if have < header.VXLANLen {
		return
	}
	h, ok := header.ParseVXLAN(b[off:])
	if !ok {
		return
	}
	inner := off + header.VXLANLen
	next := h.NextProtocol()
	switch {
	case h[7] != 0:
	case h[0] == 0x08 && h[1]|h[2]|h[3] == 0, h[0] == 0x88: // RFC 7348; group policy
		next = 0
	case h[0]&0x04 != 0 && h[1]|h[2] == 0 && next >= 1 && next <= 4: // generic protocol extension
	default:
		next = 0xff
	}
	if h[7] != 0 || next == 0xff {
		if next = 0; !plainIP(b[inner : off+have]) {
			return
		}
	}
	known := next == 1 || next == 2
	if next == 0 || next == 3 {
		if have < header.VXLANLen+ethernetLen {
			return
		}
		if known = knownEther(be16(b, inner+12)); !known {
			d.p.AddAnomaly(BadVXLANUnknownPayloadType)
		}
	}
	if !known || !d.layer(LayerVXLAN, off) {
		return
	}
	d.tunnel(tunnelVXLAN, h.VNI())
	switch next {
	case 1:
		d.ipv4(inner, wend)
	case 2:
		d.ipv6(inner, wend)
	default:
		d.ethernet(inner, wend)
	}
}

// plainIP reports an untagged Ethernet frame that holds an IP packet of a length that fits.
func plainIP(f []byte) bool {
	if len(f) < ethernetLen+20 {
		return false
	}
	switch be16(f, 12) {
	case EtherIPv4:
		return f[14] >= 0x45 && f[14] <= 0x4f && int(be16(f, 16)) >= 20
	case EtherIPv6:
		return f[14]>>4 == 6
	}
	return false
}

// knownEther reports an EtherType or length field that an overlay carries.
func knownEther(et uint16) bool {
	switch et {
	case EtherIPv4, EtherIPv6, EtherARP, EtherRARP, EtherVLAN, EtherQinQ, EtherQinQOld, EtherPPPoE, EtherPPPoEDiscovery,
		EtherMPLS, EtherMPLSMulticast, EtherLLDP, EtherEAPOL, EtherMACsec, EtherPBB, EtherNSH:
		return true
	}
	return et < header.EtherTypeMin
}

func (d *decoder) geneve(off, wend int) {
	b := d.b
	if d.cut(wend)-off < header.GeneveMinLen {
		return
	}
	h, ok := header.ParseGeneve(b[off:d.cut(wend)])
	if !ok || h[1]&0x3f != 0 || h[7] != 0 {
		return
	}
	proto := h.Protocol()
	if proto != EtherTEB && proto != EtherIPv4 && proto != EtherIPv6 {
		d.p.AddAnomaly(BadGeneveUnknownPayloadType)
		return
	}
	if !d.layer(LayerGeneve, off) {
		return
	}
	d.tunnel(tunnelGeneve, h.VNI())
	off += len(h)
	switch proto {
	case EtherIPv4:
		d.ipv4(off, wend)
	case EtherIPv6:
		d.ipv6(off, wend)
	default:
		d.ethernet(off, wend)
	}
}

func (d *decoder) gtpu(off, wend int) {
	b := d.b
	if d.cut(wend)-off < header.GTPUMinLen {
		return
	}
	h, ok := header.ParseGTPU(b[off:d.cut(wend)])
	if !ok || off+header.GTPUMinLen+int(h.Len()) > wend {
		return
	}
	end := off + header.GTPUMinLen + int(h.Len())
	in := off + len(h)
	if h.Type() != header.GTPUData {
		d.layer(LayerGTPU, off)
		return
	}
	if in >= d.cut(end) || b[in]>>4 != 4 && b[in]>>4 != 6 {
		return
	}
	if d.layer(LayerGTPU, off) {
		d.tunnel(tunnelGTPU, 0) // the TEID differs by direction
		d.rawIP(in, end)
	}
}

func (d *decoder) teredo(off, wend int) {
	h, ok := header.ParseTeredo(d.b[off:max(d.cut(wend), off)], wend-off)
	if ok && d.layer(LayerTeredo, off) {
		d.tunnel(tunnelTeredo, 0)
		d.ipv6(off+len(h), wend)
	}
}

// InnerLen is the length on the wire of what the innermost tunnel carries, bytes: of a frame inside it with its link header, of
// ERSPAN with its own header, else of an IP packet. Outside any tunnel it is WireLen.
func (p *Packet) InnerLen() uint32 {
	if p.Tunnel == 0 {
		return p.WireLen
	}
	from, ip := uint16(0), false
	for i, l := range p.Layers[:p.NLayer] {
		switch l.Kind {
		case LayerGRE, LayerVXLAN, LayerGeneve, LayerGTPU, LayerTeredo:
			if i+1 < int(p.NLayer) {
				from = p.Layers[i+1].Off
			}
			ip = false
		case LayerIPv4, LayerIPv6:
			if ip { // straight inside the one before
				from = l.Off
			}
			ip = true
		case LayerUDP:
		default:
			ip = ip && l.Kind == LayerAH
		}
	}
	return p.WireLen - min(uint32(from), p.WireLen)
}
