package rules

import (
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// AsksOfFragments reports whether rules ask for what only fragments have (fragbits, fragoffset, events of decoding).
func (s *Set) AsksOfFragments() bool { return len(s.pieces) > 0 }

// Fragment inspects a fragment before it is put together with the others: rules with fragbits, fragoffset or decode-event, as far as they
// ask for nothing but the header of IP. All others see the whole datagram.
func (e *Engine) Fragment(p *packet.Packet, out *[]event.Event) { e.alone(p, e.set.pieces, out) }

// AsksOfSums reports whether rules ask for the checksums of TCP, UDP or ICMP (tcpv4-csum and its kin).
func (s *Set) AsksOfSums() bool { return len(s.damaged) > 0 }

// Damaged inspects a packet that no connection gets, since its checksum is wrong as its sender's others are not: rules that ask for checksums,
// as far as they ask for nothing of contents or connections.
func (e *Engine) Damaged(p *packet.Packet, out *[]event.Event) { e.alone(p, e.set.damaged, out) }

// alone inspects a packet that belongs to no connection.
func (e *Engine) alone(p *packet.Packet, list []*sig, out *[]event.Event) {
	e.begin(p, flow.Handle{})
	x := &e.x
	for _, s := range list {
		if s.fits(x, flow.Handle{}) && s.conditions(x) && s.header(x) {
			e.hits = append(e.hits, hit{s: s, tx: -1})
		}
	}
	if len(e.hits) > 0 {
		e.report(p, out)
	}
}

// ofHeaders reports that the rule asks for nothing but what the headers of one packet say.
func (s *sig) ofHeaders() bool {
	return len(s.payload) == 0 && len(s.parts) == 0 && len(s.bits) == 0 && s.app == ""
}
