package arpodd

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

var codeMismatch = &finding.Code{
	ID:       Mismatch,
	Title:    "ARP in the name of another card than the frame's sender",
	Kind:     finding.Anomaly,
	Severity: finding.Low,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "bridge", Name: "a bridge, repeater or load balancer that rewrites frames and not what is inside"},
	},
	References: []string{"RFC 826", "arpwatch(8), ethernet mismatch"},
	Settle:     10 * time.Second,
	About: "An ARP packet says twice who sent it: the frame's header and the packet inside. They differ where a box between rewrites one of them, and where somebody forges. Looked for: any such " +
		"packet, told once for each frame sender. Not this: virtual addresses of VRRP, HSRP, CARP, GLBP and load balancing; tools of arp-spoof-mitm that put things right, which that finding tells.",
	Reproduce: "testbed: arp-odd",
}

var codeIllegal = &finding.Code{
	ID:       Illegal,
	Title:    "frames from addresses that no card can have",
	Kind:     finding.Attack,
	Severity: finding.Medium,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "defect", Name: "a defective card, driver or capture"},
	},
	References: []string{"IEEE 802.3 3.2.3 (source addresses are individual)", "RFC 826"},
	Settle:     10 * time.Second,
	About: "No frame may come from a group or broadcast address, nor from none; no machine is \"everybody\"; addresses in ARP for Ethernet and IPv4 have 6 and 4 bytes. Looked for: frames and ARP packets " +
		"that break this, told once for each wire. Tools that make frames up do it; so does broken hardware.",
	Reproduce: "testbed: arp-odd, mac-flood",
}

var codeBogon = &finding.Code{
	ID:       Bogon,
	Title:    "a host with an address of another network",
	Kind:     finding.Diagnosis,
	Severity: finding.Low,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "second-net", Name: "a second network on the same wire, of which only this host speaks now"},
	},
	References: []string{"RFC 826", "RFC 1122 3.3.1"},
	Settle:     30 * time.Second,
	About: "A host that was set up for another network asks for its neighbours and its gateway there, and nobody answers. Looked for: three or more unanswered questions of a host alone in its /24, on a " +
		"wire where another network with three hosts or more is known, none of which answers it or is answered by it. Not this: link-local addresses, longer networks whose hosts answer each other.",
	Reproduce: "testbed: arp-bogon",
}

var vendors = neighbour.BuiltIn()

// Compose writes a finding.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	switch x := g.Kept[0].Data.(type) {
	case *odd:
		d.composeOdd(b, x)
	case *illegal:
		d.composeIllegal(b, x)
	case *stranger:
		return d.composeStranger(g, b, x)
	}
	return true
}

func findPort(b *finding.Builder, m packet.MAC) {
	b.Remedy(finding.AtSwitch, "find the port of %s", m).
		Run("Cisco IOS", "show mac address-table address %02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5]).
		Run("Linux bridge", "bridge fdb show | grep %s", m)
}

// guard begins a filter of the switch, to which rules are added.
func guard(r *finding.Lines) *finding.Lines {
	return r.Run("Linux bridge", "nft add table bridge guard").
		Run("Linux bridge", "nft add chain bridge guard in '{ type filter hook prerouting priority 0; }'")
}

func (d *detector) composeOdd(b *finding.Builder, x *odd) {
	m := x.key.Ether
	var said []string
	for i := range x.Named[:x.N] {
		said = append(said, fmt.Sprintf("%s at %s", x.IPs[i], vendors.Describe(x.Named[i])))
	}
	b.Subject(finding.Subject{Role: "sender", MAC: m})
	b.Title("%s sends ARP in the name of another card%s: %s", vendors.Describe(m), x.key.In(), detect.List(said, 2))
	b.Why("frame and packet name different senders in %s", detect.Plural(int(x.Count), "packet", "packets"))
	b.Summary("Whoever hears such a packet sends what is meant for that address to the card named inside, while switches learn the card that sent the frame. A box that rewrites frames does this; so does a forger.")
	b.Impact("none by itself")
	b.Fact(x.Refs, "%s from %s", detect.Plural(int(x.Count), "packet", "packets"), m)
	for i := range x.Named[:x.N] {
		b.Fact(nil, "it says that %s is at %s", x.IPs[i], vendors.Describe(x.Named[i]))
	}
	b.Open("bridge", "see what is behind the port of %s: a Wi-Fi repeater or a bridge of virtual machines does this", m)
	findPort(b, m)
	guard(b.Remedy(finding.AtSwitch, "let %s speak ARP for itself alone (a repeater or a bridge of virtual machines behind it then stops working)", m).
		Run("Cisco IOS", "ip arp inspection validate src-mac")).
		Run("Linux bridge", "nft add rule bridge guard in ether saddr %s arp saddr ether != %s drop", m, m)
	b.Check(fmt.Sprintf("tcpdump -nei eth0 'arp and ether src %s'", m), "in this network: -e shows the frame's sender beside the packet's")
	for _, r := range x.Refs {
		b.Evidence(r, "frame and packet name different senders")
	}
	b.WrongIf("%s is a bridge or repeater", m)
}

// faultWords says each fault in half a sentence, with what it was found in.
var faultWords = [numFaults]struct{ what, how string }{
	groupFrame:  {"frame", "from a group address, such as %s"},
	zeroFrame:   {"frame", "from no address at all (%s)"},
	groupOwner:  {"ARP packet", "that give an address to a group, %s"},
	zeroOwner:   {"ARP packet", "that give an address to nobody, sent by %s"},
	badSizes:    {"ARP packet", "with impossible address sizes, sent by %s"},
	toEverybody: {"ARP answer", "addressed to everybody, sent by %s"},
}

// text says how many packets have the fault f, and the sender of the first.
func (x *illegal) text(f fault) string {
	w := faultWords[f]
	s := fmt.Sprintf(w.how, x.MAC[f])
	if x.Count[f] == 1 {
		s = strings.Replace(s, "that give ", "that gives ", 1)
	}
	return detect.Plural(int(x.Count[f]), w.what, w.what+"s") + " " + s
}

func (d *detector) composeIllegal(b *finding.Builder, x *illegal) {
	var kinds []string
	var total uint32
	var first packet.MAC
	for f, n := range x.Count {
		if n > 0 {
			if total == 0 {
				first = x.MAC[f]
			}
			total += n
			kinds = append(kinds, x.text(fault(f)))
		}
	}
	b.Subject(finding.Subject{Role: "sender", MAC: first})
	b.Title("%s that no honest card sends%s: %s", detect.Plural(int(total), "frame", "frames"), x.wire.In(), detect.List(kinds, 2))
	b.Why("source addresses are those of single cards, six bytes long (IEEE 802.3 3.2.3)")
	b.Summary("Frames on this wire break a rule that every network card keeps. Somebody makes frames up to confuse machines or the switch, or a card or driver is broken.")
	b.Impact("hosts that believe such a packet send to nobody, or to everybody")
	for f, n := range x.Count {
		if n > 0 {
			b.Fact(x.Refs[f], "%s", x.text(fault(f)))
			for _, r := range x.Refs[f][:min(2, len(x.Refs[f]))] {
				b.Evidence(r, "impossible sender")
			}
		}
	}
	b.Fact(nil, "%s in all, among ARP and the first packets of conversations: others were not looked at", detect.Plural(int(total), "frame", "frames"))
	b.Open("defect", "see which port they come from: a defective card sends other nonsense too (counters of errors at the switch)")
	b.Remedy(finding.AtSwitch, "find the port where they come in, and what is behind it").
		Run("Linux bridge", "bridge -s link show").
		Run("Cisco IOS", "show interfaces counters errors")
	const group = "& 01:00:00:00:00:00 == 01:00:00:00:00:00"
	guard(b.Remedy(finding.AtSwitch, "let it drop such frames").
		Run("Cisco IOS", "ip arp inspection validate src-mac dst-mac ip")).
		Run("Linux bridge", "nft add rule bridge guard in 'ether saddr %s drop'", group).
		Run("Linux bridge", "nft add rule bridge guard in 'arp saddr ether %s drop'", group).
		Run("Linux bridge", "nft add rule bridge guard in arp hlen != 6 drop")
	b.Check("tcpdump -nei eth0 'ether[6] & 1 != 0 or arp'", "in this network: -e shows the frame's sender")
	b.WrongIf("the capture was made with a device that writes link-layer addresses of its own")
}

func (d *detector) composeStranger(g *finding.Group, b *finding.Builder, s *stranger) bool {
	own := d.network(s.key.Wire, s.key.IP, s.First)
	here := d.here(s.key.Wire, own)
	if s.Answered || s.Served || own.N >= members || here == nil {
		return false // it was answered later
	}
	who := vendors.Describe(s.MAC)
	b.Subject(finding.Subject{Role: "host", Addr: s.key.IP, MAC: s.MAC})
	b.Title("%s (%s) has an address of another network than this one%s", s.key.IP, who, s.key.In())
	b.Why("it asked for %s and others of its network, and nobody answered; the network here is that of %s", s.Target, here.Hosts[0])
	b.Summary("A host on this wire has the address %s, which belongs to no network here. It looks for its gateway and neighbours in vain: somebody gave it a fixed address of another network, or plugged it into the wrong port.", s.key.IP)
	b.Impact("%s reaches nobody with that address", s.key.IP)
	b.Fact(append(detect.Refs(s.Refs...), detect.Refs(s.PendingR)...), "%d questions in its name, none of them answered", s.Asked)
	b.Fact(detect.Refs(here.Ref), "the hosts here are %s and others of their network", detect.List([]string{here.Hosts[0].String(), here.Hosts[1].String(), here.Hosts[2].String()}, 3))
	b.Open("second-net", "the other hosts of %s/24 may be silent, or on a port that this capture does not see: ask what the network of this port is", s.key.IP.Prefix())
	b.Remedy(finding.AtClient, "let it ask DHCP for an address, or give it one of this network").
		Run("Linux", "dhclient eth0").
		Run("Windows", "netsh interface ip set address \"Ethernet\" dhcp")
	findPort(b, s.MAC)
	b.Check("ip -4 addr show", "on that host; Windows: ipconfig")
	for _, r := range s.Refs {
		b.Evidence(r, "a question that nobody answers")
	}
	b.Evidence(s.First, "its first question")
	if s.First.IsZero() {
		b.Evidence(g.Last, "by now nobody has answered")
	}
	b.Evidence(here.Ref, "a host of the network that is here")
	b.WrongIf("another host of %s/24 answers on this wire", s.key.IP.Prefix())
	return true
}
