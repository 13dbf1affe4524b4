// Package modbus reads Modbus over TCP: requests to controllers and what they answer.
package modbus

import (
	"bytes"
	"encoding/binary"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// Kind is the name of its events.
const Kind = "modbus"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:   "modbus",
	Over:   []analyzer.Transport{analyzer.TCP},
	Ports:  []uint16{502},
	Probe:  probe,
	Kinds:  []string{Kind},
	Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe knows a message without flaws whose function says how long it has to be. One of another function needs a second message
// behind it, for two zero bytes and a small number alone are little.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if len(b) >= 4 && (b[2] != 0 || b[3] != 0) || len(b) >= 5 && b[4] != 0 {
		return analyzer.No
	}
	if len(b) < headerLen {
		return analyzer.More
	}
	n := int(b[5])
	if n < minLength || n > maxLength {
		return analyzer.No
	}
	if len(b) < headerLen+n {
		if len(b) >= headerLen+2 && (b[7] == 0 || d == packet.ToServer && b[7]&0x80 != 0) {
			return analyzer.No
		}
		return analyzer.More
	}
	m := parse(b[:headerLen+n], d == packet.ToClient)
	if m.Flaws != 0 {
		return analyzer.No
	}
	if f := m.Function(); m.Exception() || f == Encapsulated || f == Diagnostic && diagnosticName(m.at(1)) != "" || m.Access() != 0 || f == 17 && (d == packet.ToClient || n == 2) {
		return analyzer.Yes
	}
	next := b[headerLen+n:]
	if len(next) >= 4 && (next[2] != 0 || next[3] != 0) || len(next) >= 5 && next[4] != 0 || len(next) >= 6 && (next[5] < minLength || next[5] > maxLength) {
		return analyzer.No
	}
	if len(next) < headerLen {
		return analyzer.More
	}
	return analyzer.Yes
}

const (
	mostOpen = 500 // requests without an answer; the same number as Suricata's request-flood where nothing is said
)

// reader follows one connection.
type reader struct {
	kind  event.Kind
	sides [2]side
	over  bool
	txs   uint64
	open  []*transaction // requests without an answer, oldest first
}

type side struct {
	buf    []byte
	closed bool
}

// transaction is a request, what answers it, or both.
type transaction struct {
	Event
	odd   [2][]string // names of what is odd, by direction
	shown bool        // to rules
}

// Data takes bytes of one direction.
func (r *reader) Data(c *analyzer.Context, d packet.Dir, b []byte) {
	s := &r.sides[d]
	for len(b) > 0 && !r.over {
		need := headerLen
		if len(s.buf) >= headerLen {
			need = headerLen + int(binary.BigEndian.Uint16(s.buf[4:]))
		}
		n := min(need-len(s.buf), len(b))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
		if len(s.buf) < need {
			return
		}
		if need == headerLen {
			if n := int(binary.BigEndian.Uint16(s.buf[4:])); n < minLength || n > maxLength { // where the next message begins is not known any more
				r.lost(c, d)
			}
			continue
		}
		m := parse(s.buf, d == packet.ToClient)
		m.PDU = bytes.Clone(m.PDU)
		s.buf = s.buf[:0]
		r.take(c, d, &m)
	}
}

// flawNames are the names of flaws, from the first bit on.
var flawNames = []string{"invalid_value", "invalid_length", "invalid_exception_code", "invalid_function_code", "invalid_protocol_id"}

func (f Flaw) names() (list []string) {
	for i, name := range flawNames {
		if f>>i&1 != 0 {
			list = append(list, name)
		}
	}
	return list
}

// take puts a message into its transaction.
func (r *reader) take(c *analyzer.Context, d packet.Dir, m *Message) {
	if d == packet.ToServer {
		for _, t := range r.open {
			r.show(c, t) // an answer to what came before may never come
		}
		t := r.begin()
		t.Request = m
		t.odd[d] = m.Flaws.names()
		r.open = append(r.open, t)
		if len(r.open) > mostOpen {
			old := r.open[0]
			old.odd[packet.ToServer] = append(old.odd[packet.ToServer], "flooded")
			old.shown = false
			r.close(c, old)
		}
		return
	}
	for _, t := range r.open {
		if t.Request.Transaction != m.Transaction {
			continue
		}
		t.Response = m
		if t.odd[d] = m.Flaws.names(); !m.answers(t.Request) {
			t.odd[d] = append(t.odd[d], "value_mismatch")
		}
		r.close(c, t)
		return
	}
	t := r.begin()
	t.Response = m
	t.odd[d] = append(m.Flaws.names(), "unsolicited_response")
	r.close(c, t)
}

// begin makes a transaction.
func (r *reader) begin() *transaction {
	t := &transaction{Event: Event{Tx: r.txs}}
	r.txs++
	return t
}

// show has rules look at a request, once as long as nothing changes.
func (r *reader) show(c *analyzer.Context, t *transaction) {
	if t.shown || !c.Inspected(r.kind) {
		return
	}
	t.shown = true
	e := t.Event
	c.Inspect(r.kind, event.Inspection{Dir: packet.ToServer, Tx: t.Tx, Done: t.Response != nil, Parts: &sight{&e}, Events: t.odd[packet.ToServer]})
}

// close tells a transaction.
func (r *reader) close(c *analyzer.Context, t *transaction) {
	for i, o := range r.open {
		if o == t {
			r.open = append(r.open[:i], r.open[i+1:]...)
			break
		}
	}
	for d, names := range t.odd {
		for _, name := range names {
			c.AppLayer(packet.Dir(d), t.Tx, name)
		}
	}
	t.head = c.Head(r.kind)
	if t.Request != nil {
		r.show(c, t)
	}
	if t.Response != nil && c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: packet.ToClient, Tx: t.Tx, Done: true, Parts: &answer{&t.Event}, Events: t.odd[packet.ToClient]})
	}
	if (t.Request != nil || t.Response != nil) && c.Wanted(r.kind) {
		c.Emit(&t.Event)
	}
}

// lost ends the reading of a connection in which a header makes no sense.
func (r *reader) lost(c *analyzer.Context, d packet.Dir) {
	if r.txs > 0 {
		t := r.begin()
		t.odd[d] = []string{"invalid_length"}
		if c.Inspected(r.kind) {
			c.Inspect(r.kind, event.Inspection{Dir: d, Tx: t.Tx, Done: true, Parts: &answer{&t.Event}, Events: t.odd[d]})
		}
		c.AppLayer(d, t.Tx, "invalid_length")
	}
	r.end(c)
}

// end tells what is open and reads no further.
func (r *reader) end(c *analyzer.Context) {
	for len(r.open) > 0 {
		r.close(c, r.open[0])
	}
	r.over = true
	c.Done()
}

// Gap ends the reading: a message says nothing by which the next one could be found.
func (r *reader) Gap(c *analyzer.Context, _ packet.Dir, _ uint64) {
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

// Reset forgets the connection.
func (r *reader) Reset() {
	*r = reader{kind: r.kind, sides: [2]side{{buf: r.sides[0].buf[:0]}, {buf: r.sides[1].buf[:0]}}}
}

// Held is what the connection keeps (analyzer.Holder).
func (r *reader) Held() int { return cap(r.sides[0].buf) + cap(r.sides[1].buf) + len(r.open)*512 }
