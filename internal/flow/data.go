package flow

import (
	"time"

	"firestorm/internal/packet"
)

// lossPart belongs to a direction in which something was repeated, lost or late, or whose sender closed its window.
type lossPart struct {
	gapBytes          uint64
	zeroTotal         int64
	zeroLongest       int64
	retrans, gap      uint32
	ooo, gaps         uint32
	retransRefs       [3]mark
	gapRefs           [3]mark
	holes             [maxHoles]hole
	sackLow, sackHigh uint32 // last block of the other side's SACK
	sackOutside       uint32
	dups              uint32 // duplicate acknowledgements since the last one that moved
	spurious          uint32 // repeats of data whose acknowledgement had passed the sensor
	dsacks            uint32 // reports of the receiver that data came twice
	jump              uint32 // end of the last segment, or last acknowledgement, that was refused as out of the window
	zeroCount         uint32
	zeroProbes        uint32
	zeroFrom, zeroTo  mark
	zeroCur           mark
	seenTo, beyondTo  uint32 // end of what was seen, and the acknowledgement that went beyond it
	ackWindow         uint16 // window of the last acknowledgement of this side's data, unscaled
	nholes            uint8
	jumped            bool
	sacked            bool
	beyond            bool // seenTo and beyondTo are set; they hold while nothing beyond is seen
}

// hole is a range of sequence numbers that was skipped.
type hole struct {
	since      int64 // ns after the flow's start
	start, end uint32
}

const (
	maxHoles = 4
	// reorderSpan is how late a segment may fill a hole and still count as overtaken rather than lost, where half the
	// round-trip time is shorter.
	reorderSpan = 3 * time.Millisecond
	// dupACKs from the receiver make the sender repeat (RFC 5681 3.2): a hole filled after them was lost.
	dupACKs = 3
	// plainMTU is the IP length beyond which a packet without a known MSS counts as joined by offload.
	plainMTU = 1500
)

// payload takes the sequence numbers that p sent: new data, a hole, a repeat, or a segment that comes late.
func (t *Table) payload(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	s, o := &r.sides[d], &r.sides[d.Other()]
	n := p.PayloadWire
	if n > 0 {
		t.checkSize(r, p, s, o, d)
	}
	if p.Missing&packet.NoSeq != 0 {
		if n > 0 {
			t.spoken(r, p, d, true)
		}
		return
	}
	start, end := p.Seq, p.Seq+n
	if p.TCPFlags&packet.SYN != 0 {
		start, end = start+1, end+1
	}
	if p.TCPFlags&packet.FIN != 0 {
		end++
	}
	if !s.bits.has(seqKnown) || s.packets == 1 && !s.bits.has(synSeen) && SeqLess(s.next, start) {
		s.isn, s.next = start, start // what it sent before the capture began is no hole
		s.bits |= seqKnown
	}
	r.learnTS(p, d)
	if start == end {
		return
	}
	if start == s.next { // in order: nearly all segments
		s.next = end
		t.sent(r, p, s, d, start, end)
		if n > 0 {
			t.spoken(r, p, d, r.heard(p, d))
		}
		return
	}
	// A keep-alive repeats the last acknowledged byte, or none, to provoke an acknowledgement (RFC 9293 3.8.4).
	if n <= 1 && p.TCPFlags&(packet.FIN|packet.SYN) == 0 && s.bits.has(ackKnown) && start == s.acked-1 {
		return
	}
	if SeqLess(s.next, start) {
		if l := t.lossOf(r, d); l != nil {
			l.addHole(hole{int64(p.Time.Sub(r.startTime)), s.next, start})
		}
		s.next = end
		t.sent(r, p, s, d, start, end)
		if n > 0 {
			t.spoken(r, p, d, false)
		}
		return
	}
	t.old(i, r, p, d, start, end)
	if SeqLess(s.next, end) {
		s.next = end
	}
}

// old handles a segment that begins before the highest number sent.
func (t *Table) old(i uint32, r *rec, p *packet.Packet, d packet.Dir, start, end uint32) {
	s := &r.sides[d]
	if !s.bits.has(synSeen) && SeqLess(start, s.isn) {
		return // first sent before the capture began: repeated or late, nobody can tell
	}
	l := t.lossOf(r, d)
	if l == nil {
		return
	}
	if l.beyond && SeqLess(l.seenTo, end) {
		l.seenTo = end
	}
	if r.talk != 0 {
		if z := &t.talks.at(r.talk).way[d]; z.pendLen != 0 && SeqLess(start, z.pendEnd) {
			z.pendLen = min(z.pendLen, uint16(min(p.IPLen, 0xffff))) // whichever of the two arrives: the smaller is sure
		}
	}
	if p.PayloadWire <= 1 && p.TCPFlags&packet.FIN == 0 && r.sides[d.Other()].bits.has(zeroOpen) {
		t.repeated(i, r, p, d, start, end, true) // a probe of a closed window is no loss
		return
	}
	if since, filled := l.fill(start, end); filled {
		late := time.Duration(int64(p.Time.Sub(r.startTime)) - since)
		span := reorderSpan
		if _, rtt := t.rtts(r); rtt/2 > span {
			span = rtt / 2
		}
		if late <= span && l.dups < dupACKs {
			l.ooo++
		} else {
			if l.gap < uint32(len(l.gapRefs)) {
				l.gapRefs[l.gap] = t.mark(r, p)
			}
			l.gap++
			t.repeated(i, r, p, d, start, end, false)
		}
		if p.PayloadWire > 0 {
			t.spoken(r, p, d, false)
		}
		return
	}
	if l.retrans < uint32(len(l.retransRefs)) {
		l.retransRefs[l.retrans] = t.mark(r, p)
	}
	l.retrans++
	if s.bits.has(ackKnown) && SeqLessEq(end, s.acked) {
		l.spurious++
		t.anomaly(i, r, badSpurious, p, d)
		return
	}
	t.repeated(i, r, p, d, start, end, true)
}

// checkSize notes frames that no link carried: longer than the receiver's MSS allows, or where that is not known longer
// than an Ethernet frame. They were joined by the card or the kernel beside the capture.
func (t *Table) checkSize(r *rec, p *packet.Packet, s, o *side, d packet.Dir) {
	if n := uint32(p.Offload.Segment); n != 0 && (o.mss == 0 || n <= uint32(o.mss)) {
		return // joined, but the kernel said of what size
	}
	if o.mss != 0 && p.PayloadWire <= uint32(o.mss) || o.mss == 0 && p.IPLen <= plainMTU || p.IPFlags&packet.Reassembled != 0 {
		return
	}
	if m := t.moreOf(r); m != nil {
		m.super[d]++
	}
}

// sent remembers the largest packet in flight, and the first one.
func (t *Table) sent(r *rec, p *packet.Packet, s *side, d packet.Dir, start, end uint32) {
	if x := t.talkOf(r); x != nil {
		t.sentBy(r, x, p, s, d, start, end)
	}
}

// sentBy is sent for a flow whose talkPart is at hand.
func (t *Table) sentBy(r *rec, x *talkPart, p *packet.Packet, s *side, d packet.Dir, start, end uint32) {
	z := &x.way[d]
	if s.bits.has(ackKnown) {
		z.maxFlight = max(z.maxFlight, end-s.acked)
	}
	n := uint16(min(p.WireIPLen(), 0xffff))
	if n > z.delivered && n > z.pendLen {
		z.pendLen, z.pendEnd = n, end
	}
	if r.bits.has(holding) {
		t.follows(r, p, d)
	}
	if !r.bits.has(flying(d)) {
		r.bits |= flying(d)
		z.flight = flight{seq: start, end: end, mark: t.mark(r, p), before: t.lastMark(r), iplen: n, df: unfragmented(p)}
	}
}

// addHole remembers a hole; the oldest gives way when there are too many.
func (l *lossPart) addHole(h hole) {
	if l.nholes == maxHoles {
		copy(l.holes[:], l.holes[1:])
		l.nholes--
	}
	l.holes[l.nholes] = h
	l.nholes++
}

// fill takes [start, end) out of the holes; since is when the first hole it touches appeared.
func (l *lossPart) fill(start, end uint32) (since int64, filled bool) {
	for k := 0; k < int(l.nholes); k++ {
		h := &l.holes[k]
		if !SeqLess(start, h.end) || !SeqLess(h.start, end) {
			continue
		}
		if !filled {
			since, filled = h.since, true
		}
		left, right := SeqLess(h.start, start), SeqLess(end, h.end)
		switch {
		case left && right: // the middle: two holes remain, or the larger rest where there is no room
			rest := hole{h.since, end, h.end}
			h.end = start
			if l.nholes < maxHoles {
				copy(l.holes[k+2:l.nholes+1], l.holes[k+1:l.nholes])
				l.holes[k+1] = rest
				l.nholes++
				k++
			} else if rest.end-rest.start > h.end-h.start {
				*h = rest
			}
		case left:
			h.end = start
		case right:
			h.start = end
		default:
			copy(l.holes[k:], l.holes[k+1:l.nholes])
			l.nholes--
			k--
		}
	}
	return since, filled
}

// acknowledged takes the holes below ack out: the other side has what the sensor never saw.
func (l *lossPart) acknowledged(ack uint32) {
	for l.nholes > 0 && SeqLess(l.holes[0].start, ack) {
		h := l.holes[0]
		if SeqLess(ack, h.end) {
			l.gapBytes += uint64(ack - h.start)
			l.gaps++
			l.holes[0].start = ack
			return
		}
		l.gapBytes += uint64(h.end - h.start)
		l.gaps++
		copy(l.holes[:], l.holes[1:l.nholes])
		l.nholes--
	}
}

// lastMark is the flow's last packet before the one at hand.
func (t *Table) lastMark(r *rec) mark {
	if t.last.IsZero() {
		return mark{}
	}
	return t.markRef(r, t.last)
}
