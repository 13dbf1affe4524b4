// Package nbns reads the NetBIOS name service (RFC 1001, RFC 1002): the names that Windows machines tell each other.
package nbns

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Port of the protocol.
const Port = 137

// Kind is the name of its events.
const Kind = "nbns"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "nbns",
	App:     "netbios-ns",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{Port},
	Probe:   probe,
	Kinds:   []string{Kind},
	Names:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{o.Kind(Kind)}, nil },
}

func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if _, ok := Parse(b); ok {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each packet into an event.
type reader struct{ kind event.Kind }

// Message reads one datagram.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(r.kind) {
		return
	}
	if m, ok := Parse(b); ok {
		c.Emit(&Event{head: c.Head(r.kind), Message: m, Dir: d})
	}
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset has nothing to forget.
func (*reader) Reset() {}
