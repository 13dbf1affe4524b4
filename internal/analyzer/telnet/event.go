package telnet

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "telnet"

// Attempt is one login at a prompt.
type Attempt struct {
	head    event.Head
	User    string // as typed after "login:", at most maxUser bytes
	Secret  packet.Ref
	Outcome event.LoginOutcome // by what the server wrote next
}

// NewAttempt returns an attempt with head h.
func NewAttempt(h event.Head) *Attempt { return &Attempt{head: h} }

// Head returns the common part.
func (x *Attempt) Head() *event.Head { return &x.head }

// Login tells of the attempt (event.LoginTeller).
func (x *Attempt) Login() (event.Login, bool) {
	return event.Login{User: x.User, Method: "password", Secret: x.Secret, Clear: true, Outcome: x.Outcome}, true
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *Attempt) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
