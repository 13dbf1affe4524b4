package zerowindow

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the connections of one receiver.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	worst := g.Kept[0].Data.(*closure)
	var total time.Duration
	var probes, times uint32
	reopened := true // in all of them
	answered := true
	var same = true // each receiver's packets have one TTL
	for i := range g.Kept {
		c := g.Kept[i].Data.(*closure)
		s := c.sums()
		total += s.ZeroTotal
		probes += s.ZeroProbes
		times += s.ZeroCount
		if s.ZeroLongest > worst.sums().ZeroLongest {
			worst = c
		}
		if s.ZeroTo.IsZero() {
			reopened = false
			answered = answered && c.flow.Stall.WindowClosed && c.flow.Stall.PeerSpoke
		}
		same = same && s.TTLFirst != 0 && s.TTLMin == s.TTLMax
	}
	f, s := worst.flow, worst.sums()
	h := f.Head()
	rcv, snd := worst.receiver(), worst.sender()
	name := detect.EndText(h.Server)
	whose := "the program behind " + name
	if worst.dir == packet.ToServer {
		name = rcv.Addr.String()
		whose = fmt.Sprintf("the program on %s that talks to %s", rcv.Addr, detect.EndText(h.Server))
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	if total >= longShut {
		b.Severity(finding.High)
	}
	long := detect.Span(s.ZeroLongest)
	if s.ZeroTo.IsZero() {
		long = "more than " + detect.AtLeast(s.ZeroLongest)
	}
	b.Title("%s does not read what it is sent: its receive window was shut for %s", whose, long)
	b.Why("%s had no room left (window 0, %s) and %s could only wait and ask", name, d.scope.Frame(s.ZeroFrom), snd.Addr)
	b.Summary("The network delivered, and %s had more to send, but %s did not take it: the receive buffer of %s was full, and for %s it let nothing more in. Neither the network nor the sender can "+
		"change that; the cause is on %s: a program that is busy, blocked on a disk or a database, or stopped.", snd.Addr, whose, rcv.Addr, long, rcv.Addr)
	b.Impact("%s waited %s in all, the longest %s", detect.Plural(g.Count, "transfer", "transfers"), detect.Span(total), long)
	d.facts(g, b, worst)
	how := "its window opened again"
	switch {
	case reopened:
		b.RuledOut("network", detect.Refs(s.ZeroFrom, s.ZeroTo), "the receiver itself said that it has no room, and later that it has; it was reached throughout")
	case answered:
		how = "it still answered"
		b.RuledOut("network", detect.Refs(s.ZeroFrom, f.Stall.Last), "the receiver itself said that it has no room, and it answered meanwhile")
	default:
		how = "it was not heard again"
		b.Open("network", "the window was still shut when the capture lost sight of it; whether the receiver was still there, a capture beside it decides")
	}
	if same {
		b.RuledOut("device", detect.Refs(s.ZeroFrom), "all packets from %s have the same TTL (%d), those with window 0 too", rcv.Addr, s.TTLFirst)
	} else {
		b.Open("device", "packets from %s have TTLs from %d to %d; a capture beside %s shows whether it shuts the window itself", rcv.Addr, s.TTLMin, s.TTLMax, rcv.Addr)
	}
	remedy(b, worst, rcv)
	d.story(b, worst, how)
	b.WrongIf("ss on %s showing an empty receive queue (Recv-Q 0) during the pause", rcv.Addr)
	return true
}

func (d *detector) facts(g *finding.Group, b *finding.Builder, worst *closure) {
	for i := range g.Kept {
		c := g.Kept[i].Data.(*closure)
		s := c.sums()
		h := c.flow.Head()
		if i == 4 {
			b.Fact(nil, "and %d more connections like these", g.Count-i)
			break
		}
		until := "until the end of what was seen"
		if !s.ZeroTo.IsZero() {
			until = "until " + d.scope.Since(s.ZeroTo) + " s"
		}
		times := ""
		if s.ZeroCount > 1 {
			times = fmt.Sprintf("; shut %d times, %s in all", s.ZeroCount, detect.Span(s.ZeroTotal))
		}
		b.Fact(detect.Refs(s.ZeroFrom, s.ZeroTo), "%s → %s: window 0 from %s s %s (%s), %s meanwhile%s", detect.EndText(h.Client), detect.EndText(h.Server), d.scope.Since(s.ZeroFrom), until,
			detect.Span(s.ZeroLongest), detect.Plural(int(s.ZeroProbes), "probe of the sender", "probes of the sender"), times)
	}
	f := worst.flow
	o := &f.Sides[worst.dir.Other()]
	if f.RTT > 0 {
		b.Fact(detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkHandshake]), "the way is not what takes so long: the handshake took %s", detect.Span(f.RTT))
	}
	b.Fact(detect.Refs(worst.sums().ZeroFrom), "%s sent %d bytes in all; the largest window that %s announced was %d bytes", worst.sender().Addr, o.Payload, worst.receiver().Addr, worst.sums().MaxWindow)
}

func remedy(b *finding.Builder, c *closure, rcv event.End) {
	h := c.flow.Head()
	where, filter := finding.AtServer, fmt.Sprintf("sport = :%d", h.Server.Port)
	if c.dir == packet.ToServer {
		where, filter = finding.AtClient, "dst "+detect.EndText(h.Server)
	}
	b.Remedy(where, "find out what the program on %s waits for while it does not read: its log, a slow disk, a lock or a database, too few workers; the call that it hangs in tells", rcv.Addr).
		Run("Linux", "iostat -x 1 3").
		Run("Linux", "ss -tnp '%s'", filter)
	b.Remedy(where, "in the program: read in a thread of its own, so that slow work does not stop the reading")
	b.Remedy(where, "a larger buffer hides short pauses only, and costs memory for each connection").
		Run("Linux", "sysctl -w net.ipv4.tcp_rmem='4096 131072 16777216'")
	b.Check("ss -tnmp '"+filter+"'", fmt.Sprintf("on %s, during the pause: Recv-Q stays above 0", rcv.Addr))
}

func (d *detector) story(b *finding.Builder, c *closure, how string) {
	f, s := c.flow, c.sums()
	add := func(ref packet.Ref, dir packet.Dir, label, note string) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note})
	}
	first, dir := f.Marks[event.MarkClientData], packet.ToServer
	if c.dir == packet.ToServer {
		first, dir = f.Marks[event.MarkServerData], packet.ToClient
	}
	add(f.Marks[event.MarkSYN], packet.ToServer, "SYN", "the connection begins")
	add(first, dir, "data", "the first data")
	add(s.ZeroFrom, c.dir, "ACK, window 0", "no room: the window shuts")
	if !s.ZeroTo.IsZero() {
		add(s.ZeroTo, c.dir, "ACK, window open", how)
	} else {
		add(f.Last, dir, "last packet", how)
	}
}
