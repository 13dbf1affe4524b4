// Package plainlogin finds logins whose password crosses the network in clear text.
package plainlogin

import (
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Code is the only code of the package.
const Code = "policy-plaintext-login"

// maxNames bounds the users and clients that a finding names; beyond, it counts no further.
const maxNames = 64

// Def is the detector's entry for internal/standard.
var Def = detect.Def{
	Name: "plainlogin",
	Codes: []*finding.Code{{
		ID:       Code,
		Title:    "passwords cross the network in clear text",
		Kind:     finding.Policy,
		Severity: finding.Medium,
		Tier:     2,
		Alternatives: []finding.Alt{
			{ID: "protected", Name: "a way that is protected elsewhere, by a tunnel or a TLS proxy that ends before this place"},
			{ID: "public", Name: "an account that is meant for everybody"},
		},
		References: []string{"RFC 8314 (mail: cleartext considered obsolete)", "RFC 4217 (FTP over TLS)", "RFC 2577 (FTP security)", "RFC 7617 4 (Basic authentication)", "RFC 4513 6.3.4 (simple binds of LDAP)", "RFC 4949 (cleartext)"},
		Needs:      []finding.Gate{finding.GateSnap},
		Settle:     30 * time.Second,
		About: "Somebody logged in to a service with a password that everybody between can read: FTP's PASS, POP3's PASS, IMAP's LOGIN, AUTH PLAIN and LOGIN of mail, a Telnet prompt, a simple bind of LDAP, a password that PostgreSQL asks for in clear (of both those that were accepted). The name " +
			"of the user and the frame are shown; the password is neither kept nor printed. Whether the server let the user in is said where it answered. Not this: logins after TLS began, " +
			"challenges and digests (APOP, CRAM-MD5), anonymous FTP. A tunnel or proxy that ends before the place of capture may protect the rest of the way.",
		Reproduce: "testbed: clear-logins",
	}},
	Wants: detect.Wants{Named: []string{"ftp", "http", "imap", "ldap", "pgsql", "pop3", "smtp", "telnet"}},
	New: func(s *detect.Scope) detect.Detector {
		return &detector{scope: s, services: map[service]*logins{}}
	},
}

// service is where people log in.
type service struct {
	vantage uint16
	server  event.End
}

// login is one attempt.
type login struct {
	event.Login
	client event.End
	flow   uint64
	ref    packet.Ref
}

// logins are those of one service.
type logins struct {
	first           []login // of each user and client, at most maxNames
	count, accepted int
	last            packet.Ref
}

type detector struct {
	scope    *detect.Scope
	services map[service]*logins
	order    []service // by first sight
}

// Handle takes each login in clear text.
func (d *detector) Handle(e event.Event) {
	t, ok := e.(event.LoginTeller)
	if !ok {
		return
	}
	l, ok := t.Login()
	if !ok || !l.Clear || anonymous(l.User) {
		return
	}
	h := e.Head()
	if l.Secret.IsZero() {
		l.Secret = h.Seen
	}
	k := service{h.Vantage, h.Server}
	s := d.services[k]
	if s == nil {
		for len(d.order) >= max(d.scope.Limits.Entries, 1) {
			d.scope.Forgot("plainlogin", "services", d.order[0].server.Addr)
			delete(d.services, d.order[0])
			d.order = d.order[1:]
		}
		s = &logins{}
		d.services[k] = s
		d.order = append(d.order, k)
	}
	s.count++
	s.last = h.Seen
	if l.Outcome == event.LoginAccepted {
		s.accepted++
	}
	if len(s.first) < maxNames && !s.known(&l, h.Client.Addr) {
		s.first = append(s.first, login{l, h.Client, h.FlowID, h.Seen})
	}
	d.scope.Report(&finding.Instance{Code: Code, Key: detect.EndText(h.Server), FlowID: h.FlowID, Vantage: h.Vantage, Client: h.Client.Addr, Server: h.Server.Addr,
		Port: h.Server.Port, First: l.Secret, Last: h.Seen, Data: s})
}

// known reports whether the user was seen from there; one who was refused first and then let in counts as let in.
func (s *logins) known(l *event.Login, client packet.Addr) bool {
	for i := range s.first {
		f := &s.first[i]
		if f.User == l.User && f.client.Addr == client && f.Method == l.Method {
			if l.Outcome == event.LoginAccepted && f.Outcome != event.LoginAccepted {
				f.Login = *l
			}
			return true
		}
	}
	return false
}

// anonymous reports the names that anybody may use, whose password is no secret (RFC 1635).
func anonymous(user string) bool { return user == "anonymous" || user == "ftp" }

// Tick does nothing: a login is complete when it comes.
func (d *detector) Tick(packet.Time) {}

// End does nothing.
func (d *detector) End(packet.Time) {}
