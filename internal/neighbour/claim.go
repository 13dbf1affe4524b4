// Package neighbour remembers who is on the wire: which link-layer address uses which IP address, since when, under
// which name, and what of that changed.
package neighbour

import (
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// How says in which way an address was claimed.
type How uint8

// Ways to claim an address.
const (
	Asked     How = iota + 1 // as the sender of a question: an ARP request, a neighbour or router solicitation
	Answered                 // in an answer to somebody: an ARP reply, a solicited neighbour advertisement
	Announced                // to everybody: gratuitous ARP (RFC 5227 3), an unsolicited neighbour advertisement
	Probed                   // wanted, not yet used: an ARP probe (RFC 5227 2.1.1), duplicate address detection (RFC 4862 5.4)
)

// Claim is one statement of ARP or neighbour discovery that a link-layer address has an IP address.
type Claim struct {
	Seen    packet.Ref
	IP      packet.Addr
	To      packet.Addr // who is told, or who is asked for; zero: everybody
	MAC     packet.MAC  // that has IP
	Ether   packet.MAC  // source of the frame
	ToMAC   packet.MAC  // destination of the frame
	Vantage uint16
	VLAN    uint16 // outermost tag; 0: none
	How     How
	Reply   bool // ARP reply or neighbour advertisement
	Unasked bool // a neighbour advertisement to one machine that says of itself that it is no answer (RFC 4861 4.4, S flag)
}

// Wire is where a claim was made: link-layer addresses mean nothing beyond it.
type Wire struct {
	Vantage uint16
	VLAN    uint16
}

// In writes " in VLAN 20" for a sentence, and nothing for frames without a tag.
func (w Wire) In() string {
	if w.VLAN == 0 {
		return ""
	}
	return " in VLAN " + strconv.Itoa(int(w.VLAN))
}

// Wire returns where the claim was made.
func (c *Claim) Wire() Wire { return Wire{c.Vantage, c.VLAN} }

var (
	broadcast = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	nobody4   = packet.MustAddr("0.0.0.0")
)

// ClaimOf reads the claim that an event makes; false when it makes none.
func ClaimOf(e event.Event) (c Claim, ok bool) {
	h := e.Head()
	c = Claim{Seen: h.Seen, Ether: h.SrcMAC, ToMAC: h.DstMAC, Vantage: h.Vantage}
	if h.NVLAN > 0 {
		c.VLAN = h.VLANs[0]
	}
	switch x := e.(type) {
	case *event.ARP:
		c.arp(x)
	case *event.NDP:
		if !x.Valid {
			return c, false
		}
		c.ndp(x)
	}
	return c, c.How != 0 && !c.IP.IsZero() && !c.MAC.IsZero()
}

func (c *Claim) arp(x *event.ARP) {
	c.IP, c.MAC, c.To, c.Reply = x.SenderIP, x.SenderMAC, x.TargetIP, x.Op == 2
	switch {
	case c.IP == nobody4:
		c.How, c.IP, c.To = Probed, x.TargetIP, packet.Addr{}
		if c.IP == nobody4 {
			c.How = 0
		}
	case x.SenderIP == x.TargetIP || x.Op == 2 && c.ToMAC == broadcast:
		c.How, c.To = Announced, packet.Addr{}
	case x.Op == 2:
		c.How = Answered
	default:
		c.How = Asked
	}
}

func (c *Claim) ndp(x *event.NDP) {
	h := x.Head()
	src, dst := h.Client.Addr, h.Server.Addr
	c.IP, c.MAC = src, x.LinkAddr
	switch x.Type {
	case 133, 134: // router solicitation, router advertisement
		c.How = Announced
	case 135:
		c.How, c.To = Asked, x.Target
		if x.Probe {
			c.How, c.IP, c.MAC, c.To = Probed, x.Target, c.Ether, packet.Addr{}
		}
	case 136:
		c.How, c.IP, c.To, c.Reply = Answered, x.Target, dst, true
		if c.MAC.IsZero() { // a unicast answer may leave the option out (RFC 4861 4.4)
			c.MAC = c.Ether
		}
		if dst[0] == 0xff {
			c.How, c.To = Announced, packet.Addr{}
		} else {
			c.Unasked = !x.Solicited
		}
	}
	if c.IP.IsZero() || c.IP[0] == 0xff {
		c.How = 0
	}
}
