package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// tcp accounts one TCP packet; i is the live flow of its key, or 0.
func (t *Table) tcp(p *packet.Packet, i uint32, a *Ahead) Handle {
	reused := false
	if i != 0 {
		r := t.flows.at(i)
		d := t.dirFor(r, a.swapped)
		if r.list == listTCPRetry && p.Time.Sub(t.lastTry(r)) >= event.SilenceAfter {
			t.saySilent(i, p.Ref(), p.Ordinal, p)
		}
		if p.TCPFlags&(packet.SYN|packet.RST) == packet.SYN {
			switch t.renews(r, p, d) {
			case renewed:
				if r.state == event.StateSYNRecv {
					t.anomaly(i, r, badSYNResendSeq, p, d)
				}
				t.end(i, event.EndReused, p.Ref(), p.Ordinal, p)
				i, reused = 0, true
			case renewedByPending:
				return t.tcpPending(p, i, a)
			}
		}
		if i != 0 {
			t.tcpStep(i, r, p, d)
			return Handle{Index: i, Dir: d}
		}
	}
	return t.tcpNew(p, a, reused)
}

type renewal uint8

const (
	renewedNot renewal = iota
	renewed
	renewedByPending // a SYN inside the connection is answered now
)

// renews says whether a SYN or SYN/ACK begins a new incarnation on the same ports. Identical first sequence number
// means the same attempt, a changed one a new attempt (RFC 9293 3.4.1); where numbers are unknown, a SYN before any
// answer is a retry and a SYN after the close is new.
func (t *Table) renews(r *rec, p *packet.Packet, d packet.Dir) renewal {
	s := &r.sides[d]
	known := p.Missing&packet.NoSeq == 0 && s.bits.has(seqKnown)
	over := r.state == event.StateClosed || r.state == event.StateTimeWait || r.state == event.StateLastACK || r.bits.has(halfClosed)
	if p.TCPFlags&packet.ACK != 0 {
		if d == packet.ToClient && r.bits.has(pendSYN) {
			return renewedByPending // tcpPending looks whether it fits
		}
		if over && r.state != event.StateSYNSent && known && s.isn != p.Seq && (r.bits.has(established) || r.bits.has(midstream)) {
			return renewed
		}
		// Requests are not shown: another number in answer to another request.
		if c := &r.sides[d.Other()]; d == packet.ToClient && known && r.bits.has(synackFirst) && !c.bits.has(synSeen) && p.Seq != s.isn && p.Ack != c.isn+1 {
			return renewed
		}
		return renewedNot
	}
	if known && s.bits.has(synSeen) && s.isn == p.Seq {
		return renewedNot
	}
	switch r.state {
	case event.StateSYNSent:
		if d == packet.ToServer && known {
			return renewed
		}
	case event.StateSYNRecv:
		if d == packet.ToServer && known && !r.bits.has(simOpen) {
			return renewed
		}
	case event.StateEstablished:
		if r.bits.has(midstream) && r.sides[0].packets+r.sides[1].packets == r.sides[d].packets && t.payloadOf(r, d) == 0 {
			return renewed // stray packets of one side before its SYN: no connection was seen to stand
		}
	default:
		if over {
			return renewed
		}
	}
	return renewedNot
}

// tcpNew makes the flow that p begins. A SYN decides the roles; a SYN/ACK was sent by the server; mid-stream the ports
// are guessed from.
func (t *Table) tcpNew(p *packet.Packet, a *Ahead, reused bool) Handle {
	how := createHow(0)
	var bits recBits
	d := packet.ToServer
	f := p.TCPFlags & (packet.SYN | packet.ACK | packet.RST)
	switch {
	case f == packet.SYN:
	case f == packet.SYN|packet.ACK:
		how, bits = clientIsDst, midstream|synackFirst
	default:
		bits = midstream | serverGuess
		if p.SrcPort != p.DstPort && serverPort(p.SrcPort, p.DstPort) {
			how = clientIsDst
		}
	}
	if how == clientIsDst {
		d = packet.ToClient
	}
	i := t.create(p, a.key(), a.h, a.swapped, how)
	if i == 0 {
		return Handle{}
	}
	r := t.flows.at(i)
	r.bits |= bits
	t.exhume(r, reused)
	t.tcpFirst(i, r, p, d)
	return Handle{Index: i, Dir: d, New: true}
}

// tcpFirst accounts the first packet of a flow.
func (t *Table) tcpFirst(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	t.last = packet.Ref{}
	t.account(i, r, p, d)
	switch f := p.TCPFlags & (packet.SYN | packet.ACK | packet.RST); {
	case f == packet.SYN:
		r.state = event.StateSYNSent
		r.bits |= tried
		r.learnSYN(p, d)
		if p.TCPFlags&(packet.ECE|packet.CWR) == packet.ECE|packet.CWR {
			r.bits |= ecnAsked
		}
	case f == packet.SYN|packet.ACK:
		r.state = event.StateSYNRecv
		r.learnSYN(p, d)
		t.setNear(r, &r.synack, oddSYNACK, p)
		if c := &r.sides[packet.ToServer]; p.Missing&packet.NoSeq == 0 {
			c.isn, c.next, c.acked = p.Ack-1, p.Ack, p.Ack
			c.bits |= seqKnown | ackKnown | synAcked
		}
	case f&packet.RST != 0:
		r.state = event.StateClosed
	default:
		r.state = event.StateEstablished
	}
	t.enter(i, listTCPNew)
	t.emit(i, event.Started, p)
	t.strange(i, r, p, d)
	switch {
	case p.TCPFlags&packet.RST != 0:
		t.noteRST(r, p, d, false)
		t.anomaly(i, r, badRSTNoSession, p, d)
	case p.TCPFlags&packet.SYN != 0:
		if p.TCPFlags&packet.FIN != 0 {
			t.anomaly(i, r, badFINSYN, p, d)
		}
		t.payload(i, r, p, d)
	default:
		if p.TCPFlags&packet.FIN != 0 {
			t.anomaly(i, r, badFINNoSession, p, d)
		}
		t.segment(i, r, p, d)
	}
}

// tcpPending handles a SYN/ACK while a SYN inside the connection waits: if it answers that SYN, the old connection is
// over and the new one began with the SYN.
func (t *Table) tcpPending(p *packet.Packet, i uint32, a *Ahead) Handle {
	r := t.flows.at(i)
	d := t.dirFor(r, a.swapped)
	o := t.odd(r)
	if p.Missing&packet.NoSeq == 0 && p.Ack != o.pend.seq+1 {
		t.tcpStep(i, r, p, d)
		return Handle{Index: i, Dir: d}
	}
	pend, ref := o.pend, r.ref(o.pend.ref)
	t.end(i, event.EndReused, p.Ref(), p.Ordinal, p)
	if i = t.create(p, a.key(), a.h, a.swapped, clientIsDst); i == 0 {
		return Handle{}
	}
	r = t.flows.at(i)
	r.setStart(ref)
	if x := t.extraOf(i, r); x != nil {
		x.ord = p.Ordinal
	}
	t.exhume(r, true)
	c := &r.sides[packet.ToServer]
	c.packets, c.bytes = 1, pend.wire
	c.isn, c.next = pend.seq, pend.seq+1
	c.bits |= synSeen | seqKnown
	c.mss, c.wscale, c.maxWin = pend.mss, pend.wscale, pend.win
	r.state = event.StateSYNSent
	r.bits |= tried
	t.enter(i, listTCPNew)
	t.emit(i, event.Started, p)
	t.tcpStep(i, r, p, d)
	return Handle{Index: i, Dir: d, New: true}
}

// tcpStep accounts a packet of a known flow.
func (t *Table) tcpStep(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	before := r.last()
	t.last = before
	if x := t.stall(r); x != nil {
		t.stallLook(i, r, x, p, d)
	}
	t.account(i, r, p, d)
	if d == packet.ToClient && r.list == listTCPRetry {
		t.enter(i, listTCPNew)
	}
	if o := t.odd(r); o != nil && p.TCPFlags&packet.RST == 0 {
		if c := &o.rsts[d]; c.n != 0 {
			t.mark1(r, &c.after, p)
			if o := &o.rst; p.PayloadWire > 0 && o.dir == d && o.set && p.Missing&packet.NoSeq == 0 && SeqLessEq(o.seq, p.Seq) {
				t.anomaly(i, r, badRSTInject, p, d) // it goes on where its RST said it ended
			}
		}
	}
	if !legal[p.TCPFlags&63] || r.sides[d].bits.has(finSent) {
		t.strange(i, r, p, d)
	}
	switch f := p.TCPFlags; {
	case f&packet.RST != 0:
		t.reset(i, r, p, d)
	case f&packet.SYN != 0:
		if f&packet.FIN != 0 {
			t.anomaly(i, r, badFINSYN, p, d)
		}
		if f&packet.ACK != 0 {
			t.synACK(i, r, p, d)
		} else {
			t.syn(i, r, p, d)
		}
	default:
		t.silenceOver(r, p, d, before)
		t.probe(r, p, d)
		t.segment(i, r, p, d)
	}
	if r.list == listTCPNew && r.bits.has(midstream) && r.sides[d].packets == oneSidedKept {
		t.enter(i, listTCPOpen)
	}
	t.settle(r)
	t.touch(i, r)
}

// oneSidedKept is after how many packets of one side a flow without handshake counts as standing, not as a stray.
const oneSidedKept = 4

// serverPort reports that a, which the first packet came from, rather than b is the server's port: well-known before registered
// before those that privileged clients take (NFS and its kin) before ephemeral, then the lower number. Of two well-known ports
// neither says more, and who is heard first is the client.
func serverPort(a, b uint16) bool {
	rank := func(p uint16) int {
		switch {
		case p >= 665 && p < 1023: // Linux's bindresvport and its NFS clients, but for what listens there
			switch p {
			case 853, 873, 902, 989, 990, 992, 993, 994, 995:
				return 0
			}
			return 2
		case p < 1024:
			return 0
		case p < 10000 || p == 27017 || p == 11211:
			return 1
		case p < 32768:
			return 3
		}
		return 4
	}
	x, y := rank(a), rank(b)
	if x == 0 && y == 0 {
		return false
	}
	return x < y || x == y && a < b
}
