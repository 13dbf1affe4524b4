package flow

import (
	"firestorm/internal/packet"
)

// ackWindow is how far behind the other side's data an acknowledgement may lie, at least.
const ackWindow = 66000

// jumpSpan is how near two refused packets of one side must lie to show that the sensor, not the sender, is wrong.
const jumpSpan = 1 << 20

// scaled returns the window that p announces for side d, and whether its scale is known: both SYNs must have been seen
// (RFC 7323 2.2).
func (r *rec) scaled(p *packet.Packet, d packet.Dir) (uint32, bool) {
	s, o := &r.sides[d], &r.sides[d.Other()]
	w := uint32(p.Window)
	if p.TCPFlags&packet.SYN != 0 {
		return w, true
	}
	if !s.bits.has(synSeen) || !o.bits.has(synSeen) {
		return w, false
	}
	if s.wscale >= 0 && o.wscale >= 0 {
		w <<= uint(s.wscale)
	}
	return w, true
}

// inWindow checks a segment against the four bounds that a connection tracker knows: it begins no later than the
// receiver's windows allow, ends no earlier than one window before what was sent already, acknowledges no more than was
// sent, and is not a stale acknowledgement. What fails is an anomaly, once per flow and direction. False: the packet is
// so far outside that its numbers must not be taken; a second packet in the same place corrects the sensor instead.
func (t *Table) inWindow(i uint32, r *rec, p *packet.Packet, d packet.Dir) bool {
	s, o := &r.sides[d], &r.sides[d.Other()]
	w, scaled := r.scaled(p, d)
	ack := p.TCPFlags&packet.ACK != 0
	if s.bits.has(seqKnown) {
		end := p.Seq + p.PayloadWire
		if s.bits.has(limitKnown) && SeqLess(s.limit, p.Seq) && SeqLess(s.next, p.Seq) {
			bad := badEstWindow
			if p.TCPFlags&packet.FIN != 0 {
				bad = badFINWindow
			}
			t.anomaly(i, r, bad, p, d)
			if SeqLess(s.limit+o.maxWin, p.Seq) && !t.again(r, d, p.Seq) {
				return false
			}
		} else if o.maxWin != 0 && s.bits.has(limitKnown) && SeqLess(end, s.next-o.maxWin-1) {
			t.anomaly(i, r, badEstOldPacket, p, d)
			return false
		} else if !s.bits.has(limitKnown) && (SeqLess(s.next+1<<30, p.Seq) || SeqLess(p.Seq, s.next-1<<30)) && !t.again(r, d, p.Seq) {
			t.anomaly(i, r, badEstWindow, p, d)
			return false
		}
	}
	if ack && o.bits.has(seqKnown) && o.packets > 0 {
		if SeqLess(o.next, p.Ack) {
			far := max(2*s.maxWin, jumpSpan)
			if SeqLess(o.next+far, p.Ack) && !t.again(r, d, p.Ack) {
				t.anomaly(i, r, badEstAck, p, d)
				return false
			}
		} else if back := max(ackWindow, s.maxWin); o.bits.has(ackKnown) && SeqLess(p.Ack, o.acked-back) {
			t.anomaly(i, r, badOldAck, p, d)
			return false
		}
	}
	if s.bits.has(seqKnown) && p.TCPOpts&packet.OptTS != 0 && s.bits.has(tsSeen) && p.PayloadWire > 0 && p.Seq == s.next &&
		SeqLess(p.TSVal, s.tsLast) {
		t.anomaly(i, r, badTimestamp, p, d) // new data with an older clock: a receiver drops it (RFC 7323 5.3)
	}
	if ack && p.Missing&packet.NoWindow == 0 {
		s.maxWin = max(s.maxWin, max(w, 1))
		if scaled {
			edge := sacked(p) + max(w, 1) // a closed window still lets a probe of one byte pass
			if !o.bits.has(limitKnown) {
				o.limit = edge
				o.bits |= limitKnown
			} else {
				o.limit = SeqMax(o.limit, edge)
			}
		}
		t.zeroWindow(r, p, d)
	}
	return true
}

// again says whether a refused number lies near the one refused before.
func (t *Table) again(r *rec, d packet.Dir, n uint32) bool {
	l := t.lossOf(r, d)
	if l == nil {
		return true
	}
	near := l.jumped && n-l.jump+jumpSpan < 2*jumpSpan
	l.jump, l.jumped = n, !near
	return near
}

// zeroWindow follows how long side d keeps its window closed.
func (t *Table) zeroWindow(r *rec, p *packet.Packet, d packet.Dir) {
	s := &r.sides[d]
	if p.Window != 0 {
		if !s.bits.has(zeroOpen) {
			return
		}
		s.bits &^= zeroOpen
		l := t.loss(r, d)
		span := max(int64(p.Time.Sub(l.zeroCur.time(r.startTime))), 0)
		l.zeroTotal += span
		if span >= l.zeroLongest {
			l.zeroLongest, l.zeroFrom, l.zeroTo = span, l.zeroCur, t.mark(r, p)
		}
		return
	}
	if s.bits.has(zeroOpen) || s.bits.has(finSent) || p.TCPFlags&packet.FIN != 0 {
		return
	}
	if l := t.lossOf(r, d); l != nil {
		s.bits |= zeroOpen
		l.zeroCount++
		l.zeroCur = t.mark(r, p)
	}
}

// probe counts what side d sends while the other side's window is closed (RFC 9293 3.8.6.1).
func (t *Table) probe(r *rec, p *packet.Packet, d packet.Dir) {
	o := d.Other()
	if !r.sides[o].bits.has(zeroOpen) {
		return
	}
	s := &r.sides[d]
	if p.PayloadWire > 0 || s.bits.has(ackKnown) && p.Seq == s.acked-1 {
		t.loss(r, o).zeroProbes++
	}
}
