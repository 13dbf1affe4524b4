// Package krb5 reads the clear parts of Kerberos 5 (RFC 4120) between clients and the key distribution centre, over UDP and
// TCP: who asks for a ticket to what, how it is encrypted, and why it was refused.
package krb5

import (
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "krb5"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "krb5",
	Over:  []analyzer.Transport{analyzer.UDP, analyzer.TCP},
	Ports: []uint16{88},
	Probe: probe,
	Kinds: []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &connection{teller: teller{kind: o.Kind(Kind)}}, nil
	},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &datagrams{teller{kind: o.Kind(Kind)}}, nil
	},
}

// maxMessage bounds a message over TCP: tickets with many groups in them reach 64 KiB.
const maxMessage = 128 << 10

// head is how many bytes tell a message: its length over TCP, two elements with lengths, version and type.
const head = 24

// probe knows a message by its outermost tag, the version and the type that repeats the tag; over TCP the length goes before
// it (RFC 4120 7.2.2).
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if len(b) == 0 {
		return analyzer.More
	}
	if b[0] != 0 { // a datagram
		if _, ok := begin(b); ok {
			return analyzer.Yes
		}
		return analyzer.No
	}
	if len(b) > 1 && b[1] > maxMessage>>16 || len(b) > 4 && !known(b[4]) {
		return analyzer.No
	}
	if len(b) < 4+head {
		return analyzer.More
	}
	if _, ok := begin(b[4:]); !ok {
		return analyzer.No
	}
	return analyzer.Yes
}

// teller makes events of messages, each of which is a transaction of its own.
type teller struct {
	kind event.Kind
	txs  uint64
}

func (t *teller) tell(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(t.kind) && !c.Inspected(t.kind) {
		return
	}
	m, ok := Parse(b)
	if !ok {
		return
	}
	e := &Event{head: c.Head(t.kind), Message: m, Dir: d, Tx: t.txs}
	t.txs++
	var odd []string
	if weak(e.EType) {
		odd = append(odd, "weak_encryption")
		c.AppLayer(d, e.Tx, odd[0])
	}
	if c.Inspected(t.kind) {
		c.Inspect(t.kind, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: e, Events: odd})
	}
	c.Emit(e)
}

// datagrams reads the form of UDP.
type datagrams struct{ teller }

// Message reads one datagram.
func (r *datagrams) Message(c *analyzer.Context, d packet.Dir, b []byte) { r.tell(c, d, b) }

// Close has nothing to end.
func (*datagrams) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *datagrams) Reset() { r.txs = 0 }

// connection reads the form of TCP.
type connection struct {
	teller
	sides [2]side
}

type side struct {
	buf  []byte
	lost bool // the length fields cannot be found again
}

// Data takes bytes of one direction.
func (s *connection) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !x.lost {
		need := 4
		if len(x.buf) >= 4 {
			need += int(binary.BigEndian.Uint32(x.buf))
		}
		n := min(need-len(x.buf), len(b))
		x.buf = append(x.buf, b[:n]...)
		b = b[n:]
		if len(x.buf) < need {
			return
		}
		if size := binary.BigEndian.Uint32(x.buf); size > maxMessage || size == 0 {
			s.lose(c, d)
			return
		} else if len(x.buf) == 4 {
			continue
		}
		s.tell(c, d, x.buf[4:])
		x.buf = x.buf[:0]
	}
}

// lose gives a direction up, and the connection with the other one.
func (s *connection) lose(c *analyzer.Context, d packet.Dir) {
	s.sides[d] = side{lost: true}
	if s.sides[d.Other()].lost {
		c.Done()
	}
}

// Gap ends the reading of a direction.
func (s *connection) Gap(c *analyzer.Context, d packet.Dir, _ uint64) { s.lose(c, d) }

// Close drops what is not a whole message.
func (s *connection) Close(_ *analyzer.Context, d packet.Dir, _ stream.End) { s.sides[d] = side{} }

// Reset forgets the connection.
func (s *connection) Reset() {
	for d := range s.sides {
		b := s.sides[d].buf[:0]
		if cap(b) > 8<<10 {
			b = nil
		}
		s.sides[d] = side{buf: b}
	}
	s.txs = 0
}

// Held is what the connection keeps (analyzer.Holder).
func (s *connection) Held() int { return cap(s.sides[0].buf) + cap(s.sides[1].buf) }
