package esp

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What says why an event was emitted.
type What uint8

// Reasons.
const (
	Started What = iota + 1 // first packet
	Going                   // 2, 4, … 64 packets; then at most every five seconds while it goes on
	Silent                  // ten seconds without a packet; told when another packet of the flow or shard comes
	Ended                   // the UDP flow ended
)

// Facts are what was seen of an association so far.
type Facts struct {
	SPI      uint32
	AH       bool        // AH (RFC 4302), else ESP
	UDP      bool        // inside UDP (RFC 3948)
	Dir      packet.Dir  // inside UDP: the way it travels in its flow
	From, To packet.Addr // as in the IP header
	Packets  uint64
	Bytes    uint64 // of IP packets
	FirstSeq uint32 // sequence number of the first packet; 1 when its begin was seen
	Highest  uint32
	Missing  uint64 // numbers below Highest, from the first on, that did not come
	Late     uint64 // came after a higher number
	Repeated uint64 // came again: replayed, or copied
	Old      uint64 // came 64 or more below Highest: a receiver drops these
	First    packet.Ref
	Last     packet.Ref
}

// Event is the state of one association of one direction. Head's Client and Server are the flow's ends; outside UDP the
// sender and the receiver.
type Event struct {
	head event.Head
	What What
	Facts
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// New returns an event for tests of those that read it.
func New(h event.Head, what What, f Facts) *Event { return &Event{h, what, f} }

// AppendEVE writes nothing: Suricata has no such record.
func (e *Event) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
