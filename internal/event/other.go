package event

import (
	"time"

	"firestorm/internal/packet"
)

// ICMPError is an ICMP or ICMPv6 error, joined to the flow it quotes. Head's Client and Server are the quoted
// flow's ends; FlowID is 0 when no such flow was seen.
type ICMPError struct {
	head       Head
	Type, Code uint8
	Version    uint8 // 4 or 6
	Sender     packet.Addr
	To         packet.Addr
	MTU        uint32 // next-hop MTU of "fragmentation needed" and "packet too big"; 0 = none said
	Quoted     packet.Quoted
	QuotedDir  packet.Dir // direction of the quoted packet in its flow
	TTL        uint8      // of the ICMP packet
	Fresh      bool       // the quoted packet belongs to the flow's recent data (RFC 5927 4.1); false: stale or forged
}

// Head returns the common part.
func (x *ICMPError) Head() *Head { return &x.head }

// NewICMPError returns an event with head h.
func NewICMPError(h Head) *ICMPError {
	h.Kind = KindICMPError
	return &ICMPError{head: h}
}

// Anomaly is something odd in a packet or stream, reported once per flow (or per source of non-flow packets) and code.
type Anomaly struct {
	head Head
	Code packet.Anomaly
	Dir  packet.Dir
	// Frame is the packet as captured where it is asked for, owned by the event; Link says what it begins with.
	Frame []byte
	Link  packet.LinkType
}

// Head returns the common part.
func (x *Anomaly) Head() *Head { return &x.head }

// NewAnomaly returns an event with head h.
func NewAnomaly(h Head) *Anomaly {
	h.Kind = KindAnomaly
	return &Anomaly{head: h}
}

// ARP is one ARP packet (RFC 826) for IPv4 over Ethernet. Head's SrcMAC and DstMAC are those of the frame.
type ARP struct {
	head      Head
	Op        uint16 // 1 request, 2 reply
	SenderMAC packet.MAC
	SenderIP  packet.Addr
	TargetMAC packet.MAC
	TargetIP  packet.Addr
}

// Head returns the common part.
func (x *ARP) Head() *Head { return &x.head }

// NewARP returns an event with head h.
func NewARP(h Head) *ARP {
	h.Kind = KindARP
	return &ARP{head: h}
}

// Capture is the state of one vantage over one round of packets: what the gates are judged by.
type Capture struct {
	head       Head // Vantage; Seen is the last packet of the round
	From       packet.Time
	To         packet.Time
	Packets    uint64
	Bytes      uint64
	Truncated  uint64
	Listed     uint64 // rows of a pasted listing: no payload, no sequence numbers
	Duplicates uint64 // dropped copies: same TTL, within 1 ms
	Routed     uint64 // same packet with TTL-1: seen before and after a router
	CopyPairs  uint32 // pairs of hosts of which a copy was seen so far (Duplicates or Routed); more than 4096 blur
	CopyFrames uint64 // frames of those pairs in this round, copies included: a mirror doubles them all, a network some
	Super      uint64 // frames longer than the link's MTU
	BadSums    uint64
	Offload    uint64 // checksums left to the card
	KernelLost uint64 // frames the capture says it lost
	HandedOver uint64 // came through the ring of another shard, which several rings of an interface have
	Undecoded  uint64
	JumpFrom   packet.Ref // clock: last packet before a step back of >= 1 s or a jump of over 1 h; zero = none
	JumpTo     packet.Ref
	Evicted    uint64 // table entries thrown out for lack of room
}

// Head returns the common part.
func (x *Capture) Head() *Head { return &x.head }

// NewCapture returns an event with head h.
func NewCapture(h Head) *Capture {
	h.Kind = KindCapture
	return &Capture{head: h}
}

// AppendEVE writes nothing: the state of the capture goes into stats records.
func (x *Capture) AppendEVE(dst []byte, _ *EVE) []byte { return dst }

// Repeat is one packet seen again: a copy by a mirror port, a routed packet seen twice, or a packet going round in a
// loop. It is emitted for loops (every first detection per flow and round) and for the first copies of a vantage.
type Repeat struct {
	head     Head
	First    packet.Ref // first sight
	Times    uint32     // sightings so far, the first included
	TTLFirst uint8
	TTLLast  uint8
	Step     uint8 // constant fall of the TTL from sight to sight; 0 = equal
	Span     time.Duration
	Loop     bool // three or more sights with falling TTL
	// Unnumbered packets carry nothing that a sender changes from one to the next: no IP identification, no sequence
	// number. A copy of one cannot be told from the same packet sent again at once.
	Unnumbered bool
	// MACs of successive sights name the routers that pass the packet on. Of a copy: senders of first sight and copy.
	MACs [4]packet.MAC
}

// Head returns the common part.
func (x *Repeat) Head() *Head { return &x.head }

// NewRepeat returns an event with head h.
func NewRepeat(h Head) *Repeat {
	h.Kind = KindRepeat
	return &Repeat{head: h}
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *Repeat) AppendEVE(dst []byte, _ *EVE) []byte { return dst }

// AppendEVE writes nothing: Suricata has no such record.
func (x *Exchange) AppendEVE(dst []byte, _ *EVE) []byte { return dst }
