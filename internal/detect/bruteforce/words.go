package bruteforce

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// quick is the pace of refusals that no person types at.
const quick = 5 * time.Second

// Compose writes the finding for one address that tries passwords at one service.
func (d *detector) Compose(gr *finding.Group, b *finding.Builder) bool {
	g := gr.Kept[0].Data.(*guesser)
	server := detect.EndText(g.server)
	span := g.last.Time.Sub(g.first.Time)
	what := detect.Plural(g.refused, "refused login", "refused logins")
	if g.flows {
		what = detect.Plural(g.sessions, "short connection", "short connections")
	}
	b.Subject(finding.Subject{Role: "attacker", Addr: g.client})
	b.Subject(finding.Subject{Role: "server", Addr: g.server.Addr, Port: g.server.Port})
	in, found := "", ""
	if !g.after.IsZero() {
		in = ", then it was let in"
		found = " After the refusals a login from the same address was accepted: a password may have been found, and the account used."
		b.Severity(finding.Critical)
	}
	b.Title("%s tries passwords at %s: %s in %s%s", g.client, server, what, detect.Span(span), in)
	how := "the server said so each time"
	switch {
	case g.flows:
		how = "what was said is encrypted; only that the connections are short and of one size is seen"
	case g.guessed:
		how = "inferred from the sizes of the server's encrypted answers"
	}
	b.Why("%s from one address between %s s and %s s (%s)", what, d.scope.Since(g.first), d.scope.Since(g.last), how)
	b.Summary("One machine asks %s to be let in, again and again, far more often and faster than somebody who has forgotten a password. That is guessing: lists of common passwords are tried until one fits.%s", server, found)
	if g.after.IsZero() {
		b.Impact("%s, none let in afterwards as far as this capture goes", what)
	} else {
		b.Impact("%s, and one login let in at %s s", what, d.scope.Since(g.after))
	}
	b.Fact(detect.Refs(g.first, g.last), "%s in %s, one each %s on average", what, detect.Span(span), detect.Span(span/time.Duration(max(g.refused-1, 1))))
	if len(g.users) > 0 {
		b.Fact(nil, "users tried: %s", g.names())
	} else {
		b.Fact(nil, "the names of the users are not in clear")
	}
	if g.sessions != g.refused && !g.flows {
		b.Fact(nil, "in %s", detect.Plural(g.sessions, "connection", "connections"))
	}
	if !g.before.IsZero() {
		b.Fact(detect.Refs(g.before), "the same address was let in before, at %s s", d.scope.Since(g.before))
	}
	if !g.after.IsZero() {
		who := ""
		if g.afterWho != "" {
			who = fmt.Sprintf(" as %q", g.afterWho)
		}
		b.Fact(detect.Refs(g.after), "at %s s a login from it was accepted%s", d.scope.Since(g.after), who)
	}
	d.alternatives(b, g, span)
	d.remedy(b, g)
	b.WrongIf("the server's log shows these logins as let in, or a program of your own as the client")
	b.Evidence(g.before, "let in before")
	b.Evidence(g.first, "the first refusal")
	b.Ladder(finding.LadderRow{Ref: g.first, Dir: packet.ToClient, Label: "refused", Note: "the first of " + fmt.Sprint(g.refused)})
	n := len(g.recent)
	for i := range n {
		r := g.recent[(g.next+i)%n]
		if i >= n-4 && r != g.last {
			b.Evidence(r, "another refusal")
		}
	}
	b.Evidence(g.last, "the last refusal")
	b.Ladder(finding.LadderRow{Ref: g.last, Dir: packet.ToClient, Label: "refused", Note: "the last"})
	b.Evidence(g.after, "let in")
	if !g.after.IsZero() {
		b.Ladder(finding.LadderRow{Ref: g.after, Dir: packet.ToClient, Label: "accepted", Note: "let in after the refusals"})
	}
	return true
}

func (g *guesser) names() string {
	var out []string
	for i, u := range g.users {
		if i == 5 {
			break
		}
		out = append(out, fmt.Sprintf("%q", u))
	}
	if n := len(g.users) + g.more - len(out); n > 0 {
		return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(out, ", ")
}

func (d *detector) alternatives(b *finding.Builder, g *guesser, span time.Duration) {
	pace := span / time.Duration(max(g.refused-1, 1))
	if pace <= quick {
		b.RuledOut("people", detect.Refs(g.first, g.last), "one refusal each %s: nobody types that fast for so long", detect.Span(pace))
	} else {
		b.Open("people", "the server's log names the users")
	}
	if g.guessed || g.flows {
		b.Open("inferred", "the server's log decides")
	} else {
		b.RuledOut("inferred", detect.Refs(g.first, g.last), "the server refused in words")
	}
	switch {
	case g.flows:
		b.Open("stale", "the server's log (event 4625) names user and reason")
		b.Open("robot", "the server's log shows whether these logins were let in")
		return
	case len(g.users)+g.more >= 3:
		b.RuledOut("stale", detect.Refs(g.first, g.last), "%d users were tried: a program with an old password has one", len(g.users)+g.more)
	case pace <= quick/2 && g.refused >= 2*most:
		b.RuledOut("stale", detect.Refs(g.first, g.last), "%d tries without a pause: a program that fails waits", g.refused)
	default:
		b.Open("stale", "the server's log names the user: is it the same each time, and a program's?")
	}
	b.RuledOut("robot", detect.Refs(g.first, g.last), "they were refused, not let in")
}

func (d *detector) remedy(b *finding.Builder, g *guesser) {
	if !g.after.IsZero() {
		b.Remedy(finding.AtServer, "find out at once whether the accepted login is yours; if not, lock the account, end its sessions and look at what they did").
			Run("Linux", "last -i | grep %s ; journalctl -u ssh --since -1d | grep -e Accepted -e %s", g.client, g.client)
	}
	family := "ip"
	if !g.client.Is4() {
		family = "ip6"
	}
	b.Remedy(finding.AtFirewall, "shut this address out for now (if it is a gateway of many people, they are all shut out)").
		Run("nftables", "nft insert rule inet filter input %s saddr %s tcp dport %d drop", family, g.client, g.server.Port)
	if g.server.Port == 22 {
		b.Remedy(finding.AtServer, "let people log in with keys only (make sure first that your own key works, in a second session)").
			Run("OpenSSH", `printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' >/etc/ssh/sshd_config.d/keys.conf && sshd -t && systemctl reload ssh`)
	}
	b.Remedy(finding.AtServer, "have addresses shut out by themselves after some refusals").
		Run("Debian", "apt-get install fail2ban")
	b.Remedy(finding.AtFirewall, "let only the networks reach port %d that need it", g.server.Port)
	b.Check(fmt.Sprintf("journalctl --since -1h | grep -c %s", g.client), "on the server: refusals in its log, then none")
}
