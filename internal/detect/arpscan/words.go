package arpscan

import (
	"fmt"
	"sort"
	"strconv"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

var codeScan = &finding.Code{
	ID:       Scan,
	Title:    "a machine asks the network for every address",
	Kind:     finding.Attack,
	Severity: finding.Medium,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "router", Name: "a router that asks on behalf of others, whose packets go to addresses that are not there"},
		{ID: "inventory", Name: "a tool of the network's own people that takes stock"},
	},
	References: []string{"RFC 826", "arp-scan(1)", "nmap(1), -PR"},
	Settle:     10 * time.Second,
	About: "Who wants to know which machines are there asks for every address, and sees who answers. Looked for: questions of one link-layer address for 32 or more different addresses within a " +
		"minute, three quarters of which nobody answers within a second. Not this: a monitor that asks for machines which are there; a crowd of machines that each ask for one.",
	Reproduce: "testbed: arp-scan, arp-scan-nmap",
}

var codeFlood = &finding.Code{
	ID:       Flood,
	Title:    "a flood of made-up link-layer addresses",
	Kind:     finding.Attack,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "crowd", Name: "many machines that begin to speak at once"},
	},
	Absorbs:    []string{"mac-source-illegal", "arp-scan", "arp-ether-mismatch"},
	References: []string{"macof(8)", "IEEE 802.1D 7.9 (filtering database)"},
	Settle:     10 * time.Second,
	About: "A switch remembers which address is behind which port. Its table is bounded: filled with made-up addresses, it sends frames to every port, where anybody can read them. Looked for: more " +
		"than 500 new senders on one wire within a minute, four fifths of which sent a single frame. Not this: a class-room that is switched on: its machines go on speaking.",
	Reproduce: "testbed: mac-flood",
}

var vendors = neighbour.BuiltIn()

func wireKey(w neighbour.Wire) string {
	return strconv.Itoa(int(w.Vantage)) + "." + strconv.Itoa(int(w.VLAN))
}
func key(c claimer) string { return c.MAC.String() + "|" + wireKey(c.Wire) }

// Compose writes the finding for one machine, or one flood.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code == codeFlood {
		return d.flood(g, b)
	}
	s := g.Kept[0].Data.(*scanner)
	who := vendors.Describe(s.key.MAC)
	if !s.IP.IsZero() {
		who = s.IP.String() + ", " + who + ","
		if n, ok := d.scope.Names.Get(s.IP); ok {
			who = fmt.Sprintf("%s (%q), %s,", s.IP, n.Name, vendors.Describe(s.key.MAC))
		}
	}
	var found []string
	var answered, unanswered []packet.Ref
	for _, t := range s.Targets {
		switch {
		case t.Answered:
			found = append(found, t.IP.String())
			answered = append(answered, t.Asked)
		default:
			unanswered = append(unanswered, t.Asked)
		}
	}
	sort.Strings(found)
	span := s.Targets[len(s.Targets)-1].At.Sub(s.Targets[0].At)
	n := len(s.Targets) + int(s.More)
	b.Subject(finding.Subject{Role: "scanner", Addr: s.IP, MAC: s.key.MAC})
	b.Title("%s asked for %d addresses within %s; %d of them are not there", who, n, detect.Span(span), len(unanswered))
	b.Why("who knows where it wants to go asks for that address; this one tries them all")
	b.Summary("A machine in this network asked for one address after the other, most of which do not exist. It is looking for machines. That is what comes before an attack, and what programs do that take stock of a network.")
	if len(found) > 0 {
		b.Impact("it found %s: %s", detect.Plural(len(found), "machine", "machines"), detect.List(found, 6))
	} else {
		b.Impact("it found nobody")
	}
	show := func(r []packet.Ref) []packet.Ref { return r[:min(len(r), maxRefs)] }
	b.Fact(show(unanswered), "%d questions that nobody answered within 1 s", len(unanswered))
	b.Fact(show(answered), "%d that somebody answered", len(answered))
	b.Fact(detect.Refs(s.Targets[0].Asked, s.Targets[len(s.Targets)-1].Asked), "from %s to %s, %s apart on average", s.Targets[0].IP, s.Targets[len(s.Targets)-1].IP, detect.Span(span/time.Duration(max(len(s.Targets)-1, 1))))
	if s.Forwards {
		b.Open("router", "packets of others come from %s (%s): it may ask on behalf of somebody behind it who scans; capture there", s.key.MAC, d.scope.Frame(s.ForwardR))
	} else {
		b.RuledOut("router", show(unanswered), "no packets of others come from it")
	}
	b.Open("inventory", "ask whoever runs %s whether a program takes stock there", s.key.MAC)
	if s.Forwards {
		b.Severity(finding.Low)
	}
	m := s.key.MAC
	b.Remedy(finding.AtSwitch, "find the port, and ask whose machine it is").
		Run("Cisco IOS", "show mac address-table address %02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5]).
		Run("Linux bridge", "bridge fdb show | grep %s", m)
	b.Remedy(finding.AtSwitch, "let the ports of machines ask a few questions a second, no more: who searches then finds next to nobody (Cisco IOS shuts a port that asks more)").
		Run("Cisco IOS", "ip arp inspection limit rate 15").
		Run("Linux bridge", "nft add table bridge guard").
		Run("Linux bridge", "nft add chain bridge guard in '{ type filter hook prerouting priority 0; }'").
		Run("Linux bridge", "nft add rule bridge guard in iifname eth0 arp operation request limit rate over 5/second drop")
	b.Remedy(finding.AtSensor, "if it is meant, mute this code for it, with the reason (--mutes)")
	b.Check(fmt.Sprintf("tcpdump -ni eth0 'arp and ether src %s'", m), "in this network: it shows whether it goes on")
	for i, r := range unanswered {
		if i < 4 {
			b.Evidence(r, "a question that nobody answers")
		}
	}
	for i, r := range answered {
		if i < 2 {
			b.Evidence(r, "a question that is answered")
		}
	}
	if s.Targets[0].Asked.IsZero() {
		b.Evidence(g.Last, "by now nobody else has answered")
	}
	b.WrongIf("the addresses it asked for belong to machines that were there before")
	return true
}

func (d *detector) flood(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*flooded)
	span := x.End.Time.Sub(x.Begin)
	b.Title("over %d new link-layer addresses sent frames within %s: somebody makes them up", x.New-1, detect.Span(span))
	b.Why("%d of the %d that were looked at sent a single frame; machines that are there go on speaking", x.Single, x.Of)
	b.Summary("Frames come from more addresses than a network has machines. The switch remembers them all until its table is full; then it sends everybody's traffic to every port, where it can be read, and becomes slow.")
	b.Impact("traffic between any two machines of this network may reach every port")
	b.Fact(x.Refs, "more than %d new senders from %s s on", x.New-1, detect.Seconds(x.Begin.Sub(d.scope.Begin)))
	b.Fact(detect.Refs(x.End), "%d of %d sent a single frame", x.Single, x.Of)
	if x.Went > x.New {
		b.Fact(detect.Refs(g.Last), "it went on: %d by %s s", x.Went, d.scope.Since(g.Last))
	}
	if x.Group > 0 {
		b.Fact(nil, "%d of %d are group addresses, from which no card may send", x.Group, x.Of)
	}
	b.RuledOut("crowd", x.Refs, "%d of %d sent a single frame within %s", x.Single, x.Of, detect.Span(span))
	b.Remedy(finding.AtSwitch, "allow few addresses for each port").
		Run("Cisco IOS", "switchport port-security maximum 4").
		Run("Cisco IOS", "switchport port-security").
		Run("Linux bridge", "nft add table bridge guard").
		Run("Linux bridge", "nft add chain bridge guard in '{ type filter hook prerouting priority 0; }'").
		Run("Linux bridge", "nft add set bridge guard cards '{ type ether_addr; size 4; flags dynamic; }'").
		Run("Linux bridge", "nft add rule bridge guard in iifname eth0 ether saddr @cards accept").
		Run("Linux bridge", "nft add rule bridge guard in iifname eth0 add @cards '{ ether saddr }' accept").
		Run("Linux bridge", "nft add rule bridge guard in iifname eth0 drop")
	b.Remedy(finding.AtSwitch, "find the port by its counter of learned addresses, and shut it").
		Run("Cisco IOS", "show mac address-table count").
		Run("Linux bridge", "bridge fdb show | awk '{print $3}' | sort | uniq -c | sort -n | tail")
	b.Check("bridge fdb show | wc -l", "on a Linux bridge; Cisco IOS: show mac address-table count")
	for _, r := range x.Refs {
		b.Evidence(r, "a sender that was not seen before")
	}
	b.Evidence(x.End, "the one that made it a flood")
	b.WrongIf("the capture joins many networks, whose machines all became visible at once")
	return true
}
