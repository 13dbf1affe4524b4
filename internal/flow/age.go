package flow

import (
	"math/bits"
	"slices"
	"sort"
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// listID names a list of flows that wait for the same thing for the same time: its head is the next one due.
type listID uint8

const (
	listTCPNew     listID = iota // one SYN, no answer
	listTCPRetry                 // two or more tries; due for Silent
	listTCPSilent                // Silent was said
	listTCPOpening               // answered, handshake not complete
	listUDPNew
	listOtherNew
	listUDPTwoWay
	listOtherTwoWay
	listTCPOpen
	listTCPStall // data repeated in vain: looked at every stallLook
	listTCPClosing
	listTCPClosed
	numLists

	firstKept = listUDPTwoWay // flows on lists before it were not answered: see leastUsed
)

// list is a doubly linked list through rec.next and rec.prev, longest waiting first.
type list struct{ head, tail uint32 }

func (t *Table) newList(proto uint8) listID {
	if proto == packet.ProtoUDP || proto == packet.ProtoUDPLite {
		return listUDPNew
	}
	return listOtherNew
}

// enter puts flow i at the end of list l.
func (t *Table) enter(i uint32, l listID) {
	r := t.flows.at(i)
	t.leave(i, r)
	r.list, r.moved = l, t.secs
	if l < firstKept {
		t.unheard++
	}
	q := &t.lists[l]
	r.prev, r.next = q.tail, 0
	if q.tail != 0 {
		x := t.flows.at(q.tail)
		x.next = i
		t.dueBy(x)
	} else {
		q.head = i
	}
	q.tail = i
	if r.seen != t.secs {
		t.dueBy(r)
	}
}

// listed reports whether flow i is on a list, as every live one is.
func (t *Table) listed(i uint32, r *rec) bool { return r.prev != 0 || t.lists[r.list].head == i }

// leave takes flow i off its list; a flow on no list is left alone.
func (t *Table) leave(i uint32, r *rec) {
	q := &t.lists[r.list]
	if r.prev != 0 {
		t.flows.at(r.prev).next = r.next
	} else if q.head == i {
		q.head = r.next
	} else {
		return
	}
	if r.list < firstKept {
		t.unheard--
	}
	if r.next != 0 {
		x := t.flows.at(r.next)
		if x.prev = r.prev; x.prev == 0 {
			t.dueBy(x)
		}
	} else {
		q.tail = r.prev
	}
	r.prev, r.next = 0, 0
}

// touch moves flow i to the end of its list, if that was not done within the last second.
func (t *Table) touch(i uint32, r *rec) {
	if r.next != 0 && t.secs != r.moved {
		t.enter(i, r.list)
	}
}

func (t *Table) timeout(l listID) time.Duration {
	o := &t.opt.Timeouts
	switch l {
	case listTCPNew, listTCPRetry, listTCPSilent, listTCPOpening:
		return o.TCPNew
	case listUDPNew:
		return o.UDPNew
	case listUDPTwoWay:
		return o.UDPEstablished
	case listOtherNew:
		return o.OtherNew
	case listOtherTwoWay:
		return o.OtherAnswered
	case listTCPClosing:
		return o.TCPClosing
	case listTCPClosed:
		return o.TCPClosed
	}
	return o.TCPEstablished
}

// setBack is how far Age's clock may lie behind the table's before the table follows it: packets out of order are less.
const setBack = time.Second

// rewind follows a clock that was set back, or forgets a single absurd packet time. Flows with later times wait until
// the clock has caught up; new ones are judged by the new clock.
func (t *Table) rewind(now packet.Time) {
	t.clock = now
	t.base = min(t.base, now)
	t.due, t.second = now, now
}

// Age tells the table the round's clock: silence, stalls and timeouts that are due become events, appended to *out
// with the given ordinal. The work is bounded by the number of flows that are due, each at most once. A clock that lies
// a second or more behind the table's was set back, and the table follows it.
func (t *Table) Age(now packet.Time, ordinal uint64, out *[]event.Event) {
	if t.begun && t.clock.Sub(now) >= setBack {
		t.rewind(now)
	}
	t.tick(now)
	if t.flows.live == 0 && t.graves.live == 0 {
		return // captures of days have edges by the thousand, and most shards hold nothing (2026-11-23)
	}
	t.out = out
	seen := packet.Ref{Time: t.clock}
	t.ageRetries(seen, ordinal, false)
	t.ageStalls(seen, ordinal, false)
	if t.clock < t.due {
		t.ageGraves()
		return // most times nothing is due, and looking costs a line of the cache for each list (2026-11-28)
	}
	t.due = t.clock.Add(t.soonest)
	for l := listID(0); l < numLists; l++ {
		limit := t.limits[l]
		for {
			i := t.lists[l].head
			if i == 0 {
				break
			}
			r := t.flows.at(i)
			if t.now(r).Sub(r.lastTime) < limit {
				// The head was touched after it was moved last; those behind it may be due. Its place is renewed,
				// which happens at most once a second for each flow.
				if r.next != 0 && r.moved != t.secs && t.clock.Sub(t.movedAt(r)) >= limit {
					t.enter(i, l)
					continue
				}
				t.dueBy(r)
				break
			}
			t.end(i, endOf(r), seen, ordinal, nil)
		}
	}
	t.ageGraves()
}

// dueBy notes that r, the head of its list, may be due or hide one that is from some moment on. Of flows that come to
// lists while t.due holds, Age has to know no sooner than after t.soonest, unless their last packet lies back: enter says
// so, for the flow before the new one too, and leave says which flow is a head now.
func (t *Table) dueBy(r *rec) {
	since := r.seen
	if r.next != 0 {
		since = min(since, r.moved)
	}
	t.due = min(t.due, t.base.Add(time.Duration(since)*time.Second+t.limits[r.list]))
}

// now is the time at flow r: its last packet's, plus what the table's clock moved since. Where packet times jump, the
// clock and the flow's own times may lie hours apart; only time that went by for the flow may end it.
func (t *Table) now(r *rec) packet.Time {
	return min(t.clock, r.lastTime.Add(t.clock.Sub(t.base.Add(time.Duration(r.seen)*time.Second))))
}

// ageRetries says Silent where it is due; all looks at the whole list rather than up to the first that is not due. That
// is when the input ends: then it is enough that two tries have waited for SilenceAfter each, as later ones never will.
func (t *Table) ageRetries(seen packet.Ref, ordinal uint64, all bool) {
	for i := t.lists[listTCPRetry].head; i != 0; {
		r := t.flows.at(i)
		next := r.next
		try := t.lastTry(r)
		if all {
			try = t.secondTry(r)
		}
		if t.now(r).Sub(try) >= event.SilenceAfter {
			t.saySilent(i, seen, ordinal, nil)
		} else if !all {
			return
		}
		i = next
	}
}

func (t *Table) movedAt(r *rec) packet.Time { return t.base.Add(time.Duration(r.moved) * time.Second) }

func endOf(r *rec) event.EndReason {
	if r.list == listTCPClosed {
		return event.EndClosed
	}
	return event.EndTimeout
}

// End says that the input ended at time now: what the highest packet time proves is said (silence, stalls), then each
// live flow ends with EndInput, in the order of first packets. Nothing is timed out: time did not pass. The table is not
// used any more but for its Stats.
func (t *Table) End(now packet.Time, ordinal uint64, out *[]event.Event) {
	t.tick(now)
	t.out = out
	seen := packet.Ref{Time: t.clock}
	t.ageRetries(seen, ordinal, true)
	t.ageStalls(seen, ordinal, true)
	live := t.ordered()
	for n, i := range live {
		t.ahead(live[n+1:])
		t.end(i, event.EndInput, seen, ordinal, nil)
	}
	t.finish()
}

// endAhead is how many flows before its turn memory is asked for at the end: enough for its waits to overlap.
const endAhead = 4

// ahead asks for what belongs to the flows that end soon: at the end they come in the order in which they began, and most were
// not heard of for long (2026-11-30).
func (t *Table) ahead(next []uint32) {
	if len(next) >= 3*endAhead {
		prefetch.Lines3(unsafe.Pointer(t.flows.at(next[3*endAhead-1])))
	}
	if len(next) >= 2*endAhead {
		r := t.flows.at(next[2*endAhead-1])
		if r.talk != 0 {
			prefetch.Lines3(unsafe.Pointer(t.talks.at(r.talk)))
		}
		if r.more != 0 {
			prefetch.Line(unsafe.Pointer(t.mores.at(r.more)))
		}
	}
	if len(next) >= endAhead {
		if r := t.flows.at(next[endAhead-1]); r.more != 0 {
			if m := t.mores.at(r.more); m.closing != 0 {
				prefetch.Line(unsafe.Pointer(t.closes.at(m.closing)))
			}
		}
	}
}

// ordered returns the live flows in the order of their first packets.
func (t *Table) ordered() []uint32 {
	live := make([]uint32, 0, t.flows.live)
	for i := uint32(1); i <= t.flows.next; i++ { // as they lie in memory: along the lists each would be waited for (2026-11-30)
		if r := t.flows.at(i); t.listed(i, r) {
			live = append(live, i)
		}
	}
	if !t.sortByOrdinal(live) {
		sort.Slice(live, func(x, y int) bool { return t.before(live[x], live[y]) })
	}
	return live
}

// sortByOrdinal sorts flows by the ordinals of their first packets, where each has its own, as one number each: what stands
// before a flow's place in live is how far its ordinal lies above the least. False: two have one ordinal, or the numbers do not
// fit. Comparing the records would wait for memory (2026-11-30).
func (t *Table) sortByOrdinal(live []uint32) bool {
	if len(live) == 0 {
		return true
	}
	words := make([]uint64, len(live))
	least, most := ^uint64(0), uint64(0)
	for n, i := range live {
		words[n] = t.ordinal(t.flows.at(i))
		least, most = min(least, words[n]), max(most, words[n])
	}
	place := bits.Len(uint(len(live) - 1))
	if bits.Len64(most-least)+place > 64 {
		return false
	}
	for n := range words {
		words[n] = (words[n]-least)<<place | uint64(n)
	}
	slices.Sort(words)
	for n := range words[1:] {
		if words[n]>>place == words[n+1]>>place {
			return false
		}
	}
	from := slices.Clone(live)
	for n, w := range words {
		live[n] = from[w&(1<<place-1)]
	}
	return true
}

// before orders flows by their first packets; the rest only matters where a caller gives no ordinals.
func (t *Table) before(i, j uint32) bool {
	a, b := t.flows.at(i), t.flows.at(j)
	if x, y := t.ordinal(a), t.ordinal(b); x != y {
		return x < y
	}
	if a.startTime != b.startTime {
		return a.startTime < b.startTime
	}
	if x, y := a.startFrame(), b.startFrame(); x != y {
		return x < y
	}
	return i < j
}
