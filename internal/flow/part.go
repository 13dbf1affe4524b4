package flow

import (
	"firestorm/internal/packet"
)

// part makes a part on demand; nil when its slab is full, which is counted once per flow.
func part[T any](t *Table, r *rec, s *slab[T], n *uint32) *T {
	if *n != 0 {
		return s.at(*n)
	}
	i, p := s.alloc()
	if i == 0 {
		if !r.bits.has(detailLost) {
			r.bits |= detailLost
			t.stats.DetailsLost++
		}
		return nil
	}
	*n = i
	return p
}

// rare makes a part that few flows have: its number is in the morePart, which is made too.
func rare[T any](t *Table, r *rec, s *slab[T], n func(*morePart) *uint32) *T {
	m := t.moreOf(r)
	if m == nil {
		return nil
	}
	return part(t, r, s, n(m))
}

func (t *Table) talkOf(r *rec) *talkPart { return part(t, r, &t.talks, &r.talk) }
func (t *Table) moreOf(r *rec) *morePart { return part(t, r, &t.mores, &r.more) }

// extraOf makes the extraPart of flow i.
func (t *Table) extraOf(i uint32, r *rec) *extraPart {
	x := part(t, r, &t.extras, &r.extra)
	if x != nil {
		x.owner = i
	}
	return x
}

func (t *Table) oddOf(r *rec) *oddPart {
	return rare(t, r, &t.odds, func(m *morePart) *uint32 { return &m.odd })
}

func (t *Table) closeOf(r *rec) *closePart {
	return rare(t, r, &t.closes, func(m *morePart) *uint32 { return &m.closing })
}

func (t *Table) stallOf(r *rec) *stallPart {
	return rare(t, r, &t.stalls, func(m *morePart) *uint32 { return &m.stall })
}

func (t *Table) idleOf(r *rec) *idlePart {
	return rare(t, r, &t.idles, func(m *morePart) *uint32 { return &m.idle })
}

func (t *Table) heldOf(r *rec) *heldPart {
	return rare(t, r, &t.helds, func(m *morePart) *uint32 { return &m.held })
}

func (t *Table) lossOf(r *rec, d packet.Dir) *lossPart {
	return rare(t, r, &t.losses, func(m *morePart) *uint32 { return &m.loss[d] })
}

// noMore is what a flow without rare parts has of them. Nothing writes to it.
var noMore morePart

// rares returns where the rare parts of r are, to be read.
func (t *Table) rares(r *rec) *morePart {
	if r.more == 0 {
		return &noMore
	}
	return t.mores.at(r.more)
}

// odd returns r's part of that kind, nil when it has none. So do those below.
func (t *Table) odd(r *rec) *oddPart {
	if n := t.rares(r).odd; n != 0 {
		return t.odds.at(n)
	}
	return nil
}

func (t *Table) loss(r *rec, d packet.Dir) *lossPart {
	if n := t.rares(r).loss[d]; n != 0 {
		return t.losses.at(n)
	}
	return nil
}

func (t *Table) stall(r *rec) *stallPart {
	if n := t.rares(r).stall; n != 0 {
		return t.stalls.at(n)
	}
	return nil
}

func (t *Table) held(r *rec) *heldPart {
	if n := t.rares(r).held; n != 0 {
		return t.helds.at(n)
	}
	return nil
}

// payload returns the payload bytes that side d sent: the low word.
func (t *Table) payloadOf(r *rec, d packet.Dir) uint32 {
	switch {
	case r.id.proto() != packet.ProtoTCP:
		return r.sides[d].next
	case r.talk != 0:
		return t.talks.at(r.talk).way[d].payload
	}
	return 0
}

// missing returns what the input never showed of r.
func (t *Table) missing(r *rec) packet.Missing {
	if r.extra == 0 {
		return 0
	}
	return t.extras.at(r.extra).missing
}

// ordinal returns that of r's first packet.
func (t *Table) ordinal(r *rec) uint64 {
	if r.extra == 0 {
		return r.startFrame()
	}
	return t.extras.at(r.extra).ord
}

// synTries returns how many SYNs the client sent with one sequence number.
func (t *Table) synTries(r *rec) uint32 {
	if !r.bits.has(tried) {
		return 0
	}
	if o := t.odd(r); o != nil {
		return o.synTries + 1
	}
	return 1
}
