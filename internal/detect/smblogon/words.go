package smblogon

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"firestorm/internal/analyzer/smb"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Where a program with an old password differs from somebody who guesses.
const (
	fewAccounts = 2                // a program logs on as one account; two where it has a spare one
	patient     = time.Second      // shorter intervals are no rhythm, but as fast as it goes
	nobodyTypes = 30 * time.Second // ten failures in less are no people at keyboards
	even        = 0.25             // how far intervals may be from their median, to be called even
)

// Compose writes the finding for a client and a server.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	t := g.Kept[0].Data.(*tally)
	if !t.is {
		return false
	}
	s := story{scope: d.scope, t: t, client: t.key.client, server: t.key.server}
	s.every, s.steady = rhythm(t.times)
	b.Subject(finding.Subject{Role: "client", Addr: s.client})
	b.Subject(finding.Subject{Role: "server", Addr: s.server, Port: t.port})
	switch {
	case len(t.accounts) > fewAccounts:
		s.guessing(b)
	case len(t.accounts) == 1 && s.steady && t.hit == nil:
		s.oldPassword(b)
	default:
		s.undecided(b)
	}
	s.facts(b)
	s.people(b)
	s.evidence(b)
	return true
}

type story struct {
	scope          *detect.Scope
	t              *tally
	client, server packet.Addr
	every          time.Duration // median interval
	steady         bool          // the intervals are even, and no shorter than a program's patience
}

// rhythm returns the median interval, and whether four fifths of the intervals are near it.
func rhythm(times []packet.Time) (median time.Duration, steady bool) {
	if len(times) < manyFailures {
		return 0, false
	}
	var gaps []time.Duration
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	sort.Slice(gaps, func(i, j int) bool { return gaps[i] < gaps[j] })
	median = gaps[len(gaps)/2]
	near := 0
	for _, g := range gaps {
		if off := float64(g-median) / float64(median); off <= even && off >= -even {
			near++
		}
	}
	return median, median >= patient && 5*near >= 4*len(gaps)
}

func (s *story) over() string { return detect.Span(s.t.last.Time.Sub(s.t.first.Time)) }

func (s *story) accounts() string {
	n := detect.Plural(len(s.t.accounts), "account", "accounts")
	if s.t.more {
		return "at least " + n
	}
	return n
}

// name is the first account, quoted.
func (s *story) name() string {
	if s.t.order[0] == "" {
		return "an account that is not visible"
	}
	return quote(s.t.order[0])
}

func (s *story) oldPassword(b *finding.Builder) {
	t := s.t
	b.Title("a program on %s keeps logging on to %s as %s with a password that is refused (%d times, every %s)", s.client, s.server, s.name(), t.failures, detect.Span(s.every))
	b.Why("one account, at even intervals: so does a service, a task or a mapped drive that keeps the password of before; somebody who guesses tries many accounts or passwords as fast as he can")
	b.Summary("%s has tried to log on to the file server %s as %s %d times in %s, and was refused each time. The even rhythm is that of a program: a service, scheduled task or mapped drive whose saved password "+
		"was changed on the server. It will not stop by itself, and may lock the account.", s.client, s.server, s.name(), t.failures, s.over())
	b.Impact("what the program does at %s has not worked for at least %s; the account may be locked", s.server, s.over())
	b.Severity(finding.Medium)
	b.Open("other-reason", "the password that %s keeps: if it is the account's own of today, somebody guesses at an even pace", s.client)
	b.WrongIf("no program on %s that uses %s", s.client, s.name())
	l := b.Remedy(finding.AtClient, "find the program that logs on as %s, and give it the new password", s.name()).
		Run("Windows, saved passwords", "cmdkey /list").
		Run("Linux", "grep -rns -e cifs -e smb /etc/fstab /etc/auto*")
	if plain(t.order[0]) {
		l.Run("Windows, services", `wmic service get name,startname | findstr /i %s`, t.order[0]).
			Run("Windows, tasks", `schtasks /query /v /fo list | findstr /i %s`, t.order[0])
	}
	s.check(b)
}

func (s *story) guessing(b *finding.Builder) {
	t := s.t
	b.Title("%s guesses passwords at the file server %s: %d logons refused in %s, %s", s.client, s.server, t.failures, s.over(), s.accounts())
	b.Why("%s refused in %s, for %s: a program with a saved password knows one account", detect.Plural(t.failures, "logon was", "logons were"), s.over(), s.accounts())
	b.Summary("%s has tried to log on to the file server %s %d times in %s with %s, and was refused.%s The connections were complete, so the address is not forged: whoever uses %s guesses, or something on it does.",
		s.client, s.server, t.failures, s.over(), s.accounts(), s.hitText(), s.client)
	switch {
	case t.hit == nil:
		b.Impact("none was accepted so far; accounts may be locked")
	case t.hitFailed > 0:
		b.Impact("the account %s, refused before, was let in: it is in strange hands unless its owner can explain that", quote(t.hit.User))
		b.Severity(finding.Critical)
	default:
		b.Impact("none of the accounts tried was accepted; %s was let in, perhaps the own account of whoever works there", quote(t.hit.User))
	}
	b.RuledOut("other-reason", t.refs, "%s: a program with an old password uses one", s.accounts())
	b.WrongIf("a test of passwords that the owner of %s ordered", s.server)
	fam := "ip"
	if !s.client.Is4() {
		fam = "ip6"
	}
	if t.hit != nil && t.hitFailed > 0 {
		b.Remedy(finding.AtServer, "change the password of %s now, and look at what was done with it since %s s", quote(t.hit.User), s.scope.Since(t.hit.Answered)).
			Run("Samba", "smbstatus")
	}
	b.Remedy(finding.AtFirewall, "keep %s from the file server until it is understood; file servers need not be reached from outside at all", s.client).
		Run("nftables", "nft insert rule inet filter forward %s saddr %s %s daddr %s tcp dport { 139, 445 } drop", fam, s.client, fam, s.server)
	b.Remedy(finding.AtServer, "lock accounts for a while after so many failures").
		Run("Windows", "net accounts /lockoutthreshold:10 /lockoutwindow:15 /lockoutduration:15").
		Run("Samba", `pdbedit -P "bad lockout attempt" -C 10`)
	b.Remedy(finding.AtClient, "if %s is yours, treat it as suspect: see which program connects to port 445", s.client).
		Run("Windows", "netstat -anob | findstr :445").
		Run("Linux", "ss -tnp dport = :445")
	s.check(b)
}

// undecided is the text for one or two accounts without a rhythm.
func (s *story) undecided(b *finding.Builder) {
	t := s.t
	b.Title("%s is refused at the file server %s again and again: %d logons as %s in %s", s.client, s.server, t.failures, s.name(), s.over())
	b.Why("%s refused within %s; a mapped drive with an old password does that at each access, somebody who guesses one account's password does too", detect.Plural(t.failures, "logon was", "logons were"), s.over())
	b.Summary("%s has tried to log on to the file server %s %d times in %s as %s, and was refused.%s Whether a program keeps an old password or somebody guesses cannot be told from the packets.",
		s.client, s.server, t.failures, s.over(), s.name(), s.hitText())
	b.Impact("the account may be locked")
	b.Severity(finding.Medium)
	b.Open("other-reason", "look on %s for a service, task or mapped drive that logs on as %s", s.client, s.name())
	b.Cap(finding.Possible)
	b.WrongIf("a person at %s who says that it was they", s.client)
	s.check(b)
}

func (s *story) hitText() string {
	x := s.t.hit
	switch {
	case x == nil:
		return ""
	case s.t.hitFailed > 0:
		return fmt.Sprintf(" Then it was let in as %s, which had been refused before: the guess may have hit.", quote(x.User))
	}
	return fmt.Sprintf(" Then it was let in as %s.", quote(x.User))
}

func (s *story) check(b *finding.Builder) {
	b.Check(`wevtutil qe Security /q:"*[System[(EventID=4625)]]" /c:20 /rd:true /f:text`, "on "+s.server.String()+"; Samba: smbd with 'log level = 1 auth_audit:3' in smb.conf names each logon in its log")
}

func (s *story) facts(b *finding.Builder) {
	t := s.t
	var kinds []string
	var codes []uint32
	for c := range t.statuses {
		codes = append(codes, c)
	}
	sort.Slice(codes, func(i, j int) bool { return codes[i] < codes[j] })
	for _, c := range codes {
		kinds = append(kinds, fmt.Sprintf("%s %d times", smb.StatusName(c), t.statuses[c]))
	}
	b.Fact(t.refs, "%s refused: %s", detect.Plural(t.failures, "logon", "logons"), detect.List(kinds, 4))
	var names []string
	for _, n := range t.order {
		if n != "" {
			names = append(names, quote(n))
		}
	}
	if len(names) > 0 {
		b.Fact(nil, "tried as %s", detect.List(names, 6))
	} else {
		b.Fact(nil, "the account is not visible: the logons use tickets, or the capture cut them short")
	}
	b.Fact(nil, "ten of them came within %s; the interval in the middle is %s", detect.Span(t.fastest), detect.Span(s.every))
	if t.hit != nil {
		b.Fact(detect.Refs(t.hit.Answered), "a logon as %s was accepted at %s s", quote(t.hit.User), s.scope.Since(t.hit.Answered))
	}
	if n := t.statuses[smb.StatusLockedOut]; n > 0 {
		b.Fact(nil, "the server says of %s that the account is locked", detect.Plural(n, "logon", "logons"))
	}
}

// people is about those at keyboards, one or many.
func (s *story) people(b *finding.Builder) {
	t := s.t
	switch {
	case len(t.accounts) == 1 && s.steady:
		b.RuledOut("people", t.refs, "nobody types at even intervals of %s", detect.Span(s.every))
	case t.fastest <= nobodyTypes:
		b.RuledOut("people", t.refs, "ten failures within %s: people do not type that fast", detect.Span(t.fastest))
	default:
		b.Open("people", "ask who works at %s; a terminal server or a NAT hides many", s.client)
	}
}

func (s *story) evidence(b *finding.Builder) {
	t := s.t
	for i, r := range t.refs {
		if i == 8 {
			break
		}
		b.Evidence(r, "logon refused")
		row := finding.LadderRow{Ref: r, Dir: packet.ToClient, Label: "refused"}
		if i > 0 {
			row.Gap = r.Time.Sub(t.refs[i-1].Time)
		}
		if i < 4 {
			b.Ladder(row)
		}
	}
	if t.hit != nil {
		b.Evidence(t.hit.Answered, "logon accepted")
		b.Ladder(finding.LadderRow{Ref: t.hit.Answered, Dir: packet.ToClient, Label: "accepted", Note: "after the failures"})
	}
}

// maxQuote is how much of a name stands in a sentence, in bytes.
const maxQuote = 60

// quote writes a name, which is hostile text, on one line and within quotation marks that it cannot close.
func quote(s string) string {
	cut := ""
	if len(s) > maxQuote {
		s, cut = s[:maxQuote], "…"
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case event.Unprintable(r):
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return `"` + s + cut + `"`
}

// plain reports a name that may stand in a command as it is.
func plain(s string) bool {
	if s == "" || len(s) > maxQuote {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' && i > 0 || c == '.') {
			return false
		}
	}
	return true
}
