// Package mqtt reads the protocol of message brokers (MQTT 3.1, 3.1.1 and 5.0) over TCP.
package mqtt

import (
	"unicode/utf8"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "mqtt"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "mqtt",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{1883},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return newReader(o), nil },
}

const (
	defaultMessage = 1 << 20 // bytes behind the fixed header that are read of a message, where mqtt.max-msg-length says nothing
	mostMessage    = 4 << 20 // the same, whatever that says
	defaultOpen    = 1024    // transactions without an answer, where mqtt.max-tx says nothing
	mostKept       = 4 << 20 // bytes of them
	defaultText    = 1024    // bytes of a text in a record, where mqtt.string-log-limit says nothing
	mostText       = 1 << 20 // the same, whatever that says
)

// probe knows CONNECT by the protocol's name. Of connections whose begin was not seen it knows a CONNACK, a PUBLISH or a
// SUBSCRIBE whose lengths fit each other, and pings with another message behind them.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	h, ok := parseHeader(b)
	switch {
	case !ok:
		return analyzer.No
	case len(b) == 0:
		return analyzer.More
	}
	typ, flags := Type(b[0]>>4), b[0]&15
	switch { // the flags of each type (MQTT 5.0 2.1.3)
	case typ == Publish && flags&6 != 6, (typ == Connect || typ == PingReq) && flags == 0 && d == packet.ToServer, (typ == ConnAck || typ == PingResp) && flags == 0 && d == packet.ToClient,
		(typ == Subscribe || typ == Unsubscribe) && flags == 2 && d == packet.ToServer:
	default:
		return analyzer.No
	}
	if h.size == 0 {
		return analyzer.More
	}
	body := b[h.size:]
	if typ == Connect {
		if h.remaining < 10 { // its name, level, flags and interval alone
			return analyzer.No
		}
		switch found, more := probeName(body); {
		case found:
			return analyzer.Yes
		case more && h.remaining > len(body):
			return analyzer.More
		}
		return analyzer.No
	}
	yes := func(ok bool) analyzer.Answer {
		if ok {
			return analyzer.Yes
		}
		return analyzer.No
	}
	topic := 0 // where the first topic begins
	switch typ {
	case PingReq, PingResp:
		switch {
		case h.remaining != 0:
			return analyzer.No
		case len(body) == 0: // two bytes may be anything
			return analyzer.More
		case len(body) > 1 && string(body[:2]) == string(b[:2]):
			return analyzer.Yes
		}
		return probe(d, body)
	case ConnAck:
		if h.remaining < 2 || h.size > 2 {
			return analyzer.No
		}
		if len(body) < 2 {
			return analyzer.More
		}
		return yes(body[0] <= 1 && (body[1] <= 5 && h.remaining == 2 || h.remaining > 2 && (body[1] == 0 || body[1] >= 0x80)))
	case Subscribe, Unsubscribe:
		topic = 2
	}
	if len(body) < topic+2 {
		if h.remaining < topic+3 {
			return analyzer.No
		}
		return analyzer.More
	}
	if typ != Publish && body[2] == 0 && body[3] == 0 && h.remaining > 5 { // MQTT 5.0 without properties: the length is behind them
		topic++
		if len(body) < topic+2 {
			return analyzer.More
		}
	}
	n := int(body[topic])<<8 | int(body[topic+1])
	if n == 0 || topic+2+n > h.remaining {
		return analyzer.No
	}
	name := body[topic+2 : min(len(body), topic+2+n)]
	if !printable(name, len(name) == n) {
		return analyzer.No
	}
	if len(name) < min(n, 256) {
		return analyzer.More
	}
	return analyzer.Yes
}

// printable reports that b is text without controls; whole: it is not cut.
func printable(b []byte, whole bool) bool {
	for len(b) > 0 {
		if !whole && !utf8.FullRune(b) {
			return true
		}
		r, n := utf8.DecodeRune(b)
		if r < ' ' || r == 0x7f || r == utf8.RuneError && n == 1 {
			return false
		}
		b = b[n:]
	}
	return true
}

// reader follows one connection.
type reader struct {
	kind                         event.Kind
	mostRead, mostOpen, mostText int

	sides     [2]side
	version   uint8 // of CONNECT; 0: it was not seen
	connected bool
	over      bool
	seen      uint64 // messages
	txs       uint64
	open      []*transaction // that wait for an answer, oldest first
	kept      int            // bytes of them
}

// side is one direction.
type side struct {
	buf    []byte // a message as far as it is there
	skip   int    // bytes of a message that is too long
	framed bool   // the frames of the message at hand are marked
	closed bool
}

// transaction is messages that answer each other.
type transaction struct {
	Event
	await  Type // what ends it; Unassigned: nothing that is known
	events []string
}

func newReader(o analyzer.Options) *reader {
	within := func(name string, unset, most int) int {
		n := o.Setting(name, int64(unset))
		if n <= 0 {
			n = int64(unset)
		}
		return int(min(n, int64(most)))
	}
	return &reader{kind: o.Kind(Kind), mostRead: within("mqtt.max-msg-length", defaultMessage, mostMessage), mostOpen: within("mqtt.max-tx", defaultOpen, 1<<16),
		mostText: within("mqtt.string-log-limit", defaultText, mostText)}
}

// Data takes bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	s := &r.sides[d]
	for len(b) > 0 && !r.over {
		if s.skip > 0 {
			n := min(s.skip, len(b))
			s.skip -= n
			b = b[n:]
			continue
		}
		if len(s.buf) == 0 { // most often whole messages come, which need no copy
			s.mark(c, d, b, len(b))
			n := r.whole(c, d, b)
			if b = b[n:]; n > 0 {
				s.framed = false
				continue
			}
		}
		if r.over {
			return
		}
		// The header first, then what it says is missing.
		n := 1
		if h, ok := parseHeader(s.buf); ok && h.size > 0 {
			n = h.size + h.remaining - len(s.buf)
		}
		n = min(n, len(b))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
		s.mark(c, d, s.buf, len(s.buf)+len(b))
		if n := r.whole(c, d, s.buf); n > 0 {
			s.framed = false
			clear(s.buf) // there may have been a password in it
			if s.buf = s.buf[:0]; cap(s.buf) > 4096 {
				s.buf = nil
			}
		}
	}
}

// mark marks the frames of the message that b begins with, back bytes before the end of what came, as soon as its header is there.
func (s *side) mark(c *analyzer.Context, d packet.Dir, b []byte, back int) {
	if s.framed || !c.Framed() {
		return
	}
	h, ok := parseHeader(b)
	if !ok || h.size == 0 {
		return
	}
	s.framed = true
	c.Frame(d, "pdu", back, int64(h.size+h.remaining))
	c.Frame(d, "header", back, int64(h.size))
	c.Frame(d, "data", back-h.size, int64(h.remaining))
}

// whole reads the message that b begins with and returns its length, of one that is too long the header's; 0: more bytes are
// needed, or nothing more is read.
func (r *reader) whole(c *analyzer.Context, d packet.Dir, b []byte) int {
	h, ok := parseHeader(b)
	switch {
	case !ok:
		r.malformed(c, d, Unassigned)
		return 0
	case h.size == 0:
		return 0
	case h.remaining > r.mostRead:
		r.sides[d].skip = h.remaining
		m := &Message{Type: Type(h.first >> 4), Flags: h.first & 15, Skipped: h.size + h.remaining}
		r.seen++
		r.tell(c, r.begin(c, d, m))
		return h.size
	case len(b) < h.size+h.remaining:
		return 0
	}
	m := &Message{}
	if !m.Parse(h.first, r.version, b[h.size:h.size+h.remaining]) {
		r.malformed(c, d, m.Type)
		return 0
	}
	r.seen++
	if m.Type == Connect {
		r.version = m.Version
	}
	most := r.mostText
	if c.Inspected(r.kind) {
		most = len(m.Payload)
	} else {
		m.Password = nil
	}
	m.own(most)
	r.take(c, d, m)
	return h.size + h.remaining
}

// malformed ends the reading: where the next message begins is not known any more. It is told unless nothing said that this is
// MQTT at all.
func (r *reader) malformed(c *analyzer.Context, d packet.Dir, typ Type) {
	if r.version != 0 || typ == Connect || r.seen > 1 {
		t := r.begin(c, d, nil)
		t.events = append(t.events, "malformed_traffic")
		r.tell(c, t)
	}
	r.end(c)
}

// begin makes a transaction of a message.
func (r *reader) begin(c *analyzer.Context, d packet.Dir, m *Message) *transaction {
	t := &transaction{Event: Event{Dir: d, Tx: r.txs, Version: r.version, limit: r.mostText}}
	r.txs++
	if m != nil {
		t.Messages = append(t.Messages, m)
	}
	return t
}

// answers says which message ends what each begins.
var answers = [16]Type{Connect: ConnAck, Subscribe: SubAck, Unsubscribe: UnsubAck}

// missing are the names of answers to what was not seen.
var missing = [16]string{ConnAck: "missing_connect", PubAck: "missing_publish", PubRec: "missing_publish", PubRel: "missing_publish", PubComp: "missing_publish",
	SubAck: "missing_subscribe", UnsubAck: "missing_unsubscribe"}

// take puts a message into its transaction.
func (r *reader) take(c *analyzer.Context, d packet.Dir, m *Message) {
	if missing[m.Type] != "" {
		if t := r.asked(d, m); t != nil {
			t.Messages = append(t.Messages, m)
			n := m.weight()
			t.kept += n
			r.kept += n
			if m.Type == t.await {
				r.connected = r.connected || m.Type == ConnAck
				r.close(c, t)
			}
			return
		}
	}
	t := r.begin(c, d, m)
	odd := func(name string) { t.events = append(t.events, name) }
	switch m.Type {
	case Unassigned:
		odd("unassigned_msg_type")
	case Connect:
		t.await = ConnAck
		if r.connected {
			odd("double_connect")
		}
	case Publish, Subscribe, Unsubscribe:
		switch m.QoS() {
		case 0:
		case 1:
			if t.await = answers[m.Type]; m.Type == Publish {
				t.await = PubAck
			}
		case 2:
			if t.await = answers[m.Type]; m.Type == Publish {
				t.await = PubComp
			}
		default:
			odd("invalid_qos_level")
		}
	}
	if name := missing[m.Type]; name != "" {
		odd(name)
	}
	if !r.connected && m.Type != Connect && m.Type != ConnAck && m.Type != Unassigned {
		odd("unintroduced_message")
	}
	if t.await == Unassigned {
		r.tell(c, t)
		return
	}
	t.kept = m.weight()
	r.kept += t.kept
	r.open = append(r.open, t)
	for len(r.open) > r.mostOpen || r.kept > mostKept {
		old := r.open[0]
		old.events = append(old.events, "too_many_transactions")
		r.close(c, old)
	}
}

// asked returns the open transaction that a message goes on with; nil: there is none.
func (r *reader) asked(d packet.Dir, m *Message) *transaction {
	for _, t := range r.open {
		first := t.Messages[0]
		switch m.Type {
		case ConnAck:
			if first.Type == Connect && t.Dir != d {
				return t
			}
			continue
		case PubAck, PubRec, PubComp:
			if first.Type != Publish || t.Dir == d {
				continue
			}
		case PubRel: // from who published
			if first.Type != Publish || t.Dir != d {
				continue
			}
		default:
			if t.await != m.Type || t.Dir == d {
				continue
			}
		}
		if m.ID == first.ID && (m.Type != PubAck || first.QoS() == 1) && (m.Type != PubRec && m.Type != PubRel && m.Type != PubComp || first.QoS() == 2) {
			return t
		}
	}
	return nil
}

// close tells an open transaction.
func (r *reader) close(c *analyzer.Context, t *transaction) {
	for i, o := range r.open {
		if o == t {
			r.open = append(r.open[:i], r.open[i+1:]...)
			break
		}
	}
	r.kept -= t.kept
	r.tell(c, t)
}

// tell shows a transaction that is over to rules and outputs.
func (r *reader) tell(c *analyzer.Context, t *transaction) {
	for _, name := range t.events {
		c.AppLayer(t.Dir, t.Tx, name)
	}
	e := t.Event
	e.head = c.Head(r.kind)
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: t.Dir, Tx: t.Tx, Done: true, Parts: &parts{&e}, Events: t.events})
		for _, m := range e.Messages {
			clear(m.Password)
			m.Password = nil
		}
	}
	if len(e.Messages) > 0 && c.Wanted(r.kind) {
		c.Emit(&e)
	}
}

// end tells what is open and reads no further.
func (r *reader) end(c *analyzer.Context) {
	for len(r.open) > 0 {
		r.close(c, r.open[0])
	}
	r.over = true
	c.Done()
}

// Gap ends the reading, unless it lies in what is skipped anyway.
func (r *reader) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if s := &r.sides[d]; uint64(s.skip) >= n {
		s.skip -= int(n)
		return
	}
	if !r.over {
		r.end(c)
	}
}

// Close ends a direction; with the other one what waits for an answer waits no longer.
func (r *reader) Close(c *analyzer.Context, d packet.Dir, _ stream.End) {
	r.sides[d].closed = true
	if r.sides[d.Other()].closed && !r.over {
		r.end(c)
	}
}

// Reset forgets the connection; what may have held a password is overwritten.
func (r *reader) Reset() {
	for d := range r.sides {
		b := r.sides[d].buf
		clear(b[:cap(b)])
		r.sides[d] = side{buf: b[:0]}
	}
	*r = reader{kind: r.kind, mostRead: r.mostRead, mostOpen: r.mostOpen, mostText: r.mostText, sides: r.sides}
}

// Held is what the connection keeps (analyzer.Holder).
func (r *reader) Held() int { return cap(r.sides[0].buf) + cap(r.sides[1].buf) + r.kept }
