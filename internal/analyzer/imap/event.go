package imap

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "imap"

// Exchange is the server's greeting, or a command about the session itself with its answer.
type Exchange struct {
	head    event.Head
	Word    string // LOGIN, AUTHENTICATE, STARTTLS, LOGOUT; empty: the greeting
	Status  string // OK, NO, BAD, PREAUTH, BYE; empty: no answer came
	Text    string // of the answer, at most maxText bytes
	Method  string // AUTHENTICATE: the mechanism
	User    string // LOGIN, AUTHENTICATE
	Clear   bool   // the password could be read
	Request packet.Ref
}

// NewExchange returns an exchange with head h.
func NewExchange(h event.Head) *Exchange { return &Exchange{head: h} }

// Head returns the common part.
func (x *Exchange) Head() *event.Head { return &x.head }

// Login tells of LOGIN and AUTHENTICATE (event.LoginTeller).
func (x *Exchange) Login() (l event.Login, ok bool) {
	switch x.Word {
	case "LOGIN":
		l.Method = "LOGIN"
	case "AUTHENTICATE":
		l.Method = "AUTHENTICATE " + x.Method
	default:
		return l, false
	}
	l.User, l.Secret, l.Clear = x.User, x.Request, x.Clear
	switch x.Status {
	case "OK":
		l.Outcome = event.LoginAccepted
	case "NO", "BAD":
		l.Outcome = event.LoginRefused
	}
	return l, true
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *Exchange) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
