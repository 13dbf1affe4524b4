package packet

import "encoding/binary"

// fast decodes the frame that most traffic consists of: Ethernet without tags, IPv4 without options or fragments,
// whole TCP or UDP headers, no known tunnel. False means that it touched nothing and the general path must run.
// It does what the general path does, with one length check in front and each field written once
// (2026-11-23: 24 ns against 46 ns on the mix of the benchmark). A test compares the two.
func (p *Packet) fast(o *Options) bool {
	b := p.Data
	if len(b) < 54 {
		return false
	}
	h := (*[54]byte)(b)
	// EtherType 0x0800, version and header length 0x45.
	if h[12] != 8 || h[13] != 0 || h[14] != 0x45 {
		return false
	}
	frag := binary.BigEndian.Uint16(h[20:])
	total := int(binary.BigEndian.Uint16(h[16:]))
	wend := 14 + total
	if frag&^0x4000 != 0 || wend > max(len(b), int(p.WireLen)) {
		return false
	}
	proto := h[23]
	ports := binary.BigEndian.Uint32(h[34:])
	off := 0 // of the payload
	switch proto {
	case ProtoTCP:
		off = 34 + int(h[46]>>4)*4
		if off < 54 || off > wend || off > len(b) {
			return false
		}
	case ProtoUDP:
		n := int(binary.BigEndian.Uint16(h[38:]))
		if n < 8 || 34+n > wend || mayTunnel(o, ports) {
			return false
		}
		wend = 34 + n
		off = 42
	default:
		return false
	}

	if p.NLayer > 3 {
		clear(p.Layers[3:])
	}
	p.NLayer = 3
	p.Layers[0] = Layer{LayerEthernet, 0}
	p.Layers[1] = Layer{LayerIPv4, 14}
	p.DstMAC = MAC(h[0:6])
	p.SrcMAC = MAC(h[6:12])
	p.EtherType = EtherIPv4
	p.VLANs, p.NVLAN = [3]uint16{}, 0
	p.IPVersion, p.Proto, p.TTL, p.TOS = 4, proto, h[22], h[15]
	p.Src.set4((*[4]byte)(h[26:30]))
	p.Dst.set4((*[4]byte)(h[30:34]))
	p.IPID = uint32(binary.BigEndian.Uint16(h[18:]))
	p.FragOff = 0
	p.IPLen = uint32(total)
	p.IPFlags = IPFlags(frag>>14) & DontFragment
	p.L3, p.L4 = 14, 34
	p.PayloadOff = uint16(off)
	p.PayloadLen = uint32(min(wend, len(b)) - off)
	p.PayloadWire = uint32(wend - off)
	p.SrcPort, p.DstPort = uint16(ports>>16), uint16(ports)
	p.ICMPType, p.ICMPCode, p.ICMPRest = 0, 0, 0
	if p.HasQuoted {
		p.HasQuoted, p.Quoted = false, Quoted{}
	}
	p.IPSum, p.L4Sum = SumUnchecked, SumUnchecked
	p.Tunnel, p.Firewall = 0, FirewallNone
	if p.NAnomaly != 0 {
		p.NAnomaly, p.Anomalies = 0, [6]Anomaly{}
	}
	if p.TCPOpts != 0 {
		p.clearTCPOptions()
	}
	if proto == ProtoTCP {
		p.Layers[2] = Layer{LayerTCP, 34}
		p.Seq = binary.BigEndian.Uint32(h[38:])
		p.Ack = binary.BigEndian.Uint32(h[42:])
		p.TCPFlags = binary.BigEndian.Uint16(h[46:]) & 0x1ff
		p.Window = binary.BigEndian.Uint16(h[48:])
		p.Urgent = binary.BigEndian.Uint16(h[52:])
		if off > 54 {
			var d decoder
			d.p, d.b = p, b
			d.tcpOptions(b[54:off])
		}
	} else {
		p.Layers[2] = Layer{LayerUDP, 34}
		p.Seq, p.Ack, p.TCPFlags, p.Window, p.Urgent = 0, 0, 0, 0, 0
	}
	if o.Checksums != ChecksumsNone {
		var d decoder
		d.p, d.o, d.b = p, o, b
		p.IPSum = d.sumIPv4(14, 20)
		field := 50
		if proto == ProtoUDP {
			field = 40
		}
		d.sumL4(proto, 34, wend, field)
	}
	return true
}

// set4 writes an IPv4-mapped address in two whole words: bytes written one by one and read back as a word stall
// the processor for about 5 ns each (2026-11-23).
func (a *Addr) set4(v *[4]byte) {
	binary.LittleEndian.PutUint64(a[:8], 0)
	binary.LittleEndian.PutUint64(a[8:], uint64(binary.LittleEndian.Uint32(v[:]))<<32|0xffff0000)
}

// mayTunnel reports UDP ports (source<<16|destination) behind which udpTunnel looks.
func mayTunnel(o *Options, ports uint32) bool {
	if o.NoTunnels {
		return false
	}
	switch uint16(ports) {
	case 6081, 2152, 3544:
		return true
	}
	if ports>>16 == 3544 {
		return true
	}
	if o.VXLANPorts == nil {
		return uint16(ports) == vxlanPorts[0] || uint16(ports) == vxlanPorts[1]
	}
	for _, x := range o.VXLANPorts {
		if x == uint16(ports) {
			return true
		}
	}
	return false
}
