package pmtud

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one direction between two networks.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	var holes []*hole
	for i := range g.Kept {
		holes = append(holes, g.Kept[i].Data.(*hole))
	}
	x := holes[0]
	f, s := x.flow, x.stall
	h := f.Head()
	k := pathOf(f, s.Dir)
	least := s.IPLen
	for _, y := range holes {
		least = min(least, y.stall.IPLen)
	}
	passed := d.passed[k]
	if passed.size >= least { // packets of that size do get through: size is not the reason
		return false
	}
	for _, y := range holes {
		passed.size = max(passed.size, y.flow.Sides[y.stall.Dir].MaxDelivered)
	}
	told, wasTold := d.told[k]
	wasTold = wasTold && told.ref.Time < s.Last.Time && (told.mtu == 0 || told.mtu < least)
	sender, receiver := h.Client.Addr, h.Server.Addr
	if s.Dir == packet.ToClient {
		sender, receiver = receiver, sender
	}
	limit := fmt.Sprintf("%d bytes or less", least-1)
	if passed.size > 0 {
		limit = fmt.Sprintf("between %d and %d bytes", passed.size, least-1)
	}
	b.Subject(finding.Subject{Role: "sender", Addr: sender})
	b.Subject(finding.Subject{Role: "receiver", Addr: receiver})
	b.Title("packets of %d bytes from %s to %s vanish, smaller ones pass", least, sender, receiver)
	b.Why("a link on the way carries only %s, and the ICMP message that should tell %s so does not reach it", limit, sender)
	if wasTold {
		b.Why("a link on the way carries only %d bytes, and %s goes on as if it had not been told: the message that %s sent is filtered between here and there", told.mtu, sender, told.sender)
		b.Fact(detect.Refs(told.ref, s.Last), "%s said at %s s that its link carries %d bytes; %s sent %d bytes again at %s s", told.sender, d.scope.Since(told.ref), told.mtu, sender, s.IPLen, d.scope.Since(s.Last))
	}
	b.Summary("%s to %s come up, and small packets pass; but packets of %d bytes are sent again and again and never arrive. Somewhere on the way a link carries less (%s), and the message that should say so is filtered or was never "+
		"sent. Users see pages that connect and then hang, while ping works.", detect.Plural(g.Count, "connection", "connections"), detect.EndText(h.Server), least, limit)
	stuck := s.Last.Time.Sub(s.First.Time)
	b.Impact("%s hung, the first for %s", detect.Plural(g.Count, "connection", "connections"), detect.Span(stuck))
	for i, y := range holes {
		if i == 4 {
			b.Fact(nil, "and %d more like these", g.Count-i)
			break
		}
		df := ""
		if y.stall.DF {
			df = ", not to be fragmented (DF)"
		}
		b.Fact(detect.Refs(y.stall.First, y.stall.Last), "%s sent %d bytes %d times within %s at the same size%s, never acknowledged", ends(y), y.stall.IPLen, y.stall.Tries,
			detect.Span(y.stall.Last.Time.Sub(y.stall.First.Time)), df)
	}
	small := false
	for _, y := range holes {
		small = small || y.stall.SmallPassed || y.flow.Sides[y.stall.Dir].MaxDelivered > 0
	}
	hs := f.Marks[event.MarkHandshake]
	switch {
	case passed.size > 0:
		b.Fact(detect.Refs(passed.ref), "the largest packet known to have arrived has %d bytes", passed.size)
	case small:
		b.Fact(detect.Refs(hs), "the handshake and a smaller packet sent later passed")
	default:
		b.Fact(detect.Refs(hs), "the handshake passed; nothing larger did")
	}
	d.filtered(b, k, least)
	d.alternatives(g, b, holes, small || passed.size > 0, hs)
	if wasTold {
		b.Cap(finding.Likely) // a sender that ignores the message would look the same from here
		b.Fact(nil, "whether the message is filtered or the sender ignores it cannot be seen from here; a capture at %s decides", sender)
	}
	d.remedy(b, f, sender, receiver, passed.size)
	b.WrongIf("a packet of %d bytes from %s that %s acknowledges", least, sender, receiver)
	story(b, x)
	return true
}

func ends(y *hole) string {
	h := y.flow.Head()
	if y.stall.Dir == packet.ToClient {
		return detect.EndText(h.Server) + " → " + detect.EndText(h.Client)
	}
	return detect.EndText(h.Client) + " → " + detect.EndText(h.Server)
}

// filtered says where the ICMP message was seen, when another capture shows it.
func (d *detector) filtered(b *finding.Builder, k path, least uint32) {
	var best message
	var where uint16
	for v := uint16(0); v < 8; v++ {
		if v == k.vantage {
			continue
		}
		for _, p := range []path{{v, k.from, k.to}} {
			if m, ok := d.told[p]; ok && (m.mtu == 0 || m.mtu < least) {
				best, where = m, v
			}
		}
	}
	if best.ref.IsZero() {
		for p, m := range d.told { // behind a NAT the quoted source has another address
			if p.vantage != k.vantage && p.to == k.to && (m.mtu == 0 || m.mtu < least) && (best.ref.IsZero() || m.ref.Time < best.ref.Time || m.ref.Time == best.ref.Time && m.ref.Frame < best.ref.Frame) {
				best, where = m, p.vantage
			}
		}
	}
	if best.ref.IsZero() {
		return
	}
	b.Evidence(best.ref, "the router's message about size")
	b.Fact(detect.Refs(best.ref), "%s said that its link carries %d bytes; the message was seen at %s and never here: the box between filters it", best.sender, best.mtu, d.scope.Twins.Name(where))
}

func (d *detector) alternatives(g *finding.Group, b *finding.Builder, holes []*hole, small bool, hs packet.Ref) {
	x := holes[0]
	var lost []packet.Ref
	for _, y := range holes {
		lost = append(lost, y.stall.First)
	}
	if small {
		b.RuledOut("loss", detect.Refs(x.stall.First, x.stall.Last), "%d transmissions in a row were lost at this size while smaller packets passed", x.stall.Tries)
	} else {
		b.Open("loss", "nothing smaller was sent after it; ping -M do -s with growing sizes decides")
	}
	speaks := false
	for _, y := range holes {
		speaks = speaks || y.stall.PeerSpoke || y.stall.SmallPassed
	}
	switch {
	case speaks:
		b.RuledOut("receiver", detect.Refs(x.stall.Last), "the receiver went on answering smaller packets meanwhile")
	case g.Count >= enough && small:
		b.RuledOut("receiver", lost, "%d connections meet the same limit", g.Count)
	default:
		b.Open("receiver", "a small request on a new connection at the same time decides")
	}
	if g.Count >= enough || x.stall.Tries >= 5 && speaks {
		b.RuledOut("one-off", lost, "%s, %d transmissions, all at or above %d bytes", detect.Plural(g.Count, "connection", "connections"), total(holes), x.stall.IPLen)
	} else {
		b.Open("one-off", "a second connection that hangs at the same size decides")
	}
}

func total(holes []*hole) (n uint32) {
	for _, y := range holes {
		n += y.stall.Tries
	}
	return n
}

func (d *detector) remedy(b *finding.Builder, f *event.Flow, sender, receiver packet.Addr, passed uint32) {
	icmp := "icmp type destination-unreachable icmp code frag-needed"
	if !sender.Is4() {
		icmp = "icmpv6 type packet-too-big"
	}
	b.Remedy(finding.AtFirewall, "let the message about size through").
		Run("nftables", "nft insert rule inet filter forward %s accept", icmp)
	b.Remedy(finding.AtRouter, "announce smaller segments on the narrow link").
		Run("nftables", "nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu")
	b.Remedy(finding.AtServer, "let the sender find out by itself").
		Run("Linux", "sysctl -w net.ipv4.tcp_mtu_probing=1")
	head := 28
	cmd := "ping -M do -s %d %s"
	if !sender.Is4() {
		head = 48
		cmd = "ping -6 -M do -s %d %s"
	}
	b.Check(fmt.Sprintf(cmd, int(f.Stall.IPLen)-head, receiver), fmt.Sprintf("on %s; then smaller until it passes: tracepath %s names the hop", sender, receiver))
}

func story(b *finding.Builder, x *hole) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	f, s := x.flow, x.stall
	add(f.Marks[event.MarkSYN], packet.ToServer, "SYN", "small packets pass", false)
	add(f.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "both ways", false)
	add(s.First, s.Dir, fmt.Sprintf("%d bytes", s.IPLen), "too big for the path", true)
	add(s.Last, s.Dir, fmt.Sprintf("%d bytes (again)", s.IPLen), "last repeat", true)
}
