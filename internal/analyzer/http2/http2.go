// Package http2 reads HTTP/2 in clear (RFC 9113) with its header compression (RFC 7541): streams to transactions, and frames about
// the connection. What the messages mean is package http's.
package http2

import (
	"bytes"
	"encoding/base64"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/analyzer/http"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of what rules inspect, and of the events about connections. Transactions are events of package http.
const Kind = "http2"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "http2",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{80, 8080},
	Probe:  probe,
	Kinds:  []string{Kind, "http", dns.Kind},
	Names:  []string{"http"},
	Stream: open,
}

// DoHDef is what a connection becomes once DNS is asked in it (RFC 8484). It is never found by its bytes.
var DoHDef = analyzer.Def{
	Name:   "doh2",
	Over:   []analyzer.Transport{analyzer.TCP},
	Probe:  func(packet.Dir, []byte) analyzer.Answer { return analyzer.No },
	Kinds:  []string{Kind, "http", dns.Kind},
	Stream: open,
}

func open(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
	s := &conn{kind: o.Kind(Kind), http: o.Kind("http"), dns: o.Kind(dns.Kind), views: http.NewViews(o, o.Kind(Kind))}
	s.views.Plain = true
	s.Reset()
	return s, nil
}

// Bounds of what is kept for a connection.
const (
	maxFrame   = 64 << 10  // bytes of a frame that is read as a whole; what is longer, but for DATA, is skipped
	maxBlock   = 100 << 10 // bytes of a block of fields with its CONTINUATIONs, as sent
	maxStreams = 256       // streams that are open; beyond, the oldest is told as far as it came
	maxKept    = 2 << 20   // bytes of the fields of all open streams; beyond, the same
	maxText    = 64 << 10  // bytes of the fields of one side of a stream; what is beyond is left out
	maxFrames  = 65536     // frames of one side of a stream whose type is looked at
	maxValues  = 64        // values of one kind that frames of one side of a stream have: windows, weights, errors, settings
	maxDNS     = 64 << 10  // bytes of a message of DNS
	maxTold    = 64        // odd things of a connection that are told without a transaction to tell them with
)

// probe knows what a client says first, and the SETTINGS that a server does (RFC 9113 3.4).
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if d == packet.ToServer {
		n := min(len(b), len(Preface))
		switch {
		case string(b[:n]) != Preface[:n]:
			return analyzer.No
		case n < len(Preface):
			return analyzer.More
		}
		return analyzer.Yes
	}
	// Of a SETTINGS frame the bytes are few that may be otherwise.
	for i, c := range b[:min(len(b), frameHeader)] {
		switch i {
		case 0, 1, 4, 5, 6, 7, 8:
			if c != 0 {
				return analyzer.No
			}
		case 2:
			if c%6 != 0 || c > 6*16 {
				return analyzer.No
			}
		case 3:
			if FrameType(c) != Settings {
				return analyzer.No
			}
		}
	}
	if len(b) < frameHeader || len(b) < frameHeader+2 && b[2] > 0 {
		return analyzer.More
	}
	if b[2] > 0 && (b[9] != 0 || b[10] == 0 || b[10] > 16) { // the first setting
		return analyzer.No
	}
	return analyzer.Yes
}

// conn reads one connection.
type conn struct {
	kind, http, dns event.Kind
	views           http.Views
	half            [2]half
	streams         []*stream2 // open ones, oldest first
	recent          [2]*stream2
	highest         [2]uint32 // stream that was begun, by parity: even ones are the server's
	count           uint64    // transactions
	kept            int       // bytes of fields of all streams
	told            int
	begun           bool // somebody spoke
	dead            [2]bool
	closed          [2]bool
	over            bool
	doh             bool // DNS was asked
	msg             http.Message
}

// half is the state of one direction.
type half struct {
	state state
	buf   []byte // of a preface, header or frame that is not complete
	frame Frame
	begin packet.Ref // first packet of the frame
	left  int        // bytes of its payload that did not come
	pad   int        // of them: padding; -1: its length did not come
	table table
	block block
}

type state uint8

const (
	inPreface state = iota
	inHeader        // before or in the header of a frame
	inFrame         // in a payload that is read as a whole
	inData          // in the payload of a DATA frame
	inSkip          // in a payload that is too long
)

// block is a block of fields that is coming (RFC 9113 4.3).
type block struct {
	on     bool
	cut    bool
	b      []byte
	stream uint32
	frame  Frame // that began it
	begin  packet.Ref
	child  uint32 // PUSH_PROMISE: what it promises
}

// Data reads bytes of one direction.
func (s *conn) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if !s.begun {
		s.start(c)
	}
	if !s.over && !c.Wanted(s.http) && !c.Wanted(s.kind) && !c.Wanted(s.dns) {
		s.over = true
		c.Done()
	}
	for len(b) > 0 && !s.over && !s.dead[d] {
		b = s.step(c, d, &s.half[d], b)
	}
}

// start acts on what is known before the first byte: the request that switched to HTTP/2 is stream 1's.
func (s *conn) start(c *analyzer.Context) {
	s.begun = true
	up, ok := c.Expected().(*http.Upgraded)
	if !ok {
		return
	}
	t := s.stream(c, packet.ToServer, 1)
	for _, f := range [...][2]string{{":method", up.Method}, {":path", up.Target}, {":authority", up.Authority}, {"user-agent", up.UserAgent}} {
		if f[1] != "" {
			s.field(t, packet.ToServer, field{name: []byte(f[0]), value: []byte(f[1])})
		}
	}
	s.head(c, t, packet.ToServer, 0, up.Request)
	if b, err := base64.RawURLEncoding.DecodeString(up.Settings); err != nil || len(b)%6 != 0 {
		s.odd(c, packet.ToServer, t, "invalid_http1_settings")
	}
	s.ended(c, t, packet.ToServer, true)
}

// step reads a part of b and returns the rest.
func (s *conn) step(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	switch h.state {
	case inPreface:
		if d == packet.ToClient {
			h.state = inHeader
			return b
		}
		b = h.fill(b, len(Preface))
		if len(h.buf) == len(Preface) {
			h.state = inHeader
			if string(h.buf) != Preface {
				s.odd(c, d, nil, "invalid_client_magic")
				h.buf = h.buf[:0]
				s.lose(c, d)
				return nil
			}
			h.buf = h.buf[:0]
		}
		return b
	case inHeader:
		if len(h.buf) == 0 {
			h.begin = c.Head(s.kind).Seen
		}
		b = h.fill(b, frameHeader)
		if len(h.buf) == frameHeader {
			h.frame, _ = ParseFrame(h.buf)
			h.buf = h.buf[:0]
			c.Frame(d, "pdu", frameHeader+len(b), frameHeader+int64(h.frame.Length))
			c.Frame(d, "hdr", frameHeader+len(b), frameHeader)
			c.Frame(d, "data", len(b), int64(h.frame.Length))
			s.opened(c, d, h)
		}
		return b
	case inFrame:
		if len(h.buf) == 0 && len(b) >= h.left { // the common case: nothing is copied
			payload, rest := b[:h.left], b[h.left:]
			h.state = inHeader
			s.frame(c, d, h, payload)
			return rest
		}
		n := min(len(b), h.left)
		h.buf = append(h.buf, b[:n]...)
		if h.left -= n; h.left == 0 {
			h.state = inHeader
			payload := h.buf
			s.frame(c, d, h, payload)
			h.buf = h.buf[:0]
		}
		return b[n:]
	case inData:
		return s.data(c, d, h, b)
	}
	n := min(len(b), h.left)
	if h.left -= n; h.left == 0 {
		h.state = inHeader
	}
	return b[n:]
}

// fill collects up to n bytes.
func (h *half) fill(b []byte, n int) (rest []byte) {
	take := min(len(b), n-len(h.buf))
	h.buf = append(h.buf, b[:take]...)
	return b[take:]
}

// opened acts on the header of a frame.
func (s *conn) opened(c *analyzer.Context, d packet.Dir, h *half) {
	f := &h.frame
	h.left = f.Length
	if f.Type == Data && f.Stream > 0 {
		t := s.streamOf(c, d, f)
		if f.Length >= maxFrame {
			s.odd(c, d, t, "long_frame_data")
		}
		h.state, h.pad = inData, 0
		if f.has(flagPadded) {
			h.pad = -1
		}
		if f.Length == 0 {
			s.dataEnd(c, d, h)
		}
		return
	}
	h.state = inFrame
	if f.Length >= maxFrame {
		h.state = inSkip
		s.odd(c, d, s.skipped(c, d, h), "long_frame_data")
		return
	}
	if f.Length == 0 {
		h.state = inHeader
		s.frame(c, d, h, nil)
	}
}

// skipped notes a frame that is not read; nil: it is about no stream.
func (s *conn) skipped(c *analyzer.Context, d packet.Dir, h *half) *stream2 {
	if h.frame.Stream == 0 {
		return nil
	}
	t := s.streamOf(c, d, &h.frame)
	switch h.frame.Type {
	case Headers, Continuation, PushPromise:
		h.block = block{b: h.block.b[:0]}
	}
	return t
}

// data takes bytes of a DATA frame (RFC 9113 6.1).
func (s *conn) data(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	if h.pad < 0 {
		h.pad = int(b[0])
		b = b[1:]
		if h.left--; h.pad > h.left {
			s.odd(c, d, s.recent[d], "invalid_frame_data")
			h.pad = h.left
		}
	}
	n := min(len(b), h.left-h.pad)
	if n > 0 {
		if t := s.recent[d]; t != nil {
			s.content(c, t, d, b[:n])
		}
	} else {
		n = min(len(b), h.left) // padding
		h.pad -= n
	}
	if h.left -= n; h.left == 0 {
		s.dataEnd(c, d, h)
	}
	return b[n:]
}

func (s *conn) dataEnd(c *analyzer.Context, d packet.Dir, h *half) {
	h.state = inHeader
	t := s.recent[d]
	if t == nil {
		return
	}
	if h.frame.has(flagEndStream) {
		s.ended(c, t, d, true)
	} else {
		s.show(c, t, d)
	}
}

// Gap says that bytes are missing. Within DATA that is all; else nobody knows where the next frame begins, and what the table
// of fields holds.
func (s *conn) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	h := &s.half[d]
	if !s.begun {
		s.start(c)
	}
	switch {
	case s.over || s.dead[d]:
	case h.state == inData && h.pad >= 0 && n <= uint64(h.left), h.state == inSkip && n <= uint64(h.left):
		if t := s.recent[d]; t != nil && h.state == inData {
			t.x.Lost(d)
			if t.v != nil {
				t.v.Lost(c, d, min(n, uint64(max(0, h.left-h.pad))))
			}
		}
		if h.left -= int(n); h.left == 0 {
			if h.state == inData {
				h.pad = 0
				s.dataEnd(c, d, h)
			}
			h.state = inHeader
		}
		h.pad = min(h.pad, h.left)
	default:
		s.lose(c, d)
	}
}

// lose gives a direction up.
func (s *conn) lose(c *analyzer.Context, d packet.Dir) {
	s.dead[d] = true
	for _, t := range s.streams {
		if !t.ended[d] {
			t.x.Lost(d)
		}
	}
	if s.dead[d.Other()] {
		s.finish(c, stream.EndEvicted)
		s.over = true
		c.Done()
	}
}

// Close ends a direction.
func (s *conn) Close(c *analyzer.Context, d packet.Dir, why stream.End) {
	if s.over {
		return
	}
	s.closed[d] = true
	if d == packet.ToServer && !s.closed[packet.ToClient] {
		return
	}
	s.finish(c, why)
}

// finish tells all streams as far as they came.
func (s *conn) finish(c *analyzer.Context, why stream.End) {
	whole := why == stream.EndFIN || why == stream.EndClosed || why == stream.EndReset
	for len(s.streams) > 0 {
		t := s.streams[0]
		t.cutOff = whole && !s.dead[packet.ToServer] && !s.dead[packet.ToClient]
		t.reset = t.reset || why == stream.EndReset
		s.close(c, t)
	}
}

// Reset makes s as new.
func (s *conn) Reset() {
	for _, t := range s.streams {
		t.drop()
	}
	clear(s.streams)
	fresh := conn{kind: s.kind, http: s.http, dns: s.dns, streams: s.streams[:0], msg: http.Message{Fields: s.msg.Fields[:0]},
		views: http.Views{Kind: s.views.Kind, Limit: s.views.Limit, Plain: true}}
	for d := range s.half {
		h := &fresh.half[d]
		h.table = s.half[d].table
		h.table.reset()
		if b := s.half[d].buf; cap(b) <= 16<<10 {
			h.buf = b[:0]
		}
	}
	*s = fresh
}

// Held is what the connection keeps of its messages (analyzer.Holder).
func (s *conn) Held() int {
	n := cap(s.msg.Fields) * 48
	for d := range s.half {
		h := &s.half[d]
		n += cap(h.buf) + cap(h.block.b) + h.table.held()
	}
	for _, t := range s.streams {
		n += t.size()
	}
	return n
}

// odd tells something odd: of a stream with its transaction, else with one of its own.
func (s *conn) odd(c *analyzer.Context, d packet.Dir, t *stream2, name string) {
	switch {
	case t != nil && t.v != nil:
		t.v.Note(c, d, name)
	case s.told < maxTold:
		s.told++
		tx := s.count
		if t != nil {
			tx = t.number
		} else {
			s.count++
		}
		c.AppLayer(d, tx, name)
		if t == nil {
			c.Inspect(s.kind, event.Inspection{Dir: d, Tx: tx, Done: true, Partial: true, Parts: &loose{}, Events: []string{name}})
		}
	}
}

// frame acts on a frame other than DATA whose payload is there.
func (s *conn) frame(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	f := &h.frame
	if h.block.on && f.Type != Continuation { // nothing may come between (RFC 9113 6.10): what there is of the block is read
		t := s.find(h.block.stream)
		s.fields(c, d, h)
		s.odd(c, d, t, "invalid_frame_data")
	}
	if f.Stream == 0 {
		s.connection(c, d, f, b)
		return
	}
	switch f.Type {
	case Headers:
		s.headers(c, d, h, b)
	case Continuation:
		s.continuation(c, d, h, b)
	case PushPromise:
		s.promise(c, d, h, b)
	default:
		s.control(c, d, f, b)
	}
}

// headers acts on HEADERS (RFC 9113 6.2).
func (s *conn) headers(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	f := &h.frame
	t := s.streamOf(c, d, f)
	if t == nil { // of a stream that is over: the table wants to know all the same
		t = &stream2{id: f.Stream, none: true}
	}
	ok := true
	if f.has(flagPadded) {
		b, ok = Padding(b)
	}
	if ok && f.has(flagPriority) {
		if ok = len(b) >= 5; ok {
			t.side[d].weigh(b[4])
			b = b[5:]
		}
	}
	if !ok {
		s.odd(c, d, real(t), "invalid_frame_data")
		return
	}
	h.block = block{on: true, b: append(h.block.b[:0], b[:min(len(b), maxBlock)]...), stream: f.Stream, frame: *f, begin: h.begin}
	if f.has(flagEndHeaders) {
		s.fields(c, d, h)
	}
}

// real is t, or nil where t is only there for the table's sake.
func real(t *stream2) *stream2 {
	if t == nil || t.none {
		return nil
	}
	return t
}

// continuation acts on CONTINUATION (RFC 9113 6.10).
func (s *conn) continuation(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	f, k := &h.frame, &h.block
	if !k.on || k.stream != f.Stream {
		s.odd(c, d, real(s.streamOf(c, d, f)), "invalid_frame_data")
		return
	}
	t := s.find(k.stream)
	if t != nil {
		s.sees(c, d, t, f)
	}
	if n := maxBlock - len(k.b); len(b) > n {
		b = b[:n]
		if !k.cut {
			s.odd(c, d, t, "reassembly_limit_reached")
		}
		k.cut = true
	}
	k.b = append(k.b, b...)
	if f.has(flagEndHeaders) {
		s.fields(c, d, h)
	}
}

// promise acts on PUSH_PROMISE (RFC 9113 6.6): its fields are those of a request that nobody sent.
func (s *conn) promise(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	f := &h.frame
	ok := true
	if f.has(flagPadded) {
		b, ok = Padding(b)
	}
	if !ok || len(b) < 4 || word31(b) == 0 {
		s.odd(c, d, real(s.streamOf(c, d, f)), "invalid_frame_data")
		return
	}
	child := word31(b)
	promised := *f
	promised.Stream = child
	s.streamOf(c, d, &promised)
	b = b[4:]
	h.block = block{on: true, b: append(h.block.b[:0], b[:min(len(b), maxBlock)]...), stream: f.Stream, frame: *f, begin: h.begin, child: child}
	if f.has(flagEndHeaders) {
		s.fields(c, d, h)
	}
}

// fields reads the block of fields that is complete.
func (s *conn) fields(c *analyzer.Context, d packet.Dir, h *half) {
	k := &h.block
	k.on = false
	id := k.stream
	if k.child > 0 {
		id = k.child
	}
	t := s.find(id)
	if t == nil {
		t = &stream2{id: id, none: true}
	}
	from := len(t.side[d].spans)
	err := h.table.decode(k.b, func(x field) { s.field(t, d, x) })
	if cap(k.b) > 16<<10 {
		k.b = nil
	}
	if t.none {
		return
	}
	s.head(c, t, d, from, k.begin)
	switch err {
	case nil:
	case errInteger:
		s.odd(c, d, t, "header_integer_overflow")
	default:
		s.odd(c, d, t, "invalid_header")
	}
	if k.frame.Type == Headers && k.frame.has(flagEndStream) {
		s.ended(c, t, d, true)
	}
	s.room(c)
}

// sizes of frames that have one (RFC 9113 6).
var sizes = map[FrameType]int{Priority: 5, RSTStream: 4, WindowUpdate: 4}

// control acts on the other frames of a stream.
func (s *conn) control(c *analyzer.Context, d packet.Dir, f *Frame, b []byte) {
	t := s.streamOf(c, d, f)
	if t == nil { // of one that is over
		s.alone(c, d, f, b)
		return
	}
	a := &t.side[d]
	if n := sizes[f.Type]; n > 0 && len(b) != n {
		s.odd(c, d, t, "invalid_frame_length")
		return
	}
	a.read(f, b)
	s.show(c, t, d)
	if f.Type == RSTStream && t.opened { // what was on its way from the other side still comes (RFC 9113 5.1)
		t.gone = true
		t.reset = t.reset || d == packet.ToClient && !t.answered
		if len(a.codes) == 1 {
			s.ended(c, t, d, false)
		}
	}
}

// connection acts on a frame about the connection (RFC 9113 6.5, 6.7 to 6.9).
func (s *conn) connection(c *analyzer.Context, d packet.Dir, f *Frame, b []byte) {
	if f.Type == Settings && len(b) == 0 {
		return // an acknowledgement
	}
	s.alone(c, d, f, b)
}

// alone tells a frame that is a transaction of its own.
func (s *conn) alone(c *analyzer.Context, d packet.Dir, f *Frame, b []byte) {
	x := &loose{two: http.Two{Stream: f.Stream}}
	x.d = d
	a := &x.side
	a.sees(f.Type)
	tx := s.count
	s.count++
	var names []string
	switch {
	case f.Type == Data && f.Stream == 0:
		names = append(names, "data_stream_zero")
	case f.Stream == 0 && f.Type != Settings && f.Type != WindowUpdate && f.Type != Ping && f.Type != GoAway:
		names = append(names, "invalid_frame_header")
	case f.Type == GoAway && len(b) < 8, sizes[f.Type] > 0 && len(b) != sizes[f.Type]:
		names = append(names, "invalid_frame_length")
	case f.Type == Settings && len(b)%6 != 0:
		names = append(names, "invalid_frame_data")
		fallthrough
	default:
		a.read(f, b)
	}
	if f.Stream > 0 && (f.Type == Headers || f.Type == Data) {
		names = append(names, "stream_id_reuse")
	}
	for _, n := range names {
		if s.told++; s.told <= maxTold {
			c.AppLayer(d, tx, n)
		}
	}
	x.two.Frames[d] = a.frames
	if c.Inspected(s.kind) {
		c.Inspect(s.kind, event.Inspection{Dir: d, Tx: tx, Done: true, Partial: true, Parts: x, Events: names})
	}
	if x.two.Frames[d].Says() && c.Wanted(s.kind) {
		c.Emit(&Connection{head: c.Head(s.kind), Two: x.two, Dir: d, Number: tx})
	}
}

// isDNS reports whether a value is the type of messages of DNS (RFC 8484 6).
func isDNS(v []byte) bool { return bytes.EqualFold(v, []byte("application/dns-message")) }
