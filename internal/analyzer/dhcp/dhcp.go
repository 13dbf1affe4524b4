// Package dhcp reads the Dynamic Host Configuration Protocol for IPv4 (RFC 2131, RFC 2132): who asks for an address, who
// offers which, who refuses.
package dhcp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Ports of the protocol (RFC 2131 4.1).
const (
	ServerPort = 67
	ClientPort = 68
)

// Kind is the name of its events.
const Kind = "dhcp"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "dhcp",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{ServerPort, ClientPort},
	Probe:   probe,
	Kinds:   []string{Kind},
	Names:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{kind: o.Kind(Kind)}, nil },
}

func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if plausible(b) {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each message into an event. A lease is a matter of several flows, broadcast ones among them: detectors
// match them by transaction id and hardware address.
type reader struct {
	kind event.Kind
	txs  uint64
}

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(r.kind) {
		return
	}
	if m, ok := Parse(b); ok {
		e := &Event{head: c.Head(r.kind), Message: m, Dir: d}
		if c.Inspected(r.kind) {
			c.Inspect(r.kind, event.Inspection{Dir: d, Tx: r.txs, Done: true, Parts: e})
		}
		r.txs++
		c.Emit(e)
	}
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { r.txs = 0 }
