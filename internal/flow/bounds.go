package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// bounds is what a connection tracker knows of a connection when a packet comes (Linux nf_conntrack_proto_tcp.c,
// tcp_in_window, in its names).
type bounds struct {
	maxEnd  uint32 // td_maxend of the sender: up to where the receiver lets it send
	end     uint32 // td_end of the sender: up to where it sent
	win     uint32 // td_maxwin of the sender: the largest window it announced
	peerEnd uint32 // td_end of the receiver
	peerWin uint32 // td_maxwin of the receiver
}

// judge returns the first bound that a packet from seq to end with the acknowledgement ack breaks, in the kernel's order,
// and by how many bytes.
func (b *bounds) judge(seq, end, ack uint32) (event.Bound, uint32) {
	if SeqLess(b.maxEnd, seq) {
		return event.SeqAbove, seq - b.maxEnd
	}
	if low := b.end - b.peerWin - 1; b.peerWin != 0 && SeqLessEq(end, low) {
		return event.SeqBelow, low - end + 1
	}
	if SeqLess(b.peerEnd, ack) {
		return event.AckAbove, ack - b.peerEnd
	}
	if low := b.peerEnd - max(ackWindow, b.win) - 1; SeqLessEq(ack, low) {
		return event.AckBelow, low - ack + 1
	}
	return event.InWindow, 0
}

// bound holds data of side d against the bounds of a tracker that saw what passed the sensor and took no packet that
// broke one. Both SYNs must have been seen: without them the scale of the windows is not known.
func (t *Table) bound(r *rec, p *packet.Packet, d packet.Dir) (event.Bound, uint32) {
	s, o := &r.sides[d], &r.sides[d.Other()]
	if !s.bits.has(synSeen) || !o.bits.has(synSeen) || !s.bits.has(limitKnown) || p.TCPFlags&packet.ACK == 0 || p.Missing&(packet.NoSeq|packet.NoWindow) != 0 {
		return event.InWindow, 0
	}
	b := bounds{maxEnd: s.limit, end: s.next, win: s.maxWin, peerEnd: o.next, peerWin: o.maxWin}
	if SeqLess(s.limit, s.next) { // what lay beyond was not taken: rather too little than too much
		b.end = s.limit
	}
	if l := t.loss(r, d.Other()); l != nil && l.beyond && o.next == l.beyondTo {
		b.peerEnd = l.seenTo
	}
	return b.judge(p.Seq, p.Seq+p.PayloadWire, sacked(p))
}

// sacked is the highest number that p acknowledges, selectively or not.
func sacked(p *packet.Packet) uint32 {
	n := p.Ack
	for _, b := range p.SACK[:min(int(p.NSACK), len(p.SACK))] {
		n = SeqMax(n, b[1])
	}
	return n
}
