package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// fin handles a FIN, after the numbers of its segment were taken. States are named from the server's side, as
// Suricata does: the client closing first is CLOSE_WAIT, the server closing first FIN_WAIT_1.
func (t *Table) fin(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	s, o := &r.sides[d], &r.sides[d.Other()]
	if s.bits.has(finSent) {
		return
	}
	s.bits |= finSent
	if meant(p) {
		s.bits |= finMeant
	}
	if c := t.closeOf(r); c != nil {
		c.fin[d] = t.mark(r, p)
	}
	if !o.bits.has(finSent) {
		if d == packet.ToClient {
			r.bits |= serverFirst
			r.state = event.StateFINWait1
		} else {
			r.state = event.StateCloseWait
		}
		r.bits |= halfClosed
		if r.list != listTCPStall {
			t.enter(i, listTCPClosing)
		}
		t.emit(i, event.HalfClosed, p)
		return
	}
	switch {
	case d == packet.ToClient:
		r.state = event.StateLastACK
	case o.bits.has(finAcked):
		r.state = event.StateTimeWait
	default:
		r.state = event.StateClosing
	}
}

// finAcks looks whether p, sent by side d, acknowledges the other side's FIN. Where numbers are unknown the order
// decides: the first acknowledgement after the FIN is the one.
func (t *Table) finAcks(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	o := &r.sides[d.Other()]
	if !o.bits.has(finSent) || o.bits.has(finAcked) || p.TCPFlags&packet.ACK == 0 {
		return
	}
	if p.Missing&packet.NoSeq == 0 && o.bits.has(seqKnown) && SeqLess(p.Ack, o.next) {
		return
	}
	o.bits |= finAcked
	if c := t.closeOf(r); c != nil {
		c.finack[d.Other()] = t.mark(r, p)
	}
	if r.sides[d].bits.has(finAcked) {
		r.state = event.StateClosed
		if r.bits.has(serverFirst) {
			r.state = event.StateTimeWait
		}
		r.bits |= closed
		t.enter(i, listTCPClosed)
		t.emit(i, event.Closed, p)
		return
	}
	switch r.state {
	case event.StateFINWait1:
		r.state = event.StateFINWait2
	case event.StateClosing:
		r.state = event.StateTimeWait
	}
}

// reset handles a RST of a known flow.
func (t *Table) reset(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	if p.PayloadWire > 0 {
		t.anomaly(i, r, badRSTData, p, d)
	}
	known := p.Missing&packet.NoSeq == 0
	s, o := &r.sides[d], &r.sides[d.Other()]
	switch r.state {
	case event.StateSYNSent:
		if d == packet.ToServer {
			t.noteRST(r, p, d, true)
			// After a stale acknowledgement the client's RST clears the other end and the attempt goes on
			// (RFC 9293 3.5.1); else the client gave up.
			if r.bits.has(staleSeen) {
				return
			}
			r.state = event.StateClosed
			t.enter(i, listTCPClosed)
			return
		}
		valid := p.TCPFlags&packet.ACK != 0 && (!known || p.Ack == o.isn+1 || SeqLess(o.isn, p.Ack) && SeqLessEq(p.Ack, o.next))
		t.noteRST(r, p, d, valid)
		if !valid {
			t.anomaly(i, r, badRSTAck, p, d)
			return
		}
		r.state = event.StateClosed
		t.enter(i, listTCPClosed)
		if !r.bits.has(refused) {
			r.bits |= refused
			t.emit(i, event.Refused, p)
		}
	case event.StateClosed, event.StateTimeWait:
		t.noteRST(r, p, d, false)
	default:
		valid := true
		if known && s.bits.has(seqKnown) {
			valid = r.rstFits(p, d)
		}
		t.noteRST(r, p, d, valid)
		if !valid {
			t.anomaly(i, r, badRSTAck, p, d)
		}
		handshake := r.state == event.StateSYNRecv
		if valid {
			r.bits |= resetValid
			r.state = event.StateClosed
			t.stallReset(r, p, d)
			t.enter(i, listTCPClosed)
		}
		if !r.bits.has(resetDone) && !(handshake && d == packet.ToServer) {
			r.bits |= resetDone
			t.emit(i, event.Reset, p)
		}
	}
}

// rstFits says whether the receiver would take the RST at all: its number lies in the receive window (RFC 9293
// 3.10.7.4). RFC 5961 3.2 asks for the exact number; the sensor cannot know which one the receiver waits for when
// data is in flight.
func (r *rec) rstFits(p *packet.Packet, d packet.Dir) bool {
	s, o := &r.sides[d], &r.sides[d.Other()]
	low := s.isn
	if s.bits.has(ackKnown) {
		low = s.acked
	}
	high := s.next
	if s.bits.has(limitKnown) {
		high = SeqMax(high, s.limit)
	} else if o.maxWin != 0 {
		high += o.maxWin
	} else {
		high += 65535
	}
	return SeqLessEq(low-1, p.Seq) && SeqLessEq(p.Seq, high)
}

// noteRST keeps a RST: the first of each side as mark, the first and then the first valid one in full.
func (t *Table) noteRST(r *rec, p *packet.Packet, d packet.Dir, valid bool) {
	o := t.oddOf(r)
	if o == nil {
		return
	}
	o.rstFlags[d] |= p.TCPFlags
	c := &o.rsts[d]
	if c.n == 0 {
		c.ttlMin, c.ttlMax = p.TTL, p.TTL
	}
	c.n++
	c.ttlMin, c.ttlMax = min(c.ttlMin, p.TTL), max(c.ttlMax, p.TTL)
	m := t.mark(r, p)
	if x := &o.marks[oddClientRST+int(d)]; x.isZero() {
		*x = m
	}
	// A client that gives up is not a refusal: the server's word goes before the client's.
	x := &o.rst
	if x.set && (x.valid || !valid) && !(x.dir == packet.ToServer && d == packet.ToClient && !r.bits.has(resetDone)) {
		return
	}
	*x = rstPart{ref: m, seq: p.Seq, ack: p.Ack, ipid: p.IPID, window: p.Window, dir: d, ttl: p.TTL, set: true,
		hasACK: p.TCPFlags&packet.ACK != 0, df: p.IPFlags&packet.DontFragment != 0, valid: valid}
}
