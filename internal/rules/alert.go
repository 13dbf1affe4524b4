package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// complete adds to an alert what its record may show beside the rule.
func (e *Engine) complete(a *event.Alert, x *hit, p *packet.Packet) {
	s, h := x.s, x.h
	a.Tx, a.InTx, a.App = uint64(max(x.tx, 0)), x.tx >= 0, x.app
	a.InFrame = x.frame
	a.Stream = p.Proto == packet.ProtoTCP && (a.InTx || x.frame != nil || s.stream && (!s.packet || len(p.Payload()) == 0))
	var f *flowState
	if h.Index != 0 {
		f = e.of(h.Index)
	}
	if f != nil {
		a.Bits, a.Texts = e.bits(f), f.named()
	}
	if e.payload == 0 {
		return
	}
	if a.Stream && len(x.stream) > 0 {
		a.Payload = x.stream
	} else if a.Stream && f != nil {
		a.Payload = f.half[h.Dir].last(nil, e.payload) // of a stream, what came last
	}
	if b := p.Payload(); len(a.Payload) == 0 {
		a.Payload = slices.Clone(b[:min(len(b), e.payload)])
	}
}
