// Package bannerdelay finds mail servers that greet late because they wait for an answer that somebody drops: to a
// question to the client's ident port, or to a DNS query.
package bannerdelay

import (
	"fmt"
	"time"

	"firestorm/internal/analyzer/smtp"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "smtp-banner-delay"

const (
	// late is from which on a greeting is late: servers answer within a second; the shortest of the usual waits for ident
	// or DNS is 5 s, and another second may pass before.
	late = 4 * time.Second
	// longest is how late it may be to be looked at: clients wait five minutes (RFC 5321 4.5.3.2.1).
	longest = 5 * time.Minute
	// soon is how fast a greeting comes that nobody waits for.
	soon = time.Second
	// ident is the port of the identification protocol (RFC 1413), dns that of name servers.
	ident, dns = 113, 53
	// lead is how long before the connection a question may have begun that the greeting waits for.
	lead = time.Second
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "bannerdelay",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "a mail server greets late: it waits for an answer that somebody drops",
		Kind:     finding.Diagnosis,
		Severity: finding.Medium,
		Tier:     3,
		Alternatives: []finding.Alt{
			{ID: "tarpit", Name: "a pause that the server makes on purpose, against senders of spam"},
			{ID: "slow", Name: "a server that is slow, or a network that loses packets"},
		},
		Absorbs:    []string{"tcp-syn-silent-drop", "tcp-server-slow"},
		References: []string{"RFC 1413 (identification protocol)", "RFC 5321 4.5.3.2.1 (initial 220: wait five minutes)", "RFC 5321 3.1", "RFC 1912 2.1 (matching PTR records)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateLoss, finding.GateClock, finding.GateTable},
		Settle:     30 * time.Second,
		About: "A mail server accepts the connection and says nothing for seconds. Some ask back first: the client's ident port (113), or the DNS name of its address. Where a firewall drops that " +
			"question silently, the server waits for its timeout, and so does every mail. Looked for: a greeting four seconds late or more, and in between requests of the server to the " +
			"client's port 113 without an answer, or DNS queries of the server without one. A reset at port 113 would end the wait at once. Not this: a late greeting with nothing asked in " +
			"between (a pause on purpose), questions that were answered. DNS is seen only where the capture sees the server's resolver traffic.",
		Reproduce: "testbed: smtp-ident-silent, smtp-ident-submission, smtp-rdns-silent",
	}},
	Wants: detect.Wants{Named: []string{"smtp"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, prompt: map[service]packet.Ref{}}
	},
}

// service is a mail server as one place of capture sees it.
type service struct {
	vantage uint16
	server  event.End
}

type detector struct {
	scope  *detect.Scope
	prompt map[service]packet.Ref // the last greeting of each server that came at once
	order  []service              // by first sight
}

// greeting is a late one.
type greeting struct {
	head     event.Head
	begun    packet.Ref // SYN
	accepted packet.Ref // SYN/ACK
	said     packet.Ref
	delay    time.Duration
}

// Handle looks at each greeting.
func (d *detector) Handle(e event.Event) {
	x, ok := e.(*smtp.Exchange)
	if !ok || !x.Greeting() {
		return
	}
	h := x.Head()
	a := d.scope.Ledger.Attempt(h.FlowID)
	if a == nil || a.Midstream || a.Answer.IsZero() {
		return
	}
	g := &greeting{head: *h, begun: a.Start, accepted: a.Answer, said: h.Seen, delay: h.Seen.Time.Sub(a.Answer.Time)}
	if g.delay < soon {
		d.promptly(service{h.Vantage, h.Server}, h.Seen)
	}
	if g.delay < late || g.delay > longest {
		return
	}
	// Each place of capture decides alone: the question may be seen at one of them only.
	d.scope.Report(&finding.Instance{Code: Code, Key: fmt.Sprint(detect.EndText(h.Server), " ", h.Vantage), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr,
		Port: h.Server.Port, First: a.Start, Last: h.Seen, Data: g, Covers: finding.Cover{Client: h.Server.Addr, Server: h.Client.Addr, Port: ident}})
}

// promptly remembers that a server can greet at once; a full table forgets the server seen first.
func (d *detector) promptly(k service, at packet.Ref) {
	if _, known := d.prompt[k]; !known {
		for len(d.order) >= max(d.scope.Limits.Entries, 1) {
			d.scope.Forgot("bannerdelay", "servers", d.order[0].server.Addr)
			delete(d.prompt, d.order[0])
			d.order = d.order[1:]
		}
		d.order = append(d.order, k)
	}
	d.prompt[k] = at
}

// Tick does nothing: a greeting is complete when it comes.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}

// asked is the question that a greeting waited for.
type asked struct {
	what    uint16 // ident or dns; 0 = none
	refs    []packet.Ref
	tries   int
	servers []packet.Addr // of DNS
	first   packet.Ref
}

// look finds what the server asked between the connection and its greeting, and was not told.
func (d *detector) look(g *greeting) (q asked) {
	s, c := g.head.Server.Addr, g.head.Client.Addr
	within := func(a *detect.Attempt) bool {
		return a.Vantage == g.head.Vantage && a.Client.Addr == s && a.Start.Time >= g.begun.Time.Add(-lead) && a.Start.Time <= g.said.Time
	}
	d.scope.Ledger.Attempts(detect.Service{Addr: c, Port: ident, Proto: packet.ProtoTCP}, func(a *detect.Attempt) bool {
		if within(a) && a.Outcome != detect.OutAnswered && a.Outcome != detect.OutRefused && a.Tries >= 2 {
			q.add(ident, a)
		}
		return true
	})
	if q.what != 0 {
		return q
	}
	answered := false
	d.scope.Ledger.Attempts(detect.Service{Port: dns, Proto: packet.ProtoUDP}, func(a *detect.Attempt) bool {
		switch {
		case !within(a):
		case a.Outcome == detect.OutAnswered && a.Answer.Time <= g.said.Time:
			answered = true
		default:
			q.add(dns, a)
		}
		return true
	})
	if q.tries < 2 && answered { // one lost query among answered ones is no silence
		return asked{}
	}
	return q
}

func (q *asked) add(what uint16, a *detect.Attempt) {
	q.what = what
	if what == dns {
		q.tries += int(a.Packets) // none of them is an answer
	} else {
		q.tries += int(a.Tries)
	}
	if q.first.IsZero() || a.Start.Time < q.first.Time {
		q.first = a.Start
	}
	if len(q.refs) < 4 {
		q.refs = append(q.refs, detect.Refs(a.Start, a.LastTry)...)
	}
	for _, s := range q.servers {
		if s == a.Service.Addr {
			return
		}
	}
	if len(q.servers) < 4 {
		q.servers = append(q.servers, a.Service.Addr)
	}
}
