package arpconflict

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

var codeConflict = &finding.Code{
	ID:       Code,
	Title:    "two machines use one IPv4 address",
	Kind:     finding.Diagnosis,
	Severity: finding.High,
	Tier:     1,
	Alternatives: []finding.Alt{
		{ID: "failover", Name: "a standby that takes the address over (cluster, VRRP, HSRP, CARP), or a new card or lease"},
		{ID: "one-machine", Name: "one machine with two cards in this network, or a bond of cards"},
		{ID: "proxy", Name: "a router that answers for the other machine (proxy ARP)"},
	},
	Absorbs:    []string{"arp-changed", "arp-flip-flop", "arp-reused-old", "tcp-syn-silent-drop", "tcp-data-unanswered", "tcp-refused-by-middlebox", "tcp-half-open-reset", "tcp-idle-timeout-drop", "tcp-loss-where"},
	References: []string{"RFC 5227 2.4 (ongoing address conflict detection)", "RFC 826", "arpwatch(8), flip flop"},
	Settle:     30 * time.Second,
	About: "Each machine that wants to talk to an IPv4 address asks who has it and believes the last answer. When two machines have the address, the answer changes, and connections go to the " +
		"wrong one of them. Looked for: one question answered by two link-layer addresses; an address whose claims come from two of them in turn, three times within 5 minutes, at least once " +
		"without an announcement; or a machine that defends its address by announcing it within 10 s of another's announcement (RFC 5227). Not this: probes (they claim nothing), virtual " +
		"addresses of VRRP, HSRP, CARP or GLBP, an address that moves once and stays, a router that answers for others.",
	Reproduce: "testbed: arp-conflict, arp-conflict-flip",
}

var codeDAD = &finding.Code{
	ID:       DAD,
	Title:    "an IPv6 address is refused to a host because another has it",
	Kind:     finding.Diagnosis,
	Severity: finding.Medium,
	Tier:     2,
	Alternatives: []finding.Alt{
		{ID: "denial", Name: "somebody who answers every such question, so that no host gets an address"},
		{ID: "proxy", Name: "a proxy that speaks for the host itself while it sleeps or roams"},
	},
	References: []string{"RFC 4862 5.4 (duplicate address detection)", "RFC 4429"},
	Settle:     10 * time.Second,
	About: "Before a host uses an IPv6 address it asks whether anybody has it (a neighbour solicitation from the unspecified address). If somebody answers, or asks the same at that moment, " +
		"the host must not use the address, and stays without it. Looked for: such a question with an answer from another link-layer address within 2 s. A real twin keeps using the " +
		"address; somebody who answers for many addresses and uses none refuses them to all (a denial of service).",
	Reproduce: "testbed: nd-dad-conflict",
}

var vendors = neighbour.BuiltIn()

// Compose writes the finding for one address.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code == codeDAD {
		return d.composeDAD(g, b)
	}
	a := g.Kept[0].Data.(*address)
	x, y := &a.Rivals[0], &a.Rivals[1]
	if v := d.shared.Get(a.place); v != nil {
		return false // it was heard later that routers share it
	}
	ip := d.named(a.place.IP)
	b.Subject(finding.Subject{Role: "machine", Addr: a.place.IP, MAC: x.MAC})
	b.Subject(finding.Subject{Role: "machine", Addr: a.place.IP, MAC: y.MAC})
	b.Title("two machines use %s: %s and %s", ip, vendors.Describe(x.MAC), vendors.Describe(y.MAC))
	b.Why("%s; each machine here believes the last answer it got", d.cause(a))
	b.Summary("Two machines in this network have the address %s. Whoever wants to talk to it asks the network and believes the last answer, so that traffic goes now to one machine, now to the other. "+
		"Connections hang or are reset when the answer changes, and both machines seem to fail from time to time.", ip)
	b.Impact("connections of and to %s break each time the answer changes; it changed %s in this input", a.place.IP, detect.Plural(int(a.TurnsN), "time", "times"))
	for _, t := range a.Both {
		b.Fact(detect.Refs(t.Ask, t.First, t.Second), "one question for %s was answered twice, %s apart: by %s and by %s", a.place.IP, detect.Span(t.Second.Time.Sub(t.First.Time).Abs()), x.MAC, y.MAC)
		break
	}
	if a.BothN > 1 {
		b.Fact(bothRefs(a), "%d questions were answered by both", a.BothN)
	}
	for _, r := range a.Rivals[:a.N] {
		b.Fact(detect.Refs(r.First, r.Last), "%s has it, says %s: %s", a.place.IP, r.MAC, r.said())
	}
	if a.TurnsN > 0 {
		b.Fact(turnRefs(a), "the claims changed from one to the other %s", detect.Plural(int(a.TurnsN), "time", "times"))
	}
	if len(a.Defended) > 0 {
		b.Fact(a.Defended, "one announced the address, and the other announced it too within 10 s: it defends what it has (RFC 5227 2.4)")
	}
	d.alternatives(a, b)
	d.remedy(a, b)
	d.story(a, b)
	b.WrongIf("%s and %s are cards of one machine, or a cluster hands the address on: ask whoever runs them", x.MAC, y.MAC)
	return true
}

// named writes an address with what it was called.
func (d *detector) named(a packet.Addr) string {
	if n, ok := d.scope.Names.Get(a); ok {
		return fmt.Sprintf("%s (%q)", a, n.Name)
	}
	return a.String()
}

func (d *detector) cause(a *address) string {
	switch {
	case len(a.Both) > 0:
		t := a.Both[0]
		return fmt.Sprintf("the same question got two answers (%s and %s)", d.scope.Frame(t.First), d.scope.Frame(t.Second))
	case len(a.Defended) > 0 && !a.Defended[len(a.Defended)-1].IsZero():
		return fmt.Sprintf("one machine defends the address against the other (%s)", d.scope.Frame(a.Defended[len(a.Defended)-1]))
	}
	return fmt.Sprintf("claims of it come from both in turn, %d changes within 5 minutes", len(a.Turns))
}

// said counts what a machine said of the address.
func (r *rival) said() string {
	var parts []string
	for _, x := range []struct {
		n    uint32
		one  string
		many string
	}{{r.Answered.N, "answer", "answers"}, {r.Asked.N, "question of its own", "questions of its own"}, {r.Announced.N, "announcement", "announcements"}} {
		if x.n > 0 {
			parts = append(parts, detect.Plural(int(x.n), x.one, x.many))
		}
	}
	return detect.List(parts, 3)
}

func bothRefs(a *address) []packet.Ref {
	var out []packet.Ref
	for _, t := range a.Both {
		out = append(out, t.First, t.Second)
	}
	return out
}

func turnRefs(a *address) []packet.Ref {
	var out []packet.Ref
	for _, t := range a.Turns {
		out = append(out, t.Ref)
	}
	return out
}

func (d *detector) alternatives(a *address, b *finding.Builder) {
	x, y := &a.Rivals[0], &a.Rivals[1]
	told := 0
	for _, t := range a.Turns {
		if t.Told {
			told++
		}
	}
	switch {
	case a.BothN > 0:
		b.RuledOut("failover", bothRefs(a), "both answer at the same moment; in a hand-over the old one is silent")
	case len(a.Defended) > 0:
		b.RuledOut("failover", a.Defended, "the one that had it did not give it up")
	case told == 0:
		b.RuledOut("failover", turnRefs(a), "none of the changes was announced, and the first came back each time")
	default:
		b.Open("failover", "%d of the changes were announced; ask whether %s and %s belong to one cluster", told, x.MAC, y.MAC)
	}
	switch {
	case x.Asked.N > 0 && y.Asked.N > 0:
		b.RuledOut("one-machine", detect.Refs(x.Asked.First, y.Asked.First), "both ask questions of their own as %s; one machine has one way into a network and asks from one card", a.place.IP)
	case x.Sends && y.Sends:
		b.RuledOut("one-machine", detect.Refs(x.Sent, y.Sent), "both send packets of connections from %s; one machine sends them by one card", a.place.IP)
	default:
		b.Open("one-machine", "see whether both cards are in one machine: on Linux, arp_ignore=0 makes each of its cards answer for all of its addresses, and at most one of these two was seen to use the address")
		b.Cap(finding.Possible)
	}
	var proxy *rival
	for _, r := range []*rival{x, y} {
		if s := d.claims.Get(claimer{a.place.Wire, r.MAC}); s != nil && s.N > others && r.Answered.N > 0 && r.Asked.N == 0 {
			proxy = r
		}
	}
	if proxy != nil {
		b.Open("proxy", "%s answers for %d or more other addresses too: if it is a router with proxy ARP, switch that off for this network", proxy.MAC, others)
	} else {
		b.RuledOut("proxy", detect.Refs(x.Last, y.Last), "neither answers for more than %d other addresses", others)
	}
}

func (d *detector) remedy(a *address, b *finding.Builder) {
	x, y := &a.Rivals[0], &a.Rivals[1]
	b.Remedy(finding.AtSwitch, "find the two ports, and so the two machines").
		Run("Cisco IOS", "show mac address-table address %s", cisco(y.MAC)).
		Run("Linux bridge", "bridge fdb show | grep -e %s -e %s", x.MAC, y.MAC)
	b.Remedy(finding.AtClient, "give the machine that came later (%s) another address: let it ask DHCP, or choose a free one", y.MAC)
	b.Remedy(finding.AtServer, "if the address was given by DHCP, reserve it for the machine that keeps it, and take addresses that were set by hand out of the pool").
		Run("dnsmasq", "dhcp-host=%s,%s", x.MAC, a.place.IP)
	b.Check("arping -d -c 3 "+a.place.IP.String(), "in this network: two answers to one question confirm it (iputils' arping: arping -D -I IFACE "+a.place.IP.String()+")")
}

// cisco writes a MAC address as Cisco does: 02fd.0000.000b.
func cisco(m packet.MAC) string {
	return fmt.Sprintf("%02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (d *detector) story(a *address, b *finding.Builder) {
	for _, t := range a.Both {
		b.Evidence(t.Ask, "who has "+a.place.IP.String()+"?")
		b.Evidence(t.First, "one answers")
		b.Evidence(t.Second, "and another")
	}
	for _, r := range a.Rivals[:a.N] {
		b.Evidence(r.First, r.MAC.String()+" has it")
	}
	for _, t := range a.Turns {
		b.Evidence(t.Ref, "the other again")
	}
}

// composeDAD writes the finding for one host that was refused one address.
func (d *detector) composeDAD(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[len(g.Kept)-1].Data.(*probing)
	asker, answerer := vendors.Describe(x.MAC), vendors.Describe(x.By)
	b.Subject(finding.Subject{Role: "host", Addr: x.place.IP, MAC: x.MAC})
	b.Subject(finding.Subject{Role: "other", Addr: x.place.IP, MAC: x.By})
	b.Title("%s may not use %s: %s says that it has it", asker, x.place.IP, answerer)
	b.Why("it asked whether the address is free (%s), and %s answered within %s (%s)", d.scope.Frame(x.Refs[0]), x.By, detect.Span(x.Taken[0].Time.Sub(x.Refs[0].Time)), d.scope.Frame(x.Taken[0]))
	b.Summary("A machine that wants the address %s asked first, as it must. Another machine said that the address is taken, so that the first one stays without it: it may have no IPv6 at all, or fall back to another address.", x.place.IP)
	b.Impact("%s has no address %s", x.MAC, x.place.IP)
	b.Fact(x.Refs, "%s asked whether %s is free, and was told no, %s", x.MAC, x.place.IP, detect.Plural(int(x.Times), "time", "times"))
	verb := "answered"
	if x.Twins {
		verb = "asked for the same address at the same moment: neither may use it (RFC 4862 5.4.3)"
	}
	b.Fact(x.Taken, "%s %s", x.By, verb)
	switch {
	case x.Twins:
		b.RuledOut("denial", x.Taken, "it asked itself, and so stays without the address too")
	case x.Owner:
		b.Fact(detect.Refs(x.KnownR), "%s used the address before", x.By)
		b.RuledOut("denial", detect.Refs(x.KnownR), "it uses the address")
	case x.Denies > 1:
		b.Open("denial", "%s answered for %d addresses that it was never seen to use: find its switch port", x.By, x.Denies)
		b.Severity(finding.High)
	default:
		b.Open("denial", "%s was not seen to use the address; ping -6 %s from a third machine, and see whether it answers", x.By, x.place.IP)
	}
	b.RuledOut("proxy", x.Taken, "the answer came while the host itself was asking: a proxy stands back then")
	b.Remedy(finding.AtClient, "give one of the two another address; machines that were cloned share what their addresses are made from").
		Run("Linux", "rm -f /etc/machine-id && systemd-machine-id-setup").
		Run("Windows", "netsh interface ipv6 set global randomizeidentifiers=enabled")
	b.Remedy(finding.AtSwitch, "find the port of %s", x.By).
		Run("Cisco IOS", "show mac address-table address %s", cisco(x.By))
	b.Check("ip -6 addr show dadfailed", "on the machine that was refused; it shows the address there")
	for i := range x.Refs {
		b.Evidence(x.Refs[i], "is it free?")
		b.Evidence(x.Taken[i], "no")
	}
	b.WrongIf("%s and %s are one machine", x.MAC, x.By)
	return true
}
