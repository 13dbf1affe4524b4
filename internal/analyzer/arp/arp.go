// Package arp reads ARP (RFC 826): who has which IPv4 address on the link.
package arp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:    "arp",
	Over:    []analyzer.Transport{analyzer.Ether(packet.EtherARP)},
	Kinds:   []string{"arp"},
	Message: func(analyzer.Options) (analyzer.MessageAnalyzer, error) { return reader{}, nil },
}

// reader turns each packet into an event.ARP. It keeps nothing from packet to packet: who claims what over time is for
// detectors to judge.
type reader struct{}

// Message reads one ARP packet.
func (reader) Message(c *analyzer.Context, _ packet.Dir, b []byte) {
	if !c.Wanted(event.KindARP) {
		return
	}
	m, ok := Parse(b)
	if !ok {
		return // decoding has named the anomaly
	}
	e := event.NewARP(c.Head(event.KindARP))
	e.Op = m.Op
	e.SenderMAC, e.SenderIP = m.SenderMAC, m.SenderIP
	e.TargetMAC, e.TargetIP = m.TargetMAC, m.TargetIP
	c.Emit(e)
}

// Close has nothing to end.
func (reader) Close(*analyzer.Context, event.EndReason) {}

// Reset has nothing to forget.
func (reader) Reset() {}
