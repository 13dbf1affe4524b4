package natports

import (
	"fmt"
	"slices"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections to one service that got no port.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*lost)
	for i := range g.Kept {
		if y := g.Kept[i].Data.(*lost); y.flow.Start.Time < x.flow.Start.Time {
			x = y
		}
	}
	h := x.flow.Head()
	p, ok := d.poolOf(detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: packet.ProtoTCP}, h.Vantage, x.there)
	// A port that is new from then on: not all were taken.
	if !ok || p.last.Time > x.flow.Start.Time {
		return false
	}
	n, service := len(p.ports), detect.EndText(h.Server)
	here, there := d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(x.there)
	row := fmt.Sprintf("%d to %d", p.low, p.top)
	failed, waited := count(g)
	open, over := p.at(x.flow.Start.Time)
	b.Subject(finding.Subject{Role: "NAT", Addr: p.nat})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Title("the NAT %s has no port left towards %s: it used all %d, and drops new connections", p.nat, service, n)
	b.Why("it tells connections to %s apart by its ports %s, and every one of them was taken; what came then entered it at %s and never left it at %s", service, row, here, there)
	b.Summary("All that is behind the NAT shares its address %s. It needs one of its ports for each connection to %s, and has %d for it (%s). All were taken, so it dropped further requests without a word. "+
		"Neither a filter nor the server is at fault: the server never saw them. It comes and goes with how many connections there are, and how long the NAT keeps the port of a closed one.", p.nat, service, n, row)
	b.Impact("%s", impact(failed, waited, detect.Span(x.flow.Marks[event.MarkSYNLast].Time.Sub(x.flow.Start.Time))))
	tries := detect.Refs(x.flow.Marks[event.MarkSYN], x.flow.Marks[event.MarkSYN2], x.flow.Marks[event.MarkSYN3], x.flow.Marks[event.MarkSYNLast])
	b.Fact(p.first, "connections of %s leave as %s with the ports %s, none left out: %s", clients(&p), p.nat, row, detect.Plural(len(p.uses), "connection", "connections"))
	switch {
	case over == 0:
		b.Fact(detect.Refs(p.last), "the last of these ports was taken at %s s; all %d connections were open when the first request was lost at %s s", d.scope.Since(p.last), open, d.scope.Since(x.flow.Start))
	case open == 0:
		b.Fact(detect.Refs(p.last), "the last of these ports was taken at %s s; all of these connections were over when the first request was lost at %s s: the NAT keeps a port for a while after that", d.scope.Since(p.last), d.scope.Since(x.flow.Start))
	default:
		b.Fact(detect.Refs(p.last), "the last of these ports was taken at %s s; when the first request was lost at %s s, %d of these connections were open and %d over: the NAT keeps a port for a while after that",
			d.scope.Since(p.last), d.scope.Since(x.flow.Start), open, over)
	}
	became := "none of them left the NAT"
	if x.passed {
		became = "the last one found a port that was free again"
	}
	b.Fact(tries, "%s from %s at %s: %s", detect.Plural(int(x.flow.SYNTries), "request", "requests"), detect.EndText(h.Client), d.scope.Times(tries, 4), became)
	b.RuledOut("loss", tries, "%s in a row, and those of %s, vanished while packets of the connections with a port passed", detect.Plural(int(min(x.flow.SYNTries, 2)), "request", "requests"), detect.Plural(g.Count, "attempt", "attempts"))
	switch {
	case !p.again.IsZero():
		b.RuledOut("limit", append(slices.Clone(p.first), p.again), "the ports form a row without a gap, and the next connection got one that had been used before, at %s s: there is no other", d.scope.Since(p.again))
	case len(p.steps) > 1:
		b.RuledOut("limit", p.first, "the ports were not handed out in their order, and yet they form a row without a gap: there is no other")
	default:
		b.Open("limit", "the ports were handed out one after the other, so that a row without a gap may be a part of more; the NAT's own count of its ports decides")
	}
	d.remedy(b, &p, h, over > 0)
	b.WrongIf("a connection to %s that leaves the NAT with a port outside %s", service, row)
	for _, u := range p.uses[:min(3, len(p.uses))] {
		b.Evidence(u.out.Start, fmt.Sprintf("takes port %d", u.out.Client.Port))
	}
	b.Evidence(p.last, "takes the last port")
	for i, r := range tries {
		label, note := "SYN", "enters the NAT, never leaves it"
		if i > 0 {
			label = "SYN (again)"
		}
		b.Evidence(r, note)
		b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: label, Note: note, Lost: true})
	}
	b.Evidence(p.again, "the next connection, with a port that was used before")
	return true
}

// count says how many attempts got no port at all, and how many got one late.
func count(g *finding.Group) (failed, waited int) {
	for i := range g.Kept {
		if g.Kept[i].Data.(*lost).passed {
			waited++
		}
	}
	return g.Count - waited, waited
}

func impact(failed, waited int, after string) string {
	switch {
	case waited == 0:
		return fmt.Sprintf("%s failed, the first tried for %s", detect.Plural(failed, "connection", "connections"), after)
	case failed == 0:
		return fmt.Sprintf("%s had to wait for a port", detect.Plural(waited, "connection", "connections"))
	}
	return fmt.Sprintf("%s failed, %d had to wait for a port", detect.Plural(failed, "connection", "connections"), waited)
}

func clients(p *pool) string {
	seen := map[packet.Addr]bool{}
	var names []string
	for _, u := range p.uses {
		if a := u.in.Client.Addr; !seen[a] {
			seen[a] = true
			names = append(names, a.String())
		}
	}
	return detect.List(names, 3)
}

func (d *detector) remedy(b *finding.Builder, p *pool, h *event.Head, over bool) {
	b.Remedy(finding.AtNAT, "give it more ports towards %s: the whole range instead of %d to %d, or a second outer address", h.Server.Addr, p.low, p.top).
		Run("nftables", "nft -a list ruleset | grep -n -e masquerade -e 'snat'")
	b.Remedy(finding.AtClient, "make fewer connections: keep them open and use them again (HTTP keep-alive, a pool of connections, one proxy for all)")
	if over {
		b.Remedy(finding.AtNAT, "let it keep the ports of closed connections for a shorter time, but not for a shorter one than the server remembers them (often 60 to 240 s): else the server refuses connections from these ports").
			Run("Linux", "sysctl net.netfilter.nf_conntrack_tcp_timeout_time_wait net.netfilter.nf_conntrack_tcp_timeout_fin_wait")
	}
	family := "ipv4"
	if !h.Server.Addr.Is4() {
		family = "ipv6"
	}
	b.Check(fmt.Sprintf("conntrack -L -f %s -p tcp -d %s --dport %d | wc -l", family, h.Server.Addr, h.Server.Port), fmt.Sprintf("on the NAT: %d while requests are lost", len(p.ports)))
}
