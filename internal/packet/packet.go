package packet

// Addr is an IP address as 16 bytes; IPv4 is held IPv4-mapped (::ffff:a.b.c.d), as RFC 4291 2.5.5.2 writes it.
type Addr [16]byte

// MAC is a 48-bit IEEE 802 address.
type MAC [6]byte

// Dir is the side a packet of a flow travels to.
type Dir uint8

// The two directions of a flow. The client is who sent the SYN, or the first datagram.
const (
	ToServer Dir = iota
	ToClient
)

// Other returns the opposite direction.
func (d Dir) Other() Dir { return d ^ 1 }

// String returns Suricata's word for the direction.
func (d Dir) String() string {
	if d == ToServer {
		return "to_server"
	}
	return "to_client"
}

// TCP flag bits as in RFC 9293 3.1, with NS of RFC 3540 (AE of RFC 9768) as bit 8.
const (
	FIN uint16 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	NS
)

// TCP options seen, in Packet.TCPOpts.
const (
	OptMSS uint16 = 1 << iota
	OptWScale
	OptSACKOK
	OptSACK
	OptTS
	OptTFO
	OptMD5
	OptMPTCP
	OptAO
	OptOther
)

// Missing says what the input did not show. Captures set Truncated facts elsewhere; only inputs that are not
// frames (a pasted tshark listing) set these. A field whose bit is set holds no information, not zero.
type Missing uint16

// Bits of Missing.
const (
	NoSeq      Missing = 1 << iota // sequence and acknowledgement numbers
	NoAddrs                        // addresses (assumed from the listing's other rows)
	NoPorts                        // ports
	NoTTL                          // TTL and IP-ID
	NoMAC                          // link layer addresses
	NoPayload                      // payload bytes; PayloadWire may still be known
	NoOptions                      // TCP options
	NoWindow                       // TCP window
	NoChecksum                     // checksums
)

// Sum is the outcome of a checksum check.
type Sum uint8

// Outcomes of a checksum check.
const (
	SumUnchecked Sum = iota // not computed: -k none, fragment, truncated, or no checksum in this protocol
	SumGood
	SumBad
	SumOffload // bad, but explained: the sending card fills it in after the capture point
	SumDamaged // bad, and its receiver threw the packet away: no connection gets it, rules that ask for checksums do
)

// Layer is one header of the frame, outermost first.
type Layer struct {
	Kind LayerKind
	Off  uint16 // offset in Data
}

// MaxLayers is how many headers a packet remembers; deeper nesting is an anomaly.
const MaxLayers = 12

// Quoted is what an ICMP error says of the packet that caused it (RFC 792, RFC 4443 2.4).
type Quoted struct {
	Src, Dst         Addr
	SrcPort, DstPort uint16
	Seq              uint32 // TCP sequence number, or ICMP identifier<<16|sequence
	IPID             uint16
	Len              uint16 // total length of the quoted packet as it claims, bytes
	Proto            uint8
	TTL              uint8
	HasPorts         bool
}

// Packet is one frame, decoded to its innermost headers. The zero value is an empty frame.
//
// The fields stand in the order of their use, not of the headers: what is set and read for each packet comes first, in four
// lines of the cache; what few packets have comes last (2026-11-30).
type Packet struct {
	Data    []byte // the captured bytes, borrowed until Batch.Release; a reassembled datagram: the datagram
	Time    Time
	Frame   uint64 // 1-based number in its source
	Ordinal uint64 // position in the total order of the input, from 1
	Src     Addr   // innermost IP source; zero when the frame has no IP
	Dst     Addr

	SrcPort, DstPort uint16 // TCP, UDP, SCTP, UDP-Lite, DCCP
	Seq, Ack         uint32 // TCP
	TCPFlags         uint16
	Window           uint16 // as on the wire, unscaled
	Urgent           uint16
	TCPOpts          uint16
	TSVal, TSEcr     uint32 // option 8, valid with OptTS
	MSS              uint16 // option 2, valid with OptMSS
	WScale           uint8  // option 3, valid with OptWScale
	NSACK            uint8

	IPVersion   uint8  // 4, 6 or 0
	Proto       uint8  // IP protocol of L4 (after IPv6 extension headers); 0 with IPVersion 0 means no IP
	TTL         uint8  // TTL or hop limit, innermost
	TOS         uint8  // TOS byte or traffic class
	PayloadLen  uint32 // captured transport payload, bytes
	PayloadWire uint32 // transport payload that the headers claim, bytes
	L3, L4      uint16 // offsets in Data of the innermost IP header and of what follows it (a later fragment: its data); 0 = none
	PayloadOff  uint16 // offset in Data of the transport payload
	IPFlags     IPFlags
	NLayer      uint8
	IPLen       uint32 // total length of the innermost IP packet as its header says, bytes; when that is 0 (offload), what the wire held
	IPID        uint32 // IPv4 identification, or that of an IPv6 fragment header
	WireLen     uint32 // length on the wire, bytes
	Source      uint16 // index of file or interface
	Vantage     uint16 // index of vantage

	IPSum, L4Sum Sum
	HasQuoted    bool
	NAnomaly     uint8
	Link         LinkType // of the frame
	EtherType    uint16   // of the innermost link header

	VLANs              [3]uint16 // outermost first
	NVLAN              uint8
	Firewall           Firewall // verdict carried by the link type (PFLOG, NFLOG)
	ICMPRest           uint32   // the second word of the header: identifier and sequence, next-hop MTU, pointer, gateway
	Tunnel             uint32   // 0 outside any tunnel; else a hash of the tunnel's ends and identifier
	ICMPType, ICMPCode uint8
	FragOff            uint16 // fragment offset, bytes
	Missing            Missing
	Ring               uint8 // of the rings of its interface, the one that it came through; 0 in files

	SrcMAC, DstMAC MAC
	Offload        Offload // what the kernel of a live capture says that its card does; set by the source
	Layers         [MaxLayers]Layer
	Anomalies      [6]Anomaly // first ones found; AnomalyMore when there were others
	SACK           [4][2]uint32
	Quoted         Quoted // valid with HasQuoted
}

// IPFlags are the fragmentation facts of a packet.
type IPFlags uint8

// Bits of IPFlags.
const (
	DontFragment IPFlags = 1 << iota
	MoreFragments
	Fragment    // this frame is a fragment (offset > 0 or more to come)
	Reassembled // this packet was put together from fragments
	HasOptions  // IPv4 options or IPv6 extension headers were present
	EvilBit     // reserved flag set
)

// Offload says how a packet of a live capture differs from what the wire carries. The zero value: it does not.
type Offload struct {
	// Segment is how many bytes of payload each packet on the wire has, or had, where the kernel joined several or has
	// not cut them yet (struct virtio_net_hdr, gso_size); 0: as it is.
	Segment uint16
	// PartialSum: the transport checksum is still to be completed by the card.
	PartialSum bool
}

// WireIPLen is the length of the innermost IP packet as the wire carries it: of one segment, where several are joined.
func (p *Packet) WireIPLen() uint32 {
	if n := uint32(p.Offload.Segment); n != 0 && p.PayloadWire > n && p.IPLen > p.PayloadWire {
		return p.IPLen - p.PayloadWire + n
	}
	return p.IPLen
}

// Firewall is a verdict that a firewall wrote beside the packet.
type Firewall uint8

// Firewall verdicts.
const (
	FirewallNone Firewall = iota
	FirewallPass
	FirewallBlock
	FirewallOther
)

// Ref returns the proof that points back to p.
func (p *Packet) Ref() Ref { return Ref{Frame: p.Frame, Time: p.Time, Source: p.Source} }

// Payload returns the captured transport payload; borrowed like Data.
func (p *Packet) Payload() []byte {
	off := int(p.PayloadOff)
	if off == 0 || off > len(p.Data) {
		return nil
	}
	end := off + int(p.PayloadLen)
	if end > len(p.Data) {
		end = len(p.Data)
	}
	return p.Data[off:end]
}

// Truncated reports that the capture kept fewer bytes than the wire had.
func (p *Packet) Truncated() bool { return int(p.WireLen) > len(p.Data) && p.IPFlags&Reassembled == 0 }

// Has reports whether all TCP flags of f are set.
func (p *Packet) Has(f uint16) bool { return p.TCPFlags&f == f }

// AddAnomaly records a once; past the array's end only AnomalyMore remains.
func (p *Packet) AddAnomaly(a Anomaly) {
	n := int(p.NAnomaly)
	for i := 0; i < n; i++ {
		if p.Anomalies[i] == a {
			return
		}
	}
	if n == len(p.Anomalies) {
		p.Anomalies[n-1] = AnomalyMore
		return
	}
	p.Anomalies[n] = a
	p.NAnomaly++
}

// AddLayer appends a header; false when the packet already holds MaxLayers.
func (p *Packet) AddLayer(k LayerKind, off int) bool {
	if p.NLayer == MaxLayers || off > 0xffff {
		return false
	}
	p.Layers[p.NLayer] = Layer{k, uint16(off)}
	p.NLayer++
	return true
}
