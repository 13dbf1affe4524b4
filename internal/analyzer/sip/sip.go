// Package sip reads the Session Initiation Protocol (RFC 3261) over UDP and TCP.
package sip

import (
	"bytes"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "sip"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "sip",
	Over:  []analyzer.Transport{analyzer.UDP, analyzer.TCP},
	Ports: []uint16{5060},
	Probe: probe,
	Kinds: []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		return &connection{teller: teller{kind: o.Kind(Kind)}}, nil
	},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &datagrams{teller{kind: o.Kind(Kind)}}, nil
	},
}

// probe knows a request by a method that exists and a first line that ends with the version, an answer by its begin.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if n := min(len(b), len(version)+1); string(b[:n]) == "SIP/2.0 "[:n] {
		if n < len(version)+1 {
			return analyzer.More
		}
		return analyzer.Yes
	}
	for _, m := range methods {
		n := min(len(b), len(m)+1)
		if string(b[:min(n, len(m))]) != string(m[:min(n, len(m))]) || n > len(m) && b[len(m)] != ' ' {
			continue
		}
		line, _, found := bytes.Cut(b[:min(len(b), analyzer.ProbeLimit)], crlf)
		switch {
		case found && bytes.HasSuffix(line, append([]byte{' '}, version...)):
			return analyzer.Yes
		case found, len(b) >= analyzer.ProbeLimit:
			return analyzer.No
		}
		return analyzer.More
	}
	return analyzer.No
}

// teller makes events of messages, each of which is a transaction of its own.
type teller struct {
	kind event.Kind
	txs  uint64
	m    Message
}

// tell reports the message that was parsed last.
func (t *teller) tell(c *analyzer.Context, d packet.Dir) {
	t.txs++
	if !c.Wanted(t.kind) && !c.Inspected(t.kind) {
		return
	}
	e := newEvent(c.Head(t.kind), d, t.txs-1, &t.m)
	if c.Inspected(t.kind) {
		c.Inspect(t.kind, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: &parts{Event: e, m: &t.m}})
	}
	c.Emit(e)
}

// datagrams reads the form of UDP.
type datagrams struct{ teller }

// Message reads one datagram.
func (r *datagrams) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if len(b) <= 1<<16 {
		c.Frame(d, "pdu", len(b), int64(len(b)))
		if n, ok := r.m.Parse(b); ok {
			r.m.mark(c, d, r.txs, len(b), n, len(b)-n)
			r.tell(c, d)
		}
	}
	r.m.forget()
}

// Close has nothing to end.
func (*datagrams) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *datagrams) Reset() { r.txs = 0 }

// forget gives up the bytes that were lent.
func (m *Message) forget() {
	clear(m.Headers)
	*m = Message{Headers: m.Headers[:0]}
}

// connection reads the form of TCP.
type connection struct {
	teller
	sides [2]side
}

type side struct {
	head []byte
	skip int  // bytes of a body
	lost bool // the begin of a message cannot be found again
}

// Data takes bytes of one direction.
func (s *connection) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	x := &s.sides[d]
	for len(b) > 0 && !x.lost {
		if x.skip > 0 {
			n := min(x.skip, len(b))
			x.skip -= n
			b = b[n:]
			continue
		}
		if len(x.head) == 0 && (b[0] == '\r' || b[0] == '\n') { // keep-alive (RFC 5626 3.5.1), or the end of one that was long
			b = b[1:]
			continue
		}
		x.head = append(x.head, b[0])
		b = b[1:]
		if bytes.HasSuffix(x.head, []byte("\r\n\r\n")) {
			if _, ok := s.m.Parse(x.head); !ok {
				s.lose(c, d)
				return
			}
			x.skip = max(s.m.Body, 0)
			if n := len(x.head); c.Framed() {
				c.WholeFrame(d, "pdu", n+len(b), int64(n+x.skip))
				s.m.mark(c, d, s.txs, n+len(b), n, x.skip)
			}
			s.tell(c, d)
			s.m.forget()
			x.head = x.head[:0]
		} else if len(x.head) == maxHead {
			s.lose(c, d)
		}
	}
}

// lose gives a direction up, and the connection with the other one.
func (s *connection) lose(c *analyzer.Context, d packet.Dir) {
	s.sides[d] = side{lost: true}
	if s.sides[d.Other()].lost {
		c.Done()
	}
}

// Gap ends the reading of a direction, unless it lies in a body.
func (s *connection) Gap(c *analyzer.Context, d packet.Dir, n uint64) {
	if x := &s.sides[d]; uint64(x.skip) >= n {
		x.skip -= int(n)
		return
	}
	s.lose(c, d)
}

// Close drops what is not a whole head.
func (s *connection) Close(_ *analyzer.Context, d packet.Dir, _ stream.End) { s.sides[d] = side{} }

// Reset forgets the connection.
func (s *connection) Reset() {
	for d := range s.sides {
		s.sides[d] = side{head: s.sides[d].head[:0]}
	}
	s.txs = 0
}

// Held is what the connection keeps (analyzer.Holder).
func (s *connection) Held() int { return cap(s.sides[0].head) + cap(s.sides[1].head) }
