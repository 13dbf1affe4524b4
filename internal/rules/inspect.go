package rules

import (
	"math"
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// Asks reports whether a rule asks for parts of that kind (analyzer.Inspector).
func (e *Engine) Asks(kind string) bool { return e.set.kinds[kind] }

// Inspect looks at what there is of one side of a transaction (analyzer.Inspector). Its alerts come with the packet at hand,
// or with Flush.
func (e *Engine) Inspect(kind string, h flow.Handle, head *event.Head, p *packet.Packet, in event.Inspection) {
	if e.passed(h.Index) {
		return
	}
	if p != nil && p == e.now.p && !e.now.done && p.IPVersion != 0 {
		e.look()
	}
	e.parts, e.may, e.x.m.little = e.parts[:0], e.may[:0], false
	windowed, _ := in.Parts.(event.Windowed)
	see := func(name string, b []byte) {
		if name == "dcerpc.order" {
			e.x.m.little = value(b) == 1
		}
		v := seenPart{name: name, b: b}
		if windowed != nil {
			from, end := windowed.Window(name)
			v.base, v.open = int64(min(from, math.MaxInt64)), !end
		}
		e.parts = append(e.parts, v)
		if l := e.set.parts[name]; l != nil {
			e.may = l.found.scan(appendAll(e.may, l.always, 0), e.set.rare, &e.found, b)
		}
	}
	in.Parts.EachBuffer(see)
	for _, name := range in.Events {
		see(oddPart(kind), []byte(name))
	}
	if e.done = in.Done && !in.Partial; e.done {
		e.may = appendAll(e.may, e.set.lacking[kind], 0)
	}
	e.consider(h, head, p, &in, nil)
	if f := e.x.flow; f != nil && f.muted != nil {
		f.muted.also(in.Parts)
	}
	if f := e.x.flow; f != nil && len(f.files) > 0 {
		f.keepFile(&in)
	}
	if in.Done && e.set.twoWay[kind] {
		e.sideOver(h, in.Tx)
	}
}

// consider goes through the rules that may fit the parts at hand, of a side of a transaction or of a frame.
func (e *Engine) consider(h flow.Handle, head *event.Head, p *packet.Packet, in *event.Inspection, frame *event.FrameView) {
	if p == nil || p.SrcPort != head.Client.Port && h.Dir == packet.ToServer || p.SrcPort != head.Server.Port && h.Dir == packet.ToClient {
		p = madeUp(head, h.Dir)
	}
	x := &e.x
	x.index = h.Index
	x.p, x.dir, x.flow, x.known, x.odd, x.tx, x.parts = p, h.Dir, e.of(h.Index), false, nil, int64(in.Tx), in.Parts
	x.m.src = p.Src
	e.know(h)
	if e.trace != nil {
		e.trace.transaction(e, p, h, in.Tx)
	}
	var app []byte
	// Who sets a flowbit comes before who asks for it, whatever parts they are about.
	for _, c := range inOrder(e.may) {
		s := c.s
		this := fired{s, h.Dir, in.Tx}
		if s.twoWay {
			this.dir = bothWays
		}
		again := x.flow != nil && slices.Contains(x.flow.fired, this)
		if again && (!s.keeps || s.scoped) {
			continue
		}
		x.m.values, x.m.caught = x.m.values[:0], x.m.caught[:0]
		if e.profile != nil {
			e.profile.begin(e, s)
		}
		if s.app != "" && frame == nil && !speaks(s.app, x.app) || !s.fits(x, h) || !s.conditions(x) || !s.asks(x.flow) || !s.header(x) || !e.partsMatch(s) ||
			len(s.payload) > 0 && !e.beside(s, h.Dir) {
			continue
		}
		if s.twoWay && !e.otherHalf(s, h, in.Tx) {
			continue
		}
		if k, ok := in.Parts.(event.FileKeeper); ok && s.keeps && !s.scoped {
			k.KeepFile(s.info.SID)
		}
		if again {
			continue
		}
		x.flow = e.own(h.Index)
		if len(s.bits) > 0 {
			s.change(x.flow)
		}
		x.flow.fire(this)
		if o, ok := in.Parts.(event.AppObject); ok && app == nil {
			app = o.AppendAppObject(nil)
		}
		for _, do := range s.effects {
			do(x)
		}
		v := hit{s: s, h: h, tx: int64(in.Tx), app: app, whole: true}
		if frame != nil {
			v.frame, v.tx = frameFacts(frame)
			if frame.Object != nil {
				v.app = frame.Object.AppendAppObject(nil)
			}
		}
		v.values, v.context = x.m.told(s)
		e.hits = append(e.hits, v)
	}
	if e.profile != nil {
		e.profile.end(e)
	}
	if in.Done && x.flow != nil {
		x.flow.fired = slices.DeleteFunc(x.flow.fired, func(f fired) bool { return f.dir == h.Dir && f.tx == in.Tx && !f.s.twoWay })
	}
}

// seenPart is a part of the transaction at hand.
type seenPart struct {
	name string
	b    []byte
	base int64 // what was shown of it before, and is not in b
	open bool  // its end is not in b
}

// partsMatch reports whether the parts at hand are all that a rule asks for.
func (e *Engine) partsMatch(s *sig) bool {
	for i := range s.parts {
		p := &s.parts[i]
		if s.twoWay && !p.travels(e.x.dir) {
			continue
		}
		found, there := false, false
		for k := range e.parts {
			v := &e.parts[k]
			if v.name != p.name {
				continue
			}
			if there = true; p.absent == absent {
				return false
			}
			b, ok := p.turned(&e.x.m, v.b)
			e.x.m.base, e.x.m.open = v.base, v.open
			found = ok && e.x.m.match(p.checks, b, 0)
			e.x.m.base, e.x.m.open = 0, false
			if found {
				break
			}
		}
		if p.absent != present && !there {
			found = e.done && p.travels(e.x.dir)
		}
		if !found {
			return false
		}
	}
	return true
}

// travels reports whether the part is one of what travels d.
func (p *part) travels(d packet.Dir) bool {
	return p.way == eitherWay || (p.way == toClient) == (d == packet.ToClient)
}

// beside reports whether the payload beside the parts is as a rule wants it: of TCP what is held of the stream.
func (e *Engine) beside(s *sig, d packet.Dir) bool {
	x := &e.x
	if x.p.Proto != packet.ProtoTCP {
		return x.m.match(s.payload, x.p.Payload(), 0)
	}
	if x.flow == nil {
		return false
	}
	e.lin = x.flow.half[d].last(e.lin[:0], tail+mostWaiting)
	return x.m.match(s.payload, e.lin, 0)
}
