package arpspoof

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/neighbour"
	"firestorm/internal/packet"
)

var alternatives = []finding.Alt{
	{ID: "failover", Name: "a standby that takes the address over (VRRP, HSRP, CARP, cluster software), or the owner's new card"},
	{ID: "proxy", Name: "a device that answers for others on purpose (proxy ARP, Wi-Fi controller, sleep proxy)"},
}

const about = "On a wire everybody believes who says \"I have this address\". Looked for: a machine that says so again and again without being asked (three times, at most 10 s apart, nobody " +
	"having asked for 2 s, or, in IPv6, marked as no answer), of an address that another machine uses. It is certain when it tells both ends of a conversation that it is the other, and packets of theirs are seen to come in and " +
	"go on from it, their TTL one less. Not this: announcements of one's own address, answers to questions (proxy), virtual addresses of VRRP, HSRP, CARP and GLBP, an address that moves while " +
	"its old owner is silent."

var codeARP = &finding.Code{
	ID:           Code,
	Title:        "a machine poses as others to have their traffic (ARP)",
	Kind:         finding.Attack,
	Severity:     finding.Critical,
	Tier:         1,
	Alternatives: alternatives,
	Absorbs:      []string{"arp-ip-conflict", "arp-ether-mismatch", "arp-changed", "arp-flip-flop", "arp-reused-old", "duplicate-on-wire", "icmp-unreachable", "tcp-syn-silent-drop", "tcp-data-unanswered", "tcp-idle-timeout-drop", "tcp-loss-where"},
	References:   []string{"RFC 826", "RFC 5227", "S. Whalen: An Introduction to ARP Spoofing, 2001", "arpspoof(8)"},
	Settle:       30 * time.Second,
	About:        about,
	Reproduce:    "testbed: arp-spoof-both, arp-spoof-one-way",
}

var codeND = &finding.Code{
	ID:           ND,
	Title:        "a machine poses as others to have their traffic (IPv6 neighbour discovery)",
	Kind:         finding.Attack,
	Severity:     finding.Critical,
	Tier:         1,
	Alternatives: alternatives,
	Absorbs:      []string{"arp-changed", "arp-flip-flop", "arp-reused-old", "duplicate-on-wire", "icmp-unreachable", "tcp-syn-silent-drop", "tcp-data-unanswered", "tcp-idle-timeout-drop", "tcp-loss-where"},
	References:   []string{"RFC 4861 4.4, 7.2.6, 11.1", "RFC 3756", "RFC 6105"},
	Settle:       30 * time.Second,
	About:        about,
	Reproduce:    "testbed: nd-spoof, nd-spoof-one, nd-spoof-parasite, nd-spoof-parasite-remedied",
}

var vendors = neighbour.BuiltIn()

func (x *poser) key() string {
	return x.MAC.String() + "|" + strconv.Itoa(int(x.Vantage)) + "." + strconv.Itoa(int(x.VLAN))
}

// guilty returns the poses of the family that count.
func (d *detector) guilty(x *poser, v4 bool) []*pose {
	var out []*pose
	for _, p := range x.Poses {
		if p.IP.Is4() == v4 && p.Best >= enough && d.suspect(x, p) {
			out = append(out, p)
		}
	}
	return out
}

// Compose writes the finding for one machine.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*poser)
	poses := d.guilty(x, g.Code == codeARP)
	if len(poses) == 0 {
		return false // it turned out to own the address
	}
	p := poses[0]
	who := vendors.Describe(x.MAC)
	b.Subject(finding.Subject{Role: "attacker", MAC: x.MAC, Addr: d.home(x)})
	b.Subject(finding.Subject{Role: "victim", Addr: p.IP, MAC: d.owner(x, p)})
	if !p.To.IsZero() {
		b.Subject(finding.Subject{Role: "deceived", Addr: p.To})
	}
	if h := d.homes.Get(x.claimer); h != nil {
		who = fmt.Sprintf("%s, %s,", d.named(h.IP), vendors.Describe(x.MAC))
	}
	both := d.twoWay(poses)
	span := d.scope.Since(p.First)
	switch {
	case both != nil:
		b.Title("%s poses as %s and %s, to each other, since %s s", who, both.IP, both.To, span)
	case p.To.IsZero():
		b.Title("%s poses as %s to everybody since %s s", who, d.named(p.IP), span)
	default:
		b.Title("%s poses as %s to %s since %s s", who, d.named(p.IP), d.named(p.To), span)
	}
	b.Why("it said %s unasked that it has %s (first %s); %s is used by another: %s", detect.Plural(int(total(poses)), "time", "times"), addresses(poses), d.frame(p.First), p.IP, d.owned(x, p))
	fate := "their packets go to it first: it can read and change what is not encrypted, or throw it away"
	if x.Relayed > 0 {
		fate = "their packets go to it first, and it passes them on: nobody notices, and it can read and change what is not encrypted"
	}
	b.Summary("A machine in this network tells others that it is %s, which it is not. They believe it, so %s.", addresses(poses), fate)
	d.impact(b, x)
	d.facts(b, x, poses)
	d.alternatives(b, x, poses, both)
	d.remedy(b, x, p)
	d.story(b, x, poses)
	b.WrongIf("%s is a standby or a proxy for %s that its owner set up: ask who runs the machine with %s", x.MAC, p.IP, x.MAC)
	return true
}

// frame writes where something was seen, or that it was before this input.
func (d *detector) frame(r packet.Ref) string {
	if r.IsZero() {
		return "before this input"
	}
	return "in " + d.scope.Frame(r)
}

func (d *detector) named(a packet.Addr) string {
	if n, ok := d.scope.Names.Get(a); ok {
		return fmt.Sprintf("%s (%q)", a, n.Name)
	}
	return a.String()
}

func (d *detector) home(x *poser) packet.Addr {
	if h := d.homes.Get(x.claimer); h != nil {
		return h.IP
	}
	return packet.Addr{}
}

func (d *detector) ownerOf(x *poser, p *pose) *claimant {
	if v := d.places.Get(place{x.Wire, p.IP}); v != nil {
		return v.other(x.MAC)
	}
	return nil
}

func (d *detector) owner(x *poser, p *pose) packet.MAC {
	if o := d.ownerOf(x, p); o != nil {
		return o.MAC
	}
	return packet.MAC{}
}

func (d *detector) owned(x *poser, p *pose) string {
	if o := d.ownerOf(x, p); o != nil {
		if o.First.IsZero() {
			return fmt.Sprintf("%s, as is remembered from before", vendors.Describe(o.MAC))
		}
		return fmt.Sprintf("%s (%s)", vendors.Describe(o.MAC), d.scope.Frame(o.First))
	}
	return "who is told the same of its counterpart"
}

func (d *detector) twoWay(poses []*pose) *pose {
	for _, p := range poses {
		for _, q := range poses {
			if !p.To.IsZero() && p.IP == q.To && p.To == q.IP {
				return p
			}
		}
	}
	return nil
}

func total(poses []*pose) (n uint32) {
	for _, p := range poses {
		n += p.N
	}
	return n
}

func addresses(poses []*pose) string {
	var out []string
next:
	for _, p := range poses {
		for _, o := range out {
			if o == p.IP.String() {
				continue next
			}
		}
		out = append(out, p.IP.String())
	}
	return detect.List(out, 4)
}

func (d *detector) impact(b *finding.Builder, x *poser) {
	if x.Flows == 0 {
		b.Impact("whatever is sent to these addresses from now on goes to %s first", x.MAC)
		return
	}
	var names []string
	for _, s := range x.Services {
		e := event.End{Addr: s.Addr, Port: s.Port}
		if s.Proto != packet.ProtoTCP && s.Proto != packet.ProtoUDP {
			e.Port = 0
		}
		if n := detect.EndText(e); !slices.Contains(names, n) { // each ping counts for a service of its own
			names = append(names, n)
		}
	}
	b.Impact("%s of others went through it (%d bytes), to %s", detect.Plural(int(x.Flows), "connection", "connections"), x.Bytes, detect.List(names, 4))
}

func (d *detector) facts(b *finding.Builder, x *poser, poses []*pose) {
	for _, p := range poses[:min(len(poses), 4)] {
		to := "everybody"
		if !p.To.IsZero() {
			to = p.To.String()
		}
		every := ""
		if p.N > 1 {
			every = ", every " + detect.Span(p.LastAt.Sub(p.FirstAt)/time.Duration(p.N-1))
		}
		b.Fact(append(detect.Refs(p.Refs...), detect.Refs(p.Last)...), "%s told %s %s that it has %s, from %s to %s s%s; %s", x.MAC, to,
			detect.Plural(int(p.N), "time", "times"), p.IP, d.scope.Since(p.First), d.scope.Since(p.Last), every, p.unasked())
		if o := d.ownerOf(x, p); o != nil {
			b.Fact(detect.Refs(o.First, o.Last), "%s is used by %s: %s", p.IP, vendors.Describe(o.MAC), detect.Plural(int(o.N), "question or answer", "questions and answers"))
		}
	}
	if h := d.homes.Get(x.claimer); h != nil {
		b.Fact(detect.Refs(h.Ref), "%s is known as %s: it asks in that name", x.MAC, d.named(h.IP))
	}
	if len(x.Relays) > 0 {
		r := x.Relays[0]
		if r.TTLIn == r.TTLOut {
			b.Fact(relayRefs(x), "packets of others came to it and went on from its card, unchanged: %s to %s, TTL %d in (%s) and out (%s); a router would have taken one off", r.Src, r.Dst, r.TTLIn, d.scope.Frame(r.In), d.scope.Frame(r.Out))
		} else {
			b.Fact(relayRefs(x), "packets of others came to it and went on, their TTL one less: %s to %s, TTL %d in (%s) and %d out (%s)", r.Src, r.Dst, r.TTLIn, d.scope.Frame(r.In), r.TTLOut, d.scope.Frame(r.Out))
		}
	}
	if x.Flows > 0 {
		b.Fact(x.FlowRefs, "%s of others went through it", detect.Plural(int(x.Flows), "connection", "connections"))
	}
	if len(x.Repairs) > 0 {
		b.Fact(x.Repairs, "at %s s it put things right in the owners' names: such tools do that when they end", d.scope.Since(x.Repairs[0]))
	}
}

// unasked says why the statements count as unasked. Some tools wait for a question, and answer it beside the owner with
// advertisements that lack the mark of an answer.
func (p *pose) unasked() string {
	if p.Asked == 0 {
		return "nobody had asked"
	}
	return fmt.Sprintf("%d of them after a question, but marked as no answer to it (RFC 4861 4.4, S flag)", p.Asked)
}

func relayRefs(x *poser) []packet.Ref {
	var out []packet.Ref
	for _, r := range x.Relays {
		out = append(out, r.In, r.Out)
	}
	return out
}

func (d *detector) alternatives(b *finding.Builder, x *poser, poses []*pose, both *pose) {
	var still []packet.Ref
	for _, p := range poses {
		if o := d.ownerOf(x, p); o != nil && o.LastAt > p.FirstAt {
			still = append(still, o.Last)
		}
	}
	switch {
	case len(still) > 0:
		b.RuledOut("failover", detect.Refs(still...), "the owner goes on using the address meanwhile; in a hand-over it is silent")
	case both != nil:
		b.RuledOut("failover", detect.Refs(both.First), "it claims both ends of a conversation, each towards the other only; a standby tells everybody")
	default:
		b.Open("failover", "the owner of %s was not heard after it began: ask whether %s took over from it", poses[0].IP, x.MAC)
	}
	if both != nil && x.Relayed > 0 {
		b.RuledOut("proxy", relayRefs(x), "nobody asked, it tells both ends, and it passes their packets on to each other")
		return
	}
	missing := "that it tells both ends of a conversation was not seen"
	if x.Relayed == 0 {
		missing = "that it passes packets of others on was not seen"
	}
	b.Open("proxy", "it answers unasked, which a proxy has no need to, but %s: ask who runs %s", missing, x.MAC)
}

func (d *detector) remedy(b *finding.Builder, x *poser, p *pose) {
	m := x.MAC
	cisco := fmt.Sprintf("%02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5])
	b.Remedy(finding.AtSwitch, "find the port of %s and shut it; then look at that machine: it may be taken over itself", m).
		Run("Cisco IOS", "show mac address-table address %s", cisco).
		Run("Linux bridge", "bridge fdb show | grep %s", m)
	if p.IP.Is4() {
		vlan := max(x.VLAN, 1)
		b.Remedy(finding.AtSwitch, "let the switch check ARP against the leases it saw (hosts with fixed addresses need an entry first)").
			Run("Cisco IOS", "ip dhcp snooping vlan %d", vlan).
			Run("Cisco IOS", "ip arp inspection vlan %d", vlan)
	} else {
		b.Remedy(finding.AtSwitch, "let the switch check neighbour discovery (first-hop security, RFC 6620)").
			Run("Cisco IOS", "ipv6 snooping policy LAN")
	}
	if o := d.ownerOf(x, p); o != nil {
		b.Remedy(finding.AtClient, "until then, pin the true address on the machines that matter (undo it when the owner's card changes)").
			Run("Linux", "ip neigh replace %s lladdr %s nud permanent dev eth0", p.IP, o.MAC).
			Run("Windows", "netsh interface ip add neighbors \"Ethernet\" %s %s", p.IP, dashed(o.MAC))
	}
	b.Check("ip neigh show "+p.IP.String(), "on a machine that was deceived: "+m.String()+" there confirms it; Windows: arp -a "+p.IP.String())
}

// dashed writes a MAC address as Windows does.
func dashed(m packet.MAC) string {
	return fmt.Sprintf("%02x-%02x-%02x-%02x-%02x-%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func (d *detector) story(b *finding.Builder, x *poser, poses []*pose) {
	for _, p := range poses[:min(len(poses), 2)] {
		if o := d.ownerOf(x, p); o != nil {
			b.Evidence(o.First, "the owner of "+p.IP.String())
		}
		for i, r := range p.Refs {
			if i < 2 {
				b.Evidence(r, "poses as "+p.IP.String())
			}
		}
	}
	for i, r := range x.Relays {
		if i < 2 {
			b.Evidence(r.In, "a packet of others comes in")
			b.Evidence(r.Out, "and goes on, its TTL one less")
		}
	}
	for i, r := range x.Repairs {
		if i < 2 {
			b.Evidence(r, "puts things right")
		}
	}
}
