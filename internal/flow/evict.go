package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// closedLinger is how long a closed flow stays where its room is wanted: a last segment that is sent again after a
// retransmission timeout of a second (RFC 6298 2.4) still finds it.
const closedLinger = 1100 * time.Millisecond

// need is what a new flow lacks room for.
type need uint8

const (
	needNothing need = iota
	needRecord
	needTalk
	needExtra
)

// lacks returns what a new flow lacks room for, and whether bytes rather than a count are at their limit.
func (t *Table) lacks(extra bool) (n need, bytes bool) {
	switch {
	case extra && t.extras.full():
		return needExtra, t.extras.live < t.extras.max
	case t.flows.full():
		return needRecord, t.flows.live < t.flows.max
	case extra && t.flows.beyond() > 0 && t.extras.beyond() > 0 && t.room.used+t.flows.beyond()+t.extras.beyond() > t.room.max:
		return needRecord, true // each would find room, not both
	case t.talks.full():
		return needTalk, t.talks.live < t.talks.max
	}
	return needNothing, false
}

// evictions is how many flows give way to one new flow at most, evictSeek how many of a list are looked at for one that
// has what is needed: both bound the work of a packet.
const (
	evictions = 8
	evictSeek = 16
)

// makeRoom makes room for a new flow; extra says that it needs an extraPart. False: it cannot be followed.
func (t *Table) makeRoom(p *packet.Packet, extra bool) bool {
	if 2*t.room.used > t.room.max {
		t.closeEarly(p, needRecord)
	}
	for range evictions {
		n, bytes := t.lacks(extra)
		if n == needNothing {
			return true
		}
		if !t.evict(p, n, bytes) {
			break
		}
	}
	if n, _ := t.lacks(extra); n == needExtra || n == needRecord {
		t.stats.NoRoom++
		return false
	}
	return true
}

func (r *rec) gives(n need) bool {
	switch n {
	case needTalk:
		return r.talk != 0
	case needExtra:
		return r.extra != 0
	}
	return true
}

// longest returns the flow of a list that waits longest and has what is needed; 0 where none of the first has.
func (t *Table) longest(l listID, n need) uint32 {
	i := t.lists[l].head
	for range evictSeek {
		if i == 0 || t.flows.at(i).gives(n) {
			return i
		}
		i = t.flows.at(i).next
	}
	return 0
}

// evict makes room: a flow that closed a while ago, of which the tombstone keeps what matters; else, where bytes lack, the
// oldest tombstones; else the flow that leastUsed names. False: none of those that could go has what is needed.
func (t *Table) evict(p *packet.Packet, n need, bytes bool) bool {
	if t.closeEarly(p, n) || bytes && t.yield() {
		return true
	}
	best := t.leastUsed(n)
	if best == 0 && n == needExtra {
		best = t.nextExtra()
	}
	if best == 0 {
		return false
	}
	if t.flows.at(best).list < firstKept {
		t.stats.EvictedNew++
	}
	t.end(best, event.EndEvicted, p.Ref(), p.Ordinal, p)
	return true
}

// closeEarly ends a flow that closed a while ago. Once the table has used half of its bytes each new flow ends one, so
// that closed ones do not take what tombstones and open ones will need: slabs never shrink.
func (t *Table) closeEarly(p *packet.Packet, n need) bool {
	i := t.longest(listTCPClosed, n)
	if i == 0 {
		return false
	}
	if r := t.flows.at(i); t.now(r).Sub(r.lastTime) < closedLinger {
		return false
	}
	t.stats.ClosedEarly++
	t.end(i, event.EndClosed, p.Ref(), p.Ordinal, p)
	return true
}

// unheardShare is the part of a full table that flows nobody answered may take, and answerWait how long such a flow is left
// alone while they take less: a request that is sent again after a second, and once more, may still be answered.
const (
	unheardShare = 4
	answerWait   = 3 * time.Second
)

// leastUsed returns the flow whose last packet is oldest: of those that nobody answered where they are many, so that a flood
// of requests does not push out what goes on, or where it has waited in vain; else of the others.
//
// Those that nobody answered were always first, and a table full of connections that had come to nothing without a close had
// room for one handshake at a time: each new request pushed out the one before, whose answer then began a connection of its
// own. A live sensor with a full table followed nothing new, at several times the work (2026-11-30).
func (t *Table) leastUsed(n need) uint32 {
	unheard, kept := t.oldest(0, firstKept, n), t.oldest(firstKept, numLists, n)
	if kept == 0 {
		return unheard
	}
	if unheard != 0 {
		if r := t.flows.at(unheard); unheardShare*t.unheard >= t.flows.live || t.now(r).Sub(r.lastTime) >= answerWait {
			return unheard
		}
	}
	return kept
}

// oldest returns the flow used least recently of the lists from one to before another.
func (t *Table) oldest(from, to listID, n need) uint32 {
	best := uint32(0)
	for l := from; l < to; l++ {
		if h := t.longest(l, n); h != 0 && (best == 0 || t.older(h, best)) {
			best = h
		}
	}
	return best
}

// nextExtra returns a flow that has an extraPart: each is its turn, about in the order in which they came. Where nearly
// all flows are of the plain kind, the few others must make room for one another.
func (t *Table) nextExtra() uint32 {
	for range min(evictSeek, t.extras.next) {
		if t.turn++; t.turn > t.extras.next {
			t.turn = 1
		}
		if i := t.extras.at(t.turn).owner; i != 0 {
			return i
		}
	}
	return 0
}

// yield gives a chunk of the oldest tombstones up for the living.
func (t *Table) yield() bool {
	g := &t.graves
	for len(g.spare) == 0 && g.held > g.share && g.live > 0 {
		t.forgetOldest(true)
	}
	return g.giveBack()
}

func (t *Table) older(i, j uint32) bool {
	a, b := t.flows.at(i), t.flows.at(j)
	if a.seen != b.seen {
		return a.seen < b.seen
	}
	if a.lastTime != b.lastTime {
		return a.lastTime < b.lastTime
	}
	return t.ordinal(a) < t.ordinal(b)
}
