package timewait

import (
	"fmt"
	"sort"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func sortReuses(rs []*reuse) {
	sort.Slice(rs, func(i, j int) bool { return rs[i].flow.Head().Ordinal < rs[j].flow.Head().Ordinal })
}

// Compose writes the finding for requests of one client address to one service that met the same fate.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	r := g.Kept[0].Data.(*reuse)
	f, p := r.flow, &r.prev
	d.ask(r)
	h := f.Head()
	server, client := detect.EndText(h.Server), detect.EndText(h.Client)
	age := f.Start.Time.Sub(p.Closed.Time)
	tries := triesOf(f)
	var ports []uint16
	requests := 0
	for i := range g.Kept {
		x := g.Kept[i].Data.(*reuse)
		ports = append(ports, x.flow.Head().Client.Port)
		requests += int(max(x.flow.SYNTries, 1))
	}
	what := client
	if g.Count > 1 && distinct(ports) > 1 {
		what = fmt.Sprintf("ports of %s (%s)", h.Client.Addr, detect.Ports(ports))
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr, Port: h.Client.Port})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})

	hold := f.Marks[event.MarkSYNLast].Time.Sub(p.Closed.Time)
	switch r.form {
	case silent:
		b.Title("%s ignored %s that reuse %s", server, detect.Plural(requests, "connection request", "connection requests"), what)
		b.Why("%s, so it must remember that port pair (TIME_WAIT) for longer than %s; %s used port %d again after %s s",
			d.closing(p), detect.AtLeast(hold), forgot(d.scope, r), h.Client.Port, detect.Seconds(age))
		b.Summary("Nothing is blocked and the server refused nothing on purpose: it still remembers the previous connection from %s. %s, so it keeps it in "+
			"memory for a while (here longer than %s). %s and used the same port again after %s s. The server ignored the new request %s. Users see a timeout that comes and goes with how "+
			"fast ports come round again.", client, closed(p), detect.AtLeast(hold), earlier(r), detect.Seconds(age), detect.Plural(len(tries), "time", "times"))
	case stale:
		b.Title("%s refused %s that reuse %s with an acknowledgement of the old connection", server, detect.Plural(requests, "connection request", "connection requests"), what)
		b.Why("%s, and the server still remembers that port pair (TIME_WAIT); %s used port %d again after %s s",
			d.closing(p), forgot(d.scope, r), h.Client.Port, detect.Seconds(age))
		b.Summary("The server still remembers the previous connection from %s, and answers the new request with an acknowledgement that belongs to the old one. The "+
			"attempt did not get through in this capture.", client)
	case healed:
		delay := f.Last.Time.Sub(f.Start.Time)
		if a := f.Marks[event.MarkSYNACK]; !a.IsZero() {
			delay = a.Time.Sub(f.Start.Time)
		}
		b.Severity(finding.Info)
		b.Title("%s met %s that reuse %s with a stale acknowledgement, then accepted after %s", server, detect.Plural(requests, "connection request", "connection requests"), what, detect.Span(delay))
		b.Why("%s, and the server still remembered that port pair (TIME_WAIT) when %s used port %d again after %s s; the client's reset cleared it",
			d.closing(p), forgot(d.scope, r), h.Client.Port, detect.Seconds(age))
		b.Summary("The server still remembered the previous connection from %s and answered the new request with an acknowledgement of the old one. The client reset it and tried again: the "+
			"connection came up %s late. Harmless by itself; a sign that ports are reused faster than the server forgets.", client, detect.Span(delay))
	}
	d.impact(g, b, r)
	d.facts(b, r, age, tries)
	d.alternatives(g, b, r, tries)
	d.remedy(b, r, h)
	d.story(b, r, tries)
	b.WrongIf("a capture at the server that shows the request never arriving, or the server answering")
	return true
}

// closing says why the server remembers the connection before.
func (d *detector) closing(p *event.Previous) string {
	if p.Crossed {
		return fmt.Sprintf("client and server closed the last connection at once (%s, %s)", d.scope.Frame(p.ClientFIN), d.scope.Frame(p.ServerFIN))
	}
	return fmt.Sprintf("the server closed the last connection first (%s)", d.scope.Frame(p.ServerFIN))
}

func closed(p *event.Previous) string {
	if p.Crossed {
		return "Both sides closed that connection at once"
	}
	return "It had closed that connection first"
}

// forgot names who reused the port: a NAT where the address shows more than one machine.
func forgot(s *detect.Scope, r *reuse) string {
	f := r.flow
	switch {
	case r.nat.Forgot != 0:
		return fmt.Sprintf("%s forgot it %s s after its close (so says its connection tracker) and", r.tracker(), detect.Seconds(r.nat.Forgot.Sub(r.prev.Closed.Time)))
	case r.nat.ByPacket:
		return fmt.Sprintf("%s let it go for the new request (so says its connection tracker) and", r.tracker())
	}
	if signs, _ := s.Hosts.Get(f.Head().Vantage, f.Head().Client.Addr).NAT(); signs >= 2 {
		return "the NAT behind " + f.Head().Client.Addr.String() + " forgot it and"
	}
	return "the client's side (its NAT, or the client itself) forgot it and"
}

// earlier says that the client's side forgot before the server did.
func earlier(r *reuse) string {
	if r.nat.Forgot != 0 {
		return fmt.Sprintf("The NAT forgot it after %s s", detect.Seconds(r.nat.Forgot.Sub(r.prev.Closed.Time)))
	}
	return "The client's side forgot it earlier"
}

// tracker names the machine whose connection tracker spoke.
func (r *reuse) tracker() string {
	if client := r.flow.Head().Client; r.nat.Translated(client) {
		return "the NAT at " + client.Addr.String()
	}
	return "the gateway"
}

func triesOf(f *event.Flow) []packet.Ref {
	return detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkSYN2], f.Marks[event.MarkSYN3], f.Marks[event.MarkSYNLast])
}

// trackerSays adds what the connection tracker of the NAT knows and packets do not show.
func (d *detector) trackerSays(b *finding.Builder, r *reuse) {
	m, p := &r.nat, &r.prev
	if !m.Known {
		return
	}
	client := r.flow.Head().Client
	who := ""
	if m.Translated(client) {
		who = " of " + detect.EndText(m.Was)
	}
	next := ""
	if m.Is != (event.End{}) && m.Is != m.Was {
		next = fmt.Sprintf(", and gave port %d to %s", client.Port, detect.EndText(m.Is))
	}
	if m.Forgot != 0 {
		b.Fact(nil, "%s forgot the connection before%s at %s s, %s s after its close (conntrack)%s", r.tracker(), who, d.scope.Since(packet.Ref{Time: m.Forgot}),
			detect.Seconds(m.Forgot.Sub(p.Closed.Time)), next)
		return
	}
	b.Fact(nil, "%s let the connection before%s go when the new request came (conntrack): its time was over by then, or the request replaced it%s", r.tracker(), who, next)
}

func (d *detector) impact(g *finding.Group, b *finding.Builder, r *reuse) {
	f := r.flow
	if r.form == healed {
		b.Impact("%s delayed", detect.Plural(g.Count, "attempt", "attempts"))
		return
	}
	wait := f.Last.Time.Sub(f.Start.Time)
	b.Impact("%s failed, the user waited %s", detect.Plural(g.Count, "attempt", "attempts"), detect.Span(wait))
}

func (d *detector) facts(b *finding.Builder, r *reuse, age time.Duration, tries []packet.Ref) {
	f, p := r.flow, &r.prev
	if p.Crossed {
		b.Fact(detect.Refs(p.ServerFIN, p.ClientFIN, p.Closed), "the connection before closed cleanly, both sides at once (%s and %s: the later FIN does not acknowledge the first), at %s s; then both must remember it (RFC 9293 3.6)",
			d.scope.Frame(p.ServerFIN), d.scope.Frame(p.ClientFIN), d.scope.Since(p.Closed))
	} else {
		b.Fact(detect.Refs(p.ServerFIN, p.ClientFIN, p.Closed), "the connection before closed cleanly, the server first (%s), at %s s", d.scope.Frame(p.ServerFIN), d.scope.Since(p.Closed))
	}
	d.trackerSays(b, r)
	if r.form == silent {
		b.Fact(tries, "%s at %s, no reply", plural(len(tries), "request", "requests"), d.scope.Times(tries, 4))
	} else {
		b.Fact(detect.Refs(f.Marks[event.MarkSYN], f.Marks[event.MarkStaleACK]), "request at %s s answered by an acknowledgement of the old connection (ack %d)",
			d.scope.Since(f.Marks[event.MarkSYN]), f.StaleACKNum)
	}
	c := &f.Sides[packet.ToServer]
	switch r.seqOK {
	case no:
		b.Fact(detect.Refs(f.Start), "the new sequence number %d is older than the old end %d (modulo 2^32): the server is entitled to refuse", c.ISN, p.ClientEnd)
	case yes:
		b.Fact(detect.Refs(f.Start), "the new sequence number %d is newer than the old end %d: the server was free to accept (RFC 1122 4.2.2.13)", c.ISN, p.ClientEnd)
	default:
		b.Fact(detect.Refs(f.Start), "sequence numbers are not in this input: whether the request looked older than the old connection is unknown")
	}
	switch r.tsOK {
	case no:
		b.Fact(detect.Refs(f.Start), "the new timestamp %d is older than the last one of the old connection, %d: two clocks behind one address", c.TSFirst, p.ClientTS)
	case yes:
		b.Fact(detect.Refs(f.Start), "the new timestamp %d is newer than the last one of the old connection, %d", c.TSFirst, p.ClientTS)
	}
	if rst := f.Marks[event.MarkClientRST]; !rst.IsZero() && r.form == silent {
		odd := ""
		if f.RSTFlags[packet.ToServer]&packet.CWR != 0 && !f.ECN {
			odd = " with CWR though ECN was never negotiated: sent by the client's side or its NAT giving up, not by the server"
		}
		b.Fact(detect.Refs(rst), "RST at %s s%s", d.scope.Since(rst), odd)
	}
	if p.RTT > 0 || !p.FirstAnswer.IsZero() {
		text := "the connection before worked"
		if !p.FirstAnswer.IsZero() && p.FirstAnswer.Time > p.Start.Time {
			text += ", first answer after " + detect.Span(p.FirstAnswer.Time.Sub(p.Start.Time))
		}
		b.Fact(detect.Refs(p.Start, p.FirstAnswer), "%s", text)
	}
	if signs, n := d.scope.Hosts.Get(f.Head().Vantage, f.Head().Client.Addr).NAT(); signs >= 2 {
		b.Fact(detect.Refs(f.Start), "%s hides several machines (%d ways its requests differ, at least %d machines): a NAT", f.Head().Client.Addr, signs, n)
	}
}

func (d *detector) alternatives(g *finding.Group, b *finding.Builder, r *reuse, tries []packet.Ref) {
	f, p := r.flow, &r.prev
	h := f.Head()
	if r.form != silent {
		stale := detect.Refs(f.Marks[event.MarkStaleACK])
		b.RuledOut("loss", stale, "the request arrived: it was answered")
		b.RuledOut("server-down", stale, "it answered")
		b.RuledOut("firewall", stale, "the answer carries the old connection's own numbers, which only its other end knows")
		return
	}
	b.RuledOut("loss", tries, "%s in a row went unanswered", detect.Plural(int(f.SYNTries), "request", "requests"))
	others := d.scope.Ledger.Others(h.Vantage, detect.Service{Addr: h.Server.Addr, Port: h.Server.Port, Proto: packet.ProtoTCP},
		func(a *detect.Attempt) bool { return a.FlowID == h.FlowID }, f.Start.Time, f.Marks[event.MarkSYNLast].Time)
	if others.Answered > 0 {
		b.RuledOut("server-down", others.AnsweredRefs, "meanwhile it answered %s from %s", detect.Plural(others.Answered, "other request", "other requests"), detect.Plural(others.Clients, "address", "addresses"))
		if r.seqOK == no || r.seqOK == yes && r.tsOK == no {
			b.RuledOut("firewall", others.AnsweredRefs, "other requests to the same port passed meanwhile; only the one that looks older than the remembered connection did not")
		} else {
			b.Open("firewall", "one that remembers closed ports itself would look the same; a capture at the server decides")
		}
		return
	}
	b.RuledOut("server-down", detect.Refs(p.FirstAnswer, p.ServerFIN), "it answered %s s earlier", detect.Seconds(f.Start.Time.Sub(p.Closed.Time)))
	b.Open("firewall", "a capture at the server decides")
	if r.seqOK == yes {
		b.Cap(finding.Possible) // free to accept, nobody else to compare with
	}
}

func (d *detector) remedy(b *finding.Builder, r *reuse, h *event.Head) {
	if r.form != healed {
		b.Remedy(finding.AtNAT, "hold a closed port 240 s before it is used again").
			Run("Linux", "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=240").
			Run("Cisco IOS", "ip nat translation finrst-timeout 240").
			Run("pf.conf", "set timeout { tcp.closed 240, tcp.finwait 240 }")
		b.Remedy(finding.AtNAT, "or let it choose ports at random from its whole range (nftables: masquerade fully-random), and give it more addresses")
	}
	b.Remedy(finding.AtClient, "let the client close first, so that it, not the server, remembers: send Connection: close, or close idle connections before the server does")
	b.Remedy(finding.AtServer, "remember for 60 s only (takes a restart)").
		Run("Windows", `reg add HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters /v TcpTimedWaitDelay /t REG_DWORD /d 60 /f`)
	if r.tsOK == no {
		b.Remedy(finding.AtClient, "switch TCP timestamps off on the machines behind the NAT (costs the protection against old duplicates on fast links)").
			Run("Linux", "sysctl -w net.ipv4.tcp_timestamps=0")
	} else {
		b.Remedy(finding.AtServer, "let TCP timestamps through end to end, so that the server can tell new from old (RFC 6191)").
			Run("Linux", "sysctl -w net.ipv4.tcp_timestamps=1")
	}
	b.Check(fmt.Sprintf("ss -tan state time-wait '( dport = :%d )'", h.Client.Port), fmt.Sprintf("on the server; Windows: netstat -ano | findstr :%d", h.Client.Port))
}

func (d *detector) story(b *finding.Builder, r *reuse, tries []packet.Ref) {
	f, p := r.flow, &r.prev
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	add(p.Start, packet.ToServer, "SYN", "the connection before begins", false)
	add(p.FirstAnswer, packet.ToClient, "SYN, ACK", "the server answers", false)
	if p.Crossed {
		add(p.ServerFIN, packet.ToClient, "FIN", "the server closes, not knowing that the client does: it must remember", false)
		add(p.ClientFIN, packet.ToServer, "FIN", "the client closes, not knowing that the server does", false)
	} else {
		add(p.ServerFIN, packet.ToClient, "FIN", "the server closes first: it must remember", false)
		add(p.ClientFIN, packet.ToServer, "FIN", "the client closes too", false)
	}
	add(p.Closed, packet.ToClient, "ACK", "closed; the server's memory begins", false)
	for i, t := range tries {
		label := "SYN"
		if i > 0 {
			label = "SYN (again)"
		}
		note := "the same port is used again"
		if i > 0 {
			note = "again, no answer"
		}
		add(t, packet.ToServer, label, note, r.form == silent)
	}
	add(f.Marks[event.MarkStaleACK], packet.ToClient, "ACK", "an acknowledgement of the old connection", false)
	add(f.Marks[event.MarkClientRST], packet.ToServer, "RST", "the client's side gives up", false)
	if r.form == healed {
		add(f.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "now the server accepts", false)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func distinct(ports []uint16) int {
	seen := map[uint16]bool{}
	for _, p := range ports {
		seen[p] = true
	}
	return len(seen)
}
