package tcpodd

import (
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func (d *detector) flags(g *finding.Group, b *finding.Builder) bool {
	first := oddityOf(g, 0)
	h := first.flow.Head()
	from := sender(h, first.seen[badFlags].dir)
	to := sender(h, first.seen[badFlags].dir.Other())
	at := refs(g, badFlags)
	var sets []string
	for i := range g.Kept {
		o := oddityOf(g, i)
		if s := flagText(o.flow.Sides[o.seen[badFlags].dir].Flags); !slices.Contains(sets, s) {
			sets = append(sets, s)
		}
	}
	slices.Sort(sets)
	list := strings.Join(sets, "; ")
	b.Subject(finding.Subject{Role: "attacker", Addr: from.Addr})
	b.Subject(finding.Subject{Role: "victim", Addr: to.Addr, Port: to.Port})
	b.Title("%s sends segments with flags that no TCP sends (%s), on %s", from.Addr, list, detect.Plural(g.Count, "connection", "connections"))
	b.Why("such sets of flags are made by hand: to get past a filter that looks at one flag only, or to learn which system answers")
	b.Summary("%s sent segments to %s whose flags contradict each other (%s). No operating system does that. It is a try to pass a filter, or to find out what kind of machine answers. A firewall that keeps "+
		"connections drops such segments.", from.Addr, detect.EndText(to), list)
	b.Impact("none by itself")
	if !d.scope.Home.Has(from.Addr) {
		b.Severity(finding.Low)
	}
	b.Fact(at, "%s with segments whose flags do not go together, from %s on", detect.Plural(g.Count, "connection", "connections"), d.scope.Frame(at[0]))
	b.Fact(at[:1], "flags seen on these connections: %s", list)
	if g.Count > 1 {
		b.RuledOut("damage", at, "%d of them, each with a right checksum", g.Count)
	} else {
		b.Open("damage", "whether more of them come from %s decides", from.Addr)
	}
	b.Open("borrowed", "no connection was set up with them, so anybody may have written that sender; a capture nearer to it decides")
	b.Remedy(finding.AtFirewall, "drop what no connection tracker takes").
		Run("nftables", "nft insert rule inet filter forward ct state invalid drop")
	b.Check("nft list ruleset | grep -n 'ct state'", "on the firewall: is there a rule for invalid packets before those that accept?")
	b.WrongIf("somebody tests the firewall or names the systems of the network on purpose (nmap -O)")
	story(g, b, badFlags, "flags that do not go together")
	return true
}

// flagText writes a set of flags.
func flagText(f uint16) string {
	var s []string
	for _, x := range []struct {
		bit  uint16
		name string
	}{{packet.SYN, "SYN"}, {packet.FIN, "FIN"}, {packet.RST, "RST"}, {packet.ACK, "ACK"}, {packet.PSH, "PSH"}, {packet.URG, "URG"}} {
		if f&x.bit != 0 {
			s = append(s, x.name)
		}
	}
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, " with ")
}

func (d *detector) forged(g *finding.Group, b *finding.Builder) bool {
	o := oddityOf(g, 0)
	f := o.flow
	h := f.Head()
	at := refs(g, secondAnswer)
	s := &f.Sides[packet.ToClient]
	apart := s.TTLMin != s.TTLMax
	first := f.Marks[event.MarkSYNACK]
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Title("requests of %s to %s get two different answers: one of them is forged", h.Client.Addr, detect.EndText(h.Server))
	b.Why("two SYN/ACKs with different sequence numbers answer one request%s", ttlText(s, apart))
	b.Summary("%s asked %s for a connection and got two answers that cannot both be the server's: a server repeats its answer with the same number. Somebody who sees the requests answers in the server's "+
		"name; the client believes whoever is first.", h.Client.Addr, detect.EndText(h.Server))
	b.Impact("%s: what the client says may reach a stranger", detect.Plural(g.Count, "connection", "connections"))
	b.Fact([]packet.Ref{f.Start, first}, "the request (%s) and its first answer (%s)", d.scope.Frame(f.Start), d.scope.Frame(first))
	b.Fact(at, "another answer with another sequence number (%s), on %s", d.scope.Frame(at[0]), detect.Plural(g.Count, "connection", "connections"))
	if apart {
		b.Fact([]packet.Ref{first, at[0]}, "packets in the server's name arrive with TTL %d and TTL %d: from different distances", s.TTLMin, s.TTLMax)
	}
	b.RuledOut("proxy", []packet.Ref{first, at[0]}, "both answers travel to the client; a proxy keeps the server's to itself")
	if apart {
		b.RuledOut("restart", at, "one machine does not move by %d hops between two answers", s.TTLMax-s.TTLMin)
	} else {
		b.Open("restart", "whether the server restarted at %s s decides", d.scope.Since(at[0]))
	}
	b.Open("twins", "a capture at the server decides: did both answers leave it?")
	b.Remedy(finding.AtRouter, "find who sends the other answer: its TTL says how far away, its MAC address which device passed it on (%s)", o.seen[secondAnswer].mac)
	b.Remedy(finding.AtClient, "use encryption that proves who the server is (TLS, SSH) for this service")
	b.Check(fmt.Sprintf("tcpdump -e -n -v 'tcp[13] = 18 and src host %s'", h.Server.Addr), "on the gateway: two senders with different TTL or MAC address")
	b.WrongIf("two machines have the address %s on purpose (anycast, a cluster that answers twice)", h.Server.Addr)
	b.Evidence(f.Start, "the request")
	b.Evidence(first, "the first answer")
	story(g, b, secondAnswer, "another answer with another number")
	return true
}

func ttlText(s *event.Side, apart bool) string {
	if !apart {
		return ""
	}
	return fmt.Sprintf(", from %d and %d hops left (TTL)", s.TTLMin, s.TTLMax)
}

func (d *detector) midstream(g *finding.Group, b *finding.Builder) bool {
	var blind, restart []*oddity
	for i := range g.Kept {
		o := oddityOf(g, i)
		switch f := o.flow; {
		case f.Resets[packet.ToServer].Count > 0 && !f.Marks[event.MarkClientRST].IsZero() && f.Marks[event.MarkClientRST].Time >= o.seen[innerSYN].first.Time,
			f.End == event.EndReused:
			restart = append(restart, o)
		default:
			blind = append(blind, o)
		}
	}
	h := oddityOf(g, 0).flow.Head()
	at := refs(g, innerSYN)
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	b.Fact(at, "%s with a SYN of another sequence number inside, first %s", detect.Plural(g.Count, "standing connection", "standing connections"), d.scope.Frame(at[0]))
	if len(restart) >= len(blind) {
		d.restarted(b, restart[0], h, g.Count, at)
	} else {
		d.blind(b, blind, h, g.Count, at)
	}
	story(g, b, innerSYN, "SYN inside the connection")
	return true
}

func (d *detector) restarted(b *finding.Builder, o *oddity, h *event.Head, n int, at []packet.Ref) {
	f := o.flow
	rst := f.Marks[event.MarkClientRST]
	b.Title("%s lost %s to %s and asked again from the same port", h.Client.Addr, detect.Plural(n, "connection", "connections"), detect.EndText(h.Server))
	b.Why("the client no longer knew the connection (it restarted, or lost power); the server still did, acknowledged the old one and was told to forget it")
	b.Summary("A request for a new connection came from %s on a port where %s still had an old one. The server answered for the old connection, the client reset that, and could begin anew. Nothing is "+
		"wrong in the network: the client lost its connections without saying so.", h.Client.Addr, detect.EndText(h.Server))
	b.Impact("%s lost on the client's side; it heals by itself", detect.Plural(n, "connection", "connections"))
	b.Fact([]packet.Ref{f.Start, o.seen[innerSYN].first, rst}, "the old connection began with %s; the client's reset of it is %s", d.scope.Frame(f.Start), d.scope.Frame(rst))
	if rst.IsZero() {
		b.Open("other", "the reset with which a client refuses the old connection was not seen: a capture at %s decides whether it asked", h.Client.Addr)
	} else {
		b.RuledOut("other", []packet.Ref{rst}, "the client itself reset the old connection: it had asked for the new one")
	}
	b.Open("nat", "if %s is a NAT, its table decides: did it give the port to another machine?", h.Client.Addr)
	b.Remedy(finding.AtClient, "find out why it lost its connections (restart, power, a killed network namespace)").
		Run("Linux", "last -x reboot shutdown | head")
	b.Check("last -x reboot shutdown | head", "on "+h.Client.Addr.String())
	b.WrongIf("the client ran without interruption")
	b.Evidence(rst, "the client resets the old connection")
}

func (d *detector) blind(b *finding.Builder, os []*oddity, h *event.Head, n int, at []packet.Ref) {
	f := os[0].flow
	s := &f.Sides[packet.ToServer]
	apart := s.TTLMin != s.TTLMax
	b.Severity(finding.Medium)
	b.Title("somebody writes connection requests into %s of %s with %s", detect.Plural(n, "connection", "connections"), h.Client.Addr, detect.EndText(h.Server))
	b.Why("SYNs with foreign sequence numbers appear inside standing connections, which go on as if nothing had come")
	b.Summary("Requests in the name of %s came on ports of connections that it has with %s, with sequence numbers that are not its own. The client did not react as one that asked; the connections went on. "+
		"Somebody tries to disturb or take over connections without seeing them.", h.Client.Addr, detect.EndText(h.Server))
	b.Impact("none yet: the server asked back (challenge ACK) and went on")
	b.Fact([]packet.Ref{f.Start, f.Last}, "the connection went on from %s to %s", d.scope.Frame(f.Start), d.scope.Frame(f.Last))
	if apart {
		b.Fact(at[:1], "packets in the client's name arrive with TTL %d and TTL %d: from different distances", s.TTLMin, s.TTLMax)
	}
	if apart {
		b.RuledOut("other", []packet.Ref{at[0], f.Last}, "the client went on with the old connection, and the SYNs come from another distance than its packets")
	} else {
		b.Open("other", "a capture nearer to %s decides whether it sent them", h.Client.Addr)
	}
	if apart && n > 1 {
		b.RuledOut("nat", at, "%d connections at once, and from another distance than the client's packets", n)
	} else {
		b.Open("nat", "if %s is a NAT, its table decides: did it give the port to another machine?", h.Client.Addr)
	}
	b.Remedy(finding.AtRouter, "drop senders that cannot come from there (BCP 38)").
		Run("Linux", "sysctl -w net.ipv4.conf.all.rp_filter=1")
	b.Check("nstat -az TcpExtTCPSYNChallenge", "on the server: it counts requests inside connections")
	b.WrongIf("%s itself sent these requests", h.Client.Addr)
}

func (d *detector) afterClose(g *finding.Group, b *finding.Builder) bool {
	o := oddityOf(g, 0)
	f := o.flow
	h := f.Head()
	dir := o.seen[afterFIN].dir
	fin := f.Marks[event.MarkClientFIN]
	if dir == packet.ToClient {
		fin = f.Marks[event.MarkServerFIN]
	}
	from, to := sender(h, dir), sender(h, dir.Other())
	at := refs(g, afterFIN)
	b.Subject(finding.Subject{Role: "sender", Addr: from.Addr})
	b.Subject(finding.Subject{Role: "receiver", Addr: to.Addr, Port: to.Port})
	b.Title("%s sends data behind the end of its own stream, on %s", from.Addr, detect.Plural(g.Count, "connection", "connections"))
	b.Why("it said with FIN that its stream was over (%s) and then sent data with numbers behind that (%s)", d.scope.Frame(fin), d.scope.Frame(at[0]))
	b.Summary("%s closed its side of connections with %s and went on to send data behind the closing. No operating system does that: it is done to let a sensor or filter see other data than the receiver takes.",
		from.Addr, to.Addr)
	b.Impact("none at a receiver that follows the standard: it drops such data")
	b.Fact([]packet.Ref{fin, at[0]}, "FIN in %s, data behind its number in %s", d.scope.Frame(fin), d.scope.Frame(at[0]))
	b.Fact(at, "%s like that", detect.Plural(g.Count, "connection", "connections"))
	b.RuledOut("lost", []packet.Ref{f.Start, fin}, "the begin of the connection and its FIN were seen, with their numbers")
	b.Open("device", "a capture at %s decides: does the data leave it so?", from.Addr)
	b.Remedy(placeOf(dir), "find the program on %s that writes raw packets", from.Addr).Run("Linux", "ss -wp")
	b.Remedy(finding.AtFirewall, "drop what no connection tracker takes").
		Run("nftables", "nft insert rule inet filter forward ct state invalid drop")
	b.Check("ss -wp", "on "+from.Addr.String()+": programs with raw sockets")
	b.WrongIf("a gateway that changes the application's messages stands between")
	b.Evidence(fin, "the end of its stream")
	story(g, b, afterFIN, "data behind it")
	return true
}

// placeOf is where the sender of a direction stands.
func placeOf(d packet.Dir) finding.Where {
	if d == packet.ToClient {
		return finding.AtServer
	}
	return finding.AtClient
}

func (d *detector) overlap(g *finding.Group, b *finding.Builder) bool {
	o := oddityOf(g, 0)
	f := o.flow
	h := f.Head()
	dir := o.seen[overlap].dir
	from, to := sender(h, dir), sender(h, dir.Other())
	at := refs(g, overlap)
	b.Subject(finding.Subject{Role: "sender", Addr: from.Addr})
	b.Subject(finding.Subject{Role: "receiver", Addr: to.Addr, Port: to.Port})
	b.Title("%s sends parts of its stream twice with different bytes, on %s", from.Addr, detect.Plural(g.Count, "connection", "connections"))
	b.Why("%s covers sequence numbers that were sent before, with other bytes: what the receiver got depends on which of the two it took", d.scope.Frame(at[0]))
	b.Summary("What a TCP sends again is what it sent before. %s sent to %s the same part of a stream twice with different content. Receiver and filter may so see different data: that is how attacks are "+
		"carried past an inspection.", from.Addr, detect.EndText(to))
	b.Impact("what was inspected may not be what arrived")
	b.Fact(at, "%s, first in %s", detect.Plural(g.Count, "connection", "connections"), d.scope.Frame(at[0]))
	b.Fact([]packet.Ref{f.Start, at[0]}, "both segments belong to the connection of %s with %s and had right checksums", detect.EndText(h.Client), detect.EndText(h.Server))
	b.Open("device", "a capture at %s decides: do both leave it so?", from.Addr)
	b.Remedy(finding.AtFirewall, "let a proxy read this service, which hands on one reading of the stream")
	b.Remedy(placeOf(dir), "find the program on %s that writes raw packets", from.Addr).Run("Linux", "ss -wp")
	b.Check("ss -wp", "on "+from.Addr.String()+": programs with raw sockets")
	b.WrongIf("a gateway that changes the application's messages stands between")
	story(g, b, overlap, "the same numbers with other bytes")
	return true
}
