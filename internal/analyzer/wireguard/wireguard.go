// Package wireguard reads WireGuard: its four messages, by type and size. All but the indices is encrypted.
package wireguard

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the event kind.
const Kind = "wireguard"

// Def is the protocol as a list of analyzers names it.
var Def = analyzer.Def{
	Name:  "wireguard",
	Over:  []analyzer.Transport{analyzer.UDP},
	Ports: []uint16{51820},
	Probe: Probe,
	Kinds: []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &reader{kind: o.Kind(Kind)}, nil
	},
}

// Probe knows the handshake by its sizes. Data alone could be anything: it decides nothing.
func Probe(_ packet.Dir, b []byte) analyzer.Answer {
	m, ok := Parse(b)
	switch {
	case !ok:
		return analyzer.No
	case m.Type == Transport:
		return analyzer.More
	}
	return analyzer.Yes
}

// reader reads one UDP flow.
type reader struct {
	kind    event.Kind
	packets [2]uint64 // of type 4
	bytes   [2]uint64
	told    [2]bool // data of this direction was told of since the last handshake
}

// Message reads one datagram. Data costs a look at its first bytes: only the first after a handshake is told.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(r.kind) {
		c.Done()
		return
	}
	m, ok := Parse(b)
	if p := c.Packet(); !ok && p.Truncated() { // the capture cut it: the size on the wire tells
		m, ok = parseCut(b, int(p.PayloadWire))
	}
	if !ok {
		return
	}
	if m.Type == Transport {
		r.packets[d]++
		r.bytes[d] += uint64(m.Len)
		if r.told[d] {
			return
		}
		r.told[d] = true
	} else if m.Type == Response {
		r.told = [2]bool{}
	}
	c.Emit(&Event{head: c.Head(r.kind), Dir: d, Message: m, Packets: r.packets, Bytes: r.bytes})
}

// Close has nothing to end.
func (r *reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets the flow.
func (r *reader) Reset() { *r = reader{kind: r.kind} }
