package sensor

import (
	"fmt"

	"firestorm/internal/packet"
)

// notUnderstood says why a packet without an IP header could not be used; empty when it is a link protocol we know.
func notUnderstood(p *packet.Packet) string {
	if p.Missing != 0 {
		return "" // a row of a listing: what it does not show is unknown, not undecoded
	}
	if p.NLayer == 0 {
		return fmt.Sprintf("link type %d is not decoded", p.Link)
	}
	switch p.EtherType {
	case 0x0806, 0x8035, 0x88cc, 0x8863, 0x9000: // ARP, RARP, LLDP, PPPoE discovery, loopback test
		return ""
	case 0x0800, 0x86dd:
		return "IP header cut short or broken"
	}
	if p.EtherType < 0x600 { // an 802.3 length: LLC, spanning tree and the like
		return ""
	}
	return fmt.Sprintf("EtherType 0x%04x is not decoded", p.EtherType)
}
