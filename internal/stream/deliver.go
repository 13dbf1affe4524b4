package stream

import (
	"math"

	"firestorm/internal/packet"
)

// limit is the offset up to which data may be delivered now.
func (s *Shard) limit(h *half) int64 {
	switch {
	case h.alone || s.o.Inline:
		return math.MaxInt64
	case h.asked:
		return h.acked
	}
	return h.base
}

// advance delivers what may be delivered, and begins or ends the wait for what is missing.
func (s *Shard) advance(c *Conn, h, peer *half) {
	if h.over {
		return
	}
	if s.waiting.head != nil && h.listed && s.now.Sub(h.since) >= s.o.Patience {
		s.waitOver(c, h)
		return
	}
	s.release(c, h, s.limit(h), false)
	if !h.over && h.asked && min(h.acked, h.fin)-h.base > s.o.GapBytes {
		s.release(c, h, h.acked, true)
	}
	s.wait(c, h, peer)
}

// Holed reports that what was acknowledged of a direction waits behind a hole, which may still be filled.
func (s *Shard) Holed(c *Conn, d packet.Dir) bool {
	if !c.open() {
		return false
	}
	h := &c.half[d]
	return !h.over && h.base < min(s.limit(h), h.fin, h.top)
}

// wait puts h on the list of those who wait for Patience, or takes it off.
func (s *Shard) wait(c *Conn, h, peer *half) {
	hole := h.base < min(s.limit(h), h.fin, h.top) // release stopped before its limit
	silent := !peer.seen && !h.alone && (!h.q.empty() || h.fin != noFIN)
	if h.over || !hole && !silent {
		s.waiting.remove(h)
		return
	}
	if h.quiet != silent {
		s.waiting.remove(h) // it waits for something else now
		h.quiet = silent
	}
	if !h.listed {
		h.since, h.upto = s.now, min(s.limit(h), h.top)
		s.waiting.push(h)
	}
	if silent && h.q.bytes() > s.o.GapBytes {
		s.waitOver(c, h)
	}
}

// waitOver gives up what h waits for.
func (s *Shard) waitOver(c *Conn, h *half) {
	s.waiting.remove(h)
	peer := &c.half[h.dir.Other()]
	if !peer.seen && !h.alone {
		h.alone = true
		s.stats.OneSided++
	}
	s.release(c, h, min(h.upto, s.limit(h)), true)
	s.release(c, h, s.limit(h), false)
	s.wait(c, h, peer)
}

// release delivers what waits before limit. A hole stops it, unless force makes it a gap.
func (s *Shard) release(c *Conn, h *half, limit int64, force bool) {
	limit = min(limit, h.fin)
	for !h.over && h.base < limit {
		if h.q.empty() {
			if force {
				s.gap(c, h, min(limit, max(h.top, h.acked))-h.base)
			}
			break
		}
		r := h.q.first()
		if r.end <= h.base {
			s.pop(h)
			continue
		}
		if r.start > h.base {
			if !force {
				break
			}
			s.gap(c, h, min(r.start, limit)-h.base)
			continue
		}
		end := min(r.end, limit)
		if r.data == nil {
			s.gap(c, h, end-h.base)
		} else {
			b, ref := r.data[h.base-r.start:end-r.start], r.ref
			s.deliver(c, h, b, r.mark, ref)
		}
	}
	if h.over {
		return
	}
	for !h.q.empty() && h.q.first().end <= h.base {
		s.pop(h)
	}
	if h.base == h.fin && (force || h.alone || h.asked && h.acked >= h.fin) {
		s.end(c, h, EndFIN)
	}
}

func (s *Shard) pop(h *half) {
	before := h.q.mem
	h.q.pop(&s.buffers)
	s.stats.Bytes += h.q.mem - before
}

// give is release for the usual way: it delivers what waits before limit. It is false, and the rest still waits, where
// something is missing.
func (s *Shard) give(c *Conn, h *half, limit int64) bool {
	for h.base < limit {
		if h.q.empty() {
			return false
		}
		r := h.q.first()
		if r.start > h.base || r.end <= h.base || r.data == nil {
			return false
		}
		end := min(r.end, limit)
		b := r.data[h.base-r.start : end-r.start]
		if n := uint64(len(b)); s.o.Depth > 0 && h.sent+n > s.o.Depth {
			s.deliver(c, h, b, r.mark, r.ref)
		} else {
			h.base = end
			h.sent += n
			s.stats.Delivered += n
			c.sink.Data(h.dir, b, r.mark, r.ref, s.cur.Ref())
		}
		if h.over {
			return true
		}
		if r.end <= h.base {
			s.pop(h)
		}
	}
	return true
}

// deliver hands b, which lies at base, to the sink, without urgent bytes and not past the depth limit. The sink may
// stop or drop the direction meanwhile.
func (s *Shard) deliver(c *Conn, h *half, b []byte, mark bool, seen packet.Ref) {
	for len(b) > 0 && !h.over {
		if s.o.Depth > 0 && h.sent >= s.o.Depth {
			s.stats.Depth++
			s.anomaly(packet.StreamReassemblyDepthReached)
			s.end(c, h, EndDepth)
			return
		}
		part := b
		skip := int64(0)
		if h.nurg > 0 {
			if at := h.nextUrgent(); at >= 0 && at < int64(len(b)) {
				part, skip = b[:at], 1
			}
		}
		if left := s.o.Depth - h.sent; s.o.Depth > 0 && uint64(len(part)) > left {
			part, skip = part[:left], 0
		}
		b = b[int64(len(part))+skip:]
		h.base += int64(len(part)) + skip
		s.stats.Urgent += uint64(skip)
		if len(part) > 0 {
			h.sent += uint64(len(part))
			s.stats.Delivered += uint64(len(part))
			c.sink.Data(h.dir, part, mark, seen, s.ref())
		}
	}
}

// nextUrgent returns how far after base the next urgent byte lies, -1 for none, and forgets those before base.
func (h *half) nextUrgent() int64 {
	best, n := int64(-1), 0
	for _, u := range h.urg[:h.nurg] {
		if u < h.base {
			continue
		}
		h.urg[n] = u
		n++
		if best < 0 || u-h.base < best {
			best = u - h.base
		}
	}
	h.nurg = uint8(n)
	return best
}

// gap reports n missing bytes at base.
func (s *Shard) gap(c *Conn, h *half, n int64) {
	if n <= 0 {
		return
	}
	h.base += n
	s.stats.Gaps++
	s.stats.GapBytes += uint64(n)
	s.anomaly(packet.StreamReassemblySeqGap)
	c.sink.Gap(h.dir, uint64(n))
}

// ref is what released the bytes: the packet at hand, or time.
func (s *Shard) ref() packet.Ref {
	if s.cur != nil {
		return s.cur.Ref()
	}
	return packet.Ref{Time: s.now}
}

// reset ends both directions, that of the sender first.
func (s *Shard) reset(c *Conn, from packet.Dir) { s.endBoth(c, from, EndReset) }

// endBoth delivers what waits in both directions without a hole, and then ends them, first first, with what waits behind
// holes. So whoever concludes from the end of one direction has what the other side said before.
func (s *Shard) endBoth(c *Conn, first packet.Dir, why End) {
	for _, d := range [...]packet.Dir{first.Other(), first} {
		if h := &c.half[d]; !h.over {
			s.release(c, h, h.last(), false)
		}
	}
	for _, d := range [...]packet.Dir{first, first.Other()} {
		h := &c.half[d]
		if !h.over {
			s.release(c, h, h.last(), true)
		}
		if !h.over {
			s.end(c, h, why)
		}
	}
}

// last is the end of all that waits, and of all that was acknowledged.
func (h *half) last() int64 {
	last := h.base
	if n := len(h.q.list); n > 0 {
		last = h.q.list[n-1].end
	}
	if h.asked {
		last = max(last, min(h.acked, h.top))
	}
	return last
}

// end closes h and tells the sink.
func (s *Shard) end(c *Conn, h *half, why End) {
	s.finish(h)
	c.sink.Close(h.dir, why)
}

// finish ends h and frees what it holds.
func (s *Shard) finish(h *half) {
	h.over = true
	h.q.drop(s)
	s.waiting.remove(h)
}
