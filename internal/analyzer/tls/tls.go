// Package tls reads the handshakes of TLS (RFC 8446, RFC 5246), as far as they are in clear.
package tls

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "tls",
	Over:  []analyzer.Transport{analyzer.TCP},
	Ports: []uint16{443, 465, 636, 853, 990, 993, 995, 5061, 8443},
	Probe: probe,
	Kinds: []string{"tls"},
	Names: []string{"tls"},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &conn{kind: o.Kind("tls"), open: o.Setting("tls.inspect-encrypted", 0) != 0, whole: o.Setting("tls.certificates", 0) != 0}, nil
	},
}

// Bounds of what is kept for a connection.
const (
	maxMessage = 32 << 10 // bytes of a handshake message that are read; of a longer one the begin
	maxRecord  = 1<<14 + 2048
	maxPlain   = 64
	alertSize  = 19 // a protected alert of TLS 1.3: two bytes, content type and tag
)

// probe knows the first record of a side: its handshake message is a ClientHello, a ServerHello; or it is an alert.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	want := [6]byte{typeHandshake, 3, 0, 0, 0, msgClientHello}
	if d == packet.ToServer && len(b) > 0 && b[0]&0x80 != 0 {
		return probeSSLv2(b)
	}
	if d == packet.ToClient {
		want[5] = msgServerHello
	}
	for i, c := range b[:min(len(b), 6)] {
		switch {
		case i == 0 && c == typeAlert && d == packet.ToClient:
			return probeAlert(b)
		case i == 2 && c > 4, i == 3 && c > maxRecord>>8:
			return analyzer.No
		case i != 2 && i != 3 && i != 4 && c != want[i]:
			return analyzer.No
		}
	}
	if len(b) < 6 {
		return analyzer.More
	}
	return analyzer.Yes
}

func probeAlert(b []byte) analyzer.Answer {
	for i, c := range b[:min(len(b), 6)] {
		if i == 1 && c != 3 || i == 2 && c > 4 || i == 3 && c != 0 || i == 4 && c != 2 || i == 5 && (c < 1 || c > 2) {
			return analyzer.No
		}
	}
	if len(b) < 6 {
		return analyzer.More
	}
	return analyzer.Yes
}

// conn reads one connection.
type conn struct {
	kind    event.Kind
	half    [2]half
	e       Handshake
	text    texts
	ch      ClientHello
	sh      ServerHello
	cert    Certificate
	scratch []uint16
	buf     []byte
	lists   []uint16 // versions, ciphers, groups of the client
	nlist   [3]int
	hello   bool // a ClientHello was read
	server  bool // a ServerHello was read
	thirt   bool // TLS 1.3: all but the hellos is protected
	data    bool // the client sent protected data beyond an alert
	offered uint16
	seen    byte // seenClientHello and its kin
	over    bool
	open    bool      // rules look into what is encrypted, too
	whole   bool      // certificates go into the record
	told    [2]oddity // what was odd in each direction
}

// half is the state of one direction.
type half struct {
	head  [5]byte
	nhead int
	left  int    // payload of the record still to come
	size  int    // payload of the record
	body  []byte // begin of an alert
	hs    []byte // handshake messages that are not complete
	skip  int    // bytes of a message that is too long
	begin packet.Ref
	first packet.Ref // of the message at hand
	ccs   bool       // ChangeCipherSpec was sent: what follows is protected, up to TLS 1.2
	any   bool       // a record began
	spoke bool       // a record with data began
	plain bool       // it is no TLS
	old   bool       // a hello of SSL 2.0 is being read
	beat  int        // size of the last protected heartbeat that was not answered
	said  []byte

	astray bool // where records begin is not known any more
}

// Data reads bytes of one direction.
func (s *conn) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	if !s.over && !c.Wanted(s.kind) {
		s.over = true
		c.Done()
	}
	h := &s.half[d]
	for len(b) > 0 && !s.over {
		switch {
		case h.plain:
			b = s.plain(c, d, h, b)
		case h.old:
			b = s.sslv2(c, h, b)
		case h.left > 0:
			n := min(len(b), h.left)
			h.left -= n
			s.payload(c, d, h, b[:n])
			b = b[n:]
		default:
			b = s.record(c, d, h, b)
		}
	}
	if len(b) > 0 && c.Framed() {
		s.track(c, d, h, b)
	}
}

// record collects the head of a record.
func (s *conn) record(c *analyzer.Context, d packet.Dir, h *half, b []byte) []byte {
	if h.nhead == 0 {
		h.begin = c.Head(s.kind).Seen
		if d == packet.ToServer && !h.any && b[0]&0x80 != 0 {
			h.old = true
			return b
		}
	}
	n := copy(h.head[h.nhead:], b)
	h.nhead += n
	if t := h.head[0]; t < typeChangeCipherSpec || t > typeHeartbeat || h.nhead > 1 && h.head[1] != 3 {
		if h.any || d == packet.ToServer {
			what := oddRecord | oddRecordType
			if t >= typeChangeCipherSpec && t <= typeHeartbeat {
				what = oddRecord | oddRecordVersion
			}
			s.odd(c, d, what)
			s.broken(c)
			return nil
		}
		h.plain = true // the answer to a hello is no TLS
		h.said = append(h.said[:0], h.head[:h.nhead]...)
		s.e.PlainRef = h.begin
		return s.plain(c, d, h, b[n:])
	}
	if h.nhead < len(h.head) {
		return nil
	}
	h.nhead = 0
	h.size = int(h.head[3])<<8 | int(h.head[4])
	if h.size > maxRecord {
		s.odd(c, d, oddRecord|oddRecordLength)
		s.broken(c)
		return nil
	}
	h.left, h.any = h.size, true
	h.body = h.body[:0]
	h.mark(c, d, len(b)-n)
	s.began(c, d, h)
	return b[n:]
}

// began acts on the head of a record.
func (s *conn) began(c *analyzer.Context, d packet.Dir, h *half) {
	switch h.head[0] {
	case typeChangeCipherSpec:
		if !s.thirt && s.server { // in TLS 1.3 it means nothing (RFC 8446 5)
			h.ccs = true
			s.e.Established = s.half[d.Other()].ccs // reported with the first data: a side may leave before
		}
	case typeAlert:
		if h.size != 2 { // protected, up to TLS 1.2
			if !h.ccs {
				s.odd(c, d, oddAlert)
			}
			s.e.Alert[d] = Alert{Ref: h.begin, Encrypted: true, Fatal: true}
			s.emit(c)
		}
	case typeData:
		switch {
		case !s.thirt:
			// A server that greets does so before it knows whether its client is content, in one record or in several.
			client := &s.half[packet.ToServer]
			if d == packet.ToClient && !client.spoke && (!h.spoke || client.ccs) {
				h.spoke = true
				return
			}
			h.spoke = true
			if s.server || s.half[d.Other()].any {
				s.e.Gap = !h.ccs // the begin was not seen, or is missing
				s.done(c)
			}
		case h.size == alertSize && !(d == packet.ToServer && s.data):
			if d == packet.ToClient && !s.data {
				return // a piece of the server's handshake
			}
			s.e.Alert[d] = Alert{Ref: h.begin, Encrypted: true, Fatal: true}
			s.emit(c)
		case d == packet.ToServer:
			if !s.data {
				s.data, s.e.ClientFirst = true, h.size
			}
		case s.data:
			s.done(c)
		}
	}
}

// done ends a handshake that succeeded.
func (s *conn) done(c *analyzer.Context) {
	s.e.Established, s.e.Data = true, true
	if !s.e.Gap && !s.open {
		c.Sealed()
	}
	s.emit(c)
}

// broken ends the reading of bytes that are no TLS.
func (s *conn) broken(c *analyzer.Context) {
	s.e.Gap = true
	s.emit(c)
}

// payload takes bytes of a record.
func (s *conn) payload(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	switch h.head[0] {
	case typeAlert:
		h.body = append(h.body, b...)
		if h.size == 2 && len(h.body) == 2 {
			s.alert(c, d, h)
		}
	case typeHandshake:
		if !h.ccs {
			s.handshake(c, d, h, b)
		}
	case typeHeartbeat:
		if want := min(heartbeatHead, h.size); len(h.body) < want {
			h.body = append(h.body, b[:min(len(b), want-len(h.body))]...)
			if len(h.body) == want {
				s.heartbeat(c, d, h, h.body)
			}
		}
	}
}

// alert acts on an alert in clear.
func (s *conn) alert(c *analyzer.Context, d packet.Dir, h *half) {
	a := Alert{Ref: h.begin, Fatal: h.body[0] == 2, Description: h.body[1]}
	if a.Description == 0 && !s.e.Alert[d].Ref.IsZero() {
		return // close_notify after the reason
	}
	s.e.Alert[d] = a
	if a.Fatal {
		s.emit(c)
	}
}

// handshake collects messages and reads those that are complete.
func (s *conn) handshake(c *analyzer.Context, d packet.Dir, h *half, b []byte) {
	for len(b) > 0 && !s.over {
		if h.skip > 0 {
			n := min(h.skip, len(b))
			h.skip -= n
			b = b[n:]
			continue
		}
		if len(h.hs) == 0 {
			h.first = h.begin
		}
		room := maxMessage - len(h.hs)
		if len(h.hs) >= 4 {
			room = min(room, 4+messageSize(h.hs)-len(h.hs))
		} else {
			room = 4 - len(h.hs)
		}
		n := min(room, len(b))
		h.hs = append(h.hs, b[:n]...)
		b = b[n:]
		if len(h.hs) < 4 {
			continue
		}
		size := 4 + messageSize(h.hs)
		switch {
		case len(h.hs) == size:
			s.message(c, d, h, h.hs[0], h.hs[4:])
		case len(h.hs) == maxMessage:
			h.skip = size - maxMessage
			s.told[d] |= oddMessage | oddLength | oddCertificate | oddCertificateLength // nobody knows: its end is not read
			s.message(c, d, h, h.hs[0], h.hs[4:])
		default:
			continue
		}
		h.hs = h.hs[:0]
	}
}

func messageSize(b []byte) int { return int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

// plain collects the first line of a server that answers in plain text.
func (s *conn) plain(c *analyzer.Context, _ packet.Dir, h *half, b []byte) []byte {
	for i := range h.said { // the head may hold the end of the line
		if h.said[i] == '\n' {
			h.said = h.said[:i]
			s.text.set(tPlain, h.said, maxPlain)
			s.emit(c)
			return nil
		}
	}
	for i, x := range b {
		if x == '\n' || len(h.said) >= maxPlain {
			s.text.set(tPlain, h.said, maxPlain)
			s.emit(c)
			return b[i+1:]
		}
		h.said = append(h.said, x)
	}
	return nil
}

// Gap says that bytes are missing.
func (s *conn) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	h := &s.half[d]
	switch {
	case s.over && c.Framed():
		h.passGap(n)
	case s.over:
	case h.left > 0 && n <= uint64(h.left) && (h.head[0] == typeData || h.ccs):
		h.left -= int(n)
	default:
		s.broken(c)
	}
}

// Close ends a direction.
func (s *conn) Close(c *analyzer.Context, d packet.Dir, why stream.End) {
	if s.over {
		return
	}
	if h := &s.half[d]; h.plain && len(h.said) > 0 {
		s.text.set(tPlain, h.said, maxPlain)
	}
	switch why {
	case stream.EndFIN, stream.EndReset:
		if s.e.Ended.IsZero() {
			s.e.Ended, s.e.EndedBy, s.e.Reset = c.Head(s.kind).Seen, d, why == stream.EndReset
		}
		if d == packet.ToServer && why == stream.EndFIN && !s.half[packet.ToClient].any {
			return // half closed: the server may still answer
		}
	case stream.EndInput, stream.EndEvicted, stream.EndDepth:
		s.e.Undecided = true
	}
	s.emit(c)
}

// Reset makes s as new.
func (s *conn) Reset() {
	fresh := conn{kind: s.kind, open: s.open, whole: s.whole, scratch: s.scratch[:0], lists: s.lists[:0]}
	fresh.ch.Extensions, fresh.ch.KeyShares, fresh.sh.Extensions = s.ch.Extensions[:0], s.ch.KeyShares[:0], s.sh.Extensions[:0]
	fresh.text.buf, fresh.buf = small(s.text.buf), small(s.buf)
	for d := range s.half {
		fresh.half[d].hs, fresh.half[d].body, fresh.half[d].said = small(s.half[d].hs), s.half[d].body[:0], s.half[d].said[:0]
	}
	*s = fresh
}

// small keeps a buffer for the next flow unless it is a large one.
func small(b []byte) []byte {
	if cap(b) > 8<<10 {
		return nil
	}
	return b[:0]
}

// Held is what the connection keeps of its messages (analyzer.Holder).
func (s *conn) Held() int {
	n := cap(s.text.buf) + cap(s.buf) + 2*(cap(s.lists)+cap(s.scratch))
	for d := range s.half {
		h := &s.half[d]
		n += cap(h.hs) + cap(h.body) + cap(h.said)
	}
	return n
}
