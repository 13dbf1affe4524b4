package wireguard

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the handshakes of one peer at another.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	p := g.Kept[len(g.Kept)-1].Data.(*peering)
	if p.tries < manyTries || p.heard || p.data.Time > p.refs[0].Time {
		return false // answered meanwhile, or this capture does not show the answers
	}
	n := min(p.tries, len(p.refs))
	tries := p.refs[:n]
	me := detect.EndText(event.End{Addr: p.from, Port: p.fromPort})
	peer := detect.EndText(event.End{Addr: p.to, Port: p.port})
	b.Subject(finding.Subject{Role: "client", Addr: p.from})
	b.Subject(finding.Subject{Role: "server", Addr: p.to, Port: p.port})
	b.Title("the WireGuard peer %s does not respond to %s", peer, p.from)
	b.Summary("%s wants a WireGuard tunnel with %s and asked %d times. No response came. WireGuard answers nobody whom it does not know, so that a wrong key, a wrong address and a blocked port look "+
		"alike from outside.", p.from, peer, p.tries)
	b.Impact("no tunnel for %s", detect.Span(p.last.Time.Sub(p.refs[0].Time)))
	b.Fact(tries, "%d handshake initiations (148 bytes) from %s at %s, no response (92 bytes)", p.tries, me, d.scope.Times(tries, 4))
	b.RuledOut("loss", tries, "%d initiations in a row met the same", p.tries)
	c := d.scope.Ledger.Server(p.vantage, p.to, func(a *detect.Attempt) bool { return a.FlowID == p.flow }, p.refs[0].Time.Add(-around), p.last.Time.Add(around))
	up := c.Answered+c.Refused > 0
	cookie := p.cookie.Time >= p.refs[0].Time && !p.cookie.IsZero()
	trace := d.scope.Twins.Trace(p.refs[0])
	switch {
	case p.icmp != nil:
		d.icmp(p, b, peer)
	case cookie:
		b.Why("%s is under load: it sent a cookie reply, which only the owner of the key that was called can do, and still gave no response", peer)
		b.Fact(detect.Refs(p.cookie), "a cookie reply (64 bytes) came at %s s", d.scope.Since(p.cookie))
		b.RuledOut("off", detect.Refs(p.cookie), "it replied")
		b.RuledOut("filter", detect.Refs(p.cookie), "its reply came through")
		b.Cap(finding.Likely) // a peer under load may respond a little later
	case trace.Known && !trace.Seen:
		b.Title("the device between %s and %s drops the WireGuard handshakes of %s", d.scope.Twins.Name(p.vantage), d.scope.Twins.Name(trace.Vantage), p.from)
		b.Why("the initiations were seen at %s and not at %s: the device between drops them", d.scope.Twins.Name(p.vantage), d.scope.Twins.Name(trace.Vantage))
		b.Fact(tries, "they were not seen at %s", d.scope.Twins.Name(trace.Vantage))
		b.RuledOut("off", tries, "they never came to its side")
		b.RuledOut("filter", tries, "that is what this finding says")
	default:
		d.silent(p, b, &c, up)
	}
	if !p.worked.IsZero() {
		b.Fact(detect.Refs(p.worked), "the same peer responded at %s s", d.scope.Since(p.worked))
	}
	b.Remedy(finding.AtClient, "compare the peer's public key and endpoint with what the other side has").
		Run("Linux", "wg show all public-key; wg show all peers; wg show all endpoints")
	b.Remedy(finding.AtServer, "see that the interface is up, listens on UDP %d, and knows the public key of %s", p.port, p.from).
		Run("Linux", "wg show; ss -lun 'sport = :%d'", p.port)
	b.Remedy(finding.AtFirewall, "let UDP %d pass to %s", p.port, p.to).
		Run("nftables", "nft insert rule inet filter forward %s daddr %s udp dport %d accept", family(p.to), p.to, p.port)
	b.Remedy(finding.AtClient, "set the clock: a peer refuses a handshake older than the last one it accepted").Run("Linux", "timedatectl")
	b.Check(fmt.Sprintf("tcpdump -ni any udp port %d", p.port), "on the peer: if initiations arrive and nothing leaves, it is the keys (or the clock); then wg show there")
	b.WrongIf("a capture at %s that shows a response leaving it", p.to)
	for i, r := range tries {
		b.Evidence(r, "handshake initiation")
		b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "handshake initiation", Note: map[bool]string{true: "asks", false: "asks again"}[i == 0], Lost: true})
	}
	b.Evidence(p.cookie, "cookie reply")
	if p.icmp != nil {
		b.Evidence(p.icmp.Head().Seen, "the error")
	}
	return true
}

func family(a packet.Addr) string {
	if a.Is4() {
		return "ip"
	}
	return "ip6"
}

func (d *detector) icmp(p *peering, b *finding.Builder, peer string) {
	x := p.icmp
	refs := detect.Refs(x.Head().Seen)
	port := x.Version == 4 && x.Code == 3 || x.Version == 6 && x.Code == 4
	b.Fact(refs, "%s from %s, ICMP type %d code %d, quoting them", detect.Plural(p.icmps, "error", "errors"), x.Sender, x.Type, x.Code)
	if port {
		b.Title("no WireGuard listens on %s", peer)
		b.Why("%s itself says that nothing listens on its UDP port %d", x.Sender, p.port)
		b.RuledOut("off", refs, "the machine itself answered")
	} else {
		b.Why("%s says that the peer cannot be reached (ICMP type %d, code %d)", x.Sender, x.Type, x.Code)
		b.RuledOut("off", refs, "%s says what is the matter", x.Sender)
	}
	b.RuledOut("filter", refs, "the error says what became of it")
}

func (d *detector) silent(p *peering, b *finding.Builder, c *detect.Control, up bool) {
	if up {
		b.Why("%s is there, it answers other traffic, and its WireGuard stays silent: most likely it does not know the public key of %s, is not the owner of the key it is called by, or saw a later clock", p.to, p.from)
		b.Fact(c.AnsweredRefs, "%s answered %s otherwise at that time", p.to, detect.Plural(c.Answered+c.Refused, "time", "times"))
		b.RuledOut("off", c.AnsweredRefs, "it answered other traffic")
	} else {
		b.Why("nothing came back, and WireGuard does not say why")
		b.Fact(nil, "nothing else of %s was answered in the minute before and after", p.to)
		b.Open("off", "ping %s, or any other service of it", p.to)
	}
	o := d.scope.Ledger.Others(p.vantage, detect.Service{Addr: p.to, Port: p.port, Proto: packet.ProtoUDP}, func(a *detect.Attempt) bool { return a.Client.Addr == p.from },
		p.refs[0].Time.Add(-around), p.last.Time.Add(around))
	if o.Answered > 0 {
		b.Fact(o.AnsweredRefs, "the same port answered %s", detect.Plural(o.Clients, "other peer", "other peers"))
	}
	if t := d.scope.Twins.Trace(p.refs[0]); t.Seen {
		b.RuledOut("filter", detect.Refs(t.Ref), "they were seen at %s, too", d.scope.Twins.Name(t.Vantage))
		b.Cap(finding.Likely) // the peer's own filter lies behind that
	} else if o.Answered > 0 {
		b.Open("filter", "it would have to filter by source, the port answers others: a capture at %s decides", p.to)
	} else {
		b.Open("filter", "a capture at %s: do the initiations arrive?", p.to)
	}
}
