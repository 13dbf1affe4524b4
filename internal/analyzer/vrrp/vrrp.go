// Package vrrp reads the advertisements of routers that share an address: VRRP (RFC 9568), CARP and HSRP (RFC 2281).
package vrrp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "vrrp"

// hsrpPort is HSRP's UDP port (RFC 2281 5).
const hsrpPort = 1985

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "vrrp",
	Over:  []analyzer.Transport{analyzer.IP(packet.ProtoVRRP), analyzer.UDP},
	Ports: []uint16{hsrpPort},
	Probe: probe,
	Kinds: []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &reader{kind: o.Kind(Kind)}, nil
	},
}

// probe knows HSRP by its password where none was set; other passwords are not guessed at.
func probe(_ packet.Dir, b []byte) analyzer.Answer {
	if m, ok := ParseHSRP(b); ok && m.Auth == 0 && len(b) == hsrpLen {
		return analyzer.Yes
	}
	return analyzer.No
}

// reader turns each message into an Advert and keeps nothing.
type reader struct{ kind event.Kind }

// Message reads one packet or datagram.
func (r *reader) Message(c *analyzer.Context, _ packet.Dir, b []byte) {
	p := c.Packet()
	if !c.Wanted(r.kind) || p == nil {
		return
	}
	var m Message
	var ok bool
	if p.Proto == packet.ProtoUDP {
		m, ok = ParseHSRP(b)
	} else {
		m, ok = Parse(b, p.IPVersion == 6)
	}
	if !ok {
		return
	}
	e := NewAdvert(c.Head(r.kind), r.kind)
	e.Message, e.TTL = m, p.TTL
	c.Emit(e)
}

// Close has nothing to end.
func (*reader) Close(*analyzer.Context, event.EndReason) {}

// Reset has nothing to forget.
func (*reader) Reset() {}
