package sensor

import (
	"firestorm/internal/event"
	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// arpSeen is the last ARP packet of a vantage, to tell a copy of it by a mirror port from the same question again.
type arpSeen struct {
	at  packet.Time
	key [header.ARPLen]byte
}

// arp turns an ARP packet for IPv4 over Ethernet into an event; nil for anything else, for a frame cut short, and for
// a copy of the packet before.
func (w *wire) arp(p *packet.Packet) event.Event {
	if p.EtherType != packet.EtherARP || p.NLayer == 0 {
		return nil
	}
	l := p.Layers[min(int(p.NLayer), len(p.Layers))-1]
	if l.Kind != packet.LayerARP || int(l.Off) >= len(p.Data) {
		return nil
	}
	a, ok := header.ParseARP(p.Data[l.Off:])
	if !ok || a.ProtocolType() != packet.EtherIPv4 {
		return nil
	}
	since := p.Time.Sub(w.lastARP.at)
	if [header.ARPLen]byte(a) == w.lastARP.key && since >= 0 && since <= copyWithin {
		return nil
	}
	w.lastARP = arpSeen{p.Time, [header.ARPLen]byte(a)}
	h := headOf(p)
	sip, tip := a.SenderIP(), a.TargetIP()
	h.Client.Addr, h.Server.Addr = packet.Addr4(sip[:]), packet.Addr4(tip[:])
	x := event.NewARP(h)
	x.Op, x.SenderMAC, x.TargetMAC = a.Operation(), packet.MAC(a.SenderMAC()), packet.MAC(a.TargetMAC())
	x.SenderIP, x.TargetIP = packet.Addr4(sip[:]), packet.Addr4(tip[:])
	return x
}
