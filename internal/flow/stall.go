package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// flight is the first segment of a side that is not acknowledged.
type flight struct {
	seq, end uint32
	mark     mark
	before   mark // last packet of the flow before it
	iplen    uint16
	df       bool
	again    bool // repeated since: its acknowledgement measures nothing (Karn)
}

// stallPart is a segment that was repeated: a candidate until it counts as stalled.
type stallPart struct {
	seq, end    uint32
	first, last mark
	before      mark
	rst         mark
	tries       uint32
	iplen       uint16
	rstTTL      uint8
	dir         packet.Dir
	df          bool
	open        bool // not acknowledged yet
	said        bool // Stalled was emitted
	small       bool // a smaller segment passed meanwhile
	cut         bool // the repeat itself was made smaller
	spoke       bool
	closed      bool
	byRST       bool
	bound       event.Bound // that the last repeat breaks
	outside     uint32
}

const (
	stallTries = 3           // transmissions
	stallLeast = time.Second // silence after the last of them, at least; else three round-trip times
	idleLeast  = time.Second // shortest silence of a flow worth remembering
)

// repeated takes a segment sent again that nobody acknowledged. The earliest such segment is the one that holds the
// stream up; a later one gives way to it until the stall is said. seen: the first transmission passed the sensor.
func (t *Table) repeated(i uint32, r *rec, p *packet.Packet, d packet.Dir, start, end uint32, seen bool) {
	if f := t.flightOf(r, d); f != nil {
		f.again = true
	}
	x := t.stallOf(r)
	if x == nil {
		return
	}
	n := uint16(min(p.IPLen, 0xffff))
	if !x.open || x.dir == d && SeqLess(start, x.seq) && !x.said {
		*x = stallPart{seq: start, end: end, dir: d, open: true, iplen: n, df: unfragmented(p)}
		// Where the first transmission is not remembered, its frame is unknown and the first repeat stands in.
		x.first = t.mark(r, p)
		if seen {
			x.tries = 1
		}
		if f := t.flightOf(r, d); f != nil && f.seq == start {
			x.first, x.before, x.iplen, x.end = f.mark, f.before, f.iplen, f.end
		}
	}
	if x.dir != d || x.seq != start {
		return
	}
	x.tries++
	x.last = t.mark(r, p)
	x.cut = n < x.iplen
	x.bound, x.outside = t.bound(r, p, d)
	if r.sides[d.Other()].bits.has(zeroOpen) {
		x.closed = true
	}
	if x.tries >= stallTries && !x.said && r.list != listTCPStall {
		t.enter(i, listTCPStall)
	}
}

func (t *Table) flightOf(r *rec, d packet.Dir) *flight {
	if !r.bits.has(flying(d)) {
		return nil
	}
	return &t.talks.at(r.talk).way[d].flight
}

// stallDue says whether the candidate counts as stalled at time now.
func (t *Table) stallDue(r *rec, x *stallPart, now packet.Time) bool {
	if !x.open || x.said || x.tries < stallTries {
		return false
	}
	whole, _ := t.rtts(r)
	return now.Sub(x.last.time(r.startTime)) >= max(stallLeast, 3*whole)
}

// stallLook is called before each packet of a flow with a candidate: time may have decided it.
func (t *Table) stallLook(i uint32, r *rec, x *stallPart, p *packet.Packet, d packet.Dir) {
	if t.stallDue(r, x, p.Time) {
		t.sayStalled(i, r, x, p.Ref(), p.Ordinal, p)
	}
	if x.open && d != x.dir && p.TCPFlags&packet.RST == 0 {
		x.spoke = true
	}
}

func (t *Table) sayStalled(i uint32, r *rec, x *stallPart, seen packet.Ref, ord uint64, p *packet.Packet) {
	x.said = true
	t.sackedSmall(r, x)
	t.enter(i, r.home())
	t.emitAt(i, event.Stalled, event.EndNone, seen, ord, p)
}

// sackedSmall notes that the receiver reported a run of data beyond the stalled segment that is shorter than it:
// smaller packets pass.
func (t *Table) sackedSmall(r *rec, x *stallPart) {
	if l := t.loss(r, x.dir); l != nil {
		if l.sacked && SeqLessEq(x.end, l.sackLow) && l.sackHigh-l.sackLow < x.end-x.seq {
			x.small = true
		}
	}
}

// stallAcked closes the candidate of side d when an acknowledgement passes its begin.
func (t *Table) stallAcked(i uint32, r *rec, x *stallPart, p *packet.Packet, d packet.Dir) {
	if !x.open || x.dir != d || !SeqLess(x.seq, p.Ack) {
		return
	}
	t.sackedSmall(r, x)
	x.small = x.small || x.cut
	x.open = false
	if x.said {
		t.emit(i, event.Resumed, p)
		return
	}
	if r.list == listTCPStall {
		t.enter(i, r.home())
	}
}

// stallReset notes that a RST from side d answered data of the other side: even one try is a stall then.
func (t *Table) stallReset(r *rec, p *packet.Packet, d packet.Dir) {
	sender := d.Other()
	f := t.flightOf(r, sender)
	x := t.stall(r)
	if x == nil || !x.open || x.dir != sender {
		if f == nil {
			return
		}
		if x = t.stallOf(r); x == nil {
			return
		}
		*x = stallPart{seq: f.seq, end: f.end, dir: sender, first: f.mark, last: f.mark, before: f.before, tries: 1, iplen: f.iplen, df: f.df}
	}
	x.byRST, x.rst, x.rstTTL, x.open = true, t.mark(r, p), p.TTL, false
}

// ageStalls looks at each flow with a candidate once a second of the table's clock, or at all of them.
func (t *Table) ageStalls(seen packet.Ref, ord uint64, all bool) {
	now := t.secs
	tail := t.lists[listTCPStall].tail
	for i := t.lists[listTCPStall].head; i != 0; {
		r := t.flows.at(i)
		next := r.next
		x := t.stall(r)
		switch {
		case t.stallDue(r, x, t.now(r)):
			t.sayStalled(i, r, x, seen, ord, nil)
		case all:
		case r.moved == now:
			return // it and those behind it were looked at within this second
		default:
			t.enter(i, listTCPStall)
		}
		if i == tail {
			return
		}
		i = next
	}
}

// home is the list that fits the state.
func (r *rec) home() listID {
	switch {
	case r.state == event.StateClosed, r.bits.has(closed):
		return listTCPClosed
	case r.bits.has(halfClosed):
		return listTCPClosing
	}
	return listTCPOpen
}

func (t *Table) fillStall(r *rec, x *stallPart, f *event.Flow) {
	if !x.said && !x.byRST {
		return
	}
	f.OwnRare()
	v := &f.Stall
	*v = event.Stall{Dir: x.dir, First: r.ref(x.first), Last: r.ref(x.last), Tries: x.tries, Seq: x.seq, IPLen: uint32(x.iplen),
		DF: x.df, Before: r.ref(x.before), SmallPassed: x.small, PeerSpoke: x.spoke, EndedByRST: x.byRST, RST: r.ref(x.rst),
		RSTTTL: x.rstTTL, WindowClosed: x.closed, Handshake: r.handshake != 0,
		Bound: x.bound, Outside: x.outside}
	if !x.before.isZero() {
		v.IdleBefore = max(v.First.Time.Sub(v.Before.Time), 0)
	}
}

func (t *Table) fillLoss(r *rec, l *lossPart, s *side, v *event.Side) {
	v.OwnRare()
	v.Retrans, v.RetransGap, v.OutOfOrder, v.Gaps, v.GapBytes = l.retrans, l.gap, l.ooo, l.gaps, l.gapBytes
	v.Spurious, v.DSACKs = l.spurious, l.dsacks
	for k := range l.retransRefs {
		v.RetransRefs[k], v.GapRefs[k] = r.ref(l.retransRefs[k]), r.ref(l.gapRefs[k])
	}
	v.SACKOutside = l.sackOutside
	v.ZeroCount, v.ZeroProbes = l.zeroCount, l.zeroProbes
	v.ZeroTotal, v.ZeroLongest = time.Duration(l.zeroTotal), time.Duration(l.zeroLongest)
	v.ZeroFrom, v.ZeroTo = r.ref(l.zeroFrom), r.ref(l.zeroTo)
	if s.bits.has(zeroOpen) { // still closed: as long as the flow was seen
		from := r.ref(l.zeroCur)
		span := max(r.lastTime.Sub(from.Time), 0)
		v.ZeroTotal += span
		if span >= v.ZeroLongest {
			v.ZeroLongest, v.ZeroFrom, v.ZeroTo = span, from, packet.Ref{}
		}
	}
}

// unfragmented says that no router may cut p: DF is set, or it is IPv6 (RFC 8200 5).
func unfragmented(p *packet.Packet) bool {
	return p.IPVersion == 6 || p.IPFlags&packet.DontFragment != 0
}
