// Package ldap reads the Lightweight Directory Access Protocol (RFC 4511) over TCP, and over UDP as Active Directory has it
// (CLDAP, [MS-ADTS] 6.3.3). Passwords are not kept.
package ldap

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "ldap"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "ldap",
	Over:  []analyzer.Transport{analyzer.TCP, analyzer.UDP},
	Ports: []uint16{389, 3268},
	Probe: probe,
	Kinds: []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &connection{talk: talk{kind: o.Kind(Kind)}}, nil
	},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &datagrams{talk: talk{kind: o.Kind(Kind)}}, nil
	},
}

// probe knows a message by its ID, an operation that this side may begin with, and what every such operation begins with.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if len(b) > 0 && b[0] != tagSequence {
		return analyzer.No
	}
	if _, ok := frame(b); !ok {
		if n, _ := frame(b); n < 0 {
			return analyzer.No
		}
		return analyzer.More
	}
	head, size, _ := length(b[1:])
	b = b[1+head:]
	if len(b) < 2 {
		return few(b, tagInteger)
	}
	n := int(b[1])
	if b[0] != tagInteger || n < 1 || n > 4 {
		return analyzer.No
	}
	if size < uint64(n)+4 {
		return analyzer.No
	}
	if len(b) < 3+n {
		return analyzer.More
	}
	if b[2]&0x80 != 0 {
		return analyzer.No
	}
	size -= uint64(n) + 2
	b = b[2+n:]
	tag := b[0]
	op := Op(tag & 0x1f)
	if op.String() == "" || tag != op.tag() || op.request() != (d == packet.ToServer) {
		return analyzer.No
	}
	if len(b) < 2 {
		return analyzer.More
	}
	if k := int(b[1] & 0x7f); b[1] > 0x80 && k <= 4 && len(b) < 2+k {
		return analyzer.More
	}
	head, inner, ok := length(b[1:])
	if !ok || inner+uint64(head)+1 > size {
		return analyzer.No
	}
	b = b[1+head:]
	switch op {
	case UnbindRequest:
		return yes(inner == 0)
	case AbandonRequest:
		return yes(inner >= 1 && inner <= 4)
	case DelRequest:
		return yes(inner > 0)
	}
	if inner == 0 {
		return yes(op == IntermediateResponse)
	}
	if len(b) < 3 {
		if len(b) > 0 && b[0] != op.first() {
			return analyzer.No
		}
		return analyzer.More
	}
	switch op.first() {
	case tagInteger: // the version
		return yes(b[0] == tagInteger && b[1] == 1 && b[2] >= 1 && b[2] <= 3)
	case tagEnumerated:
		return yes(b[0] == tagEnumerated && b[1] >= 1 && b[1] <= 4 && b[2]&0x80 == 0)
	}
	return yes(b[0] == op.first())
}

// first is the tag of what an operation begins with.
func (o Op) first() byte {
	switch o {
	case BindRequest:
		return tagInteger
	case ExtendedRequest, IntermediateResponse:
		return 0x80
	}
	if o.hasResult() {
		return tagEnumerated
	}
	return tagOctets
}

func few(b []byte, want byte) analyzer.Answer {
	if len(b) > 0 && b[0] != want {
		return analyzer.No
	}
	return analyzer.More
}

func yes(ok bool) analyzer.Answer {
	if ok {
		return analyzer.Yes
	}
	return analyzer.No
}

// Bounds of what is kept of one connection.
const (
	maxOpen      = 256      // exchanges that wait for their end
	maxResponses = 256      // of one exchange
	maxBytes     = 64 << 10 // of what is kept of the open exchanges
	maxMessage   = 64 << 10 // of a message; of a longer one its begin is read
	everyOne     = 32       // up to so many responses rules see each as it comes, then when there are twice as many
)

// talk is what two hosts say to each other.
type talk struct {
	kind  event.Kind
	open  []*Event // in the order of their begin
	bytes int      // of them
	txs   uint64
	mayBe bool // a SASL mechanism was agreed on that may protect what follows (RFC 4513 5.2.1)
}

// what the caller does after a message.
type verdict uint8

const (
	goOn verdict = iota
	startTLS
	wrong
)

// message takes one message.
func (t *talk) message(c *analyzer.Context, d packet.Dir, b []byte, cut bool) verdict {
	m, ok := parse(b, cut)
	if !ok || m.Op.request() != (d == packet.ToServer) {
		return wrong
	}
	if d == packet.ToServer {
		t.request(c, &m)
		return goOn
	}
	return t.response(c, &m)
}

// begin makes an exchange.
func (t *talk) begin(c *analyzer.Context) *Event {
	e := &Event{Tx: t.txs, begun: c.Head(t.kind).Seen}
	t.txs++
	return e
}

func (t *talk) request(c *analyzer.Context, m *Message) {
	e := t.begin(c)
	e.Request, e.HasRequest = *m, true
	e.bytes = m.size()
	var odd []string
	if !m.Op.unanswered() {
		if len(t.open) >= maxOpen || len(t.open) > 0 && t.bytes+e.bytes > maxBytes {
			if old := t.open[0]; !old.abandoned {
				odd = []string{"too_many_transactions"}
				c.AppLayer(packet.ToServer, e.Tx, odd[0])
			}
			t.end(c, 0)
		}
		t.open = append(t.open, e)
		t.bytes += e.bytes
	}
	if m.Op == AbandonRequest {
		if i := t.find(m.Abandoned); i >= 0 {
			t.open[i].abandoned = true
		}
	}
	e.show(c, t.kind, packet.ToServer, true, odd)
	if m.Op.unanswered() {
		e.show(c, t.kind, packet.ToClient, true, nil)
		e.emit(c, t.kind)
	}
}

// find returns the open exchange of a message ID: the newest, should one be used again.
func (t *talk) find(id uint32) int {
	for i := len(t.open) - 1; i >= 0; i-- {
		if e := t.open[i]; e.id() == id {
			return i
		}
	}
	return -1
}

func (t *talk) response(c *analyzer.Context, m *Message) verdict {
	i := t.find(m.ID)
	var odd []string
	if i < 0 {
		e := t.begin(c)
		if m.ID != 0 { // else the server speaks unasked (RFC 4511 4.4)
			odd = []string{"request_not_found"}
			c.AppLayer(packet.ToClient, e.Tx, odd[0])
		}
		if len(t.open) >= maxOpen {
			t.end(c, 0)
		}
		i = len(t.open)
		t.open = append(t.open, e)
	}
	e := t.open[i]
	if !e.HasRequest || e.Request.Name == oidPasswordModify { // what is answered may be a password (RFC 3062 2)
		m.Value, m.HasValue = "", false
	}
	e.Count++
	last := m.Op.last()
	if n := m.size(); last || len(e.Responses) < maxResponses && t.bytes+n <= maxBytes {
		e.Responses = append(e.Responses, *m)
		e.bytes += n
		t.bytes += n
	}
	if last || e.Count <= everyOne || e.Count&(e.Count-1) == 0 {
		e.show(c, t.kind, packet.ToClient, last, odd)
	}
	if !last {
		return goOn
	}
	v := goOn
	switch q := &e.Request; {
	case !e.HasRequest || m.Code != 0:
	case q.Op == ExtendedRequest && m.Op == ExtendedResponse && q.Name == oidStartTLS:
		v = startTLS
	case q.Op == BindRequest && m.Op == BindResponse && q.Mechanism != "":
		t.mayBe = true
	}
	t.end(c, i)
	return v
}

// end tells of the i-th open exchange.
func (t *talk) end(c *analyzer.Context, i int) {
	e := t.open[i]
	t.bytes -= e.bytes
	copy(t.open[i:], t.open[i+1:])
	t.open[len(t.open)-1] = nil
	t.open = t.open[:len(t.open)-1]
	e.emit(c, t.kind)
}

// finish tells of all that is open: nothing more comes.
func (t *talk) finish(c *analyzer.Context) {
	for len(t.open) > 0 {
		if e := t.open[0]; len(e.Responses) == 0 || e.Count > everyOne {
			e.show(c, t.kind, packet.ToClient, true, nil)
		}
		t.end(c, 0)
	}
}

// odd says that bytes make no sense.
func (t *talk) odd(c *analyzer.Context, d packet.Dir) {
	const name = "invalid_data"
	e := t.begin(c)
	c.AppLayer(d, e.Tx, name)
	e.show(c, t.kind, d, true, []string{name})
}

func (t *talk) reset() { *t = talk{kind: t.kind, open: t.open[:0]} }

func (t *talk) held() int { return 8*cap(t.open) + t.bytes }

// datagrams is the form of UDP.
type datagrams struct{ talk }

// Message reads one datagram, which may hold several messages.
func (r *datagrams) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	for len(b) > 0 {
		n, ok := frame(b)
		if ok {
			c.Frame(d, "pdu", len(b), int64(n))
		}
		if !ok || n > len(b) || r.message(c, d, b[:n], false) == wrong {
			r.talk.odd(c, d)
			return
		}
		b = b[n:]
	}
}

// Close tells of what was not answered.
func (r *datagrams) Close(c *analyzer.Context, _ event.EndReason) { r.finish(c) }

// Reset forgets the flow.
func (r *datagrams) Reset() { r.reset() }

// Held is what the flow keeps (analyzer.Holder).
func (r *datagrams) Held() int { return r.held() }

// connection is the form of TCP.
type connection struct {
	talk
	sides  [2]side
	closed [2]bool
	over   bool
}

type side struct {
	buf  []byte // the begin of a message
	skip uint64 // bytes of one that are not read
}

// Data takes bytes of one direction.
func (s *connection) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !s.over {
		if x.skip > 0 {
			n := min(x.skip, uint64(len(b)))
			x.skip -= n
			b = b[n:]
			continue
		}
		if len(x.buf) > 0 {
			b = s.join(c, d, b)
			continue
		}
		if s.protected(c, b[0]) {
			return
		}
		n, ok := frame(b)
		switch {
		case n < 0:
			s.lose(c, d)
		case !ok || n > len(b):
			b = s.join(c, d, b)
		default:
			s.take(c, d, b[:n], false, b[n:])
			b = b[n:]
		}
	}
}

// join adds bytes to the message that has begun, and reads it when it is whole or as long as messages are read. It returns
// what it did not take.
func (s *connection) join(c *analyzer.Context, d packet.Dir, b []byte) []byte {
	x := &s.sides[d]
	for {
		n, ok := frame(x.buf)
		if n < 0 {
			s.lose(c, d)
			return nil
		}
		if ok {
			want := min(n, maxMessage)
			k := min(want-len(x.buf), len(b))
			x.buf = append(x.buf, b[:k]...)
			b = b[k:]
			if len(x.buf) < want {
				return b
			}
			x.skip = uint64(n - want)
			buf := x.buf
			x.buf = nil // what follows may begin another message
			s.take(c, d, buf, n > want, b)
			if !s.over && cap(buf) <= maxMessage/4 {
				s.sides[d].buf = buf[:0]
			}
			return b
		}
		if len(b) == 0 {
			return nil
		}
		x.buf = append(x.buf, b[0])
		b = b[1:]
	}
}

// protected reports that a security layer of SASL begins here (RFC 4513 5.2.1.6): its buffers begin with their length in four
// bytes, and what is in them is not for us. Nothing is odd about it.
func (s *connection) protected(c *analyzer.Context, first byte) bool {
	if !s.mayBe || first == tagSequence {
		return false
	}
	c.Sealed()
	s.stop(c)
	return true
}

// take reads a message. rest is what came with it behind.
func (s *connection) take(c *analyzer.Context, d packet.Dir, b []byte, cut bool, rest []byte) {
	c.WholeFrame(d, "pdu", len(b)+len(rest), int64(len(b))+int64(s.sides[d].skip))
	switch s.message(c, d, b, cut) {
	case wrong:
		s.lose(c, d)
	case startTLS:
		s.over = true
		s.finish(c)
		if s.sides = [2]side{}; !c.Upgrade("tls", d, rest) {
			c.Done()
		}
	}
}

// lose gives the connection up: where the next message begins is not known.
func (s *connection) lose(c *analyzer.Context, d packet.Dir) {
	s.odd(c, d)
	s.stop(c)
}

// stop reads no further.
func (s *connection) stop(c *analyzer.Context) {
	s.over = true
	s.finish(c)
	s.sides = [2]side{}
	c.Done()
}

// Gap ends the reading, unless it lies in what is skipped.
func (s *connection) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if x := &s.sides[d]; x.skip >= n {
		x.skip -= n
		return
	}
	if !s.over {
		s.stop(c)
	}
}

// Close ends a direction. Without the server's nothing is answered any more.
func (s *connection) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	s.sides[d] = side{}
	s.closed[d] = true
	if s.closed[packet.ToClient] && !s.over {
		s.finish(c)
	}
}

// Reset forgets the connection.
func (s *connection) Reset() {
	s.reset()
	*s = connection{talk: s.talk}
}

// Held is what the connection keeps (analyzer.Holder).
func (s *connection) Held() int { return s.held() + cap(s.sides[0].buf) + cap(s.sides[1].buf) }
