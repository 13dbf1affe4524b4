package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
)

// hit is a rule that matched.
type hit struct {
	s   *sig
	h   flow.Handle
	tx  int64  // number of the transaction, -1: none
	app []byte // what to say of it
	// whole says that a pass rule takes the whole flow: it is about addresses alone, the stream, or a protocol.
	whole bool
	// stream is what of the stream is shown, where nothing of it is kept until the alert is made; owned by the hit.
	stream []byte
	frame  *event.FrameFacts // that it is about; nil: none
	// values are for the border, context is what lists say: names and JSON in turn.
	values, context []string
}

// Flush reports what was found without a packet to go with it: a flow ended, or its reader was given up.
func (e *Engine) Flush(out *[]event.Event) {
	if len(e.hits) == 0 {
		return
	}
	h := e.hits[0].h
	head := e.flows.Last(h.Index, event.KindAlert)
	e.report(madeUp(&head, h.Dir), out)
}

// report makes alerts of the hits, in the order in which rules are applied.
func (e *Engine) report(p *packet.Packet, out *[]event.Event) {
	slices.SortStableFunc(e.hits, func(a, b hit) int { return a.s.number - b.s.number })
	if e.trace != nil {
		e.trace.reported(e.hits, e.set.most)
	}
	n, from := 0, len(*out)
	for i := range e.hits {
		x := &e.hits[i]
		if x.s.action == lang.Pass {
			e.stats.Passed++
			if x.whole {
				e.own(x.h.Index)
				e.todo[x.h.Index] |= wholePass
			}
			for _, a := range (*out)[from:] {
				if a, ok := a.(*event.Alert); ok {
					a.Passed = true
				}
			}
			break
		}
		if x.s.noalert && len(x.s.late) == 0 {
			continue
		}
		if n++; n > e.set.most {
			e.stats.TooMany++
			continue
		}
		e.stats.Alerts++
		a := e.alert(x.s, p, x.h)
		a.Values, a.Context = x.values, x.context
		e.complete(a, x, p)
		*out = append(*out, a)
		e.tag(x.s, p, x.h)
	}
	e.hits, e.x.texts = e.hits[:0], e.x.texts[:0]
}

// headOf is the head of an event about a packet.
func (e *Engine) headOf(p *packet.Packet, h flow.Handle, k event.Kind) event.Head {
	head := event.Head{Ordinal: p.Ordinal, Seen: p.Ref(), Proto: p.Proto, Vantage: p.Vantage, Tunnel: p.Tunnel,
		Client: event.End{Addr: p.Src, Port: p.SrcPort}, Server: event.End{Addr: p.Dst, Port: p.DstPort},
		NVLAN: p.NVLAN, VLANs: p.VLANs, SrcMAC: p.SrcMAC, DstMAC: p.DstMAC, Via: p.Via()}
	if h.Index != 0 {
		head = e.flows.Head(h, k, p)
	}
	if p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 {
		head.ICMPType, head.ICMPCode, head.ICMPKnown = p.ICMPType, p.ICMPCode, p.L4 != 0
	}
	return head
}

func (e *Engine) alert(s *sig, p *packet.Packet, h flow.Handle) *event.Alert {
	a := event.NewAlert(e.headOf(p, h, event.KindAlert), s.info)
	a.Dir = h.Dir
	if h.Index != 0 {
		f := e.flows.Counts(h.Index)
		a.Flow = &f
		a.AppProto, _ = e.app(h.Index)
		own := e.own(h.Index)
		own.alerted = own.alerted || len(s.late) == 0
	}
	return a
}
