package asymmetric

import (
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections between two networks. It is no finding when most of them are whole, or
// when nothing shows that the capture could see the missing direction.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	p := g.Kept[0].Data.(*pair)
	if p.one < enough || float64(p.one) < mostly*float64(p.one+p.both) {
		return false
	}
	gone := packet.ToClient
	if p.missing[packet.ToServer] > p.missing[packet.ToClient] {
		gone = packet.ToServer
	}
	if float64(p.missing[gone]) < mostly*float64(p.one) {
		return false // now one direction, now the other: load sharing, each line carries a part
	}
	w := d.proof(p, gone)
	if w.back == nil && w.others == 0 {
		return false // a capture that shows one direction only: the account of the capture says so
	}
	f := p.kept[0]
	h := f.Head()
	from, to := netText(p.key.b), netText(p.key.a)
	if gone == packet.ToServer {
		from, to = to, from
	}
	gateway := "this place"
	if name := d.scope.Twins.Name(p.key.vantage); name != "" {
		gateway = "the place of " + name
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Title("what goes from %s to %s takes another way: %s sees half of each connection", from, to, gateway)
	b.Why("%d of %d connections between these networks show one direction only here, and yet they work: the other direction arrives by another router", p.one, p.one+p.both)
	b.Summary("Requests pass here, the answers do not: they come back over another router. The connections work all the same, since acknowledgements of the answers pass here. But a firewall, NAT or intrusion " +
		"detection at this place sees half of every conversation. Such a box drops sooner or later what it takes for strays, so that connections hang without a reason that anyone can see.")
	b.Impact("%s of %s so far; any stateful firewall on one of the two ways will break them", detect.Plural(int(p.one), "connection", "connections"), detect.Plural(len(p.clients), "client", "clients"))
	d.facts(b, p, f, gone, &w)
	alternatives(b, p, gone, &w)
	b.Remedy(finding.AtRouter, "let both directions take the same way: look up the way back on the server and its routers and correct the route that leads elsewhere").
		Run("Linux", "ip route get %s", h.Client.Addr)
	b.Remedy(finding.AtServer, "when it has two interfaces, let it answer over the one that was asked: a routing table of its own for what comes from %s (ip rule, ip route … table)", h.Server.Addr)
	b.Remedy(finding.AtFirewall, "when both ways must stay, let the firewalls share their states (conntrackd, HA synchronisation), or send a connection to the same one both ways")
	b.Remedy(finding.AtFirewall, "last resort, weakens inspection: let it take up half connections").
		Run("Linux", "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1 net.netfilter.nf_conntrack_tcp_loose=1")
	b.Check("traceroute -n "+h.Client.Addr.String(), "on the server; compare with traceroute -n "+h.Server.Addr.String()+" on the client: the routers must be the same")
	b.WrongIf("the capture was made with a filter that leaves out what %s sends", from)
	story(b, p, f, w.back)
	return true
}

// proof is what shows that the missing direction would have been in the capture.
type proof struct {
	link   link     // of the direction that is seen
	back   *witness // what went the opposite way over it; nil: nothing
	others uint64   // connections of other networks seen in both directions here
	there  bool     // the other capture shows the missing direction
	twin   *event.Flow
}

// proof looks at the links, at other networks, and at the other vantage.
func (d *detector) proof(p *pair, gone packet.Dir) proof {
	var w proof
	known, all := 0, 0
	for _, l := range p.ways {
		b := d.links[link{l.vantage, l.to, l.from}]
		all += l.n
		if b != nil {
			known += l.n
		}
		if b != nil && (w.back == nil || w.back.ip.IsZero() && !b.ip.IsZero()) {
			w.link, w.back = l.link, b
		}
	}
	if known*2 < all { // over most of its ways the capture may show one direction only
		w.back = nil
	}
	for _, o := range d.order {
		if o != p && o.key.vantage == p.key.vantage {
			w.others += o.both
		}
	}
	for _, f := range p.kept {
		if o := d.scope.Twins.Of(f.Head().FlowID); o != 0 {
			w.twin = f
			if s, ok := d.sides[o]; ok && s[gone] && s[gone.Other()] {
				w.there = true
				break
			}
		}
	}
	return w
}

func netText(a packet.Addr) string {
	if a.Is4() {
		return a.String() + "/24"
	}
	return a.String() + "/64"
}

func (p *pair) starts(n int) []packet.Ref {
	var out []packet.Ref
	for _, f := range p.kept {
		if len(out) < n {
			out = append(out, f.Start)
		}
	}
	return out
}

func (d *detector) facts(b *finding.Builder, p *pair, f *event.Flow, gone packet.Dir, w *proof) {
	s := &f.Sides[gone.Other()]
	h := f.Head()
	b.Fact(p.starts(4), "%s of %s: not one packet from %s is in this capture", detect.Plural(int(p.one), "connection", "connections"), detect.Plural(len(p.clients), "client", "clients"), sideText(h, gone))
	moved := f.Sides[gone].Acked - f.Sides[gone].ISN
	if f.Sides[gone].Acked != 0 && f.Sides[gone].SeqKnown {
		b.Fact(detect.Refs(f.Start, f.Last), "yet they work: the one of %s acknowledges %d bytes that never came by", d.scope.Frame(f.Start), moved)
	} else {
		b.Fact(detect.Refs(f.Start, f.Last), "yet they work: the one of %s has %d packets of %s, with acknowledgements of data that never came by", d.scope.Frame(f.Start), s.Packets, sideText(h, gone.Other()))
	}
	if w.back != nil {
		if !w.back.ip.IsZero() {
			b.Fact(detect.Refs(w.back.ip), "packets the opposite way over the same link (%s to %s) are in the capture, from %s: it records both directions", w.link.to, w.link.from, w.back.ipFrom)
		} else {
			b.Fact(detect.Refs(w.back.arp), "an ARP answer the opposite way over the same link (%s to %s) is in the capture: it records both directions of that link", w.link.to, w.link.from)
		}
	}
	if w.others > 0 {
		b.Fact(nil, "%s of other networks were seen in both directions here", detect.Plural(int(w.others), "connection", "connections"))
	}
	if p.both > 0 {
		b.Fact(nil, "%s between the networks were seen in both directions", detect.Plural(int(p.both), "connection", "connections"))
	}
	if w.twin == nil {
		return
	}
	if t := d.scope.Twins.Trace(w.twin.Start); t.Known && t.Seen {
		what := "in one direction only as well"
		if w.there {
			what = "there with both directions: the answers exist, and do not pass here"
		}
		b.Fact(detect.Refs(w.twin.Start, t.Ref), "the same connections were seen at %s, %s", d.scope.Twins.Name(t.Vantage), what)
	}
}

func sideText(h *event.Head, d packet.Dir) string {
	if d == packet.ToClient {
		return h.Server.Addr.String()
	}
	return h.Client.Addr.String()
}

func alternatives(b *finding.Builder, p *pair, gone packet.Dir, w *proof) {
	hidden := sideText(p.kept[0].Head(), gone)
	ip := w.back != nil && !w.back.ip.IsZero()
	switch {
	case w.there && (ip || w.others > 0):
		b.RuledOut("capture", detect.Refs(w.twin.Start), "the other capture shows the answers, and this one shows that it records both directions")
	case ip:
		b.Open("capture", "packets of %s go the opposite way over the same link, so both directions were recorded; only a filter that leaves out what %s sends would look the same: was there one?", w.back.ipFrom, hidden)
	case w.back != nil:
		b.Open("capture", "an ARP answer shows that the link was recorded in both directions; only a filter that lets ARP pass and leaves out what %s sends would look the same: was there one?", hidden)
	default:
		b.Open("capture", "both directions of other networks are here; was what %s sends left out, by a filter or because one link of several is mirrored?", hidden)
	}
	b.RuledOut("loss", p.starts(2), "not one packet of that direction in %d connections: loss does not choose", p.one)
	b.RuledOut("silence", p.starts(2), "its answers are acknowledged")
}

func story(b *finding.Builder, p *pair, f *event.Flow, back *witness) {
	for i, s := range p.starts(8) {
		note := "a connection begins"
		if i == 0 {
			b.Ladder(finding.LadderRow{Ref: s, Dir: packet.ToServer, Label: "SYN", Note: note})
		}
		b.Evidence(s, note)
	}
	if r := f.Marks[event.MarkHandshake]; !r.IsZero() {
		b.Evidence(r, "an answer is acknowledged that never came by")
		b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "ACK", Note: "of an answer that never came by"})
	}
	if back != nil {
		b.Evidence(back.ip, "the opposite way over the same link")
		b.Evidence(back.arp, "an ARP answer the opposite way")
	}
}
