package ssh

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Kind is the name of the only event kind.
const Kind = "ssh"

// Stage is what an event of a session tells.
type Stage uint8

// Stages.
const (
	Hello Stage = iota // versions and key exchange: the session's clear part is over
	Auth               // the login is over, or the session
)

// Side is what one end says of itself.
type Side struct {
	Version
	HASSH, HASSHText string // empty: no key exchange seen
}

// Session is an event of an SSH connection.
type Session struct {
	head  event.Head
	Stage Stage
	Sides [2]Side // by the direction travelled: Sides[packet.ToServer] is the client
	// Refused is how many answers looked like a refused password, Outcome what the sizes say of the session in all. Both
	// are inferred: what is said is encrypted.
	Refused int
	Outcome event.LoginOutcome
	Keys    packet.Ref // where encryption began
}

// NewSession returns a session event with head h.
func NewSession(h event.Head) *Session { return &Session{head: h} }

// Head returns the common part.
func (x *Session) Head() *event.Head { return &x.head }

// Login tells of the login (event.LoginTeller).
func (x *Session) Login() (l event.Login, ok bool) {
	if x.Stage != Auth || x.Keys.IsZero() {
		return l, false
	}
	return event.Login{Method: "ssh", Secret: x.Keys, Outcome: x.Outcome, Guessed: true}, true
}

// AppendEVE writes a record of type ssh when the hello is over.
func (x *Session) AppendEVE(dst []byte, c *event.EVE) []byte {
	if x.Stage != Hello {
		return dst
	}
	h := &x.head
	dst = event.AppendEVEHead(dst, h, "ssh", packet.ToServer, c)
	dst = append(dst, `,"app_proto":"ssh",`...)
	dst = appendObject(dst, &x.Sides)
	return event.AppendEVETail(dst, h, c)
}

// appendObject writes what the sides say of themselves.
func appendObject(dst []byte, sides *[2]Side) []byte {
	dst = append(dst, `"ssh":{`...)
	comma := ""
	for d, name := range []string{"client", "server"} {
		s := &sides[d]
		if s.Proto == "" {
			continue
		}
		dst = append(append(append(append(dst, comma...), '"'), name...), `":{"proto_version":`...)
		dst = event.AppendJSONString(dst, s.Proto)
		dst = append(dst, `,"software_version":`...)
		dst = event.AppendJSONString(dst, s.Software)
		if s.HASSH != "" {
			dst = append(dst, `,"hassh":{"hash":"`...)
			dst = append(dst, s.HASSH...)
			dst = append(dst, `","string":`...)
			dst = event.AppendJSONString(dst, s.HASSHText)
			dst = append(dst, '}')
		}
		dst = append(dst, '}')
		comma = ","
	}
	return append(dst, '}')
}

// Refusals returns how often the session's login was refused: several may share a connection.
func (x *Session) Refusals() int { return x.Refused }
