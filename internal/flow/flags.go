package flow

import "firestorm/internal/packet"

// legal are the sets of flags that a TCP sends, PSH, ECE and CWR aside (RFC 9293 3.10; what connection trackers take).
var legal = func() (ok [64]bool) {
	for _, f := range []uint16{packet.SYN, packet.SYN | packet.URG, packet.SYN | packet.ACK, packet.RST, packet.RST | packet.ACK, packet.FIN | packet.ACK,
		packet.FIN | packet.ACK | packet.URG, packet.ACK, packet.ACK | packet.URG} {
		ok[f], ok[f|packet.PSH] = true, true
	}
	return ok
}()

// strange reports what no stack sends: a set of flags without meaning, or data beyond the FIN of its own side.
func (t *Table) strange(i uint32, r *rec, p *packet.Packet, d packet.Dir) {
	if !legal[p.TCPFlags&63] && p.Missing == 0 && t.intact(p) {
		t.anomaly(i, r, badFlags, p, d)
	}
	if s := &r.sides[d]; s.bits&(finSent|finMeant|seqKnown) == finSent|finMeant|seqKnown && p.PayloadWire > 0 && p.L4Sum != packet.SumBad && p.Missing&packet.NoSeq == 0 &&
		p.TCPFlags&(packet.SYN|packet.RST) == 0 && SeqLess(s.next-1, p.Seq+p.PayloadWire) && SeqLess(p.Seq, s.next+maxAfterFIN) {
		t.anomaly(i, r, badAfterFIN, p, d)
	}
}

// intact reports that p's transport checksum was looked at and is right, or is one that the sender's card had still to
// fill in: a header that is cut short or damaged shows flags that nobody set. Where nobody is to look at checksums, the
// packet only has to be whole.
func (t *Table) intact(p *packet.Packet) bool {
	return p.L4Sum == packet.SumGood || p.L4Sum == packet.SumOffload ||
		t.opt.Unchecked && p.L4Sum == packet.SumUnchecked && p.PayloadLen == p.PayloadWire
}

// meant reports that p's FIN is one that a receiver takes. It drops a segment without ACK (RFC 9293 3.10.7.4) or with a
// wrong checksum, and the sender's stream goes on behind it.
func meant(p *packet.Packet) bool {
	return p.TCPFlags&packet.ACK != 0 && legal[p.TCPFlags&63] && p.L4Sum != packet.SumBad
}

// maxAfterFIN bounds how far beyond a FIN data is taken for the same connection's.
const maxAfterFIN = 1 << 20
