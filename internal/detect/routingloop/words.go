package routingloop

import (
	"fmt"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the packets to one network.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	l := g.Kept[0].Data.(*loop)
	dsts := texts(l.dsts)
	net := netText(l)
	path := d.path(l)
	b.Subject(finding.Subject{Role: "sender", Addr: l.client})
	b.Subject(finding.Subject{Role: "destination", Addr: l.dsts[0]})
	for _, s := range l.routers() {
		b.Subject(finding.Subject{Role: "router", Addr: s.addr})
	}
	b.Title("packets to %s run in a circle%s", net, between(path))
	b.Why("each of the routers passes them on to the next one of the circle, so none delivers them; they die when their time to live is used up")
	b.Summary("What is sent to %s never arrives. The routers%s each believe that another of them knows the way, and hand every packet round until it has used up its time to live. Each packet "+
		"loads the lines between them many times over.", net, ofPath(path))
	switch {
	case l.round > 0:
		b.Impact("nothing reaches %s; each of %s was passed on up to %d times", detect.List(dsts, 3), detect.Plural(int(l.round), "packet", "packets"), l.shown.TTLFirst)
	default:
		b.Impact("nothing reaches %s: %s expired on the way", detect.List(dsts, 3), detect.Plural(int(l.exits+l.probes), "packet", "packets"))
	}
	d.facts(b, l, dsts)
	d.alternatives(b, l)
	d.remedy(b, l, path)
	b.WrongIf("a traceroute to %s that ends, or that meets no router twice", l.dsts[0])
	d.story(b, l)
	return true
}

func texts(as []packet.Addr) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = a.String()
	}
	return out
}

// netText names the destination: the address when there is one only, else its network, whose real size is not known.
func netText(l *loop) string {
	if len(l.dsts) == 1 {
		return l.dsts[0].String()
	}
	if l.net.Is4() {
		return l.net.String() + "/24"
	}
	return l.net.String() + "/64"
}

// routers are the reporters that the loop is made of: of a traceroute those that recur, else all.
func (l *loop) routers() []station {
	var out []station
	for _, s := range l.where {
		if l.exits > 0 || s.recurs() {
			out = append(out, s)
		}
	}
	return out[:min(len(out), 4)]
}

// path names the routers of the circle in order: by the link when the circle itself was seen, else by their reports.
func (d *detector) path(l *loop) []string {
	var out []string
	if l.shown != nil {
		macs := l.shown.MACs[:]
		if l.shown.Step > 1 || l.shown.MACs[1].IsZero() {
			macs = []packet.MAC{l.shown.Head().SrcMAC, l.shown.Head().DstMAC}
		}
		seen := map[packet.MAC]bool{}
		for i, m := range macs {
			if i == 0 && len(macs) > 2 && recursLater(macs) == 1 {
				continue // came in from outside the circle
			}
			if !m.IsZero() && !seen[m] {
				seen[m] = true
				out = append(out, d.who(m, l))
			}
		}
	}
	if len(out) < 2 {
		out = out[:0]
		for _, s := range l.routers() {
			out = append(out, s.addr.String())
		}
	}
	return out
}

// recursLater is 1 when the first address never comes again, so that it is not of the circle.
func recursLater(macs []packet.MAC) int {
	for _, m := range macs[1:] {
		if m == macs[0] {
			return 0
		}
	}
	for i := 1; i < len(macs); i++ {
		for j := i + 1; j < len(macs); j++ {
			if !macs[i].IsZero() && macs[i] == macs[j] {
				return 1
			}
		}
	}
	return 0
}

// who names a router by the address it answers to, with its link-layer address.
func (d *detector) who(m packet.MAC, l *loop) string {
	if n := d.names[m]; n != nil {
		a := n[family(l.net)]
		if a.IsZero() {
			a = n[1-family(l.net)]
		}
		return fmt.Sprintf("%s (%s)", a, m)
	}
	return m.String()
}

func between(path []string) string {
	switch len(path) {
	case 0:
		return ""
	case 1:
		return " that " + path[0] + " is part of"
	}
	return " between " + detect.List(path, 4)
}

func ofPath(path []string) string {
	if len(path) < 2 {
		return ""
	}
	return " " + detect.List(path, 4)
}

func (d *detector) facts(b *finding.Builder, l *loop, dsts []string) {
	if r := l.shown; r != nil {
		h := r.Head()
		b.Fact(detect.Refs(r.First, h.Seen), "the same packet from %s to %s came by at least %d times, the first of them within %s, its TTL falling from %d to %d by %d at a time",
			detect.EndText(h.Client), detect.EndText(h.Server), r.Times, detect.Span(r.Span), r.TTLFirst, r.TTLLast, r.Step)
		b.Fact(detect.Refs(append([]packet.Ref{r.First}, l.refs[:]...)...), "%s to %s went round like that", detect.Plural(int(l.round), "packet", "packets"), detect.List(dsts, 4))
	}
	if l.exits > 0 {
		b.Fact(detect.Refs(l.died[:]...), "%s expired, says %s, though each had %d or more hops left when it passed here: no path is that long",
			detect.Plural(int(l.exits), "packet", "packets"), detect.List(l.reporters(), 4), l.least)
	}
	if l.probes > 0 && l.traced() {
		for _, s := range l.routers() {
			b.Fact(detect.Refs(s.ref), "%s stands on the path again and again: at hops %s of a traceroute", s.addr, hops(s.ttls))
		}
	}
	if l.shown == nil {
		b.Fact(detect.Refs(l.died[:]...), "senders that met it: %s", detect.List(texts(l.from), 4))
	}
}

func (l *loop) reporters() []string {
	var out []string
	for _, s := range l.where {
		out = append(out, s.addr.String())
	}
	return out
}

func hops(bits uint64) string {
	var out []string
	for t := range 64 {
		if bits>>t&1 != 0 {
			out = append(out, fmt.Sprint(t))
		}
	}
	return detect.List(out, 8)
}

func (d *detector) alternatives(b *finding.Builder, l *loop) {
	if r := l.shown; r != nil {
		seen := detect.Refs(r.First, r.Head().Seen)
		b.RuledOut("mirror", seen, "copies keep their TTL, or lose one at a router once; this one lost %d at each of %d sights and came over the same link again", r.Step, r.Times)
		b.RuledOut("traceroute", seen, "the packet itself came by again")
		b.RuledOut("ttl-rewrite", seen, "its TTL fell step by step from %d", r.TTLFirst)
		return
	}
	died := detect.Refs(l.died[:]...)
	b.RuledOut("mirror", died, "the routers themselves report it")
	if l.exits > 0 {
		b.RuledOut("traceroute", died, "the packets had %d or more hops left here; probes of a traceroute have 30 at most", l.least)
	} else {
		b.RuledOut("traceroute", died, "it is one, and it met the same routers again and again")
	}
	switch n := len(l.routers()); {
	case n > 1 && (l.turns > 1 || l.exits == 0):
		b.RuledOut("ttl-rewrite", died, "%d routers report it in turn: a packet given a short life dies at one place", n)
	default:
		b.Open("ttl-rewrite", "one router reports it; traceroute -n %s from the sender decides: in a loop two routers come again and again", l.dsts[0])
	}
}

func (d *detector) remedy(b *finding.Builder, l *loop, path []string) {
	dst := l.dsts[0]
	name := "each of the routers"
	if len(path) > 0 {
		name = detect.List(path, 4)
	}
	b.Remedy(finding.AtRouter, "ask %s which way it knows, and correct the one that is wrong", name).
		Run("Linux", "ip route get %s", dst).
		Run("Cisco IOS", "%s", show(dst))
	route := "ip route add blackhole " + l.net.String() + "/24"
	if !l.net.Is4() {
		route = "ip -6 route add blackhole " + l.net.String() + "/64"
	}
	b.Remedy(finding.AtRouter, "when the network does not exist (any more), or only part of it does, let the router that announces it throw the rest away instead of sending it back along its "+
		"default route (costs reachability of all that has no nearer route)").Run("Linux", "%s", route)
	b.Check("traceroute -n "+dst.String(), "from "+l.client.String()+", or any machine that fails; Windows: tracert -d "+dst.String())
}

func show(dst packet.Addr) string {
	if dst.Is4() {
		return "show ip route " + dst.String()
	}
	return "show ipv6 route " + dst.String()
}

func (d *detector) story(b *finding.Builder, l *loop) {
	if r := l.shown; r != nil {
		b.Evidence(r.First, fmt.Sprintf("first sight, TTL %d", r.TTLFirst))
		b.Evidence(r.Head().Seen, fmt.Sprintf("the same packet again, TTL %d", r.TTLLast))
		b.Ladder(finding.LadderRow{Ref: r.First, Dir: packet.ToServer, Label: fmt.Sprintf("TTL %d", r.TTLFirst), Note: "a packet goes out", Lost: true})
		b.Ladder(finding.LadderRow{Ref: r.Head().Seen, Dir: packet.ToServer, Label: fmt.Sprintf("TTL %d", r.TTLLast), Note: "the same packet comes by again", Lost: true})
		for _, x := range l.refs {
			b.Evidence(x, "another packet that goes round")
		}
	}
	for i, x := range l.died {
		b.Evidence(x, "a router reports that a packet used up its life")
		if i == 0 {
			b.Ladder(finding.LadderRow{Ref: x, Dir: packet.ToClient, Label: "ICMP time exceeded", Note: "a router gives up: " + strings.Join(l.reporters()[:min(1, len(l.where))], "")})
		}
	}
}
