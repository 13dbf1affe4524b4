package stream

import (
	"math"

	"firestorm/internal/packet"
)

const (
	noFIN    = math.MaxInt64
	maxShift = 14 // RFC 7323 2.3
	// maxStep bounds how far before the first byte seen the start may still be moved when segments come late.
	maxStep = 64 << 10
	// maxChunk is the most one buffer holds; larger frames (big TCP) are kept in parts.
	maxChunk = 1 << maxClass
	maxUrg   = 8
)

// half is one direction of a connection. Offsets count bytes of the stream in 64 bits, so that sequence numbers may
// wrap as often as they like.
type half struct {
	base   int64  // next offset to deliver
	acked  int64  // highest offset that the receiver acknowledged
	top    int64  // highest offset seen
	right  int64  // highest offset that the receiver's windows allowed
	win    int64  // its largest window
	sent   uint64 // bytes delivered
	fin    int64  // where the stream ends, noFIN before that is known
	zero   uint32 // sequence number of offset 0
	dir    packet.Dir
	policy Policy
	shift  uint8 // scale of the windows that this sender advertises
	nurg   uint8
	known  bool   // zero is set
	firm   bool   // by a SYN; else by the first packet, and may move back
	seen   bool   // this side sent something
	over   bool   // closed, stopped or at its depth
	alone  bool   // the other side is not seen: release without acknowledgements
	asked  bool   // acked is set
	bound  bool   // right is set
	quiet  bool   // it waits for any sign of the other side, not for a hole
	listed bool   // in Shard.waiting
	noted  bool   // in Shard.holding
	held   uint64 // when it began to hold data: Shard.holds then
	conn   *Conn
	q      runs

	since      packet.Time // when the wait began
	upto       int64       // holes before this offset are what is waited for
	prev, next *half       // in Shard.waiting
	urg        [maxUrg]int64
}

// steady reports that h is in the middle of its stream: both sides are seen, nothing is waited for, nothing is odd.
func (h *half) steady() bool {
	return h.known && h.seen && h.asked && h.bound && !h.alone && !h.listed && h.fin == noFIN && h.nurg == 0
}

// offset returns where seq lies in the stream, taking the nearest of all its wraps.
func (h *half) offset(seq uint32) int64 {
	return h.base + int64(int32(seq-(h.zero+uint32(h.base))))
}

// slack is how far past the window's right edge data is still taken: acknowledgements that would have moved the edge
// may be missing in the capture.
func (h *half) slack() int64 { return max(h.win, 64<<10) }

// usual does what segment does for the segment that most are: of a steady connection, without flags, the next of its
// direction. It is false, and nothing was done, where segment has to look. It spares the questions that such a segment answers
// by itself, some 500 instructions of 900 (2026-11-30).
func (s *Shard) usual(c *Conn, d packet.Dir, p *packet.Packet) bool {
	if p.TCPFlags&(packet.SYN|packet.FIN|packet.RST|packet.URG|packet.ACK) != packet.ACK {
		return false
	}
	me, peer := &c.half[d], &c.half[d.Other()]
	off, a := me.offset(p.Seq), peer.offset(p.Ack)
	n := int64(p.PayloadWire)
	b := p.Payload()
	switch {
	case off > me.right+me.slack(), a > peer.right+peer.slack():
		return false
	case me.over:
		if off+n < me.base-me.slack() {
			return false
		}
	case off != me.top, off < me.acked, int64(len(b)) != n, n > maxChunk:
		return false
	}
	win := int64(p.Window) << me.shift
	peer.win = max(peer.win, win)
	peer.right = max(peer.right, a+win)
	if a > peer.acked {
		peer.acked = a
		if !peer.over && !s.give(c, peer, a) {
			s.advance(c, peer, me) // something is missing
			c.steady = me.steady() && peer.steady()
		}
	}
	switch {
	case n == 0:
	case me.over: // perhaps since a moment ago
		s.discard(ReasonAfterEnd)
		s.stats.AfterEnd += uint64(n)
	default:
		me.top = off + n
		s.append(me, off, b, p.Ref())
	}
	return true
}

func (s *Shard) segment(c *Conn, d packet.Dir, p *packet.Packet) {
	me, peer := &c.half[d], &c.half[d.Other()]
	me.seen = true
	if peer.alone {
		peer.alone = false
	}
	if p.TCPFlags&packet.SYN != 0 && !s.syn(me, peer, p) {
		return
	}
	seq := p.Seq
	if p.TCPFlags&packet.SYN != 0 {
		seq++
	}
	if !me.known {
		if p.TCPFlags&packet.RST != 0 && p.PayloadWire == 0 && p.TCPFlags&packet.ACK != 0 && peer.known {
			// An RST in answer to a SYN carries sequence number 0: it says nothing of this side's stream.
			if a := peer.offset(p.Ack); a < peer.base || a > peer.top+1 {
				s.discard(ReasonInvalidRST)
				return
			}
			s.reset(c, d)
			return
		}
		me.known, me.zero = true, seq
	}
	off := me.offset(seq)
	n := int64(p.PayloadWire)
	if me.bound && (off > me.right+me.slack() || off+n < me.base-me.slack()) {
		s.discard(ReasonOutOfWindow)
		s.anomaly(packet.StreamEstPacketOutOfWindow)
		return
	}
	if p.TCPFlags&packet.ACK != 0 && !s.ack(c, me, peer, p) && p.TCPFlags&packet.RST == 0 {
		return
	}
	if p.TCPFlags&packet.RST != 0 {
		if n > 0 {
			s.discard(ReasonWithRST)
			s.anomaly(packet.StreamRstWithData)
		}
		// RFC 9293 3.10.7.4: a reset is valid in the window. Bytes that the capture lost may lie before it.
		if me.asked && off < me.acked || !me.bound && off > me.top+maxStep {
			s.discard(ReasonInvalidRST)
			return
		}
		s.reset(c, d)
		return
	}
	if me.over {
		if n > 0 {
			s.discard(ReasonAfterEnd)
			s.stats.AfterEnd += uint64(n)
		}
		return
	}
	if n <= 1 && me.asked && off == me.acked-1 && p.TCPFlags&(packet.SYN|packet.FIN) == 0 {
		s.stats.KeepAlives++
		return
	}
	if p.TCPFlags&packet.URG != 0 && p.Urgent > 0 && s.o.Urgent == UrgentOOB {
		s.urgent(me, off+int64(p.Urgent)-1)
	}
	if p.TCPFlags&packet.FIN != 0 && me.fin == noFIN && off+n >= me.base {
		me.fin = off + n
	}
	if n > 0 {
		s.data(me, p, off, n)
	}
	s.advance(c, me, peer)
}

// syn takes the numbers of a SYN; false when the packet is to be ignored.
func (s *Shard) syn(me, peer *half, p *packet.Packet) bool {
	zero := p.Seq + 1
	switch {
	case !me.known:
		me.known, me.firm, me.zero = true, true, zero
	case zero == me.zero:
		me.firm = true
	case !me.firm && me.sent == 0 && me.offset(zero) <= me.base && me.offset(zero) >= me.base-maxStep:
		me.base, me.firm = me.offset(zero), true // the SYN came after the first data
	case me.sent == 0 && !me.asked:
		// The same ports try again before anything was acknowledged: a new incarnation.
		me.q.drop(s)
		me.zero, me.base, me.top, me.firm = zero, 0, 0, true
		me.bound = false
	default:
		s.discard(ReasonOtherSYN)
		return false
	}
	me.shift = 0
	if p.TCPOpts&packet.OptWScale != 0 {
		me.shift = min(p.WScale, maxShift)
	}
	if p.TCPFlags&packet.ACK != 0 && peer.known && peer.base == 0 && peer.offset(p.Ack) == 0 && !peer.q.empty() && !peer.asked {
		// RFC 7413 4.2.2: the server acknowledged the SYN alone, the client has to send its data again.
		peer.q.drop(s)
		s.discard(ReasonSYNRefused)
		s.anomaly(packet.Stream3WHSSynAckTFODataIgnored)
	}
	return true
}

// ack takes the acknowledgement and window of p for the other direction and delivers what they release; false when
// the packet is to be ignored.
func (s *Shard) ack(c *Conn, me, peer *half, p *packet.Packet) bool {
	if !peer.known {
		peer.known, peer.zero = true, p.Ack
	}
	a := peer.offset(p.Ack)
	if peer.fin != noFIN && a == peer.fin+1 {
		a--
	}
	limit := peer.right + peer.slack()
	if !peer.bound {
		limit = max(peer.top, peer.base) + 1<<30 // RFC 7323: no window is larger
	}
	if a > limit {
		s.discard(ReasonInvalidACK)
		s.anomaly(packet.StreamPktInvalidAck)
		return false
	}
	win := int64(p.Window)
	if p.TCPFlags&packet.SYN == 0 {
		win <<= me.shift
	}
	peer.win = max(peer.win, win)
	if !peer.bound || a+win > peer.right {
		peer.right, peer.bound = a+win, true
	}
	if !peer.asked || a > peer.acked {
		peer.acked, peer.asked = a, true
		if !peer.over {
			s.advance(c, peer, me)
		}
	}
	return true
}

// urgent notes the offset of an urgent byte.
func (s *Shard) urgent(h *half, at int64) {
	if at < h.base || at > h.base+1<<16 {
		return
	}
	for _, u := range h.urg[:h.nurg] {
		if u == at {
			return
		}
	}
	if h.nurg == maxUrg {
		s.anomaly(packet.StreamReassemblyUrgentOOBLimitReached)
		return
	}
	h.urg[h.nurg] = at
	h.nurg++
}

// data keeps the bytes of p, which lie at off and were n on the wire; what of them is already settled is left out.
func (s *Shard) data(h *half, p *packet.Packet, off, n int64) {
	b := p.Payload()
	b = b[:min(int64(len(b)), n)]
	from, to := off, off+n
	if off < h.base {
		if !h.firm && h.sent == 0 && off >= h.base-maxStep {
			h.base = off // picked up in mid-stream, and this came late
		} else if to <= h.base {
			if !h.firm && h.sent == 0 {
				s.discard(ReasonBeforeStart)
				s.anomaly(packet.StreamReassemblySegmentBeforeBaseSeq)
			} else {
				s.discard(ReasonOld)
			}
			return
		} else {
			cut := h.base - off
			b = b[min(cut, int64(len(b))):]
			off = h.base
		}
	}
	end := to
	if end > h.fin {
		s.discard(ReasonAfterFIN)
		if end = h.fin; off >= end {
			return
		}
		b = b[:min(end-off, int64(len(b)))]
	}
	h.top = max(h.top, end)
	if len(b) > 0 {
		if off == h.base && h.q.empty() && end <= s.limit(h) && int64(len(b)) == end-off {
			s.deliver(h.conn, h, b, s.mark, p.Ref()) // acknowledged before it was seen, or one-sided: no copy
			return
		}
		if !s.keep(h, off, len(b), b, from, to, p.Ref()) {
			return
		}
	}
	for at := off + int64(len(b)); at < end; {
		m := min(end-at, maxChunk)
		if !s.keep(h, at, int(m), nil, from, to, p.Ref()) {
			return
		}
		at += m
	}
}

// keep stores n bytes at off, in parts that fit a buffer; nil b marks them as lost.
func (s *Shard) keep(h *half, off int64, n int, b []byte, from, to int64, ref packet.Ref) bool {
	first := true
	s.begins(h)
	for n > 0 {
		m := min(n, maxChunk)
		var part []byte
		if b != nil {
			part, b = b[:m], b[m:]
		}
		i, j := h.q.overlap(off, off+int64(m))
		if i < j && part != nil {
			if first {
				s.stats.Overlaps++
			}
			if h.q.differs(i, j, off, part) {
				if first {
					s.stats.Conflicts++
				}
				s.anomaly(packet.StreamReassemblyOverlapDifferentData)
			}
			first = false
		}
		if i < len(h.q.list) && h.q.len() >= s.o.MaxRuns {
			s.discard(ReasonTooManyHoles)
			s.anomaly(packet.StreamReassemblyInsertLimit)
			return false
		}
		before := h.q.mem
		h.q.insert(&s.buffers, i, j, off, m, part, from, to, ref, s.mark, h.policy)
		s.stats.Bytes += h.q.mem - before
		off += int64(m)
		n -= m
	}
	return true
}

// append stores b, which lies at off, behind all that waits.
func (s *Shard) append(h *half, off int64, b []byte, ref packet.Ref) {
	s.begins(h)
	r := h.q.extend(&s.buffers)
	r.start, r.end = off, off+int64(len(b))
	r.from, r.to = r.start, r.end
	r.ref, r.mark = ref, s.mark
	r.chunk = s.buffers.get(len(b))
	copy(r.chunk, b)
	r.data = r.chunk
	n := r.cost()
	h.q.mem += n
	s.stats.Bytes += n
}

// begins notes that h, unless it did before, begins to hold data.
func (s *Shard) begins(h *half) {
	if h.q.empty() {
		s.holds++
		h.held = s.holds
		s.holding.add(h)
	}
}

// drop empties the queue without delivering.
func (q *runs) drop(s *Shard) {
	if q.list == nil {
		return
	}
	before := q.mem
	q.reset(&s.buffers)
	s.stats.Bytes += q.mem - before
}
