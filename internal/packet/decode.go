package packet

import "encoding/binary"

// Checksums says how far Decode judges checksums.
type Checksums uint8

// Modes of checksum checking.
const (
	ChecksumsNone Checksums = iota // leave every Sum at SumUnchecked
	ChecksumsAll                   // compute; a wrong one is SumBad, offload or not
	ChecksumsAuto                  // compute; a sum that the sending card had still to fill in is SumOffload
)

// Options steer Decode. The zero value checks no checksums and knows the registered tunnel ports.
type Options struct {
	Checksums Checksums
	// VXLANPorts are the UDP destination ports that carry VXLAN; nil means 4789 and 8472.
	VXLANPorts []uint16
	// NoTunnels leaves tunnelled packets closed: the outermost IP headers count.
	NoTunnels bool
}

var defaultOptions Options

// maxNesting bounds the IP headers inside each other; one more is an anomaly.
const maxNesting = 6

// decoder is the state of one Decode call. It lives on the stack.
type decoder struct {
	p       *Packet
	o       *Options
	b       []byte // the captured bytes
	nesting int    // IP headers so far
	tid     uint64 // kind and identifier of the tunnel opened last
	vj      bool   // the next IPv4 header is one that Van Jacobson compression marked
	trunc   bool   // an IP header claims more than the wire held
}

// Decode reads p.Data, p.Link and p.WireLen and fills every other decoded field of p, down to the innermost IP
// headers. It never fails: what cannot be read is an anomaly and the fields after it stay zero. Fields of
// origin (Time, Frame, Ordinal, Source, Vantage, Link, WireLen, Missing, Offload) are left alone. Nil options mean the
// zero Options. It does not allocate and keeps no reference to anything.
func Decode(p *Packet, o *Options) {
	if o == nil {
		o = &defaultOptions
	}
	p.decode(o)
}

// general decodes any frame. It returns false: decode did not take it.
func (p *Packet) general(o *Options) bool {
	p.clear()
	p.SrcMAC, p.DstMAC = MAC{}, MAC{}
	p.EtherType, p.VLANs, p.NVLAN = 0, [3]uint16{}, 0
	p.Tunnel, p.Firewall = 0, FirewallNone
	p.IPFlags = 0
	var d decoder // a composite literal would be built twice: 10 ns more (2026-11-23)
	d.p, d.o, d.b = p, o, p.Data
	wend := len(p.Data)
	if int(p.WireLen) > wend {
		wend = int(p.WireLen)
	}
	if p.Link == LinkEthernet {
		d.ethernet(0, wend)
	} else {
		d.link(wend)
	}
	return false
}

// DecodeDatagram decodes a reassembled IP datagram: p.Data starts with the IP header, whose length field spans
// all of it. Link fields (MAC, VLANs, EtherType, Tunnel, Firewall) are kept from the frame that completed it.
// IPFlags gets Reassembled. Offsets are those in the datagram; layers of the frame are forgotten.
func DecodeDatagram(p *Packet, o *Options) {
	if o == nil {
		o = &defaultOptions
	}
	p.clear()
	p.IPFlags = Reassembled
	var d decoder
	d.p, d.o, d.b = p, o, p.Data
	d.rawIP(0, len(p.Data))
	p.IPFlags |= Reassembled
}

// clear forgets an earlier decode, touching no more memory than that decode filled.
func (p *Packet) clear() {
	p.clearIP()
	for i := 0; i < int(p.NLayer) && i < MaxLayers; i++ {
		p.Layers[i] = Layer{}
	}
	p.NLayer = 0
	if p.NAnomaly > 0 {
		p.NAnomaly, p.Anomalies = 0, [6]Anomaly{}
	}
}

// clearIP forgets everything from the IP header on, as is needed when a tunnel's inner header takes over.
func (p *Packet) clearIP() {
	p.Src, p.Dst = Addr{}, Addr{}
	p.IPVersion, p.Proto, p.TTL, p.TOS = 0, 0, 0, 0
	p.IPID, p.FragOff, p.IPLen = 0, 0, 0
	p.IPFlags &= Reassembled
	p.L3, p.L4 = 0, 0
	p.IPSum = SumUnchecked
	p.clearL4()
}

func (p *Packet) clearL4() {
	p.PayloadOff, p.PayloadLen, p.PayloadWire = 0, 0, 0
	p.SrcPort, p.DstPort = 0, 0
	p.Seq, p.Ack, p.TCPFlags, p.Window, p.Urgent = 0, 0, 0, 0, 0
	if p.TCPOpts != 0 {
		p.clearTCPOptions()
	}
	p.ICMPType, p.ICMPCode, p.ICMPRest = 0, 0, 0
	if p.HasQuoted {
		p.HasQuoted, p.Quoted = false, Quoted{}
	}
	p.L4Sum = SumUnchecked
}

func (p *Packet) clearTCPOptions() {
	p.MSS, p.TCPOpts, p.WScale, p.TSVal, p.TSEcr = 0, 0, 0, 0, 0
	if p.NSACK != 0 {
		p.NSACK, p.SACK = 0, [4][2]uint32{}
	}
}

// layer notes a header; false ends the decode because the frame nests deeper than a Packet can hold.
func (d *decoder) layer(k LayerKind, off int) bool {
	if d.p.AddLayer(k, off) {
		return true
	}
	d.p.AddAnomaly(BadTooManyLayers)
	return false
}

// cut returns where captured bytes end for a header whose content ends at wend on the wire.
func (d *decoder) cut(wend int) int {
	if wend < len(d.b) {
		return wend
	}
	return len(d.b)
}

// short handles a header of n bytes at off that is not all there. When even the wire did not hold it, the
// anomaly a is noted; when only the capture was cut, the packet's Truncated says enough.
func (d *decoder) short(off, n, wend int, a Anomaly) {
	if off+n > wend {
		d.p.AddAnomaly(a)
	}
}

// payload sets the payload fields for content from off to wend on the wire.
func (d *decoder) payload(off, wend int) {
	if off > 0xffff || off > len(d.b) {
		return
	}
	p := d.p
	p.PayloadOff = uint16(off)
	p.PayloadLen = uint32(max(d.cut(wend)-off, 0))
	p.PayloadWire = uint32(max(wend-off, 0))
}

// IPPayload returns the captured bytes after the innermost IP header: for a fragment the fragment's data, else
// the transport header and what follows. IPv6 extension headers up to a fragment header are not part of it.
func (p *Packet) IPPayload() []byte {
	if p.IPVersion == 0 || p.L4 == 0 {
		return nil
	}
	end := int(p.L3) + int(p.IPLen)
	if end > len(p.Data) {
		end = len(p.Data)
	}
	off := int(p.L4)
	if p.IPVersion == 6 && p.IPFlags&Fragment != 0 {
		if f, ok := p.Layer(LayerIPv6Fragment); ok {
			off = f + 8
		}
	}
	if off > end {
		return nil
	}
	return p.Data[off:end]
}

func be16(b []byte, off int) uint16 { return binary.BigEndian.Uint16(b[off:]) }
func be32(b []byte, off int) uint32 { return binary.BigEndian.Uint32(b[off:]) }
