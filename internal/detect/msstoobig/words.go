package msstoobig

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections that were told of one size.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	x := g.Kept[0].Data.(*told)
	e, f := x.err, x.flow
	var said, ends []packet.Ref
	var routers, senders []string
	seen := map[packet.Addr]bool{}
	once := func(a packet.Addr, to *[]string) {
		if !seen[a] {
			seen[a] = true
			*to = append(*to, a.String())
		}
	}
	n, largest, delivered := 0, uint16(0), uint32(0)
	for i := range g.Kept {
		y := g.Kept[i].Data.(*told)
		n += y.n
		largest = max(largest, y.err.Quoted.Len)
		delivered = max(delivered, y.flow.Sides[y.err.QuotedDir].MaxDelivered)
		once(y.err.Sender, &routers)
		once(y.err.Quoted.Src, &senders)
		if len(said) < 4 {
			said, ends = append(said, y.err.Head().Seen), append(ends, y.flow.Last)
		}
	}
	router, who := detect.List(routers, 3), detect.List(senders, 3)
	head := headers(e.Version)
	b.Subject(finding.Subject{Role: "router", Addr: e.Sender})
	b.Subject(finding.Subject{Role: "server", Addr: f.Head().Server.Addr, Port: f.Head().Server.Port})
	b.Title("connections through %s begin with packets of %d bytes, and a link on the way carries %d", router, largest, e.MTU)
	b.Why("both ends announce segments for their own links (MSS), which are larger than the link behind %s allows; it drops the first large packets and says so", router)
	b.Summary("%s sent packets of up to %d bytes; behind %s is a link that carries %d, a tunnel for example. The router said so, and the same data got through in smaller packets. It works, but each new destination loses its "+
		"first large packets, and it stops working where somebody filters these messages.", who, largest, router, e.MTU)
	b.Impact("%s sent the first large packets twice", detect.Plural(g.Count, "connection", "connections"))
	b.Fact(said, "%s said %s that the next link carries %d bytes", router, detect.Plural(n, "time", "times"), e.MTU)
	if mss := f.Sides[e.QuotedDir.Other()].MSS; mss != 0 {
		b.Fact(detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYNACK]), "announced were segments of %d bytes (MSS), that is packets of %d; for this link it would have to be %d", mss, uint32(mss)+head, e.MTU-head)
	}
	b.Fact(ends, "after that the same data was acknowledged, in packets of up to %d bytes", delivered)
	b.RuledOut("forged", said, "each quotes a packet that had just been sent and was not acknowledged, and the data arrived in smaller ones")
	if g.Count > 1 {
		b.RuledOut("detour", said, "it was said of %d connections, from %s to %s s", g.Count, d.scope.Since(g.Kept[0].First), d.scope.Since(g.Last))
	} else {
		b.Open("detour", "one connection was told so: a longer capture decides")
	}
	b.Remedy(finding.AtRouter, "on %s, announce smaller segments for connections through the narrow link (clamping)", router).
		Run("nftables", "nft insert rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu").
		Run("iptables", "iptables -t mangle -I FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu").
		Run("Cisco IOS", "ip tcp adjust-mss %d", e.MTU-head)
	b.Remedy(finding.AtFirewall, "let the messages about size pass, whatever else is done: UDP needs them").
		Run("nftables", "%s", pass(e))
	ping := fmt.Sprintf("ping -M do -c 3 -s %d %s", e.MTU-28, e.Quoted.Dst)
	if e.Version == 6 {
		ping = fmt.Sprintf("ping -6 -M do -c 3 -s %d %s", e.MTU-48, e.Quoted.Dst)
	}
	b.Check(ping, fmt.Sprintf("from %s: passes, and with one byte more does not", e.Quoted.Src))
	b.WrongIf("a packet of more than %d bytes that is acknowledged on this way", e.MTU)
	for i, r := range said {
		b.Evidence(r, "the router's message about size")
		b.Evidence(ends[i], "the connection went on")
	}
	b.Ladder(finding.LadderRow{Ref: f.Marks[event.MarkSYN], Dir: packet.ToServer, Label: "SYN", Note: "announces segments for its own link"})
	b.Ladder(finding.LadderRow{Ref: e.Head().Seen, Dir: e.QuotedDir.Other(), Label: "ICMP: too big", Note: fmt.Sprintf("from %s: %d bytes", e.Sender, e.MTU)})
	return true
}

func pass(e *event.ICMPError) string {
	if e.Version == 6 {
		return "nft insert rule inet filter forward icmpv6 type packet-too-big accept"
	}
	return "nft insert rule inet filter forward icmp type destination-unreachable icmp code frag-needed accept"
}
