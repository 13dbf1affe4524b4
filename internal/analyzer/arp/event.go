package arp

import "firestorm/internal/event"

// MalformedKind is the name of the kind of Malformed. Well-formed packets are events of package event: hosts, neighbours
// and detectors that know no protocol read them.
const MalformedKind = "arp_malformed"

// Malformed is an ARP packet for IPv4 over Ethernet whose sizes are not those of IPv4 and Ethernet: no implementation
// sends it, a forger may.
type Malformed struct {
	head         event.Head
	HardwareSize uint8 // bytes; must be 6
	ProtocolSize uint8 // bytes; must be 4
}

// Head returns the common part.
func (x *Malformed) Head() *event.Head { return &x.head }

// NewMalformed returns an event with head h, of kind k.
func NewMalformed(h event.Head, k event.Kind) *Malformed {
	h.Kind = k
	return &Malformed{head: h}
}

// AppendEVE writes nothing: the decoder's anomaly says it.
func (x *Malformed) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
