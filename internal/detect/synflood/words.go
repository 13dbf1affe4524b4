package synflood

import (
	"fmt"
	"math"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the bouts against one service.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	fl, i := pick(g)
	if !fl.is() {
		return false
	}
	target := detect.EndText(event.End{Addr: i.Server, Port: i.Port})
	srcs := fl.srcs.atLeast()
	span := fl.last.Time.Sub(fl.first.Time)
	one, share, single := fl.single()
	if single {
		b.Subject(finding.Subject{Role: "attacker", Addr: one})
	} else {
		b.Subject(finding.Subject{Role: "attacker", Name: "forged or many sources"})
	}
	b.Subject(finding.Subject{Role: "victim", Addr: i.Server, Port: i.Port})

	who := fmt.Sprintf(" from at least %d addresses", srcs)
	switch {
	case single && share == 1:
		who = " from " + one.String()
	case single:
		who = fmt.Sprintf(", %d %% of them from %s,", int(100*share), one)
	}
	b.Title("%s is flooded: %d connection requests%s in %s, %s", target, fl.asked, who, detect.Span(span), completed(fl))
	if single {
		b.Why("one machine, %s, asks %s times a second for connections that it does not complete", one, rate(fl))
	} else {
		b.Why("requests arrive %s times a second from at least %d addresses%s, and almost nobody completes the connection", rate(fl), srcs, alike(fl))
	}
	stands := "Whether others are still served cannot be seen in this capture."
	away := fl.turnedAway()
	if away > 0 {
		stands = fmt.Sprintf("It does harm: %s got no answer meanwhile, though repeated.", detect.Plural(int(away), "other request", "other requests"))
	} else if fl.completed > 0 {
		stands = fmt.Sprintf("The server stands it so far: %s completed meanwhile%s.", detect.Plural(int(fl.completed), "connection was", "connections were"), connect(fl))
	} else if fl.answered == 0 {
		stands = "The server answered none of the requests seen here."
	}
	b.Summary("Somebody asks %s for connections and does not mean to use them: each request takes a place in the server's queue, so that real users find none. %d requests came within %s. %s",
		target, fl.asked, detect.Span(span), stands)
	if at, ok := d.stopped(fl); ok {
		b.Severity(finding.Low)
		b.Title("a flood against %s is stopped on the way: %d connection requests%s in %s", target, fl.asked, who, detect.Span(span))
		b.Impact("none at the server: the requests do not get as far as %s", at)
	} else if away > 0 {
		b.Impact("%s of others got no answer during the flood; of %d in all %d completed", detect.Plural(int(away), "request", "requests"), fl.asked, fl.completed)
	} else if fl.completed > 0 {
		b.Severity(finding.Medium)
		b.Impact("others are still served: %s completed during the flood", detect.Plural(int(fl.completed), "connection", "connections"))
	} else {
		b.Impact("nobody got a connection to %s during the flood", target)
	}
	d.facts(b, fl, srcs)
	alternatives(b, fl, i)
	remedy(b, fl, i)
	b.WrongIf("the owner of %s says that a load test ran at that time", i.Server)
	for n, r := range fl.asks {
		b.Evidence(r, "a request that is never completed")
		if n < 2 {
			b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToServer, Label: "SYN", Note: "a request"})
		}
	}
	for n, r := range fl.replies {
		b.Evidence(r, "the server answers, nobody takes it up")
		if n < 2 {
			b.Ladder(finding.LadderRow{Ref: r, Dir: packet.ToClient, Label: "SYN, ACK", Note: "the answer, to an address that did not ask", Lost: true})
		}
	}
	for _, r := range fl.served {
		b.Evidence(r, "another client is served meanwhile")
	}
	return true
}

// pick takes the bout that says most: of several vantages, the one that saw most answers.
func pick(g *finding.Group) (*flood, *finding.Instance) {
	best := 0
	for i := range g.Kept {
		a, b := g.Kept[best].Data.(*flood), g.Kept[i].Data.(*flood)
		if b.answered > a.answered || b.answered == a.answered && b.asked > a.asked {
			best = i
		}
	}
	return g.Kept[best].Data.(*flood), &g.Kept[best]
}

// stopped says whether the requests die before the other capture, and where that was taken.
func (d *detector) stopped(fl *flood) (at string, ok bool) {
	n := 0
	for _, r := range detect.Refs(fl.asks[:]...) {
		t := d.scope.Twins.Trace(r)
		if !t.Known || t.Seen {
			return "", false
		}
		at = d.scope.Twins.Name(t.Vantage)
		n++
	}
	return at, n > 1
}

func completed(fl *flood) string {
	switch fl.completed {
	case 0:
		return "none of them completed"
	case 1:
		return "1 of them completed"
	}
	return fmt.Sprintf("%d of them completed", fl.completed)
}

func rate(fl *flood) string {
	r := fl.rate()
	if r >= 1000 {
		return fmt.Sprintf("%.0f", math.Round(r/100)*100)
	}
	return fmt.Sprintf("%.0f", r)
}

func alike(fl *flood) string {
	if fl.ttls.share() > 0.9 && fl.prints.share() > 0.9 {
		return " that all look alike"
	}
	return ""
}

func connect(fl *flood) string {
	if fl.connect <= 0 {
		return ""
	}
	return ", the slowest answer after " + detect.Span(fl.connect)
}

func (d *detector) facts(b *finding.Builder, fl *flood, srcs int) {
	b.Fact(fl.asks[:], "%d requests from %s to %s, %s a second; %s", fl.asked, d.scope.Frame(fl.first), d.scope.Frame(fl.last), rate(fl), completed(fl))
	if one, share, single := fl.single(); single && share == 1 {
		b.Fact(fl.asks[:1], "all of them come from %s", one)
	} else if single {
		b.Fact(fl.asks[:1], "%d %% of them come from %s", int(100*share), one)
	} else if n := fl.networks(); n > 1 {
		b.Fact(fl.asks[:], "they come from at least %d addresses in %d different /8 networks", srcs, n)
	} else {
		b.Fact(fl.asks[:], "they come from at least %d addresses", srcs)
	}
	if t, p := fl.ttls.share(), fl.prints.share(); t > 0.9 || p > 0.9 {
		b.Fact(fl.asks[:2], "%d %% arrive with TTL %d, %d %% with the same options and window: one program made them", int(100*t), fl.ttls.top(), int(100*p))
	}
	if fl.watched > 0 {
		b.Fact(fl.asks[:2], "%d of %d that waited longer than %s asked again; a real client would have", fl.repeated, fl.watched, detect.Span(repeatAfter))
	}
	if fl.answered > 0 {
		b.Fact(fl.replies[:], "the server answered %d of them", fl.answered)
	} else {
		b.Fact(fl.asks[:1], "no answer of the server to them is in this capture")
	}
	if fl.backfired > 0 {
		b.Fact(fl.replies[:1], "%d answers were met by a reset from an address that had not asked: forged sources", fl.backfired)
	}
	if fl.unwaited > 0 && fl.resent > 0 {
		b.Fact(fl.replies[:], "%d answers were sent again when nobody took them up, at least %d never: for those the server kept no memory (SYN cookies), so its queue was full", fl.resent, fl.unwaited)
	} else if fl.opts[0] > 0 && fl.before[0] == 0 && fl.before[1] > 0 {
		b.Fact(fl.replies[:], "the server leaves options out of its answers now (%d times) that it granted before: SYN cookies, so its queue was full", fl.opts[0])
	}
	if n := fl.turnedAway(); n > 0 {
		b.Fact(fl.deniedAt[:], "%s that asked again as a real client does got no answer", detect.Plural(int(n), "request", "requests"))
	}
	if fl.completed > 0 {
		b.Fact(fl.served[:], "%s completed within that time%s", detect.Plural(int(fl.completed), "connection was", "connections were"), connect(fl))
	}
}

func alternatives(b *finding.Builder, fl *flood, i *finding.Instance) {
	_, _, single := fl.single()
	b.RuledOut("crowd", fl.asks[:2], "a crowd completes its connections; here %s", completed(fl))
	b.RuledOut("scan", fl.asks[:2], "all requests go to the one port %d", i.Port)
	switch {
	case fl.completed > 0:
		b.RuledOut("outage", fl.served[:], "it served others meanwhile")
	case fl.answered > 0:
		b.RuledOut("outage", fl.replies[:], "it answered %d of the requests", fl.answered)
	case fl.unreal() && !single:
		b.RuledOut("outage", fl.asks[:2], "clients of a service that is down ask again; these never do")
	default:
		b.Open("outage", "a connection of your own to %s decides: is it served?", detect.EndText(event.End{Addr: i.Server, Port: i.Port}))
	}
	switch {
	case fl.backfired >= floodAt/4:
		b.RuledOut("return-path", fl.replies[:], "%d answers arrived, at machines that had not asked", fl.backfired)
	case fl.unreal() && fl.watched > 0 && float64(fl.repeated) < completes*float64(fl.watched):
		b.RuledOut("return-path", fl.asks[:2], "a real client that hears nothing asks again; %d of %d did", fl.repeated, fl.watched)
	case fl.unreal():
		b.RuledOut("return-path", fl.asks[:2], "real clients in %d different networks are not all equally far away (TTL %d)", fl.networks(), fl.ttls.top())
	default:
		b.Open("return-path", "a capture at the sources, or ip route get ADDRESS at the server, decides")
	}
}

func remedy(b *finding.Builder, fl *flood, i *finding.Instance) {
	ip := "ip"
	if !i.Server.Is4() {
		ip = "ip6"
	}
	b.Remedy(finding.AtServer, "let it answer without a memory while its queue is full (costs window scaling for clients without timestamps; Windows does it by itself)").
		Run("Linux", "sysctl -w net.ipv4.tcp_syncookies=1")
	b.Remedy(finding.AtServer, "give it a longer queue, and the application a backlog as long").
		Run("Linux", "sysctl -w net.ipv4.tcp_max_syn_backlog=8192 net.core.somaxconn=8192")
	if one, _, single := fl.single(); single {
		src := "ip saddr"
		if !one.Is4() {
			src = "ip6 saddr"
		}
		b.Remedy(finding.AtFirewall, "block the source, and see what runs there (or who forges its address: then its owner knows nothing of it)").
			Run("nftables", "nft insert rule inet filter forward %s %s tcp dport %d drop", src, one, i.Port)
	} else {
		b.Remedy(finding.AtFirewall, "answer in the server's place until a client proves real (SYN proxy)").
			Run("nftables", "nft add chain inet filter early '{ type filter hook prerouting priority raw; }'").
			Run("nftables", "nft add rule inet filter early %s daddr %s tcp dport %d tcp flags syn notrack", ip, i.Server, i.Port).
			Run("nftables", "nft insert rule inet filter forward %s daddr %s tcp dport %d ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm", ip, i.Server, i.Port)
		b.Remedy(finding.AtRouter, "drop sources that cannot come from there (BCP 38)").
			Run("Linux", "sysctl -w net.ipv4.conf.all.rp_filter=1").
			Run("Cisco IOS (interface)", "ip verify unicast source reachable-via rx")
		b.Remedy(finding.AtRouter, "blocking single addresses does not help: they are forged. If the line itself is full, ask the provider to filter")
	}
	b.Check(fmt.Sprintf("ss -tan state syn-recv '( sport = :%d )' | wc -l; nstat -az TcpExtSyncookiesSent TcpExtListenOverflows", i.Port), "on the server, while it lasts")
}
