// Package tftp reads requests of the Trivial File Transfer Protocol (RFC 1350).
package tftp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of its events.
const Kind = "tftp"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "tftp",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{69},
	Probe:   probe,
	Kinds:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

// probe asks for a request: what follows it travels between other ports.
func probe(d packet.Dir, b []byte) analyzer.Answer {
	if _, ok := Parse(b); ok && d == packet.ToServer {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each request into an event.
type reader struct {
	kind event.Kind
	txs  uint64
}

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	q, ok := Parse(b)
	if !ok || d != packet.ToServer || !c.Wanted(r.kind) && !c.Inspected(r.kind) {
		return
	}
	e := &Event{head: c.Head(r.kind), Request: q, Tx: r.txs}
	r.txs++
	if c.Inspected(r.kind) {
		c.Inspect(r.kind, event.Inspection{Dir: d, Tx: e.Tx, Done: true, Parts: e})
	}
	c.Emit(e)
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { r.txs = 0 }
