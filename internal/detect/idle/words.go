package idle

import (
	"fmt"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the deaths on one wire, or at one server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	if g.Code.ID == HalfOpen {
		return d.halfOpen(g, b)
	}
	return d.timeout(g, b)
}

func (d *detector) timeout(g *finding.Group, b *finding.Builder) bool {
	deaths := deathsOf(g)
	x := deaths[0]
	h := x.flow.Head()
	shortest, longest := x.stall.IdleBefore, x.stall.IdleBefore
	resets := 0
	for _, y := range deaths {
		shortest, longest = min(shortest, y.stall.IdleBefore), max(longest, y.stall.IdleBefore)
		if y.stall.EndedByRST {
			resets++
		}
	}
	w := d.wires[wireOf(h)]
	if w == nil {
		w = &history{}
	}
	// A longer silence that was survived contradicts a timer.
	if w.longest >= shortest {
		return false
	}
	bound := "after " + detect.Span(shortest) + " or less"
	if w.longest > 0 {
		bound = fmt.Sprintf("between %s and %s", detect.Span(w.longest), detect.Span(shortest))
	}
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	flows := detect.Plural(g.Count, "connection", "connections")
	met := "met silence"
	if resets == len(deaths) {
		met = "was answered by a reset that the other end did not send"
	}
	b.Title("a device between %s and %s forgets connections after a silence of %s", h.Client.Addr, detect.EndText(h.Server), trim(bound))
	b.Why("%s died when they spoke again after a pause: what was sent %s, while both ends still believed the connection open; its timer lies %s", flows, met, bound)
	b.Summary("%s between these networks went silent for %s to %s. When one end spoke again, what it sent %s. Neither end did anything wrong: a firewall or NAT between them throws away its memory of a connection that is "+
		"silent for too long, and drops what comes after. Users see sessions that freeze after a break.", flows, detect.Span(shortest), detect.Span(longest), met)
	b.Impact("%s lost", flows)
	d.timeoutFacts(b, deaths, w, resets)
	d.timeoutAlternatives(g, b, deaths, w)
	b.Remedy(finding.AtClient, "speak more often than the timer: keep-alives every %s or less, in the application where it has such a setting", detect.Span(keepalive(w.longest, shortest))).
		Run("Linux", "sysctl -w net.ipv4.tcp_keepalive_time=%d", seconds(keepalive(w.longest, shortest))).
		Run("OpenSSH", "ssh -o ServerAliveInterval=%d", seconds(keepalive(w.longest, shortest)))
	b.Remedy(finding.AtFirewall, "remember established connections for at least 2 h 4 min (RFC 5382 REQ-5)").
		Run("Linux", "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=7440")
	b.Remedy(finding.AtFirewall, "answer instead of dropping, so that both ends learn at once").
		Run("nftables", "nft add rule inet filter forward ct state invalid meta l4proto tcp reject with tcp reset")
	b.Check(fmt.Sprintf("conntrack -L -s %s -d %s", h.Client.Addr, h.Server.Addr), "on the gateway, during the pause: the entry and its remaining seconds")
	b.WrongIf("a connection between these networks that survives a longer silence without keep-alives")
	story(b, x, "the pause begins", "data after the pause, no answer")
	return true
}

func trim(s string) string {
	if len(s) > 6 && s[:6] == "after " {
		return s[6:]
	}
	return s
}

// keepalive proposes an interval safely below the timer.
func keepalive(survived, died time.Duration) time.Duration {
	if survived > 0 {
		return survived
	}
	return died / 2
}

func seconds(d time.Duration) int { return max(1, int(d/time.Second)) }

func deathsOf(g *finding.Group) []*death {
	var out []*death
	for i := range g.Kept {
		out = append(out, g.Kept[i].Data.(*death))
	}
	return out
}

func (d *detector) timeoutFacts(b *finding.Builder, deaths []*death, w *history, resets int) {
	for i, x := range deaths {
		if i == 4 {
			b.Fact(nil, "and %d more like these", len(deaths)-i)
			break
		}
		h := x.flow.Head()
		what := fmt.Sprintf("sent %d times without an answer", x.stall.Tries)
		if x.stall.EndedByRST {
			what = fmt.Sprintf("answered by a reset with TTL %d; the other end's packets have %d", x.stall.RSTTTL, x.flow.Sides[x.stall.Dir.Other()].TTLFirst)
		}
		b.Fact(detect.Refs(x.stall.Before, x.stall.First, x.stall.Last, x.stall.RST), "%s → %s silent for %s, then %d bytes %s",
			detect.EndText(h.Client), detect.EndText(h.Server), detect.Span(x.stall.IdleBefore), x.stall.IPLen, what)
	}
	if w.longest > 0 {
		b.Fact(detect.Refs(w.from, w.to), "%s survived pauses of up to %s on the same way", detect.Plural(w.survived, "connection", "connections"), detect.Span(w.longest))
	} else {
		b.Fact(nil, "no connection on this way survived a pause of half a second or more, so the timer has no lower bound here")
	}
}

func (d *detector) timeoutAlternatives(g *finding.Group, b *finding.Builder, deaths []*death, w *history) {
	first, last := deaths[0], deaths[0]
	for _, x := range deaths {
		if x.stall.First.Time < first.stall.First.Time {
			first = x
		}
		if x.stall.First.Time > last.stall.First.Time {
			last = x
		}
	}
	h := first.flow.Head()
	dead := map[uint64]bool{}
	for _, x := range deaths {
		dead[x.flow.Head().FlowID] = true
	}
	others := d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool {
		return dead[a.FlowID] || a.Outcome != detect.OutAnswered || a.Answer.Time < first.stall.First.Time
	},
		first.stall.First.Time, last.stall.Last.Time.Add(time.Minute))
	rst := first.stall.EndedByRST
	switch {
	case others.Answered > 0:
		b.RuledOut("peer-gone", others.AnsweredRefs, "%s answered new connections after that", h.Server.Addr)
		b.RuledOut("path-cut", others.AnsweredRefs, "new connections on the same way were answered after that")
	case w.alive.Time > first.stall.First.Time.Add(aliveFor):
		b.RuledOut("peer-gone", detect.Refs(w.alive), "other connections to the same network went on for %s after the first of these met silence", detect.Span(w.alive.Time.Sub(first.stall.First.Time)))
		b.RuledOut("path-cut", detect.Refs(w.alive), "other connections went on meanwhile on the same way")
	case rst:
		b.Open("peer-gone", "whether %s was there cannot be seen: nothing else reached it after that", h.Server.Addr)
		b.RuledOut("path-cut", detect.Refs(first.stall.RST), "something on the way answered")
	default:
		b.Open("peer-gone", "ping %s at that moment", h.Server.Addr)
		b.Open("path-cut", "any other traffic on the same way at that moment")
	}
	switch {
	case g.Count >= enough && w.longest > 0:
		b.RuledOut("one-off", detect.Refs(w.from, w.to), "all %d died after longer pauses than the %d that were survived", g.Count, w.survived)
	case rst && g.Count >= enough:
		b.RuledOut("one-off", detect.Refs(first.stall.RST), "%d connections died the same way", g.Count)
	default:
		b.Open("one-off", "%s so far; three, and one that survives a shorter pause, settle it", detect.Plural(g.Count, "case", "cases"))
	}
}

func (d *detector) halfOpen(g *finding.Group, b *finding.Builder) bool {
	deaths := deathsOf(g)
	x := deaths[0]
	h := x.flow.Head()
	clients := map[packet.Addr]bool{}
	for _, y := range deaths {
		clients[y.flow.Head().Client.Addr] = true
	}
	flows := detect.Plural(g.Count, "connection", "connections")
	b.Subject(finding.Subject{Role: "client", Addr: h.Client.Addr})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr})
	b.Title("%s no longer knew %s: it restarted, or another machine took over its address", h.Server.Addr, flows)
	b.Why("data on open connections was answered by resets that a machine sends for connections it has never heard of, with its own TTL")
	b.Summary("%s of %s still believed in %s to %s and went on talking. The server answered that it knows nothing of them. It lost its memory without saying goodbye: it restarted, crashed, or another machine took over its "+
		"address. The network did its work.", detect.Plural(len(clients), "client", "clients"), h.Client.Addr, flows, h.Server.Addr)
	b.Impact("%s of %s lost", flows, detect.Plural(len(clients), "client", "clients"))
	var refs []packet.Ref
	for i, y := range deaths {
		if i < 4 {
			yh := y.flow.Head()
			b.Fact(detect.Refs(y.stall.First, y.stall.RST), "%s sent %d bytes at %s s, after %s of silence; reset %s later, TTL %d as in the server's other packets, without ACK", detect.EndText(yh.Client), y.stall.IPLen,
				d.scope.Since(y.stall.First), detect.Span(y.stall.IdleBefore), detect.Span(y.stall.RST.Time.Sub(y.stall.First.Time)), y.stall.RSTTTL)
		}
		refs = append(refs, y.stall.RST)
	}
	again := d.scope.Ledger.Server(h.Vantage, h.Server.Addr, func(a *detect.Attempt) bool { return a.Answer.Time < x.stall.Before.Time }, x.stall.Before.Time, g.Last.Time.Add(time.Minute))
	if again.Answered > 0 {
		b.Fact(again.AnsweredRefs, "new connections to it were answered after that: it is up again")
	} else {
		b.Fact(refs, "no new connection to it was answered after that in this capture")
	}
	b.RuledOut("middlebox", refs, "the resets have the TTL of the server's own packets")
	b.RuledOut("abort", refs, "they carry no ACK and the client's own acknowledgement number: the form for an unknown connection (RFC 9293 3.10.7.1)")
	if g.Count >= 2 {
		b.RuledOut("one-off", refs, "%s at once", flows)
	} else {
		b.Open("one-off", "a second connection to the same server that dies the same way")
	}
	b.Remedy(finding.AtServer, "look for a restart, crash or failover before %s s of this capture", d.scope.Since(x.stall.First)).
		Run("Linux", "journalctl --list-boots")
	b.Remedy(finding.AtClient, "let the application reconnect by itself, and test idle connections before use (keep-alives shorter than its pauses)")
	b.Check("uptime -s; journalctl -b -1 -n 20", "on the server")
	b.WrongIf("a log of the server that shows it running without a break")
	story(b, x, "both ends still agree", "data on the old connection")
	return true
}

// story draws one death.
func story(b *finding.Builder, x *death, before, after string) {
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	s := x.stall
	add(x.flow.Marks[event.MarkSYN], packet.ToServer, "SYN", "the connection begins", false)
	add(x.flow.Marks[event.MarkSYNACK], packet.ToClient, "SYN, ACK", "it is answered", false)
	add(s.Before, s.Dir, "data", before, false)
	add(s.First, s.Dir, "data", after, !s.EndedByRST)
	if s.Last != s.First {
		add(s.Last, s.Dir, "data (again)", "last repeat", true)
	}
	add(s.RST, s.Dir.Other(), "RST", "a reset comes back", false)
}
