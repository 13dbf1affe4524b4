package tls

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// mark marks the frames of a record whose head is there; rest are the bytes behind it that came with it.
func (h *half) mark(c *analyzer.Context, d packet.Dir, rest int) {
	if !c.Framed() {
		return
	}
	head, size := len(h.head), int64(h.size)
	c.Frame(d, "pdu", head+rest, int64(head)+size)
	c.Frame(d, "hdr", head+rest, int64(head))
	c.Frame(d, "data", rest, size)
	switch h.head[0] {
	case typeAlert:
		c.Frame(d, "alert", rest, size)
	case typeHeartbeat:
		c.Frame(d, "heartbeat", rest, size)
	}
}

// track follows the records once the handshake is told, where somebody asks for their frames.
func (s *conn) track(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	for len(b) > 0 && !h.astray && !h.plain {
		if h.left > 0 {
			n := min(len(b), h.left)
			h.left -= n
			b = b[n:]
			continue
		}
		n := copy(h.head[h.nhead:], b)
		h.nhead += n
		b = b[n:]
		if h.nhead < len(h.head) {
			return
		}
		h.nhead = 0
		h.size = int(h.head[3])<<8 | int(h.head[4])
		if t := h.head[0]; t < typeChangeCipherSpec || t > typeHeartbeat || h.head[1] != 3 || h.size > maxRecord {
			h.astray = true
			return
		}
		h.left = h.size
		h.mark(c, d, len(b))
	}
}

// passGap passes over bytes that are missing; a hole beyond the record at hand hides where the next begins.
func (h *half) passGap(n uint64) {
	if n > uint64(h.left) {
		h.astray = true
		return
	}
	h.left -= int(n)
}
