// Package ndp reads IPv6 neighbour discovery (RFC 4861, RFC 4862): who has which address on the link, and what routers
// announce.
package ndp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "ndp",
	Over:    []analyzer.Transport{analyzer.IP(packet.ProtoICMPv6)},
	Kinds:   []string{"ndp"},
	Message: func(analyzer.Options) (analyzer.MessageAnalyzer, error) { return reader{}, nil },
}

// reader turns each message into an event.NDP. It keeps nothing from packet to packet: who claims what over time is for
// detectors to judge.
type reader struct{}

// allOnes is the hop limit of a message that no router has passed on (RFC 4861 3.1).
const allOnes = 255

// Message reads one ICMPv6 message.
func (reader) Message(c *analyzer.Context, _ packet.Dir, b []byte) {
	if !c.Wanted(event.KindNDP) {
		return
	}
	m, ok := Parse(b)
	if !ok {
		return // another ICMPv6 message, or too short: decoding has named the anomaly
	}
	p := c.Packet()
	if p == nil {
		return
	}
	c.Emit(newEvent(c.Head(event.KindNDP), &m, b, p.TTL))
}

// newEvent makes the event of message m, whose bytes are b.
func newEvent(h event.Head, m *Message, b []byte, hops uint8) *event.NDP {
	e := event.NewNDP(h)
	e.Type, e.Target, e.Dest, e.LinkAddr = m.Type, m.Target, m.Dest, m.LinkAddr
	e.Router, e.Solicited, e.Override, e.HopLimit = m.Router, m.Solicited, m.Override, hops
	e.Probe = m.Type == header.ICMPv6NeighborSol && h.Client.Addr.IsZero()
	e.Valid = hops == allOnes && m.Code == 0 && !m.Damaged
	if m.Type == header.ICMPv6RouterAdvert {
		e.RA = &event.RouterAdvert{}
		ParseRouter(b, e.RA)
	}
	return e
}

// Close has nothing to end.
func (reader) Close(*analyzer.Context, event.EndReason) {}

// Reset has nothing to forget.
func (reader) Reset() {}
