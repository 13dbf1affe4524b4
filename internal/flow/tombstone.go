package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// tomb is what stays of a flow that ended. Kept, it takes some 60 bytes in the graves; only the new flow that finds it has
// it at hand in this form, in a slab of its own.
type tomb struct {
	start, last packet.Ref
	answer      packet.Ref    // SYN/ACK; of flows with a FIN, as the rest down to rtt
	fin         [2]packet.Ref // by direction
	closed      packet.Ref    // later acknowledgement of a FIN, where both were acknowledged
	rtt         time.Duration // of the handshake
	end         [2]uint32     // after each side's last byte and FIN
	ts          [2]uint32
	bits        tombBits
}

type tombBits uint16

const (
	tombEst tombBits = 1 << iota
	tombReset
	tombServerFirst
	tombTS0 // timestamps of the client seen
	tombTS1
	tombSeq
	tombClientIsB
	tombDead    // taken by a new flow
	tombSources // not all references have the source of the start
	tombFIN     // a FIN was seen
	tombAnswer  // those below: the reference is set
	tombFIN0
	tombFIN1
	tombClosed
	tombLast    // closed is the last packet
	tombCrossed // who closed second had not heard of the first FIN
)

// bury leaves a tombstone for r. An attempt that came to nothing leaves the one it found itself, if any: what matters to
// the next connection on these ports is the last one that worked. reused says that the next connection is about to ask
// for it, however old it is.
func (t *Table) bury(r *rec, reused bool) {
	if r.id.proto() != packet.ProtoTCP {
		return
	}
	var b tomb
	if !t.epitaph(r, &b) {
		t.stats.TombsUnkept++
		return
	}
	if !reused && t.clock.Sub(b.last.Time) > t.opt.TombstoneLife {
		return
	}
	g := &t.graves
	if g.live >= g.max {
		t.forgetOldest(true)
	}
	k := t.key(r)
	h := k.hash(t.opt.Seed)
	n := g.encode(h, &b)
	for !g.roomFor(n) {
		t.forgetOldest(true)
	}
	g.index.insert(h, g.add(n))
}

// epitaph fills b with what is remembered of r; false when nothing is.
func (t *Table) epitaph(r *rec, b *tomb) bool {
	m := t.rares(r)
	if m.prior == 0 && !r.bits.has(answered|established|refused|midstream) && r.sides[packet.ToClient].packets == 0 {
		return false
	}
	if m.prior != 0 && !r.bits.has(established) {
		*b = *t.priors.at(m.prior)
		return true
	}
	b.start, b.last = r.start(), r.last()
	for d := range r.sides {
		s := &r.sides[d]
		b.end[d], b.ts[d] = s.next, s.tsLast
		if s.bits.has(tsSeen) {
			b.bits |= tombTS0 << d
		}
	}
	set := func(when bool, bit tombBits) {
		if when {
			b.bits |= bit
		}
	}
	set(r.bits.has(established), tombEst)
	set(r.bits.has(resetValid), tombReset)
	set(r.bits.has(serverFirst), tombServerFirst)
	set(r.bits.has(clientIsB), tombClientIsB)
	set(r.sides[0].bits.has(seqKnown) && r.sides[1].bits.has(seqKnown), tombSeq)
	if m.closing != 0 {
		b.bits |= tombFIN
		c := t.closes.at(m.closing)
		b.answer = t.synackRef(r)
		b.rtt, _ = t.rtts(r)
		b.fin[0], b.fin[1] = r.ref(c.fin[0]), r.ref(c.fin[1])
		if !c.finack[0].isZero() && !c.finack[1].isZero() {
			b.closed = r.ref(c.finack[0])
			if o := r.ref(c.finack[1]); later(o, b.closed) {
				b.closed = o
			}
		}
		first := packet.ToServer
		if r.bits.has(serverFirst) {
			first = packet.ToClient
		}
		second := r.ref(c.fin[first.Other()])
		set(second.Frame != 0 && !c.finack[first].isZero() && later(r.ref(c.finack[first]), second), tombCrossed)
	}
	return true
}

// later reports that the packet of a came after that of b.
func later(a, b packet.Ref) bool { return a.Time > b.Time || a.Time == b.Time && a.Frame > b.Frame }

// exhume finds the tombstone of r's key and takes it for r.
func (t *Table) exhume(r *rec, reused bool) {
	g := &t.graves
	if g.live == 0 {
		return
	}
	k := t.key(r)
	h := k.hash(t.opt.Seed)
	i := g.index.find(h, func(n uint32) bool { return g.hash(n) == h })
	if i == 0 {
		return
	}
	var b tomb
	g.decode(i, &b)
	// Whatever comes of it, it is in nobody's way any more: the next tombstone of these ports is a newer one.
	g.kill(i)
	g.index.remove(h, i)
	if !reused && t.clock.Sub(b.last.Time) > t.opt.TombstoneLife {
		return
	}
	m := t.moreOf(r)
	if m == nil {
		return
	}
	n, p := t.priors.alloc()
	if n == 0 {
		t.stats.DetailsLost++
		return
	}
	m.prior, *p = n, b
}

// forgetOldest drops the oldest tombstone; early says that its life had not passed.
func (t *Table) forgetOldest(early bool) {
	g := &t.graves
	var b tomb
	if dead := g.pop(&b); early && !dead {
		last := b.last.Time
		if t.stats.TombsEvicted == 0 {
			t.stats.EvictedFrom = last
		}
		t.stats.EvictedTo = max(t.stats.EvictedTo, last)
		t.stats.TombsEvicted++
	}
}

func (t *Table) ageGraves() {
	g := &t.graves
	for g.live > 0 {
		if t.clock.Sub(g.oldest()) <= t.opt.TombstoneLife && !g.dead() {
			return
		}
		t.forgetOldest(false)
	}
}

// previous expands a tombstone in the roles of flow r.
func (t *Table) previous(r *rec) *event.Previous {
	n := t.rares(r).prior
	if n == 0 {
		return nil
	}
	b := t.priors.at(n)
	// The next connection may run the other way: what was its client then is the server now.
	c := packet.ToServer
	if (b.bits&tombClientIsB != 0) != r.bits.has(clientIsB) {
		c = packet.ToClient
	}
	s := c.Other()
	k := t.key(r)
	v := &event.Previous{
		FlowID: k.id(b.start), Start: b.start, Last: b.last,
		Established: b.bits&tombEst != 0, Reset: b.bits&tombReset != 0, SeqKnown: b.bits&tombSeq != 0,
		ClientEnd: b.end[c], ServerEnd: b.end[s], ClientTS: b.ts[c], ServerTS: b.ts[s],
		ClientTSSeen: b.bits&(tombTS0<<c) != 0, ServerTSSeen: b.bits&(tombTS0<<s) != 0,
		Crossed:     b.bits&tombCrossed != 0,
		FirstAnswer: b.answer, RTT: b.rtt, ClientFIN: b.fin[c], ServerFIN: b.fin[s], Closed: b.closed,
	}
	if b.bits&tombServerFirst != 0 {
		v.FirstFIN = packet.ToClient
	}
	if c == packet.ToClient {
		v.FirstFIN = v.FirstFIN.Other()
	}
	return v
}
