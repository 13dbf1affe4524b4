package rules

import (
	"slices"

	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// try goes through the rules that may match, in order: those of the packet and, with k, those of what is fresh of its
// stream.
func (e *Engine) try(h flow.Handle, payload []byte, k *half) {
	if k == nil {
		e.all(h, inOrder(e.may), payload, nil, nil)
		return
	}
	if k.hole > 0 { // before the hole; what is behind it comes with the packet's own
		e.lin = append(k.ring.last(e.lin[:0], tail), k.fresh[:k.hole]...)
		b := lookedAt{b: e.lin, end: k.total - uint64(len(k.fresh)-k.hole), fresh: k.hole}
		e.wait = inOrder(append(append(e.wait[:0], k.wait...), k.open...))
		e.all(h, e.wait, nil, &b, k)
		k.open, e.open = k.open[:0], e.open[:0]
		e.lin = append(e.lin[:0], k.fresh[k.hole:]...)
		k.holed = true
	} else {
		e.lin = append(k.ring.last(e.lin[:0], tail), k.fresh...)
	}
	b := lookedAt{b: e.lin, end: k.total, fresh: len(k.fresh) - k.hole}
	e.may = inOrder(append(append(e.may, k.wait...), k.open...))
	e.all(h, e.may, payload, &b, k)
	k.open, e.open = append(k.open[:0], e.open...), e.open[:0]
	k.wait = k.wait[:0]
	e.stats.Bytes -= len(k.fresh)
	b.b = k.fresh[k.hole:]
	if k.hole > 0 || k.over {
		e.giveBack(&k.ring)
	}
	k.fresh, k.hole = nil, 0
	if !k.over {
		e.remember(k, b.b)
	}
}

// lookedAt is what there is of a stream.
type lookedAt struct {
	b     []byte
	end   uint64 // where in the stream it ends
	fresh int    // bytes of it that are new
}

// all goes through rules; each matches once.
func (e *Engine) all(h flow.Handle, cs []candidate, payload []byte, b *lookedAt, k *half) {
	var last *sig
	for _, c := range cs {
		if e.profile != nil {
			e.profile.begin(e, c.s)
		}
		if c.s != last && e.one(h, c, payload, b, k) {
			last = c.s
		}
	}
	if e.profile != nil {
		e.profile.end(e)
	}
}

// one goes through a rule and reports whether it matched.
func (e *Engine) one(h flow.Handle, c candidate, payload []byte, b *lookedAt, k *half) bool {
	s, x := c.s, &e.x
	e.know(h)
	x.m.values, x.m.caught = x.m.values[:0], x.m.caught[:0]
	if s.app != "" && !speaks(s.app, x.app) {
		if x.app == "" && b != nil && c.how&inStream != 0 && b.end-c.at < tail {
			c.from = min(c.from, b.end-uint64(b.fresh))
			e.keep(c)
		}
		return false
	}
	// What is cheap comes first: addresses cost a search each.
	if !s.fits(x, h) || !s.conditions(x) || !s.asks(x.flow) || !s.header(x) {
		return false
	}
	if s.once && !e.foundOut(s, h) {
		return false
	}
	fromStream := false
	switch {
	case len(s.payload) == 0:
	case c.how&inPacket != 0 && len(payload) > 0 && x.m.match(s.payload, payload, 0):
	case c.how&inStream != 0 && b != nil:
		if !e.inStream(c, b) {
			return false
		}
		if i := slices.Index(k.early, s); i >= 0 {
			k.early = slices.Delete(k.early, i, i+1)
			return false // a packet's own bytes had it
		}
		fromStream = true
	default:
		return false
	}
	if (len(s.bits)+len(s.effects) > 0 || s.stream) && h.Index != 0 {
		x.flow = e.own(h.Index)
		s.change(x.flow)
		if early := &x.flow.half[h.Dir].early; !fromStream && s.stream && !x.alone && len(*early) < mostAlerts {
			*early = append(*early, s)
		}
	}
	for _, do := range s.effects {
		do(x)
	}
	v := hit{s: s, h: h, tx: -1, whole: h.Index != 0 && (fromStream || s.app != "" || s.named || s.endsOnly())}
	v.values, v.context = x.m.told(s)
	if fromStream && k.over && e.payload > 0 {
		v.stream = slices.Clone(b.b[max(len(b.b)-e.payload, 0):])
	}
	e.hits = append(e.hits, v)
	return true
}

// inStream reports whether the payload of a rule lies in a stream, and remembers the rule if it may yet come to.
func (e *Engine) inStream(c candidate, b *lookedAt) bool {
	buf, fresh := b.b, len(b.b)-b.fresh
	start := b.end - uint64(len(buf))
	if c.from != never {
		fresh = min(fresh, int(max(c.from, start)-start))
	}
	if c.s.placed {
		if c.begin < start || c.begin > b.end {
			return false
		}
		n := int(c.begin - start)
		buf, fresh = buf[n:], max(fresh-n, 0)
	}
	if e.x.m.match(c.s.payload, buf, fresh) {
		return true
	}
	if e.x.m.short && b.end-c.at < tail {
		c.from = never
		e.keep(c)
	}
	return false
}

// keep remembers a rule that may match with what is to come of its stream.
func (e *Engine) keep(c candidate) {
	if len(e.open) == mostOpen {
		e.stats.GivenUp++
		return
	}
	c.how = inStream
	e.open = append(e.open, c)
}

// fits reports whether the connection is as flow:… wants it.
func (s *sig) fits(x *inspection, h flow.Handle) bool {
	f := &s.flow
	if !f.given {
		return true
	}
	switch {
	case f.toServer && x.dir != packet.ToServer, f.toClient && x.dir != packet.ToClient:
		return false
	case (f.toServer || f.toClient || f.established || f.notEstablished) && h.Index == 0:
		return false
	case f.established && !x.est, f.notEstablished && x.est:
		return false
	case f.onlyStream && x.alone:
		return false
	case f.onlyFrag && x.p.IPFlags&packet.Reassembled == 0, f.noFrag && x.p.IPFlags&packet.Reassembled != 0:
		return false
	}
	return true
}

func (s *sig) conditions(x *inspection) bool {
	for i := range s.sizes {
		if !s.sizes[i].has(uint64(x.p.PayloadWire)) {
			return false
		}
	}
	if len(s.flags) > 0 && !s.quick(x.p) {
		return false
	}
	for _, c := range s.conds {
		if !c(x) {
			return false
		}
	}
	return true
}
