package bannerdelay

import (
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for the late greetings of one server.
func (d *detector) Compose(gr *finding.Group, b *finding.Builder) bool {
	var g *greeting
	var q asked
	var clients []packet.Addr
	n := 0
	for i := range gr.Kept {
		x := gr.Kept[i].Data.(*greeting)
		w := d.look(x)
		if w.what == 0 {
			continue // nothing was asked in between: a pause on purpose
		}
		if n++; g == nil {
			g, q = x, w
		}
		if !contains(clients, x.head.Client.Addr) {
			clients = append(clients, x.head.Client.Addr)
		}
	}
	if g == nil {
		return false
	}
	h := &g.head
	server, client := detect.EndText(h.Server), h.Client.Addr
	b.Subject(finding.Subject{Role: "client", Addr: client})
	b.Subject(finding.Subject{Role: "server", Addr: h.Server.Addr, Port: h.Server.Port})
	waits := detect.Span(g.delay)
	if q.what == ident {
		b.Title("mail server %s greets %s late: it asks port 113 of %s, and somebody drops the question", server, waits, client)
		b.Why("the server asks the client who is connecting (ident, port 113) before it greets; %s got no answer, not even a refusal, so it waited for its timeout", detect.Plural(q.tries, "request", "requests"))
		b.Summary("Before it says a word, this mail server asks the machine that connects for the name of its user, by an old protocol (ident). A firewall in front of %s drops that question silently. The server waits %s and then goes on without. "+
			"Every mail is that late, and some senders give up.", client, waits)
	} else {
		b.Title("mail server %s greets %s late: its DNS queries are not answered", server, waits)
		b.Why("the server looks up the name of the address that connects before it greets; %s to %s got no answer, so it waited for its timeout", detect.Plural(q.tries, "DNS query", "DNS queries"), list(q.servers))
		b.Summary("Before it says a word, this mail server looks up who connects. Its name server does not answer, so it waits %s until it gives up. Every mail is that late, and some senders give up.", waits)
	}
	b.Impact("%s late, from %s", detect.Plural(n, "greeting", "greetings"), detect.Plural(len(clients), "client", "clients"))
	b.Fact(detect.Refs(g.accepted, g.said), "the connection was accepted at %s s, the greeting came at %s s: %s later", d.scope.Since(g.accepted), d.scope.Since(g.said), waits)
	if q.what == ident {
		b.Fact(q.refs, "meanwhile %s from %s to port 113 of %s, no reply", detect.Plural(q.tries, "request", "requests"), h.Server.Addr, client)
	} else {
		b.Fact(q.refs, "meanwhile %s from %s to %s, no answer before the greeting", detect.Plural(q.tries, "DNS query", "DNS queries"), h.Server.Addr, list(q.servers))
	}
	d.alternatives(b, g, &q)
	if q.what == ident {
		b.Remedy(finding.AtFirewall, "before %s, refuse port 113 instead of dropping it: the server then goes on at once (nothing is opened by that)", client).
			Run("nftables", "nft insert rule inet filter forward ip daddr %s tcp dport 113 reject with tcp reset", client).
			Run("iptables", "iptables -I FORWARD -d %s -p tcp --dport 113 -j REJECT --reject-with tcp-reset", client)
		b.Remedy(finding.AtServer, "or ask nobody: ident tells nothing of use today").
			Run("Exim", "rfc1413_query_timeout = 0s").
			Run("sendmail", "define(`confTO_IDENT', `0')dnl")
		b.Check(fmt.Sprintf("nc -vz -w 3 %s 113", client), "on the server: refused at once is right, a timeout is this fault")
	} else {
		b.Remedy(finding.AtServer, "make its resolver answer: check that it runs, and that a firewall lets queries and answers through").
			Run("Linux", "cat /etc/resolv.conf; dig -x %s +time=2 +tries=1", client)
		b.Remedy(finding.AtServer, "run a caching name server on the mail server itself")
		b.Check(fmt.Sprintf("dig -x %s +time=2 +tries=1", client), "on the server: an answer, even NXDOMAIN, at once is right")
	}
	b.WrongIf("the server's log names another reason for the pause")
	add := func(ref packet.Ref, dir packet.Dir, label, note string, lost bool) {
		b.Evidence(ref, note)
		b.Ladder(finding.LadderRow{Ref: ref, Dir: dir, Label: label, Note: note, Lost: lost})
	}
	add(g.begun, packet.ToServer, "SYN", "the client connects", false)
	add(g.accepted, packet.ToClient, "SYN, ACK", "accepted", false)
	for _, r := range q.refs {
		if q.what == ident {
			add(r, packet.ToClient, "SYN to 113", "the server asks who it is; no answer", true)
		} else {
			add(r, packet.ToClient, "DNS query", "the server looks up a name; no answer", true)
		}
	}
	add(g.said, packet.ToClient, "220", "the greeting, "+waits+" late", false)
	return true
}

func (d *detector) alternatives(b *finding.Builder, g *greeting, q *asked) {
	h := &g.head
	quick := d.prompt[service{h.Vantage, h.Server}]
	if !quick.IsZero() {
		b.RuledOut("tarpit", detect.Refs(quick), "it greeted another connection at once, at %s s", d.scope.Since(quick))
	} else {
		b.Open("tarpit", "the server's settings tell (Postfix: postscreen_greet_wait; Exim: delay in acl_smtp_connect)")
	}
	b.RuledOut("slow", q.refs, "while it was silent to the client it repeated its question on time")
}

func contains(as []packet.Addr, a packet.Addr) bool {
	for _, x := range as {
		if x == a {
			return true
		}
	}
	return false
}

func list(as []packet.Addr) string {
	out := ""
	for i, a := range as {
		if i > 0 {
			out += ", "
		}
		out += a.String()
	}
	return out
}
