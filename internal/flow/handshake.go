package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// syn handles a SYN that begins no new flow.
func (t *Table) syn(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	s := &r.sides[d]
	if d == packet.ToClient {
		switch r.state {
		case event.StateSYNSent: // simultaneous open, or a handshake split in two (RFC 9293 3.5)
			r.bits |= simOpen
			r.learnSYN(p, d)
			r.state = event.StateSYNRecv
			t.enter(i, listTCPOpening)
			t.anomaly(i, r, badSYNToClient, p, d)
		case event.StateSYNRecv:
			if !s.bits.has(synSeen) { // the SYN was acknowledged before: handshake in four steps
				r.learnSYN(p, d)
				r.bits |= simOpen
			}
			t.anomaly(i, r, badSYNToClient, p, d)
		default:
			t.anomaly(i, r, badSYNEstClient, p, d)
		}
		return
	}
	switch r.state {
	case event.StateSYNSent, event.StateSYNRecv:
		t.retry(i, r, p)
	case event.StateClosed:
		if !r.bits.has(established) && s.bits.has(synSeen) { // again after a refusal, or after the client's own RST
			r.state = event.StateSYNSent
			t.retry(i, r, p)
			return
		}
		t.anomaly(i, r, badSYNShutdown, p, d)
	case event.StateEstablished:
		known := p.Missing&packet.NoSeq == 0
		if known && s.bits.has(synSeen) && s.isn == p.Seq {
			t.retry(i, r, p)
			t.anomaly(i, r, badSYNEst, p, d)
			return
		}
		if o := t.oddOf(r); o != nil {
			r.bits |= pendSYN
			o.pend = pendPart{ref: t.mark(r, p), seq: p.Seq, wire: p.WireLen, win: uint32(p.Window), wscale: -1}
			if p.TCPOpts&packet.OptMSS != 0 {
				o.pend.mss = p.MSS
			}
			if p.TCPOpts&packet.OptWScale != 0 {
				o.pend.wscale = int8(min(p.WScale, maxScale))
			}
		}
		t.anomaly(i, r, badSYNEstSeq, p, d)
	default:
		t.anomaly(i, r, badSYNShutdown, p, d)
	}
}

// retry counts a SYN that was sent again.
func (t *Table) retry(i uint32, r *rec, p *packet.Packet) {
	r.bits |= tried
	if o := t.oddOf(r); o != nil {
		o.synTries++
		m := t.mark(r, p)
		switch {
		case o.marks[oddSYN2].isZero():
			o.marks[oddSYN2] = m
		case o.marks[oddSYN3].isZero():
			o.marks[oddSYN3] = m
		}
		o.marks[oddSYNLast] = m
	}
	if r.state != event.StateSYNSent {
		return
	}
	if r.bits.has(silent) {
		t.enter(i, listTCPSilent)
	} else {
		t.enter(i, listTCPRetry)
	}
}

// lastTry is when the last SYN was sent.
func (t *Table) lastTry(r *rec) packet.Time {
	if o := t.odd(r); o != nil {
		if m := o.marks[oddSYNLast]; !m.isZero() {
			return m.time(r.startTime)
		}
	}
	return r.lastTime
}

// secondTry is when a SYN was sent for the second time; not known: the last time.
func (t *Table) secondTry(r *rec) packet.Time {
	if o := t.odd(r); o != nil {
		if m := o.marks[oddSYN2]; !m.isZero() {
			return m.time(r.startTime)
		}
	}
	return t.lastTry(r)
}

func (t *Table) saySilent(i uint32, seen packet.Ref, ord uint64, p *packet.Packet) {
	r := t.flows.at(i)
	r.bits |= silent
	t.enter(i, listTCPSilent)
	t.emitAt(i, event.Silent, event.EndNone, seen, ord, p)
}

// synACK handles a SYN/ACK of a known flow.
func (t *Table) synACK(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	s, c := &r.sides[d], &r.sides[d.Other()]
	known := p.Missing&packet.NoSeq == 0
	fits := !known || !c.bits.has(seqKnown) || p.Ack == c.isn+1 || SeqLess(c.isn, p.Ack) && SeqLessEq(p.Ack, c.next)
	if d == packet.ToServer && !r.bits.has(simOpen) {
		if r.state == event.StateSYNSent || r.state == event.StateSYNRecv {
			t.anomaly(i, r, badSYNACKWrongDir, p, d)
		} else {
			t.anomaly(i, r, badSYNACKEstServer, p, d)
		}
		return
	}
	switch r.state {
	case event.StateSYNSent, event.StateSYNRecv:
		if !fits {
			if r.bits.has(simOpen) {
				t.anomaly(i, r, bad4WHSWrongSYN, p, d)
			} else if r.synack == 0 {
				t.anomaly(i, r, badSYNACKWrongAck, p, d)
			} else {
				t.anomaly(i, r, badSYNACKResendAck, p, d)
			}
			return
		}
		if r.synack != 0 && d == packet.ToClient {
			if known && s.bits.has(seqKnown) && p.Seq != s.isn {
				t.anomaly(i, r, badSYNACKResendSeq, p, d)
				return
			}
			t.synACKAgain(r, p)
			return
		}
		r.learnSYN(p, d)
		c.bits |= synAcked
		t.ackFor(i, r, p, d)
		if known && p.Missing&packet.NoWindow == 0 {
			c.limit = p.Ack + max(uint32(p.Window), 1)
			c.bits |= limitKnown
		}
		if d == packet.ToClient {
			t.setNear(r, &r.synack, oddSYNACK, p)
			if r.bits.has(ecnAsked) && p.TCPFlags&(packet.ECE|packet.CWR) == packet.ECE {
				r.bits |= ecnOK
			}
		}
		r.state = event.StateSYNRecv
		t.enter(i, listTCPOpening)
		if d == packet.ToClient && !r.bits.has(answered) {
			r.bits |= answered
			t.emit(i, event.Answered, p)
		}
		if s.bits.has(synAcked) {
			t.establish(i, r, p, d == packet.ToServer)
		}
		t.payload(i, r, p, d)
	default:
		switch {
		case known && s.bits.has(synSeen) && p.Seq != s.isn:
			t.anomaly(i, r, badSYNACKEstSeq, p, d)
		case known && c.bits.has(synSeen) && p.Ack != c.isn+1:
			t.anomaly(i, r, badSYNACKEstAck, p, d)
		default:
			t.synACKAgain(r, p)
			t.anomaly(i, r, badSYNACKEst, p, d)
		}
	}
}

func (t *Table) synACKAgain(r *rec, p *packet.Packet) {
	if r.synack == 0 {
		t.setNear(r, &r.synack, oddSYNACK, p)
		return
	}
	if o := t.oddOf(r); o != nil {
		o.synackTries++
		o.marks[oddSYNACKLast] = t.mark(r, p)
	}
}

// establish says that both SYNs are acknowledged. byClient: p is the client's acknowledgement.
func (t *Table) establish(i uint32, r *rec, p *packet.Packet, byClient bool) {
	r.state = event.StateEstablished
	r.bits |= established
	if byClient {
		t.setNear(r, &r.handshake, oddHandshake, p)
	}
	t.enter(i, listTCPOpen)
	t.emit(i, event.Established, p)
}

// learnSYN takes the numbers and options of a SYN or SYN/ACK.
func (r *rec) learnSYN(p *packet.Packet, d packet.Dir) {
	s := &r.sides[d]
	if p.Missing&packet.NoSeq == 0 {
		s.isn, s.next = p.Seq, p.Seq+1
		s.bits |= seqKnown
	}
	s.bits |= synSeen
	if p.Missing&packet.NoOptions == 0 {
		if p.TCPOpts&packet.OptMSS != 0 {
			s.mss = p.MSS
		}
		if p.TCPOpts&packet.OptWScale != 0 {
			s.wscale = int8(min(p.WScale, maxScale))
		}
		if p.TCPOpts&packet.OptSACKOK != 0 {
			s.bits |= sackOK
		}
		if d == packet.ToServer {
			r.synPrint = synPrint(p)
		}
	}
	r.learnTS(p, d)
	if p.Missing&packet.NoWindow == 0 {
		s.maxWin = max(uint32(p.Window), 1) // a SYN's window is never scaled (RFC 7323 2.2)
	}
}

func (r *rec) learnTS(p *packet.Packet, d packet.Dir) {
	s := &r.sides[d]
	if p.TCPOpts&packet.OptTS == 0 {
		return
	}
	if !s.bits.has(tsSeen) {
		s.bits |= tsSeen
		s.tsLast = p.TSVal
		if d == packet.ToServer {
			r.tsFirst = p.TSVal
		}
	} else if SeqLess(s.tsLast, p.TSVal) {
		s.tsLast = p.TSVal
	}
}

// maxScale is the largest window shift (RFC 7323 2.3).
const maxScale = 14

// synPrint is a fingerprint of a SYN: order of its options, window, MSS, scale. Never zero.
func synPrint(p *packet.Packet) uint32 {
	h := uint32(2166136261)
	add := func(b uint32) { h = (h ^ b) * 16777619 }
	lo, hi := int(p.L4)+20, int(p.PayloadOff)
	if p.L4 != 0 && lo <= hi && hi <= len(p.Data) {
		for o := p.Data[lo:hi]; len(o) > 0 && o[0] != 0; {
			add(uint32(o[0]))
			n := 1
			if o[0] != 1 {
				if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
					break
				}
				n = int(o[1])
			}
			o = o[n:]
		}
	}
	add(uint32(p.TCPOpts))
	add(uint32(p.Window))
	add(uint32(p.MSS))
	add(uint32(p.WScale))
	if h == 0 {
		return 1
	}
	return h
}
