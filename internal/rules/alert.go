package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// complete adds to an alert what its record may show beside the rule.
func (e *Engine) complete(a *event.Alert, s *sig, p *packet.Packet, h flow.Handle) {
	a.App = e.about
	a.Stream = p.Proto == packet.ProtoTCP && (e.about != nil || s.stream && (!s.packet || len(p.Payload()) == 0))
	f := e.of(h.Index)
	if h.Index == 0 {
		f = nil
	}
	if f != nil {
		for n, name := range e.set.bits {
			if f.bit(n) {
				a.Bits = append(a.Bits, name)
			}
		}
		slices.Sort(a.Bits)
	}
	if e.keep == 0 {
		return
	}
	b := p.Payload()
	if a.Stream && f != nil && len(f.window[h.Dir]) > 0 {
		b = f.window[h.Dir]
	}
	if n := len(b) - e.keep; n > 0 && a.Stream {
		b = b[n:] // of a stream, what came last
	}
	a.Payload = slices.Clone(b[:min(len(b), e.keep)])
}
