package http2

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unsafe"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/analyzer/http"
	"firestorm/internal/packet"
)

// stream2 is one stream (RFC 9113 5): a request and its response.
type stream2 struct {
	s        *conn
	id       uint32
	number   uint64
	side     [2]side
	x        http.Exchange
	v        *http.View // nil: nobody asks
	none     bool       // it is not kept
	opened   bool       // there were fields or content
	answered bool       // the head of a response was there
	headed   [2]bool
	ended    [2]bool
	cutOff   bool    // the connection ended first
	gone     bool    // one side gave it up (RST_STREAM)
	reset    bool    // the server did, or the connection was reset
	whole    bool    // the end of the response was seen
	packed   [2]bool // the content is packed
	asksDNS  [2]bool // the content is a message of DNS
	body     [2][]byte
	answers  [2]*dns.Message
}

// side is what came of one direction of a stream.
type side struct {
	frames     http.Frames
	types      [4]uint64 // of frames, a bit each
	n          int       // frames
	text       []byte    // names and values of fields
	spans      []span
	windows    []uint32
	priorities []uint8
	codes      []uint32
	sizes      []uint64
	cut        bool // fields were left out, which is not told yet
}

// span is a field in side.text; to < 0: a change of the table, whose size is at name.
type span struct{ name, value, to int32 }

// sees notes the type of a frame.
func (a *side) sees(t FrameType) { a.types[t>>6] |= 1 << (t & 63) }

func (a *side) weigh(w uint8) {
	a.frames.Weighed(w)
	if len(a.priorities) < maxValues {
		a.priorities = append(a.priorities, w)
	}
}

// read notes what a frame without fields says.
func (a *side) read(f *Frame, b []byte) {
	switch f.Type {
	case Priority:
		if len(b) == 5 {
			a.weigh(b[4])
		}
	case RSTStream, GoAway:
		if f.Type == GoAway && len(b) >= 8 {
			b = b[4:8]
		}
		if len(b) == 4 {
			code := word32(b)
			a.frames.Failed(code)
			if len(a.codes) < maxValues {
				a.codes = append(a.codes, code)
			}
		}
	case WindowUpdate:
		if len(b) == 4 && len(a.windows) < maxValues {
			a.windows = append(a.windows, word31(b))
		}
	case Settings:
		a.frames.Settings = appendSettings(a.frames.Settings, b, maxValues)
	}
}

func (a *side) size() int {
	return cap(a.text) + cap(a.spans)*int(unsafe.Sizeof(span{})) + 4*cap(a.windows) + cap(a.priorities) + 4*cap(a.codes) + 8*cap(a.sizes) + 8*cap(a.frames.Settings)
}

func (t *stream2) size() int {
	n := int(unsafe.Sizeof(*t)) + t.side[0].size() + t.side[1].size() + t.x.Size() + cap(t.body[0]) + cap(t.body[1])
	if t.v != nil {
		n += t.v.Size()
	}
	return n
}

func (t *stream2) drop() {
	t.x.Drop()
	if t.v != nil {
		t.v.Drop()
	}
}

// find returns an open stream; nil: it is not open.
func (s *conn) find(id uint32) *stream2 {
	for i := len(s.streams) - 1; i >= 0; i-- {
		if s.streams[i].id == id {
			return s.streams[i]
		}
	}
	return nil
}

// streamOf returns the stream of a frame, a new one if need be, and notes the frame; nil: the stream is over.
func (s *conn) streamOf(c *analyzer.Context, d packet.Dir, f *Frame) *stream2 {
	t := s.recent[d]
	if t == nil || t.id != f.Stream {
		if t = s.find(f.Stream); t == nil {
			if f.Stream <= s.highest[f.Stream&1] {
				s.recent[d] = nil
				if f.Type == Headers || f.Type == Data || f.Type == Continuation || f.Type == PushPromise {
					s.alone(c, d, f, nil)
				}
				return nil
			}
			t = s.stream(c, d, f.Stream)
		}
	}
	s.recent[d] = t
	s.sees(c, d, t, f)
	return t
}

// sees notes a frame of a stream.
func (s *conn) sees(c *analyzer.Context, d packet.Dir, t *stream2, f *Frame) {
	a := &t.side[d]
	if a.n++; a.n > maxFrames {
		if a.n == maxFrames+1 {
			s.odd(c, d, t, "too_many_frames")
		}
		return
	}
	a.sees(f.Type)
	switch f.Type {
	case Headers, Data:
		t.opened = true
		s.highest[f.Stream&1] = max(s.highest[f.Stream&1], f.Stream)
	case PushPromise:
		s.highest[t.id&1] = max(s.highest[t.id&1], t.id)
	}
}

// stream begins a stream.
func (s *conn) stream(c *analyzer.Context, d packet.Dir, id uint32) *stream2 {
	if len(s.streams) >= maxStreams {
		s.giveUp(c, d)
	}
	t := &stream2{s: s, id: id, number: s.count}
	s.count++
	t.v = s.views.New(c, t.number, t)
	s.streams = append(s.streams, t)
	return t
}

// giveUp tells a stream as far as it came: the oldest that a side gave up, else the oldest.
func (s *conn) giveUp(c *analyzer.Context, d packet.Dir) {
	for _, t := range s.streams {
		if t.gone {
			s.close(c, t)
			return
		}
	}
	t := s.streams[0]
	s.odd(c, d, t, "too_many_streams")
	t.x.Lost(packet.ToServer)
	t.x.Lost(packet.ToClient)
	s.close(c, t)
}

// room keeps the fields of all streams within their bytes.
func (s *conn) room(c *analyzer.Context) {
	for s.kept > maxKept && len(s.streams) > 1 {
		s.giveUp(c, packet.ToServer)
	}
}

// field keeps a field of a stream.
func (s *conn) field(t *stream2, d packet.Dir, x field) {
	a := &t.side[d]
	if t.none {
		return
	}
	if x.resized {
		if len(a.sizes) < maxValues {
			a.sizes = append(a.sizes, x.size)
			a.spans = append(a.spans, span{name: int32(len(a.sizes) - 1), to: -1})
		}
		return
	}
	if len(a.text)+len(x.name)+len(x.value) > maxText || len(a.spans) >= http.MaxFields+maxValues {
		a.cut = true
		return
	}
	n := int32(len(a.text))
	v := n + int32(len(x.name))
	a.text = append(append(a.text, x.name...), x.value...)
	a.spans = append(a.spans, span{n, v, int32(len(a.text))})
	s.kept += len(x.name) + len(x.value)
}

// each calls f for the fields from one on.
func (a *side) each(from int, f func(name, value []byte)) {
	for _, p := range a.spans[from:] {
		if p.to >= 0 {
			f(a.text[p.name:p.value:p.value], a.text[p.value:p.to:p.to])
		}
	}
}

// head acts on a block of fields: the head of a message, or what follows its content.
func (s *conn) head(c *analyzer.Context, t *stream2, d packet.Dir, from int, begin packet.Ref) {
	a := &t.side[d]
	var method, path, authority, host, status []byte
	dnsType, accepts := false, false
	a.each(from, func(name, value []byte) {
		switch string(name) {
		case ":method":
			method = value
		case ":path":
			path = value
		case ":authority":
			authority = value
		case ":status":
			status = value
		case "host":
			host = value
		case "content-type":
			dnsType = dnsType || isDNS(value)
		case "accept":
			accepts = accepts || isDNS(value)
		case "content-encoding":
			t.packed[d] = true
		}
	})
	if a.cut {
		a.cut = false
		s.odd(c, d, t, "reassembly_limit_reached")
	}
	if bytes.IndexByte(authority, '@') >= 0 {
		s.odd(c, d, t, "userinfo_in_uri")
	}
	if len(authority) > 0 && len(host) > 0 && !bytes.EqualFold(authority, host) {
		s.odd(c, d, t, "authority_host_mismatch")
	}
	if len(authority) == 0 {
		authority = host
	}
	if authority == nil {
		authority = []byte{}
	}
	promised := t.id&1 == 0 && d == packet.ToClient && status == nil && !t.headed[packet.ToServer]
	code, _ := strconv.Atoi(string(status))
	m := &s.msg
	m.Make(method, path, []byte("HTTP/2"), authority, code)
	m.Code = status
	a.each(from, func(name, value []byte) { m.Add(name, value) })
	switch {
	case promised: // a request that the server makes up
		t.opened, t.headed[packet.ToServer], t.ended[packet.ToServer] = true, true, true
		t.x.Request(m, begin)
		return
	case t.headed[d]: // a trailer (RFC 9113 8.1)
		if t.v != nil {
			t.v.Trailer(m, d)
		}
		s.show(c, t, d)
		return
	case d == packet.ToClient && code >= 100 && code < 200: // interim
		s.show(c, t, d)
		return
	}
	t.headed[d] = true
	if d == packet.ToServer {
		t.opened = true
		t.x.Request(m, begin)
	} else {
		t.answered = true
		t.x.Response(m, begin)
		path = t.x.Target()
	}
	if t.asksDNS[d] = dnsType && !t.packed[d]; (dnsType || accepts) && d == packet.ToServer {
		s.askedInPath(c, t, path)
	}
	if t.v != nil {
		t.v.Head(c, d, m, path)
	}
}

// content takes bytes of DATA.
func (s *conn) content(c *analyzer.Context, t *stream2, d packet.Dir, b []byte) {
	t.x.Content(d, b)
	if t.asksDNS[d] {
		if len(t.body[d])+len(b) > maxDNS-1 {
			t.asksDNS[d], t.body[d] = false, nil
			s.odd(c, d, t, "dns_"+[2]string{"request", "response"}[d]+"_too_long")
		} else {
			t.body[d] = append(t.body[d], b...)
		}
	}
	if t.v != nil {
		t.v.Content(c, d, b)
	}
}

// show shows rules a side again.
func (s *conn) show(c *analyzer.Context, t *stream2, d packet.Dir) {
	if t.v != nil && c.Inspected(s.kind) {
		t.v.Show(c, d)
	}
}

// ended ends a side; with the other one the stream is over.
func (s *conn) ended(c *analyzer.Context, t *stream2, d packet.Dir, whole bool) {
	if t.ended[d] {
		return
	}
	t.ended[d] = true
	t.whole = t.whole || whole && d == packet.ToClient
	if t.asksDNS[d] {
		s.dnsMessage(c, t, d, t.body[d])
	}
	if t.v != nil {
		t.v.ContentEnd(c, d, whole)
	}
	if t.ended[d.Other()] {
		s.close(c, t)
	}
}

// close ends a stream and tells it.
func (s *conn) close(c *analyzer.Context, t *stream2) {
	for i, x := range s.streams {
		if x == t {
			s.streams = append(s.streams[:i], s.streams[i+1:]...)
			break
		}
	}
	for d := range s.recent {
		if s.recent[d] == t {
			s.recent[d] = nil
		}
		s.kept -= len(t.side[d].text)
	}
	if t.v != nil {
		t.v.Close(c)
	}
	t.emit(c)
	t.drop()
}

// emit makes the event.
func (t *stream2) emit(c *analyzer.Context) {
	s := t.s
	two := t.two()
	if !t.opened {
		if (two.Frames[0].Says() || two.Frames[1].Says()) && c.Wanted(s.kind) {
			c.Emit(&Connection{head: c.Head(s.kind), Two: *two, Number: t.number})
		}
		return
	}
	if !c.Wanted(s.http) {
		return
	}
	e := t.x.Finish(c.Head(s.http), t.whole)
	if m := t.dns(); m != nil {
		two.DNS = string(m.AppendObject(nil))
	}
	e.Two, e.Number = two, uint32(t.number)
	e.Reset = t.reset
	e.Head().Quiet = t.v != nil && t.v.Quiet()
	e.Unanswered = !t.answered && !e.Gap && (t.cutOff || t.reset) && !e.Request.IsZero()
	c.Emit(e)
}

// two is what the event says beside the messages.
func (t *stream2) two() *http.Two {
	x := &http.Two{Stream: t.id}
	for d := range t.side {
		a := &t.side[d]
		x.Frames[d] = a.frames
		all := string(a.text)
		for _, p := range a.spans {
			if p.to < 0 {
				x.Headers[d] = append(x.Headers[d], http.Header{Resized: true, Size: a.sizes[p.name]})
			} else {
				x.Headers[d] = append(x.Headers[d], http.Header{Name: all[p.name:p.value], Value: http.Shown(all[p.name:p.value], all[p.value:p.to])})
			}
		}
	}
	return x
}

// askedInPath reads the question that stands in the path of a GET (RFC 8484 4.1).
func (s *conn) askedInPath(c *analyzer.Context, t *stream2, path []byte) {
	_, query, _ := bytes.Cut(path, []byte("?"))
	for len(query) > 0 {
		var p []byte
		p, query, _ = bytes.Cut(query, []byte("&"))
		if q, ok := bytes.CutPrefix(p, []byte("dns=")); ok && len(q) <= maxDNS {
			b := make([]byte, base64.RawURLEncoding.DecodedLen(len(q)))
			if n, err := base64.RawURLEncoding.Decode(b, bytes.TrimRight(q, "=")); err == nil {
				s.dnsMessage(c, t, packet.ToServer, b[:n])
			}
			return
		}
	}
}

// dnsMessage reads a message of DNS, and with it the connection becomes one that asks DNS.
func (s *conn) dnsMessage(c *analyzer.Context, t *stream2, d packet.Dir, b []byte) {
	t.body[d] = nil
	if !s.doh {
		if !c.Became(DoHDef.Name) {
			return
		}
		s.doh = true
	}
	m := dns.Read(c, s.dns, d, b, uint32(t.number))
	if m == nil {
		return
	}
	t.answers[d] = m
	if c.Wanted(s.dns) {
		c.Emit(m)
	}
}
