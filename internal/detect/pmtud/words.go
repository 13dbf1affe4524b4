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
		if y := g.Kept[i].Data.(*hole); !y.back {
			holes = append(holes, y)
		}
	}
	if len(holes) == 0 {
		return false
	}
	x := holes[0]
	f, s := x.flow, x.stall
	h := f.Head()
	k := pathOf(f, s.Dir)
	least := least(holes)
	passed := d.largest(k)
	if passed.size >= least { // packets of that size do get through: size is not the reason
		return false
	}
	for _, y := range holes {
		if m := y.flow.Sides[y.stall.Dir].MaxDelivered; m > passed.size {
			passed = passage{m, y.flow.Last}
		}
	}
	n := len(holes) + g.Count - len(g.Kept)
	sender, receiver := ends(x)
	limit := fmt.Sprintf("%d bytes or less", least-1)
	if passed.size > 0 {
		limit = fmt.Sprintf("between %d and %d bytes", passed.size, least-1)
	}
	flows := detect.Plural(n, "connection", "connections")
	b.Subject(finding.Subject{Role: "sender", Addr: sender.Addr})
	b.Subject(finding.Subject{Role: "receiver", Addr: receiver.Addr})
	b.Title("packets of %d bytes from %s to %s vanish, smaller ones pass", least, sender.Addr, receiver.Addr)
	b.Why("a link on the way carries only %s, and the ICMP message that should tell %s so does not reach it", limit, sender.Addr)
	told, wasTold := d.toldOf(k, holes, least)
	if wasTold {
		b.Why("a link on the way carries only %d bytes, and %s goes on as if it had not been told: the message that %s sent is filtered between here and there, or ignored", told.mtu, sender.Addr, told.sender)
		b.Fact(detect.Refs(told.ref, s.Last), "%s said at %s s that its link carries %d bytes; %s went on with %d bytes until %s s", told.sender, d.scope.Since(told.ref), told.mtu, sender.Addr, s.IPLen, d.scope.Since(s.Last))
		b.Evidence(told.ref, "the router's message about size")
	}
	b.Summary("%s to %s come up, and small packets pass; but packets of %d bytes are sent again and again and never arrive. Somewhere on the way a link carries less (%s), and the message that should say so is filtered or was never "+
		"sent. Users see pages that connect and then hang, while ping works.", flows, detect.EndText(h.Server), least, limit)
	b.Impact("%s hung, the first for %s", flows, detect.Span(s.Last.Time.Sub(s.First.Time)))
	d.facts(b, holes, n, passed)
	if !wasTold {
		d.filtered(b, k, holes, least)
	}
	d.alternatives(b, holes, n, k)
	if wasTold {
		b.Open("sender-ignores", "a capture at %s decides: either the message arrives there or it does not", sender.Addr)
	} else {
		b.RuledOut("sender-ignores", detect.Refs(s.First, s.Last), "no such message came by here from the first transmission to the last")
	}
	d.remedy(b, x)
	b.WrongIf("a packet of %d bytes from %s that %s acknowledges, or a message about size that reached %s", least, sender.Addr, receiver.Addr, sender.Addr)
	story(b, x)
	return true
}

// ends returns the sender of what vanished, and who should have got it.
func ends(y *hole) (sender, receiver event.End) {
	h := y.flow.Head()
	if y.stall.Dir == packet.ToClient {
		return h.Server, h.Client
	}
	return h.Client, h.Server
}

// toldOf returns the message about size that passed the capture on its way to the sender, if it went on with larger
// packets after that.
func (d *detector) toldOf(k path, holes []*hole, least uint32) (message, bool) {
	i, ok := d.told[k]
	if !ok {
		return message{}, false
	}
	m := d.messages[i]
	if m.mtu >= least {
		return m, false
	}
	for _, y := range holes {
		if m.ref.Time < y.stall.Last.Time {
			return m, true
		}
	}
	return m, false
}

func (d *detector) facts(b *finding.Builder, holes []*hole, n int, passed passage) {
	for i, y := range holes {
		if i == 4 {
			b.Fact(nil, "and %d more like these", n-i)
			break
		}
		from, to := ends(y)
		b.Fact(detect.Refs(y.stall.First, y.stall.Last), "%s → %s sent %d bytes %d times within %s, not to be fragmented, never acknowledged", detect.EndText(from), detect.EndText(to), y.stall.IPLen, y.stall.Tries,
			detect.Span(y.stall.Last.Time.Sub(y.stall.First.Time)))
	}
	if passed.size > 0 {
		b.Fact(detect.Refs(passed.ref), "the largest packet known to have arrived has %d bytes (the last frame of its connection)", passed.size)
	} else {
		b.Fact(detect.Refs(holes[0].flow.Marks[event.MarkHandshake]), "the handshake passed; nothing larger is known to have arrived")
	}
}

// filtered says where the ICMP message was seen, when another capture shows it.
func (d *detector) filtered(b *finding.Builder, k path, holes []*hole, least uint32) {
	twin := map[uint64]bool{}
	for _, y := range holes {
		if t := d.scope.Twins.Of(y.flow.Head().FlowID); t != 0 {
			twin[t] = true
		}
	}
	for _, m := range d.messages {
		// Behind a NAT the quoted sender has another address; the flow is the twin then.
		if m.path.vantage == k.vantage || m.mtu >= least || (m.path.from != k.from || m.path.to != k.to) && !twin[m.flow] {
			continue
		}
		where := d.scope.Twins.Name(m.path.vantage)
		if where == "" {
			where = "another place of capture"
		}
		b.Evidence(m.ref, "the router's message about size")
		b.Fact(detect.Refs(m.ref), "%s said that its link carries %d bytes; the message was seen at %s and never here: the box between filters it", m.sender, m.mtu, where)
		return
	}
}

// meanwhile returns answers of the receiver to new connections from the first transmission that was lost to the last.
func (d *detector) meanwhile(holes []*hole) []packet.Ref {
	x := holes[0]
	first, last := x.stall.First.Time, x.stall.Last.Time
	h := x.flow.Head()
	out := func(a *detect.Attempt) bool { return a.Answer.Time <= first || a.Answer.Time > last }
	if x.stall.Dir == packet.ToServer {
		c := d.scope.Ledger.Server(h.Vantage, h.Server.Addr, out, first, last)
		return c.AnsweredRefs
	}
	var refs []packet.Ref
	d.scope.Ledger.Attempts(detect.Service{Addr: h.Server.Addr, Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		if a.Vantage == h.Vantage && a.Client.Addr == h.Client.Addr && a.Outcome == detect.OutAnswered && !a.Stalled && !out(a) {
			refs = append(refs, a.Answer)
		}
		return len(refs) < 4
	})
	return refs
}

func (d *detector) alternatives(b *finding.Builder, holes []*hole, n int, k path) {
	x := holes[0]
	var lost []packet.Ref
	receivers := map[packet.Addr]bool{}
	var sacked, spoke *hole
	for _, y := range holes {
		lost = append(lost, y.stall.First)
		_, to := ends(y)
		receivers[to.Addr] = true
		if y.stall.SmallPassed {
			sacked = y
		}
		// A SYN/ACK that is repeated says that the receiver never got the handshake's end: it does not count.
		if again := y.flow.Marks[event.MarkSYNACKLast]; y.stall.PeerSpoke && again.Time <= y.stall.First.Time {
			spoke = y
		}
	}
	others := d.meanwhile(holes)
	pass := sacked != nil || len(others) > 0
	small, vanish := d.small[k]
	switch {
	case vanish:
		b.Open("loss", "a packet that no path is too narrow for vanished too, at %s s; ping -M do -s with growing sizes decides", d.scope.Since(small))
	case sacked != nil:
		b.RuledOut("loss", detect.Refs(sacked.stall.First, sacked.stall.Last), "%d transmissions in a row were lost at this size while a smaller packet sent later arrived", sacked.stall.Tries)
	case len(others) > 0:
		b.RuledOut("loss", detect.Refs(append([]packet.Ref{x.stall.First, x.stall.Last}, others...)...), "%d transmissions in a row were lost at this size while small packets between the same machines passed", x.stall.Tries)
	case d.lost:
		b.Open("loss", "what passed meanwhile is not known: there were more connections than --max-memory lets me remember")
	default:
		b.Open("loss", "nothing smaller is known to have arrived meanwhile; ping -M do -s with growing sizes decides")
	}
	switch {
	case sacked != nil:
		b.RuledOut("receiver", detect.Refs(sacked.stall.Last), "the receiver acknowledged a smaller packet meanwhile")
	case len(others) > 0:
		b.RuledOut("receiver", others, "the receiver was there: new connections with it came up meanwhile")
	case spoke != nil:
		b.RuledOut("receiver", detect.Refs(spoke.stall.Last), "the receiver went on sending meanwhile, with its window open")
	case len(receivers) >= enough:
		b.RuledOut("receiver", lost, "%d receivers meet the same limit", len(receivers))
	default:
		b.Open("receiver", "a small request on a new connection at the same time decides")
	}
	if n >= enough || x.stall.Tries >= often && pass {
		b.RuledOut("one-off", lost, "%s, %d transmissions, all of %d bytes or more", detect.Plural(n, "connection", "connections"), total(holes), least(holes))
	} else {
		b.Open("one-off", "a second connection that hangs at the same size decides")
	}
}

func least(holes []*hole) uint32 {
	m := holes[0].stall.IPLen
	for _, y := range holes {
		m = min(m, y.stall.IPLen)
	}
	return m
}

func total(holes []*hole) (n uint32) {
	for _, y := range holes {
		n += y.stall.Tries
	}
	return n
}

func (d *detector) remedy(b *finding.Builder, x *hole) {
	from, to := ends(x)
	icmp, head, ping := "icmp type destination-unreachable icmp code frag-needed", 28, "ping -M do -c 3 -s %d %s"
	if !from.Addr.Is4() {
		icmp, head, ping = "icmpv6 type packet-too-big", 48, "ping -6 -M do -c 3 -s %d %s"
	}
	b.Remedy(finding.AtFirewall, "let the message about size through").
		Run("nftables", "nft insert rule inet filter forward %s accept", icmp)
	b.Remedy(finding.AtRouter, "announce smaller segments on the narrow link; that helps TCP alone").
		Run("nftables", "nft insert rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu")
	where := finding.AtServer
	if x.stall.Dir == packet.ToServer {
		where = finding.AtClient
	}
	b.Remedy(where, "let %s find out by itself; each connection stalls for some seconds first", from.Addr).
		Run("Linux", "sysctl -w net.ipv4.tcp_mtu_probing=1")
	b.Check(fmt.Sprintf(ping, int(x.stall.IPLen)-head, to.Addr), fmt.Sprintf("on %s; then smaller until it passes: tracepath %s names the hop", from.Addr, to.Addr))
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
