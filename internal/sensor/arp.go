package sensor

import (
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// arpSeen is the last ARP packet of a vantage, to tell a copy of it by a mirror port from the same question again.
type arpSeen struct {
	at  packet.Time
	key [header.ARPLen]byte
}

// copiedARP reports that p is the ARP packet before, recorded twice.
func (w *wire) copiedARP(p *packet.Packet) bool {
	if p.EtherType != packet.EtherARP || p.NLayer == 0 {
		return false
	}
	l := p.Layers[min(int(p.NLayer), len(p.Layers))-1]
	if l.Kind != packet.LayerARP || int(l.Off) >= len(p.Data) {
		return false
	}
	a, ok := header.ParseARP(p.Data[l.Off:])
	if !ok {
		return false
	}
	since := p.Time.Sub(w.lastARP.at)
	if [header.ARPLen]byte(a) == w.lastARP.key && since >= 0 && since <= copyWithin {
		return true
	}
	w.lastARP = arpSeen{p.Time, [header.ARPLen]byte(a)}
	return false
}
