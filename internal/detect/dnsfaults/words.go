package dnsfaults

import (
	"fmt"
	"slices"

	"firestorm/internal/analyzer/dns"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Compose writes the finding for one server, or one zone at it.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	switch g.Code.ID {
	case Silent:
		return d.silent(g, b)
	case ServFail:
		return d.servfail(g, b)
	}
	return d.noTCP(g, b)
}

// quiet is what the texts about a silent server are made of.
type quiet struct {
	ls      []*lookup
	clients []string
	names   []string
	tries   int
	again   int        // of them: of look-ups that were sent more than once
	before  packet.Ref // its last answer before the first look-up
	after   packet.Ref // its first one after the last
	same    []packet.Ref
	others  []packet.Ref
	nsame   int
	nothers int
	known   []string   // names that it answered meanwhile
	spoke   packet.Ref // any packet of the server, zero if none was ever seen
	turns   turns
}

func (d *detector) quiet(g *finding.Group) quiet {
	q := quiet{}
	clients, names := map[packet.Addr]bool{}, map[string]bool{}
	for i := range g.Kept {
		l := g.Kept[i].Data.(*lookup)
		q.ls = append(q.ls, l)
		q.tries += l.tries
		if l.tries > 1 {
			q.again += l.tries
		}
		if !clients[l.client] {
			clients[l.client] = true
			q.clients = append(q.clients, l.client.String())
		}
		if !names[l.name] {
			names[l.name] = true
			q.names = append(q.names, l.name)
		}
		q.same = append(q.same, l.m.same[:min(l.m.nsame, len(l.m.same))]...)
		q.others = append(q.others, l.m.others[:min(l.m.n, len(l.m.others))]...)
		q.nsame += l.m.nsame
		q.nothers += l.m.n
		for _, n := range l.m.names {
			if n != "" && !slices.Contains(q.known, n) {
				q.known = append(q.known, n)
			}
		}
		if !l.after.IsZero() {
			q.after = l.after
		}
	}
	q.same, q.others = detect.Refs(q.same...), detect.Refs(q.others...)
	q.same, q.others = q.same[:min(len(q.same), 4)], q.others[:min(len(q.others), 4)]
	l := q.ls[0]
	q.before = l.before.ref
	q.turned(d.servers[l.place])
	switch h := d.scope.Hosts.Get(l.vantage, l.addr); {
	case len(q.same) > 0:
		q.spoke = q.same[0]
	case len(q.others) > 0:
		q.spoke = q.others[0]
	case q.turns.n > 0:
		q.spoke = q.turns.refs[0]
	case !q.before.IsZero():
		q.spoke = q.before
	case !q.after.IsZero():
		q.spoke = q.after
	case h != nil:
		q.spoke = h.LastSpoke
	}
	return q
}

func (d *detector) silent(g *finding.Group, b *finding.Builder) bool {
	q := d.quiet(g)
	if q.tries < manyTries || q.again < manyTries && (q.nsame > 0 || q.nothers > 0 || q.turns.n > 0) {
		return false // lost datagrams: a server that answers meanwhile is only silent to what was asked again in vain
	}
	began := 0
	for _, l := range q.ls {
		if d.began(l) {
			began++
		}
	}
	if 2*began >= len(q.ls) {
		return false // it answers: in fragments, of which some are lost (ip-fragment-lost) or cut by the capture
	}
	l := q.ls[0]
	who, what := detect.List(q.clients, 3), detect.List(q.names, 3)
	server := l.addr.String()
	b.Subject(finding.Subject{Role: "name server", Addr: l.addr, Port: l.port})
	b.Subject(finding.Subject{Role: "client", Addr: l.client})
	b.Impact("%s of %s failed, %s of waiting in all", detect.Plural(g.Count, "look-up", "look-ups"), who, detect.Span(waited(q.ls)))
	b.Fact(l.queries(), "%s asked for %s %s, no answer within %s of the last try", l.client, l.name, detect.Plural(l.tries, "time", "times"), detect.Span(patience))
	b.Fact(detect.Refs(g.First, g.Last), "%s for %s from %s, from %s to %s s", detect.Plural(q.tries, "query", "queries"), detect.Plural(len(q.names), "name", "names"),
		detect.Plural(len(q.clients), "client", "clients"), d.scope.Since(g.First), d.scope.Since(g.Last))
	if !q.before.IsZero() && q.turns.n == 0 {
		b.Fact(detect.Refs(q.before), "its last answer before came at %s s", d.scope.Since(q.before))
	}
	if !q.after.IsZero() && q.turns.n == 0 {
		b.Fact(detect.Refs(q.after), "its next answer came at %s s", d.scope.Since(q.after))
	}
	b.Check(fmt.Sprintf("dig +time=2 +tries=2 @%s %s", server, askable(l.name)), "from "+l.client.String())
	switch {
	case q.nsame > 0:
		q.someNames(b, server, who, what)
	case q.nothers > 0:
		q.someClients(b, server, who)
	case q.turns.n >= fewTurns && q.turns.alike:
		q.sameNames(b, server, who, what)
	case q.turns.n > 0:
		q.atTimes(b, server, who)
	default:
		q.nobody(b, server, who)
	}
	if q.spoke.IsZero() {
		b.Open("unseen", "nothing that %s sent was ever seen here: a capture at the server shows whether it answers", server)
	} else {
		b.RuledOut("unseen", detect.Refs(q.spoke), "other packets of %s were seen here", server)
	}
	largest := uint16(0)
	for _, x := range q.ls {
		largest = max(largest, x.size)
	}
	if largest > unfragmented {
		b.Open("size", "the same question with small answers only: dig +bufsize=1232 @%s %s", server, askable(l.name))
	} else {
		b.RuledOut("size", l.queries(), "the queries ask for answers that need no fragments (%d bytes at most)", max(largest, 512))
	}
	b.Evidence(q.before, "the last answer before")
	b.Evidence(q.after, "the next answer")
	for _, l := range q.ls {
		b.Evidence(l.first(), "asks for "+l.name)
		b.Evidence(l.last, "asks again")
	}
	b.WrongIf("an answer of %s to one of these queries in a capture beside the server", server)
	return true
}

func (q *quiet) nobody(b *finding.Builder, server, who string) {
	b.Title("the name server %s answers nobody", server)
	b.Why("%s went unanswered, and it answered no other name and no other client meanwhile", detect.Plural(q.tries, "query", "queries"))
	b.Summary("%s asked %s for names and got no answer. While that lasted it answered nobody: the name server is stopped, the machine is off, or the way to it is cut. Each look-up costs its user several seconds "+
		"before another server is asked, if there is one.", who, server)
	b.Open("filter", "ss -lunp 'sport = :53' on %s: if a program listens there, a packet filter on it or before it drops", server)
	b.Remedy(finding.AtServer, "see whether the name server runs, and start it").
		Run("Linux", "ss -lunp 'sport = :53'").
		Run("BIND", "systemctl restart named").
		Run("Unbound", "systemctl restart unbound").
		Run("dnsmasq", "systemctl restart dnsmasq").
		Run("Windows", "powershell Restart-Service DNS")
	b.Remedy(finding.AtFirewall, "let UDP and TCP port 53 through to %s", server).
		Run("nftables", "nft insert rule inet filter forward ip%s daddr %s meta l4proto { tcp, udp } th dport 53 accept", v6(q.ls[0].addr), server)
	b.Remedy(finding.AtClient, "name a second resolver, so that one alone is no outage")
}

func (q *quiet) someNames(b *finding.Builder, server, who, what string) {
	b.Title("the name server %s does not answer for %s", server, what)
	b.Why("it answered %s of the same clients meanwhile: what stands behind these names does not answer it", detect.Plural(q.nsame, "other query", "other queries"))
	b.Summary("%s asked %s for %s and got no answer, while other names were answered as usual. A resolver that has to ask further, and gets no answer there, is silent towards its clients.", who, server, what)
	b.RuledOut("filter", q.same, "answers to the same clients for other names (%s) came through meanwhile", detect.List(q.known, 3))
	b.Fact(q.same, "meanwhile it answered %s of the same clients", detect.Plural(q.nsame, "other query", "other queries"))
	b.Remedy(finding.AtServer, "see whom it asks for these names, and whether that server answers").
		Run("any", "dig +trace %s", askable(q.ls[0].name)).
		Run("Unbound", "unbound-control lookup %s", askable(q.ls[0].name)).
		Run("dnsmasq", "grep -rn 'server=' /etc/dnsmasq.conf /etc/dnsmasq.d")
	b.Remedy(finding.AtFirewall, "let %s itself ask outside over UDP and TCP port 53", server)
}

func (q *quiet) someClients(b *finding.Builder, server, who string) {
	b.Title("the name server %s answers others but not %s", server, who)
	b.Why("it answered %s of other clients meanwhile, none of %s", detect.Plural(q.nothers, "query", "queries"), who)
	b.Summary("%s asked %s for names and got no answer, while other clients were answered: the server's access list does not name them, a filter stops them, or the way back to them is missing.", who, server)
	b.Fact(q.others, "meanwhile it answered %s of other clients", detect.Plural(q.nothers, "query", "queries"))
	b.Open("filter", "tcpdump -ni any udp port 53 and host %s on %s: queries that arrive are left out by its own access list, else a filter stops them", q.ls[0].client, server)
	b.Remedy(finding.AtServer, "allow these clients in its access list").
		Run("BIND", "grep -n allow-query -A3 /etc/bind/named.conf*").
		Run("Unbound", "unbound-control list_local_zones; grep -rn access-control /etc/unbound")
	b.Remedy(finding.AtRouter, "see that %s has a way back to them", server).Run("Linux", "ip route get %s", q.ls[0].client)
}

// askable is a name for a command line: only what a host name may hold; anything else could be more than a name.
func askable(name string) string {
	for _, c := range []byte(name) {
		if c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "example.com"
		}
	}
	if name == "" || name[0] == '-' {
		return "example.com"
	}
	return name
}

func v6(a packet.Addr) string {
	if a.Is4() {
		return ""
	}
	return "6"
}

func (d *detector) noTCP(g *finding.Group, b *finding.Builder) bool {
	t := g.Kept[0].Data.(*truncated)
	server, client := t.addr.String(), t.client.String()
	a := d.scope.Ledger.Others(t.vantage, detect.Service{Addr: t.addr, Port: dns.Port, Proto: packet.ProtoTCP}, nil, t.ref.Time.Add(-tcpAfter), t.end.Time.Add(tcpAfter))
	if a.Answered > 0 {
		return false // others get through: not a closed door, and the generic finding says more
	}
	s := d.servers[t.place]
	how, refused := "it went unanswered", t.what != event.Silent
	if refused {
		how = "it was refused"
	}
	forbidden := !t.by.IsZero() && t.by != t.addr
	if forbidden {
		how = "it was refused by " + t.by.String() + " with an ICMP error"
	}
	b.Subject(finding.Subject{Role: "name server", Addr: t.addr, Port: dns.Port})
	b.Subject(finding.Subject{Role: "client", Addr: t.client})
	b.Title("long answers of the name server %s cannot come: TCP port 53 is closed to %s", server, client)
	b.Why("the answer for %s did not fit into a datagram and came cut (%s); the client asked over TCP, and %s", t.name, d.scope.Frame(t.ref), how)
	b.Summary("%s asked %s for %s. The answer was too long for UDP, so the server cut it and expects the question again over TCP. That connection is not let through: short answers work, long ones never come.", client, server, t.name)
	cut := map[packet.Ref]bool{}
	for i := range g.Kept {
		cut[g.Kept[i].Data.(*truncated).ref] = true
	}
	b.Impact("%s failed", detect.Plural(len(cut), "look-up", "look-ups"))
	b.Fact(detect.Refs(t.ref), "the answer for %s (%s) came with the TC bit, cut to %d bytes", t.name, dns.TypeName(t.typ), t.size)
	b.Fact(detect.Refs(t.syn, t.end), "the connection to TCP port 53 that followed after %s: %s", detect.Span(t.syn.Time.Sub(t.ref.Time)), how)
	if t.busy >= flood {
		b.Open("defence", "%s had sent %d queries in that second: the server's log tells whether rate limiting was on", client, t.busy)
	} else {
		b.RuledOut("defence", detect.Refs(t.ref), "%s had sent %s in that second: no flood", client, detect.Plural(t.busy, "query", "queries"))
	}
	if s != nil && s.last.ref.Time > t.syn.Time {
		b.RuledOut("down", detect.Refs(s.last.ref), "it went on to answer over UDP")
	} else {
		b.Open("down", "an answer of %s over UDP after the connection failed shows that it is up", server)
	}
	if refused && !forbidden {
		b.Remedy(finding.AtServer, "make the name server listen on TCP port 53 too; it must (RFC 7766)").Run("Linux", "ss -ltnp 'sport = :53'")
	}
	b.Remedy(finding.AtFirewall, "let TCP port 53 through as well as UDP").
		Run("nftables", "nft insert rule inet filter forward ip%s daddr %s tcp dport 53 accept", v6(t.addr), server)
	b.Check(fmt.Sprintf("dig +tcp +time=2 +tries=1 @%s %s", server, askable(t.name)), "from "+client)
	b.Evidence(t.ref, "the answer is cut: TC")
	b.Evidence(t.syn, "the client asks over TCP")
	b.Evidence(t.end, how)
	b.WrongIf("a connection from %s to TCP port 53 of %s that is answered", client, server)
	return true
}
