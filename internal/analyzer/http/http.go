// Package http reads HTTP/1.x (RFC 9110, RFC 9112): requests and their responses, pipelined or not.
package http

import (
	"bytes"
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "http",
	Over:  []analyzer.Transport{analyzer.TCP},
	Ports: []uint16{80, 8080, 8000, 8888, 3128},
	Probe: probe,
	Kinds: []string{"http"},
	Names: []string{"http"},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &conn{kind: o.Kind("http"), fields: o.Setting("http.fields", 0) != 0, views: NewViews(o, o.Kind("http"))}, nil
	},
}

// Bounds of what is kept for a connection.
const (
	maxHead    = 64 << 10 // bytes of a head that are read; the rest of it is skipped
	maxLine    = 8 << 10  // bytes of a line outside of heads
	maxPending = 64       // requests that wait for their responses; beyond, the oldest is reported without one
)

// defaultLimit is how much of a content rules look at unless told otherwise; 0 is all of it.
const defaultLimit = 100 << 10

// conn reads one connection.
type conn struct {
	kind    event.Kind
	half    [2]half
	queue   []*pending // requests without a response, oldest first
	cur     *pending   // the response to it is coming
	spare   []*pending
	in      intake // content of cur, if it is looked into
	msg     Message
	count   uint32
	up      *pending   // the request whose content is coming, or came last
	lost    bool       // responses were missed: which request the next one answers is not known by counting
	orphan  packet.Ref // last response whose request was not seen
	closed  [2]bool
	over    bool
	proxied bool // a proxy granted a tunnel, and nothing came through it yet

	fields bool // of heads go into records
	views  Views
	tail   *view // what comes from the server outside of messages is content of this one
}

// half is the state of one direction.
type half struct {
	state state
	next  state      // after a head that is skipped: what its content is
	buf   []byte     // of a head or line that is not complete
	left  int64      // bytes of the content, or of the chunk
	begin packet.Ref // first packet of the message
	line  int        // stSkip: bytes of the line so far

	unsure bool    // the length of the content is said in an odd way: what follows may belong to it
	shown  bool    // rules were shown the line of the request whose head is not complete
	word   [7]byte // stLost: bytes of the line that look like the begin of a response
	words  int     // of word; -1: the line is no such thing
	ghost  state   // how content would end that a response says to have and must not have (204, 304); stStart: none
	ghosts int64   // left of it
	frame  analyzer.FrameID
}

type state uint8

const (
	stStart   state = iota // before a message
	stHead                 // in its head
	stSkip                 // in the rest of a head that is too long
	stLength               // in content of a known length
	stSize                 // before a chunk size
	stChunk                // in a chunk
	stTrailer              // in the trailer section
	stClose                // in content that ends with the connection
	stTLS                  // the server answers in TLS
	stLost                 // looking for the begin of a message
)

// pending is a transaction that is not complete.
type pending struct {
	e       Transaction
	text    texts
	head    bool // HEAD: the response has no content
	connect bool
	simple  bool // HTTP/0.9: the response has no head
	v       *view
}

// Data reads bytes of one direction.
func (s *conn) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if !s.over && !c.Wanted(s.kind) {
		s.finish(c)
	}
	for len(b) > 0 && !s.over {
		if s.proxied {
			s.inProxy(c, d, b)
			return
		}
		if c.Framed() {
			b = s.framed(c, d, &s.half[d], b)
			continue
		}
		b = s.step(c, d, &s.half[d], b)
	}
}

// finish ends the interest in the connection.
func (s *conn) finish(c *analyzer.Context) {
	s.over = true
	c.Done()
}

// step reads a part of b and returns the rest.
func (s *conn) step(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	switch h.state {
	case stStart:
		return s.start(c, d, h, b)
	case stHead:
		return s.head(c, d, h, b)
	case stSkip:
		return s.skipHead(c, d, h, b)
	case stLength, stChunk:
		n := int(min(int64(len(b)), h.left))
		s.content(c, d, b[:n])
		if h.left -= int64(n); h.left == 0 {
			s.contentEnd(c, d, h)
		}
		return b[n:]
	case stClose:
		s.content(c, d, b)
		return nil
	case stTLS:
		return s.tlsAnswer(c, h, b)
	}
	line, rest, ok := h.takeLine(b)
	if h.state == stLost && d == packet.ToServer {
		s.sentOn(c, b[:len(b)-len(rest)])
	}
	if h.state == stLost && d == packet.ToClient && s.tail != nil {
		s.stray(c, h, b[:len(b)-len(rest)])
	}
	if !ok {
		if h.state == stSize && len(h.buf) == maxLine {
			s.loseTo(c, d, h, h.buf)
		}
		return rest
	}
	s.line(c, d, h, line)
	if h.state != stHead {
		h.buf = h.buf[:0]
	}
	return rest
}

// start looks at the first byte of a message.
func (s *conn) start(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	if b[0] == '\r' || b[0] == '\n' || d == packet.ToClient && (b[0] == ' ' || b[0] == '\t' || b[0] == 0) && h.ghost == stStart {
		return b[1:] // RFC 9112 2.2
	}
	h.begin = c.Head(s.kind).Seen
	h.state, h.shown = stHead, false
	if d == packet.ToServer {
		return b
	}
	if up := &s.half[packet.ToServer]; up.state == stHead && oneLine(up.buf) { // the server did not wait for more of it
		s.message(c, packet.ToServer, up, up.buf, nil)
		up.buf = up.buf[:0]
	}
	switch {
	case len(s.queue) > 0 && s.queue[0].simple:
		s.cur = s.take(c, h.begin)
		s.cur.e.Response = h.begin
		h.state = stClose
	case b[0] == 0x15 || b[0] == 0x16:
		h.state = stTLS
	case lower(b[0]) != 'h' && h.ghost != stStart && s.tail != nil:
		h.state, h.left, h.ghost = h.ghost, h.ghosts, stStart
	case lower(b[0]) != 'h':
		s.loseTo(c, d, h, nil)
	}
	return b
}

// head collects a head and acts when it is there.
func (s *conn) head(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	head, rest := b, []byte(nil)
	if n := len(h.buf); n == 0 {
		if end := headEnd(b, 0); end >= 0 {
			head, rest = b[:end], b[end:]
			s.message(c, d, h, head, rest)
			return rest
		}
		h.buf = append(h.buf, b[:min(len(b), maxHead)]...)
		rest = b[min(len(b), maxHead):]
	} else {
		take := min(len(b), maxHead-n)
		h.buf = append(h.buf, b[:take]...)
		rest = b[take:]
		if end := headEnd(h.buf, max(0, n-headBack)); end >= 0 {
			rest = b[end-n:]
			s.message(c, d, h, h.buf[:end], rest)
			h.buf = h.buf[:0]
			return rest
		}
	}
	if d == packet.ToServer && !h.shown {
		s.showLine(c, h)
	}
	if len(h.buf) >= maxHead {
		s.message(c, d, h, h.buf, rest)
		h.buf = h.buf[:0]
		if h.state != stLost {
			h.next, h.state, h.line = h.state, stSkip, 1
		}
	}
	return rest
}

// oneLine reports whether b is all of a request of HTTP/0.9, which is one line, if nothing follows it: fields behind it make it a
// request whose version was forgotten.
func oneLine(b []byte) bool {
	line, rest := cutLine(b)
	if len(line)+1 > len(b) || len(line) < 5 || !hasFold(line, "get /") || len(line) > maxLine {
		return false
	}
	for i := len(line) - 1; i > 4; i-- {
		if line[i] == ' ' {
			return false
		}
	}
	for _, c := range rest {
		if !isBlank(c) {
			return false
		}
	}
	return true
}

// skipHead passes over the rest of a head that was too long.
func (s *conn) skipHead(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	for i, x := range b {
		switch {
		case x == '\n' && h.line == 0:
			h.state = h.next
			if h.state == stStart {
				s.messageEnd(c, d, h)
			}
			return b[i+1:]
		case x == '\n':
			h.line = 0
		case x != '\r':
			h.line++
		}
	}
	return nil
}

// takeLine collects a line without its end. What is longer than maxLine is cut.
func (h *half) takeLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		h.keep(b)
		return nil, nil, false
	}
	line = b[:min(i, maxLine)]
	if len(h.buf) > 0 {
		h.keep(line)
		line = h.buf
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, b[i+1:], true
}

func (h *half) keep(b []byte) { h.buf = append(h.buf, b[:min(len(b), maxLine-len(h.buf))]...) }

// line acts on a line of the framing, or on one that may begin a message.
func (s *conn) line(c *analyzer.Context, d packet.Dir, h *half, line []byte) {
	switch h.state {
	case stSize:
		if len(line) == 0 {
			return // the end of the chunk before
		}
		n := chunkSize(line)
		if v := s.viewOf(d); v != nil && bytes.IndexByte(line, ';') >= 0 {
			v.noted(c, d, sideWord[d]+"_chunk_extension")
		}
		switch {
		case n < 0:
			s.loseTo(c, d, h, line)
		case n == 0:
			h.state = stTrailer
		default:
			h.state, h.left = stChunk, n
		}
	case stTrailer:
		if len(line) == 0 {
			s.messageEnd(c, d, h)
		}
	case stLost:
		ok := false
		if d == packet.ToServer {
			ok = s.msg.ParseRequest(line) && hasFold(s.msg.Version, "http/1.")
		} else {
			ok = s.msg.ParseResponse(line) && s.msg.Status > 0
		}
		if ok {
			h.begin, h.state = c.Head(s.kind).Seen, stHead
			h.buf = append(append(h.buf[:0], line...), "\r\n"...) // line may lie in buf: then nothing moves
		}
	}
}

// viewOf is the view of the transaction whose content comes in d; nil: there is none.
func (s *conn) viewOf(d packet.Dir) *view {
	t := s.cur
	if d == packet.ToServer {
		t = s.up
	}
	if t == nil {
		return nil
	}
	return t.v
}

var sideWord = [2]string{"request", "response"}

// content takes bytes of the content.
func (s *conn) content(c *analyzer.Context, d packet.Dir, b []byte) {
	if d == packet.ToServer {
		if s.up != nil {
			s.up.e.RequestN += uint64(len(b))
			if s.up.v != nil {
				s.up.v.content(c, d, b)
			}
		}
		return
	}
	if s.cur != nil {
		s.cur.e.ResponseN += uint64(len(b))
		if s.in.on {
			s.in.add(b)
		}
		if s.cur.v != nil {
			s.cur.v.content(c, d, b)
		}
	} else if s.tail != nil {
		s.tail.content(c, d, b)
	}
}

// contentEnd ends content of a known length, or a chunk.
func (s *conn) contentEnd(c *analyzer.Context, d packet.Dir, h *half) {
	if h.state == stChunk {
		h.state = stSize
		return
	}
	s.messageEnd(c, d, h)
}

// messageEnd ends a message.
func (s *conn) messageEnd(c *analyzer.Context, d packet.Dir, h *half) {
	h.state = stStart
	if d == packet.ToServer {
		if s.up != nil && s.up.v != nil {
			s.up.v.end(c, d, true)
		}
		return
	}
	if s.cur != nil {
		if v := s.cur.v; v != nil {
			if h.unsure {
				s.tail = v
			} else {
				v.end(c, d, true)
			}
		}
		s.emit(c, true)
	} else {
		s.endTail(c, true)
	}
}

// Gap says that bytes are missing.
func (s *conn) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	h := &s.half[d]
	t := s.cur
	if d == packet.ToServer {
		t = s.up
	}
	if h.frame != 0 {
		defer h.endFrame(c, d, 0)
	}
	switch {
	case s.over:
	case h.state == stClose,
		h.state == stLength && n <= uint64(h.left), h.state == stChunk && n <= uint64(h.left):
		if t != nil {
			t.e.Gap = true
			if t.v != nil {
				t.v.gap(c, d, n)
			}
		}
		if d == packet.ToClient {
			s.in.drop()
		}
		if h.state == stClose {
			return
		}
		if h.left -= int64(n); h.left == 0 {
			s.contentEnd(c, d, h)
		}
	default:
		s.loseSync(c, d, h)
	}
}

// loseSync gives up the message at hand: its end is not known.
func (s *conn) loseSync(c *analyzer.Context, d packet.Dir, h *half) {
	h.state, h.buf, h.words = stLost, h.buf[:0], 0
	if d == packet.ToServer {
		return
	}
	s.lost = true
	if s.cur != nil {
		s.cur.e.Gap = true
		s.in.drop()
		s.emit(c, false)
	}
}

// Close ends a direction.
func (s *conn) Close(c *analyzer.Context, d packet.Dir, why stream.End) {
	if s.over {
		s.endTail(c, false)
		return
	}
	s.closed[d] = true
	if h := &s.half[d]; d == packet.ToServer && h.state == stHead && bytes.IndexByte(h.buf, '\n') > 0 {
		s.message(c, d, h, h.buf, nil) // its end never came: what there is of it counts
	}
	whole := why == stream.EndFIN || why == stream.EndClosed
	if d == packet.ToClient {
		s.closeViews(c, whole)
	} else if s.up != nil && s.up.v != nil {
		s.up.v.end(c, d, false)
	}
	if d == packet.ToClient && s.cur != nil {
		s.cur.e.Reset = why == stream.EndReset
		s.emit(c, whole && s.half[d].state == stClose)
	}
	if d == packet.ToServer && !s.closed[packet.ToClient] {
		return
	}
	for len(s.queue) > 0 {
		t := s.shift()
		t.e.Unanswered = (whole || why == stream.EndReset) && !s.lost && s.half[packet.ToClient].state == stStart
		t.e.Reset = why == stream.EndReset
		s.out(c, t)
	}
}

// Reset makes s as new.
func (s *conn) Reset() {
	s.in.drop()
	for _, t := range s.queue {
		s.put(t)
	}
	if s.cur != nil {
		s.put(s.cur)
	}
	if s.tail != nil {
		s.tail.drop()
	}
	fresh := conn{kind: s.kind, fields: s.fields, views: Views{Kind: s.views.Kind, Limit: s.views.Limit}, in: s.in, queue: s.queue[:0], spare: s.spare[:min(len(s.spare), 1)], msg: Message{Fields: s.msg.Fields[:0]}}
	for d := range s.half {
		if b := s.half[d].buf; cap(b) <= maxLine {
			fresh.half[d].buf = b[:0]
		}
	}
	*s = fresh
}

// Held is what the connection keeps of its messages (analyzer.Holder).
func (s *conn) Held() int {
	n := cap(s.half[0].buf) + cap(s.half[1].buf) + cap(s.msg.Fields)*fieldSize + s.in.size()
	for _, t := range s.queue {
		n += t.size()
	}
	for _, t := range s.spare {
		n += t.size()
	}
	if s.cur != nil {
		n += s.cur.size()
	}
	if s.tail != nil {
		n += s.tail.size()
	}
	return n + cap(s.views.part.Fields)*fieldSize
}

const (
	fieldSize   = int(unsafe.Sizeof(Field{}))
	pendingSize = int(unsafe.Sizeof(pending{}))
)

func (t *pending) size() int {
	n := pendingSize + cap(t.text.buf)
	if t.v != nil {
		n += t.v.size()
	}
	return n
}
