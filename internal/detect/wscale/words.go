package wscale

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections that lost the option at one place.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	s := g.Kept[0].Data.(*strip)
	for i := range g.Kept { // the one over the longest path shows the harm best
		if x := g.Kept[i].Data.(*strip); roundTrip(x.flow) > roundTrip(s.flow) {
			s = x
		}
	}
	f := s.flow
	h := f.Head()
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	most := "64 KiB a round trip"
	if rtt := roundTrip(f); rtt > 0 {
		most = rate(rtt) + " over this path (65 535 bytes in each round trip of " + detect.Span(rtt) + ")"
	}
	conns := detect.Plural(g.Count, "connection", "connections")
	check := "tcpdump -ni any -v 'tcp[tcpflags] & tcp-syn != 0'"
	if s.guessed {
		b.Title("transfers between %s and %s never have more than 64 KiB on the way: window scaling is missing", h.Client.Addr, h.Server.Addr)
		b.Why("neither end can allow more without the window scale option, and it is missing though the ends offer what comes with it")
		b.Summary("A transfer between %s and %s filled the largest window that is possible without window scaling, so the path, not the line, set its speed: at most %s. Either an end does not offer the "+
			"option, or a device on the way removes it.", h.Client.Addr, h.Server.Addr, most)
		b.Impact("%s, each at most %s", conns, most)
		syns := detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYNACK])
		b.Fact(syns, "window scale is %s in the request and %s in the answer; timestamps and SACK are in both", offered(f, packet.ToServer), offered(f, packet.ToClient))
		b.Fact(detect.Refs(f.Start, f.Last), "up to %d bytes were on the way at once, of %d allowed", max(f.Sides[0].MaxFlight, f.Sides[1].MaxFlight), max(f.Sides[0].MaxWindow, f.Sides[1].MaxWindow))
		b.Open("endpoint", "look at the requests where they leave each end: %s", check)
		b.Open("proxy", "a second capture on the other side decides")
	} else {
		d.removed(g, b, s, most, conns)
	}
	b.Remedy(finding.AtFirewall, "find the rule that takes the option out, and remove it (Cisco ASA: tcp-map, tcp-options window-scale allow; elsewhere: TCP normalisation of options)").
		Run("nftables", "nft -a list ruleset | grep -n 'reset tcp option'").
		Run("iptables", "iptables -t mangle -S | grep TCPOPTSTRIP")
	b.Remedy(finding.AtServer, "until then fetch over several connections at once: each has its own window")
	b.Check(check, "on both sides of the device: wscale must be in both")
	b.WrongIf("the option in the request as it arrives at the server")
	for _, r := range detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYNACK]) {
		b.Evidence(r, "the handshake here")
	}
	b.Evidence(s.syn.Ref, "the same request beyond the device, without the option")
	b.Evidence(s.synack.Ref, "the same answer on the other side of the device")
	b.Ladder(finding.LadderRow{Ref: f.Marks[event.MarkSYN], Dir: packet.ToServer, Label: "SYN", Note: "offers window scaling"})
	b.Ladder(finding.LadderRow{Ref: s.syn.Ref, Dir: packet.ToServer, Label: "SYN", Note: "beyond the device: without it", Lost: true})
	b.Ladder(finding.LadderRow{Ref: f.Marks[event.MarkSYNACK], Dir: packet.ToClient, Label: "SYN, ACK", Note: "so the answer has none"})
	return true
}

// roundTrip is the shortest that was seen: a handshake may have waited for a neighbour's card address, or been repeated.
func roundTrip(f *event.Flow) time.Duration {
	rtt := f.RTT
	if c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]; c.RTTs > 0 && s.RTTs > 0 && rtt > 0 {
		rtt = min(rtt, c.RTTLeast+s.RTTLeast)
	}
	return rtt
}

func offered(f *event.Flow, dir packet.Dir) string {
	if f.Sides[dir].WScale >= 0 {
		return "offered"
	}
	return "missing"
}

// removed writes what two captures prove.
func (d *detector) removed(g *finding.Group, b *finding.Builder, s *strip, most, conns string) {
	f := s.flow
	h := f.Head()
	here, there := d.scope.Twins.Name(h.Vantage), d.scope.Twins.Name(1-h.Vantage)
	what, refs := "requests", detect.Refs(f.Marks[event.MarkSYN], s.syn.Ref)
	switch {
	case s.syn.Seen && s.synack.Seen:
		what, refs = "requests and answers", detect.Refs(f.Marks[event.MarkSYN], s.syn.Ref, f.Marks[event.MarkSYNACK], s.synack.Ref)
	case s.synack.Seen:
		what, refs = "answers", detect.Refs(f.Marks[event.MarkSYNACK], s.synack.Ref)
	}
	b.Title("a device between %s and %s removes window scaling from connection %s: at most %s", here, there, what, most)
	b.Why("the window scale option is in the packet on one side of the device and gone on the other; without it a receiver cannot allow more than 65 535 bytes on the way")
	b.Summary("A device between %s and %s takes an option out of connection %s. Without it no connection through the device can have more than 65 535 bytes on the way, so that each carries at most %s, "+
		"however fast the line. Downloads over long paths are slow, and more bandwidth does not help.", here, there, what, most)
	b.Impact("%s, each at most %s", conns, most)
	if s.syn.Seen {
		b.Fact(detect.Refs(f.Marks[event.MarkSYN], s.syn.Ref), "the request from %s offers window scaling (shift %d) at %s; the same packet at %s does not", detect.EndText(h.Client), shift(f, packet.ToServer), here, there)
	}
	if s.synack.Seen {
		b.Fact(detect.Refs(s.synack.Ref, f.Marks[event.MarkSYNACK]), "the answer of %s offers window scaling at %s; the same packet at %s does not", detect.EndText(h.Server), there, here)
	} else if f.Sides[packet.ToClient].WScale < 0 {
		b.Fact(detect.Refs(f.Marks[event.MarkSYNACK]), "the server's answer offers none, as it must when the request has none (RFC 7323 2.2)")
	}
	if s.synack.Seen && !s.syn.Seen {
		b.Severity(finding.High)
		b.Fact(detect.Refs(f.Marks[event.MarkSYNACK]), "the server believes that scaling was agreed on, the client does not: the server takes the client's windows for larger than they are")
	}
	c, v := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	b.Fact(detect.Refs(f.Start, f.Last), "largest window seen: %d bytes of the client, %d of the server", c.MaxWindow, v.MaxWindow)
	b.RuledOut("endpoint", refs, "the end offered it: the option is in the packet before the device")
	if (s.syn.Removed|s.synack.Removed)&packet.OptTS != 0 {
		b.RuledOut("proxy", refs, "it is the same packet: its sequence number is unchanged (its timestamps are taken out too)")
	} else {
		b.RuledOut("proxy", refs, "it is the same packet: sequence number and timestamp are unchanged")
	}
}

func shift(f *event.Flow, dir packet.Dir) int8 { return f.Sides[dir].WScale }
