package analyzer

import (
	"bytes"
	"encoding/base64"
)

// SASL follows the client's lines of an authentication (RFC 4422) as mail protocols carry them, for the name of the user
// alone: nothing else of a line is kept.
type SASL struct {
	Mechanism string // upper case; a mechanism that is not known is "OTHER"
	User      string // empty until known, and for mechanisms that hide it
	step      int
}

// mechanisms are those in common use; names given by a client are not kept.
var mechanisms = []string{"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "GSSAPI", "EXTERNAL", "ANONYMOUS", "XOAUTH2", "OAUTHBEARER",
	"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}

// maxUser bounds a user's name in bytes.
const maxUser = 255

// Begin starts with the mechanism and the initial response; nil for none, "=" for an empty one.
func (s *SASL) Begin(mechanism, initial []byte) {
	*s = SASL{Mechanism: "OTHER"}
	for _, m := range mechanisms {
		if bytes.EqualFold(mechanism, []byte(m)) {
			s.Mechanism = m
		}
	}
	if len(initial) > 0 {
		s.Line(initial)
	}
}

// Line takes a line of the client; its cut does not matter as long as the begin is there.
func (s *SASL) Line(line []byte) {
	s.step++
	if s.step > 1 || s.Mechanism != "PLAIN" && s.Mechanism != "LOGIN" {
		return
	}
	var room [1024]byte                            // leaves with the call: it may hold a password
	line = line[:min(len(line), len(room)/3*4)&^3] // no more than room holds, be the end padded or not
	n, _ := base64.StdEncoding.Decode(room[:], line)
	b := room[:n]
	if s.Mechanism == "PLAIN" { // authzid NUL authcid NUL passwd (RFC 4616 2)
		_, rest, ok := bytes.Cut(b, []byte{0})
		user, _, ended := bytes.Cut(rest, []byte{0})
		if !ok || !ended {
			return
		}
		b = user
	}
	s.User = string(b[:min(len(b), maxUser)])
}

// Clear reports that the password itself crosses the wire.
func (s *SASL) Clear() bool { return s.Mechanism == "PLAIN" || s.Mechanism == "LOGIN" }
