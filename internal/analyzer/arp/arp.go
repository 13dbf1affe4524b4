// Package arp reads ARP (RFC 826): who has which IPv4 address on the link.
package arp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "arp",
	Over:  []analyzer.Transport{analyzer.Ether(packet.EtherARP)},
	Kinds: []string{"arp", MalformedKind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return reader{malformed: o.Kind(MalformedKind)}, nil
	},
}

// reader turns each packet into an event.ARP. It keeps nothing from packet to packet: who claims what over time is for
// detectors to judge.
type reader struct{ malformed event.Kind }

// Message reads one ARP packet.
func (r reader) Message(c *analyzer.Context, _ packet.Dir, b []byte) {
	m, ok := Parse(b)
	if !ok { // decoding has named the anomaly
		r.odd(c, b)
		return
	}
	if !c.Wanted(event.KindARP) {
		return
	}
	e := event.NewARP(c.Head(event.KindARP))
	e.Op = m.Op
	e.SenderMAC, e.SenderIP = m.SenderMAC, m.SenderIP
	e.TargetMAC, e.TargetIP = m.TargetMAC, m.TargetIP
	c.Emit(e)
}

// odd reports a packet whose sizes are impossible for what it says it speaks of.
func (r reader) odd(c *analyzer.Context, b []byte) {
	if !c.Wanted(r.malformed) || !Impossible(b) {
		return
	}
	e := NewMalformed(c.Head(r.malformed), r.malformed)
	e.HardwareSize, e.ProtocolSize = b[4], b[5]
	c.Emit(e)
}

// Close has nothing to end.
func (reader) Close(*analyzer.Context, event.EndReason) {}

// Reset has nothing to forget.
func (reader) Reset() {}
