package flow

import (
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// ackFor takes the acknowledgement that p, sent by side d, carries for the other side's data.
func (t *Table) ackFor(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	if p.Missing&packet.NoSeq != 0 {
		return
	}
	o := &r.sides[d.Other()]
	if p.NSACK > 0 {
		t.sack(r, p, d.Other())
	}
	if !o.bits.has(seqKnown) {
		o.isn, o.next = p.Ack, p.Ack
		o.bits |= seqKnown
	}
	l := t.loss(r, d.Other())
	moved := false
	switch {
	case !o.bits.has(ackKnown):
		o.acked = p.Ack
		o.bits |= ackKnown
		moved = true
	case SeqLess(o.acked, p.Ack):
		o.acked = p.Ack
		moved = true
	case p.PayloadWire != 0 || p.TCPFlags&(packet.SYN|packet.FIN) != 0 || p.Ack != o.acked || l == nil:
	default:
		l.ackAgain(p, SeqLess(o.acked, o.next), r.sides[d].wscale)
	}
	if l != nil {
		l.ackWindow = p.Window
	}
	if SeqLess(o.next, p.Ack) {
		if o.packets == 0 {
			r.bits |= ackMoved
		} else if !o.bits.has(synSeen) && t.payloadOf(r, d.Other()) == 0 {
			// It sent nothing but acknowledgements or keep-alives since the capture began: its number is not known better.
			o.isn = p.Ack
		} else if l := t.lossOf(r, d.Other()); l != nil { // the end of what it sent was not seen
			l.gaps++
			l.gapBytes += uint64(p.Ack - o.next)
			if !l.beyond || l.beyondTo != o.next {
				l.seenTo = o.next
			}
			l.beyond, l.beyondTo = true, p.Ack
		}
		o.next = p.Ack
	}
	if !moved {
		return
	}
	if l := t.loss(r, d.Other()); l != nil {
		l.dups = 0
		l.acknowledged(p.Ack)
	}
	if r.talk != 0 {
		t.arrived(r, t.talks.at(r.talk), p, d.Other())
	}
	if x := t.stall(r); x != nil {
		t.stallAcked(i, r, x, p, d.Other())
	}
}

// ackAgain takes a bare acknowledgement p that says what the one before said; flying: of data that was sent not all is
// acknowledged. scale is that of p's side.
func (l *lossPart) ackAgain(p *packet.Packet, flying bool, scale int8) {
	if flying {
		l.dups++
		return
	}
	// Everything was acknowledged, and it is said once more: the receiver has got something again (RFC 9293
	// 3.10.7.4), also where it sends no DSACK. A window that opened would be news of its own; that waits until it
	// is worth a segment (3.8.6.2.2).
	opened := (int64(p.Window) - int64(l.ackWindow)) << max(scale, 0)
	if p.NSACK == 0 && opened < leastMSS && l.dsacks < l.retrans {
		l.dsacks++
	}
}

// arrived takes what p's acknowledgement, which moved, says of the segments that side d has in flight.
func (t *Table) arrived(r *rec, x *talkPart, p *packet.Packet, d packet.Dir) {
	if z := &x.way[d]; z.pendLen != 0 && SeqLessEq(z.pendEnd, p.Ack) {
		z.delivered = max(z.delivered, z.pendLen)
		z.pendLen = 0
	}
	if y := &x.way[d]; r.bits.has(flying(d)) && SeqLessEq(y.flight.end, p.Ack) {
		t.landed(r, y, p, d)
	}
}

// landed takes the acknowledgement p of the segment that side d has in flight.
func (t *Table) landed(r *rec, y *talkWay, p *packet.Packet, d packet.Dir) {
	r.bits &^= flying(d)
	f := &y.flight
	if !f.again {
		wait := p.Time.Sub(f.mark.time(r.startTime))
		y.rtt.add(wait)
		t.waited(r, f, p, d, wait)
	}
}

// sack notes which data of side d arrived beyond a hole. A first block below the acknowledgement reports a duplicate
// (RFC 2883 4) and says nothing of that.
func (t *Table) sack(r *rec, p *packet.Packet, d packet.Dir) {
	if first, l := p.SACK[0], t.loss(r, d); l != nil && SeqLess(first[0], first[1]) &&
		(SeqLess(first[0], p.Ack) || p.NSACK > 1 && SeqLessEq(p.SACK[1][0], first[0]) && SeqLessEq(first[1], p.SACK[1][1])) {
		l.dsacks++
	}
	for _, b := range p.SACK[:min(int(p.NSACK), len(p.SACK))] {
		if SeqLess(b[0], p.Ack) || !SeqLess(b[0], b[1]) {
			continue
		}
		s := &r.sides[d]
		if s.packets > 0 && s.bits.has(synSeen) && SeqLess(s.next, b[1]) {
			// Beyond all that was sent: something rewrites sequence numbers but not the option, or the capture lost data.
			if l := t.lossOf(r, d); l != nil {
				l.sackOutside++
			}
			return
		}
		if l := t.lossOf(r, d); l != nil {
			l.sackLow, l.sackHigh, l.sacked = b[0], b[1], true
		}
		return
	}
}

// silenceOver notes data that comes after a silence of the whole flow: when it is acknowledged, whatever stands
// between the two ends kept its memory that long. before is the packet before p.
func (t *Table) silenceOver(r *rec, p *packet.Packet, d packet.Dir, before packet.Ref) {
	if n := t.rares(r).idle; n != 0 {
		x := t.idles.at(n)
		// An acknowledgement of what ended the silence.
		if x.candSet && d != x.candDir && p.TCPFlags&packet.ACK != 0 && (p.Missing&packet.NoSeq != 0 || SeqLessEq(x.candEnd, p.Ack)) {
			x.candSet = false
			if x.cand > x.best {
				x.best, x.bestFrom, x.bestTo = x.cand, x.candFrom, x.candTo
			}
		}
	}
	gap := p.Time.Sub(before.Time)
	if gap < idleLeast || before.IsZero() || r.state < event.StateEstablished {
		return
	}
	s := &r.sides[d]
	keep := p.Missing&packet.NoSeq == 0 && s.bits.has(ackKnown) && p.Seq == s.acked-1
	if p.PayloadWire == 0 && !keep {
		return
	}
	if x := t.idleOf(r); x != nil && int64(gap) > x.best && !(x.candSet && x.cand >= int64(gap)) {
		x.cand, x.candFrom, x.candTo = int64(gap), t.markRef(r, before), t.mark(r, p)
		x.candEnd, x.candDir, x.candSet = p.Seq+p.PayloadWire, d, true
	}
}

// leastMSS is the segment size that every IPv4 host takes (RFC 9293 3.7.1).
const leastMSS = 536

// Bounds of a wait for a delayed acknowledgement, beyond the round trip: the delay is 40 to 500 ms (RFC 1122 4.2.3.2).
const (
	heldLeast = 30 * time.Millisecond
	heldMost  = 510 * time.Millisecond
	heldSmall = 1000                 // payload of a segment that Nagle's rule may hold back, bytes
	heldNext  = 5 * time.Millisecond // how soon after the acknowledgement the next one follows, beyond the way to the sender and back
	heldEarly = time.Millisecond     // how much sooner than the shortest way that was measured
)

// ways gives the parts of the handshake's round trip: from the sensor to the sender of side d and back, and to its
// receiver and back. The first is the shortest that was measured: the first packets may have waited for the neighbour's
// card address. Both are 0 without the whole handshake.
func (t *Table) ways(r *rec, d packet.Dir) (sender, receiver time.Duration) {
	rtt, server := t.rtts(r)
	if rtt == 0 {
		return 0, 0
	}
	sender, receiver = rtt-server, server
	if d == packet.ToClient {
		sender, receiver = receiver, sender
	}
	if r.talk != 0 {
		if x := &t.talks.at(r.talk).way[d.Other()].rtt; x.n > 0 {
			sender = min(sender, time.Duration(x.least)*time.Microsecond)
		}
	}
	return sender, receiver
}

// waited notes that a bare acknowledgement of a small segment came late: if the next small one follows at once, it was
// held back by Nagle's rule until then.
func (t *Table) waited(r *rec, f *flight, p *packet.Packet, sender packet.Dir, wait time.Duration) {
	if p.PayloadWire != 0 || f.end-f.seq >= heldSmall || p.Ack != r.sides[sender].next {
		return
	}
	_, way := t.ways(r, sender)
	if wait < way+heldLeast || wait > way+heldMost {
		return
	}
	if h := t.heldOf(r); h != nil {
		h.ack, h.wait, h.dir = t.mark(r, p), uint32((wait-way)/time.Microsecond), sender
		r.bits |= holding
	}
}

// follows counts a wait that the sender's next small segment p ends.
func (t *Table) follows(r *rec, p *packet.Packet, d packet.Dir) {
	h := t.held(r)
	if h.dir != d {
		return
	}
	r.bits &^= holding
	way, _ := t.ways(r, d)
	after := p.Time.Sub(h.ack.time(r.startTime)) - way
	if p.PayloadWire == 0 || p.PayloadWire >= heldSmall || after < -heldEarly || after > heldNext || h.n[d] == 1<<16-1 {
		return
	}
	h.n[d]++
	h.total[d] += h.wait
}
