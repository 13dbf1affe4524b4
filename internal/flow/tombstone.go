package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// tomb is what stays of a flow that ended: 64 bytes, and its closePart where FINs were seen. The key is held as its
// 64-bit keyed hash alone: two keys with one hash are as good as impossible for whoever does not know the seed.
type tomb struct {
	startTime  packet.Time
	startFrame uint64
	hash       uint64
	last       mark
	end        [2]uint32 // after each side's last byte and FIN
	ts         [2]uint32
	closing    uint32
	next       uint32 // next younger
	source     uint16
	bits       tombBits
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
	tombDead // taken by a new flow
)

// graves are the tombstones of a table, oldest first.
type graves struct {
	slab       slab[tomb]
	index      index
	head, tail uint32
}

// packSpan holds a span in 32 bits: nanoseconds up to 2.1 s, microseconds up to 35 minutes, else 0 (unknown).
func packSpan(d time.Duration) uint32 {
	switch {
	case d <= 0:
		return 0
	case d < 1<<31:
		return uint32(d)
	case d/1000 < 1<<31:
		return uint32(d/1000) | 1<<31
	}
	return 0
}

func unpackSpan(u uint32) time.Duration {
	if u&(1<<31) != 0 {
		return time.Duration(u&(1<<31-1)) * time.Microsecond
	}
	return time.Duration(u)
}

// bury leaves a tombstone for r. An attempt that came to nothing leaves the one it found itself, if any: what matters to
// the next connection on these ports is the last one that worked. It moves r.closing away.
// reused says that the next connection is about to ask for it, however old it is.
func (t *Table) bury(r *rec, h uint64, reused bool) {
	if r.k.proto != packet.ProtoTCP {
		return
	}
	var b tomb
	if !t.epitaph(r, h, &b) {
		t.stats.TombsUnkept++
		return
	}
	if !reused && t.clock.Sub(b.last.time(b.startTime)) > t.opt.TombstoneLife {
		t.closes.release(b.closing)
		return
	}
	g := &t.graves
	if g.slab.live >= g.slab.max {
		t.forgetOldest(true)
	}
	i, p := g.slab.alloc()
	*p = b
	g.index.insert(h, i)
	if g.tail != 0 {
		g.slab.at(g.tail).next = i
	} else {
		g.head = i
	}
	g.tail = i
}

// epitaph fills b with what is remembered of r; false when nothing is. Parts that b takes over leave r.
func (t *Table) epitaph(r *rec, h uint64, b *tomb) bool {
	if r.prior == 0 && !r.bits.has(answered|established|refused|midstream) && r.sides[packet.ToClient].packets == 0 {
		return false
	}
	if r.prior != 0 && !r.bits.has(established) {
		*b = *t.priors.at(r.prior)
		t.priors.release(r.prior)
		r.prior = 0
		b.next = 0
		return true
	}
	*b = tomb{startTime: r.startTime, startFrame: r.startFrame, source: r.source, hash: h}
	b.last = t.markRef(r, r.last())
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
	if r.closing != 0 {
		b.closing, r.closing = r.closing, 0
		c := t.closes.at(b.closing)
		rtt, _ := t.rtts(r)
		c.answer, c.rtt = r.synack, packSpan(rtt)
	}
	return true
}

// exhume finds the tombstone of k, takes it and returns it as a part of a new flow; 0 when there is none.
func (t *Table) exhume(h uint64, reused bool) uint32 {
	g := &t.graves
	i := g.index.find(h, func(n uint32) bool { return g.slab.at(n).hash == h })
	if i == 0 {
		return 0
	}
	b := g.slab.at(i)
	// Whatever comes of it, it is in nobody's way any more: the next tombstone of these ports is a newer one.
	b.bits |= tombDead
	g.index.remove(h, i)
	if !reused && t.clock.Sub(b.last.time(b.startTime)) > t.opt.TombstoneLife {
		return 0
	}
	n, p := t.priors.alloc()
	if n == 0 {
		t.stats.DetailsLost++
		return 0
	}
	*p = *b
	p.bits &^= tombDead
	b.closing = 0
	return n
}

// forgetOldest drops the oldest tombstone; early says that its life had not passed.
func (t *Table) forgetOldest(early bool) {
	g := &t.graves
	i := g.head
	b := g.slab.at(i)
	if b.bits&tombDead == 0 {
		g.index.remove(b.hash, i)
		if early {
			last := b.last.time(b.startTime)
			if t.stats.TombsEvicted == 0 {
				t.stats.EvictedFrom = last
			}
			t.stats.EvictedTo = max(t.stats.EvictedTo, last)
			t.stats.TombsEvicted++
		}
	}
	if g.head = b.next; g.head == 0 {
		g.tail = 0
	}
	t.closes.release(b.closing)
	g.slab.release(i)
}

func (t *Table) ageGraves() {
	g := &t.graves
	for g.head != 0 {
		b := g.slab.at(g.head)
		if b.bits&tombDead == 0 && t.clock.Sub(b.last.time(b.startTime)) <= t.opt.TombstoneLife {
			return
		}
		t.forgetOldest(false)
	}
}

// previous expands a tombstone in the roles of flow r.
func (t *Table) previous(r *rec) *event.Previous {
	if r.prior == 0 {
		return nil
	}
	b := t.priors.at(r.prior)
	start := packet.Ref{Frame: b.startFrame, Time: b.startTime, Source: b.source}
	ref := func(m mark) packet.Ref { return m.ref(b.startTime, b.startFrame) }
	// The next connection may run the other way: what was its client then is the server now.
	c := packet.ToServer
	if (b.bits&tombClientIsB != 0) != r.bits.has(clientIsB) {
		c = packet.ToClient
	}
	s := c.Other()
	v := &event.Previous{
		FlowID: r.k.id(start), Start: start, Last: ref(b.last),
		Established: b.bits&tombEst != 0, Reset: b.bits&tombReset != 0, SeqKnown: b.bits&tombSeq != 0,
		ClientEnd: b.end[c], ServerEnd: b.end[s], ClientTS: b.ts[c], ServerTS: b.ts[s],
		ClientTSSeen: b.bits&(tombTS0<<c) != 0, ServerTSSeen: b.bits&(tombTS0<<s) != 0,
	}
	if b.bits&tombServerFirst != 0 {
		v.FirstFIN = packet.ToClient
	}
	if c == packet.ToClient {
		v.FirstFIN = v.FirstFIN.Other()
	}
	if b.closing != 0 {
		x := t.closes.at(b.closing)
		v.FirstAnswer, v.RTT = ref(x.answer), unpackSpan(x.rtt)
		v.ClientFIN, v.ServerFIN = ref(x.fin[c]), ref(x.fin[s])
		if !x.finack[0].isZero() && !x.finack[1].isZero() {
			v.Closed = ref(x.finack[0])
			if o := ref(x.finack[1]); o.Time > v.Closed.Time || o.Time == v.Closed.Time && o.Frame > v.Closed.Frame {
				v.Closed = o
			}
		}
	}
	return v
}
