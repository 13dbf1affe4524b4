package http

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// framed is step where somebody asks for frames: each message is one, with its content.
func (s *conn) framed(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	was := h.state
	rest := s.step(c, d, h, b)
	if h.frame == 0 && h.state != was && (was == stStart && h.state != stTLS && h.state != stLost || was == stLost && h.state == stHead) {
		back := len(rest)
		if was == stLost { // its first line was taken
			back += len(h.buf)
		}
		h.frame = c.Frame(d, sideWord[d], back, -1)
		if d == packet.ToServer {
			c.FrameTx(d, h.frame, uint64(s.count))
		} else if len(s.queue) > 0 {
			c.FrameTx(d, h.frame, uint64(s.queue[0].e.Number))
		}
	}
	h.endFrame(c, d, len(rest))
	return rest
}

// endFrame ends the frame of a message that is over.
func (h *half) endFrame(c *analyzer.Context, d packet.Dir, back int) {
	if h.state == stStart || h.state == stLost {
		c.EndFrame(d, h.frame, back)
		h.frame = 0
	}
}
