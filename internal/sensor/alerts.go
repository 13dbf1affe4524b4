package sensor

import (
	"bytes"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
)

// alerts adds to the alerts among out[from:] what only this place knows: what the protocol of the connection said with the
// same packet, and the packet itself. p is nil where a connection was forgotten.
func (s *shard) alerts(p *packet.Packet, h flow.Handle, out []event.Event, from int) {
	var said event.Event
	for _, e := range out[from:] {
		a, ok := e.(*event.Alert)
		switch {
		case ok:
			if len(a.App) == 0 {
				a.Said = said
			}
			s.alert(a, p, h)
		case e.Head().Kind >= event.FirstAnalyzerKind && h.Index != 0:
			said = e
		}
	}
}

// alert adds the packet to an alert; one about a request may come with the answer, which travels the other way.
func (s *shard) alert(a *event.Alert, p *packet.Packet, h flow.Handle) {
	head := a.Head()
	if p == nil {
		head.Via = packet.ViaFlowEnd
		return
	}
	head.Via, head.SrcMAC, head.DstMAC = p.Via(), p.SrcMAC, p.DstMAC
	if a.Dir != h.Dir {
		head.SrcMAC, head.DstMAC = p.DstMAC, p.SrcMAC
	}
	if most := s.parts.Most(); most > 0 && a.Payload == nil && a.Dir == h.Dir {
		b := p.Payload()
		a.Payload = bytes.Clone(b[:min(len(b), most)])
	}
	if s.parts.Packet {
		a.Frame, a.Link = bytes.Clone(p.Data), p.DataLink()
	}
}

// watched is what is kept of the rules' work in a shard.
type watched struct {
	trace   *rules.Trace
	profile *rules.Profile
}

// watch keeps how far rules come and what they cost, where that is asked for.
func (s *shard) watch(o *Options) {
	if o.RulesTraced {
		s.watched.trace = rules.NewTrace(o.Rules)
		s.rules.Trace(s.watched.trace)
	}
	if o.RulesTimed != nil {
		s.watched.profile = rules.NewProfile(o.Rules, o.RulesTimed)
		s.rules.Profile(s.watched.profile)
	}
}
