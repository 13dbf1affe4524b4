// Package bruteforce finds somebody who tries passwords one after the other.
package bruteforce

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "brute-force-login"

const (
	// window and most: more refusals than most within the window are no mistyping. Zeek's defaults for SSH are 30 in 30
	// minutes, for FTP 20 in 15; a wrong program of a person stays below 10 in 5.
	window = 5 * time.Minute
	most   = 10
	// brief is how long a connection to a desktop lasts at most when the login failed.
	brief = 15 * time.Second
	// rdp is the port of Remote Desktop, of which only connections are seen.
	rdp = 3389
	// maxUsers bounds the names that a finding tells.
	maxUsers = 16
)

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "bruteforce",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "somebody tries passwords one after the other",
		Kind:     finding.Attack,
		Severity: finding.High,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "people", Name: "people who mistype, several of them behind one address"},
			{ID: "stale", Name: "a program that goes on with an old password"},
			{ID: "robot", Name: "a program that connects often and is let in"},
			{ID: "inferred", Name: "encrypted answers that only look like refusals"},
		},
		Absorbs:    []string{"tcp-server-slow"}, // servers delay refusals on purpose
		References: []string{"Zeek policy/protocols/ssh/detect-bruteforcing (guessing by counts)", "RFC 4252 5 (SSH authentication)", "MITRE ATT&CK T1110 (brute force)"},
		Needs:      []finding.Gate{finding.GateTwoWay, finding.GateClock},
		Settle:     30 * time.Second,
		About: "One address is refused more than ten times within five minutes by one service: SSH, FTP, SMTP, POP3, IMAP or Telnet. Of SSH the refusals are inferred from the sizes of " +
			"encrypted answers; of Remote Desktop (port 3389) only short connections of one kind are seen, so that stays possible. A login of the same address that is let in after that is named: " +
			"a password may have been found. Not this: robots that log in often and are let in, a few mistyped passwords, an agent that offers several keys before the right one.",
		Reproduce: "testbed: ssh-guessing, ssh-guessing-success, ftp-guessing",
	}},
	Wants: detect.Wants{TCP: []event.What{event.Ended}, Named: []string{"ftp", "imap", "pop3", "smtp", "ssh", "telnet"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, guessers: map[key]*guesser{}}
	},
}

// key is who tries where.
type key struct {
	vantage uint16
	client  packet.Addr
	server  event.End
}

// guesser is one address at one service.
type guesser struct {
	key
	recent   [most + 1]packet.Ref // of refusals, a ring
	next     int
	full     bool
	first    packet.Ref
	last     packet.Ref
	refused  int // since first
	sessions int // connections that ended refused
	users    []string
	more     int // users beyond those
	method   string
	guessed  bool       // outcomes were inferred
	flows    bool       // only connections were seen
	before   packet.Ref // an accepted login before the refusals
	after    packet.Ref // the first accepted one after more than most refusals
	afterWho string
	said     bool
	touched  packet.Time
	bytes    [2]uint64 // least and most of a connection, for flows
}

type detector struct {
	scope    *detect.Scope
	guessers map[key]*guesser
	order    []*guesser // by first sight
	aged     packet.Time
}

// Handle counts refusals, and notes who is let in.
func (d *detector) Handle(e event.Event) {
	if f, ok := e.(*event.Flow); ok {
		d.desktop(f)
		return
	}
	t, ok := e.(event.LoginTeller)
	if !ok {
		return
	}
	l, ok := t.Login()
	if !ok {
		return
	}
	n := 1
	if s, ok := e.(interface{ Refusals() int }); ok {
		n = s.Refusals()
	}
	h := e.Head()
	switch l.Outcome {
	case event.LoginRefused:
		g := d.guesser(h)
		g.method, g.guessed = l.Method, g.guessed || l.Guessed
		g.name(l.User)
		g.sessions++
		for range n {
			g.refuse(h.Seen)
		}
		d.report(g, h)
	case event.LoginAccepted:
		if g := d.guessers[key{h.Vantage, h.Client.Addr, h.Server}]; g == nil {
			d.guesser(h).before = h.Seen
		} else if g.said && g.after.IsZero() {
			g.after, g.afterWho = h.Seen, l.User
		} else if !g.said && g.refused == 0 {
			g.before = h.Seen
		}
	}
}

// desktop counts short connections to Remote Desktop: what is said in them is encrypted.
func (d *detector) desktop(f *event.Flow) {
	h := f.Head()
	if h.Server.Port != rdp || f.Midstream || f.Sides[0].Payload == 0 || f.Sides[1].Payload == 0 || f.End == event.EndInput || f.Last.Time.Sub(f.Start.Time) > brief {
		return
	}
	g := d.guesser(h)
	g.method, g.flows = "Remote Desktop", true
	g.sessions++
	n := f.Sides[0].Payload + f.Sides[1].Payload
	if g.bytes[0] == 0 || n < g.bytes[0] {
		g.bytes[0] = n
	}
	g.bytes[1] = max(g.bytes[1], n)
	g.refuse(f.Last)
	if g.bytes[1] <= 2*g.bytes[0] { // of one kind
		d.report(g, h)
	}
}

func (d *detector) guesser(h *event.Head) *guesser {
	k := key{h.Vantage, h.Client.Addr, h.Server}
	g := d.guessers[k]
	if g == nil {
		for len(d.order) >= max(d.scope.Limits.Entries, 1) {
			d.scope.Forgot("bruteforce", "guessers", d.order[0].client, d.order[0].server.Addr)
			d.forget(d.order[0])
			d.order = d.order[1:]
		}
		g = &guesser{key: k}
		d.guessers[k] = g
		d.order = append(d.order, g)
	}
	g.touched = h.Seen.Time
	return g
}

func (d *detector) forget(g *guesser) {
	if d.guessers[g.key] == g {
		delete(d.guessers, g.key)
	}
}

// refuse counts one refusal.
func (g *guesser) refuse(at packet.Ref) {
	if g.first.IsZero() || !g.said && at.Time.Sub(g.last.Time) > window { // a fresh begin
		g.first, g.refused = at, 0
	}
	g.last = at
	g.refused++
	g.recent[g.next] = at
	g.next = (g.next + 1) % len(g.recent)
	g.full = g.full || g.next == 0
}

// many reports more than most refusals within the window.
func (g *guesser) many() bool {
	return g.full && g.last.Time.Sub(g.recent[g.next].Time) <= window
}

func (g *guesser) name(user string) {
	if user == "" {
		return
	}
	for _, u := range g.users {
		if u == user {
			return
		}
	}
	if len(g.users) < maxUsers {
		g.users = append(g.users, user)
	} else {
		g.more++
	}
}

// report tells once; the finding is composed later, from what the guesser did until then.
func (d *detector) report(g *guesser, h *event.Head) {
	if g.said || !g.many() {
		return
	}
	g.said = true
	d.scope.Report(&finding.Instance{Code: Code, Key: detect.EndText(h.Server) + " " + h.Client.Addr.String(), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr,
		Server: h.Server.Addr, Port: h.Server.Port, First: g.first, Last: g.last, Data: g,
		Covers: finding.Cover{Client: h.Client.Addr, Server: h.Server.Addr, Port: h.Server.Port}})
}

// Tick forgets who rests, once a minute.
func (d *detector) Tick(now packet.Time) {
	if now.Sub(d.aged) < time.Minute && now >= d.aged {
		return
	}
	d.aged = now
	kept := d.order[:0]
	for _, g := range d.order {
		if now.Sub(g.touched) > 2*window {
			d.forget(g)
		} else {
			kept = append(kept, g)
		}
	}
	clear(d.order[len(kept):])
	d.order = kept
}

// End does nothing: a refusal is complete when it comes.
func (d *detector) End(packet.Time) {}
