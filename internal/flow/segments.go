package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// segment handles a packet without SYN and RST: what it means for the state, then its numbers.
func (t *Table) segment(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	s, o := &r.sides[d], &r.sides[d.Other()]
	known := p.Missing&packet.NoSeq == 0
	ack := p.TCPFlags&packet.ACK != 0
	switch r.state {
	case event.StateSYNSent:
		if d == packet.ToClient {
			if !ack {
				return
			}
			if !known || p.Ack != o.isn+1 && !(SeqLess(o.isn, p.Ack) && SeqLessEq(p.Ack, o.next)) {
				t.staleACK(i, r, p)
				return
			}
			o.bits |= synAcked
			r.state = event.StateSYNRecv
			t.enter(i, listTCPOpening)
			if !r.bits.has(answered) {
				r.bits |= answered
				t.emit(i, event.Answered, p)
			}
			if p.PayloadWire > 0 || p.TCPFlags&packet.FIN != 0 { // its SYN/ACK was not seen
				t.establish(i, r, p, false)
			}
		} else {
			// The client acknowledges a SYN/ACK that came another way.
			if !known || !ack || p.Ack == 0 || !SeqLess(s.isn, p.Seq) {
				return
			}
			r.bits |= ackMoved
			s.bits |= synAcked
			o.isn, o.next = p.Ack-1, p.Ack
			o.bits |= seqKnown | synAcked
			t.establish(i, r, p, true)
		}
	case event.StateSYNRecv:
		switch {
		case d == packet.ToClient:
			if p.PayloadWire > 0 && r.bits.has(synackFirst) && s.bits.has(synSeen) {
				t.establish(i, r, p, false)
			} else if r.bits.has(simOpen) && ack && s.bits.has(synSeen) && (!known || p.Ack == o.isn+1) {
				o.bits |= synAcked
				if !r.bits.has(answered) {
					r.bits |= answered
					t.emit(i, event.Answered, p)
				}
				if s.bits.has(synAcked) {
					t.establish(i, r, p, false)
				}
			}
		case ack:
			if known && o.bits.has(seqKnown) && o.bits.has(synSeen) && SeqLess(p.Ack, o.isn+1) {
				t.anomaly(i, r, badHandshakeAck, p, d)
				return
			}
			o.bits |= synAcked
			if s.bits.has(synAcked) {
				t.establish(i, r, p, true)
			}
		}
	case event.StateEstablished:
		if r.bits.has(midstream) && r.list == listTCPNew && r.sides[0].packets != 0 && r.sides[1].packets != 0 {
			r.bits |= established
			t.enter(i, listTCPOpen)
			if !r.bits.has(answered) {
				r.bits |= answered
				t.emit(i, event.Answered, p)
			}
		}
	}
	if known && !t.inWindow(i, r, p, d) {
		return
	}
	t.payload(i, r, p, d)
	if ack {
		t.ackFor(i, r, p, d)
	}
	if p.TCPFlags&packet.FIN != 0 {
		t.fin(i, r, p, d)
	}
	t.finAcks(i, r, p, d)
}

// staleACK counts the server's bare acknowledgement of something else than the SYN: it still remembers an earlier
// connection (RFC 9293 3.10.7.4, RFC 5961 4).
func (t *Table) staleACK(i uint32, r *rec, p *packet.Packet) {
	if o := t.oddOf(r); o != nil {
		o.staleACKs++
		if o.marks[oddStale].isZero() {
			o.marks[oddStale] = t.mark(r, p)
			o.staleNum = p.Ack
		}
	}
	if !r.bits.has(staleSeen) {
		r.bits |= staleSeen
		t.emit(i, event.StaleACK, p)
	}
}
