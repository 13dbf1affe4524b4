// Package dhcpv6 reads the Dynamic Host Configuration Protocol for IPv6 (RFC 8415): who asks for an address or a prefix,
// who gives which, who refuses.
package dhcpv6

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Ports of the protocol (RFC 8415 7.2).
const (
	ClientPort = 546
	ServerPort = 547
)

// Kind is the name of its events.
const Kind = "dhcpv6"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "dhcpv6",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{ServerPort, ClientPort},
	Probe:   probe,
	Kinds:   []string{Kind},
	Names:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{o.Kind(Kind)}, nil },
}

func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if plausible(b) {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each message into an event. A question goes to a multicast address and its answer comes from another one:
// whoever reads the events matches them by transaction id and client identifier.
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
