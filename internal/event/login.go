package event

import "firestorm/internal/packet"

// LoginOutcome is what became of an attempt to log in.
type LoginOutcome uint8

// Outcomes of a login.
const (
	LoginUnknown LoginOutcome = iota
	LoginAccepted
	LoginRefused
)

// String returns the word.
func (o LoginOutcome) String() string { return [...]string{"unknown", "accepted", "refused"}[o] }

// Login is one attempt to log in. It never holds the secret.
type Login struct {
	User    string     // as given, hostile text of at most MaxName bytes; empty when it cannot be read
	Method  string     // in the protocol's words: "PASS", "AUTH PLAIN", "password"
	Secret  packet.Ref // the frame that carried the secret, or its digest
	Clear   bool       // the secret could be read by anybody between
	Outcome LoginOutcome
	Guessed bool // the outcome was inferred from sizes: what was said is encrypted
}

// LoginTeller is an event that may tell of an attempt to log in.
type LoginTeller interface {
	Event
	// Login returns the attempt; ok is false when the event is about something else.
	Login() (l Login, ok bool)
}
