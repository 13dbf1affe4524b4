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
func (e *Engine) Fragment(p *packet.Packet, out *[]event.Event) {
	e.begin(p, flow.Handle{})
	x := &e.x
	for _, s := range e.set.pieces {
		if s.fits(x, flow.Handle{}) && s.conditions(x) && s.header(x) {
			e.hits = append(e.hits, hit{s: s, tx: -1})
		}
	}
	if len(e.hits) > 0 {
		e.report(p, out)
	}
}

// ofPieces reports that the rule holds for fragments too.
func (s *sig) ofPieces() bool {
	return s.pieces && len(s.payload) == 0 && len(s.parts) == 0 && len(s.bits) == 0 && s.app == ""
}
