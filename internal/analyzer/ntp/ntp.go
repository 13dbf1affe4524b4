// Package ntp reads the Network Time Protocol (RFC 5905): who asks whom for the time, and whether the one that is asked
// has any.
package ntp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Port of the protocol.
const Port = 123

// Kind is the name of its events.
const Kind = "ntp"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "ntp",
	Over:    []analyzer.Transport{analyzer.UDP},
	Ports:   []uint16{Port},
	Probe:   probe,
	Kinds:   []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) { return &reader{o.Kind(Kind)}, nil },
}

// probe is strict, since 48 bytes with a fitting first one are no rare sight: a poll interval in use, a transmit time, and
// of servers a precision finer than a second. Clients may say anything there (chrony says 32).
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	m, ok := Parse(b)
	if !ok || m.Mode != Client && m.Precision > 0 || m.Poll < -6 || m.Poll > 17 || m.Transmit == 0 {
		return analyzer.No
	}
	return analyzer.Yes
}

// reader turns each packet into an event; detectors match questions and answers.
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
