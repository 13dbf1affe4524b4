// Package esp counts the packets of IPsec security associations: ESP (RFC 4303) and AH (RFC 4302), in each direction by
// its own number (SPI). What is inside is encrypted; sizes, times and sequence numbers are what there is to see.
package esp

import (
	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the event kind.
const Kind = "esp"

// maxShard is how many associations one shard follows outside UDP.
const maxShard = 4096

// Def is the protocol as a list of analyzers names it. ESP inside UDP shares its flow with IKE: analyzer/ike reads it,
// with this package's Tracker.
var Def = analyzer.Def{
	Name:  "esp",
	Over:  []analyzer.Transport{analyzer.IP(packet.ProtoESP), analyzer.IP(packet.ProtoAH)},
	Kinds: []string{Kind},
	Message: func(o analyzer.Options) (analyzer.MessageAnalyzer, error) {
		return &reader{t: NewTracker(o.Kind(Kind), maxShard)}, nil
	},
}

// reader sees all packets of the two protocols in a shard.
type reader struct{ t *Tracker }

// Message reads the start of one packet: the rest is encrypted, or belongs to others.
func (r *reader) Message(c *analyzer.Context, d packet.Dir, b []byte) {
	if !c.Wanted(r.t.kind) {
		return
	}
	p := c.Packet()
	m, ok := Parse(p.Proto != packet.ProtoESP, b)
	if !ok {
		return // decoding has named the anomaly
	}
	r.t.packet(c, m, d, p)
}

// Close has nothing to end: these transports have no flows.
func (r *reader) Close(*analyzer.Context, event.EndReason) {}

// Reset forgets all associations.
func (r *reader) Reset() { r.t.Reset() }
