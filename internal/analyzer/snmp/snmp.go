// Package snmp reads the Simple Network Management Protocol, versions 1 (RFC 1157), 2c (RFC 1901) and 3 (RFC 3412), over UDP.
package snmp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of its events.
const Kind = "snmp"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "snmp",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{161, 162},
	Probe:   probe,
	Kinds:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe asks for a message that can be read to its PDU and fills the datagram.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if _, ok := Parse(b); ok {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each message into an event, which is a transaction of its own.
type reader struct {
	kind    event.Kind
	txs     uint64
	version uint8 // of the first message
}

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(r.kind) && !c.Inspected(r.kind) {
		return
	}
	m, ok := Parse(b)
	if !ok {
		return
	}
	e := &Event{head: c.Head(r.kind), Message: m, Dir: d, Tx: r.txs}
	var odd []string
	if m.Version == 3 && m.Model != userModel {
		odd = append(odd, "unknown_security_model")
	}
	if r.txs > 0 && m.Version != r.version {
		odd = append(odd, "version_mismatch")
	}
	if r.txs == 0 {
		r.version = m.Version
	}
	for _, name := range odd {
		c.AppLayer(d, e.Tx, name)
	}
	r.txs++
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: e, Events: odd})
	}
	c.Emit(e)
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { r.txs, r.version = 0, 0 }
