package http

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/packet"
)

// Browsers show what servers send, in whatever frame it comes: bytes that belong to no message are, for rules and files,
// content of the response at hand. Events are about messages and leave them out.

// loseTo gives up the message at hand; line is what could not be read.
func (s *conn) loseTo(c *analyzer.Context, d packet.Dir, h *half, line []byte) {
	if v := s.viewOf(d); v != nil && h.state == stSize {
		v.noted(c, d, "invalid_"+sideWord[d]+"_chunk_len")
	}
	if d == packet.ToServer {
		s.sentOn(c, line)
		s.loseSync(c, d, h)
		return
	}
	switch {
	case s.cur != nil && s.cur.v != nil:
		s.endTail(c, true)
		s.tail = s.cur.v
	case s.cur == nil && s.tail == nil && len(s.queue) > 0 && s.queue[0].v != nil: // a response without a head
		s.tail = s.queue[0].v
		s.tail.bare()
	}
	if s.tail != nil && len(line) > 0 {
		s.tail.content(c, d, line)
		s.tail.content(c, d, []byte("\r\n"))
	}
	s.loseSync(c, d, h)
}

// sentOn takes bytes of the client that are no request: they are content of the one before.
func (s *conn) sentOn(c *analyzer.Context, b []byte) {
	if len(b) == 0 || s.up == nil || s.up.v == nil || s.up.v.side[packet.ToServer].done {
		return
	}
	s.up.v.noted(c, packet.ToServer, "request_body_unexpected")
	s.up.v.content(c, packet.ToServer, b)
}

// bare begins a response without a head.
func (v *view) bare() {
	a := &v.side[packet.ToClient]
	if v.t != nil {
		a.name = appendURI(a.name[:0], pathOf(v.t.text.get(tURI)))
	}
	a.begun, a.whole, a.rng.size = true, true, -1
}

// stray takes bytes outside of messages, but for lines that may begin one.
func (s *conn) stray(c *analyzer.Context, h *half, b []byte) {
	const begin = "http/1."
	for len(b) > 0 {
		if h.words >= 0 && h.words < len(begin) {
			if lower(b[0]) == begin[h.words] {
				h.word[h.words] = b[0]
				h.words++
				b = b[1:]
				continue
			}
			s.tail.content(c, packet.ToClient, h.word[:h.words])
			h.words = -1
		}
		n := len(b)
		next := h.words
		for i, x := range b {
			if x == '\n' {
				n, next = i+1, 0
				break
			}
		}
		if h.words < 0 {
			s.tail.content(c, packet.ToClient, b[:n])
		}
		h.words = next
		b = b[n:]
	}
}

// endTail ends the response that went on outside of messages.
func (s *conn) endTail(c *analyzer.Context, whole bool) {
	v := s.tail
	if v == nil {
		return
	}
	s.tail = nil
	v.end(c, packet.ToClient, whole)
	if v.e != nil {
		v.finish(c)
	}
}

// closeViews ends what comes from the server, with its last bytes.
func (s *conn) closeViews(c *analyzer.Context, whole bool) {
	h := &s.half[packet.ToClient]
	if s.tail != nil {
		if h.state == stLost && h.words > 0 && h.words < len(h.word) {
			s.tail.content(c, packet.ToClient, h.word[:h.words])
		}
		s.endTail(c, whole)
	}
	if s.cur == nil && h.state == stHead && len(s.queue) > 0 && s.queue[0].v != nil && s.msg.ParseResponse(h.buf) && s.msg.Status > 0 {
		v := s.queue[0].v // the head is all that there is
		v.response(c, &s.msg)
		v.end(c, packet.ToClient, false)
	}
	if s.cur == nil || s.cur.v == nil {
		return
	}
	if h.state == stSize && len(h.buf) > 0 && chunkSize(h.buf) < 0 {
		s.cur.v.noted(c, packet.ToClient, "invalid_response_chunk_len")
		s.cur.v.content(c, packet.ToClient, h.buf)
	}
	s.cur.v.end(c, packet.ToClient, whole && (h.state == stClose || h.state == stTrailer))
}
