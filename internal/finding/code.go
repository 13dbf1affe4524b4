package finding

import "time"

// Code is the fixed part of a kind of finding: what it is, what else it could be, what it needs from a capture.
type Code struct {
	ID           string // kebab-case, as in docs/findings.md
	Title        string // one line for lists, without subjects
	Kind         Kind
	Severity     Severity
	Tier         int // 1 founding cases, 2 weekly life, 3 beyond
	Alternatives []Alt
	Absorbs      []string // codes whose instances of the same flow or service this one explains
	References   []string
	Needs        []Gate        // gates that must pass, else cannot-tell
	Settle       time.Duration // packet time it is held for, so that a better explanation can arrive
	About        string        // a paragraph for `firestorm explain`: what it means, what is looked for, what fools it
	Reproduce    string        // how the situation is made, for docs
}

// Alt is an alternative explanation that a finding of the code must exclude or leave open.
type Alt struct {
	ID   string
	Name string // in words, after "could still be"
}

// Gate is a reason why a capture may not be able to prove something.
type Gate uint8

// Gates.
const (
	GateHandshake Gate = iota // G-HS: the begin of the flow was seen
	GateTwoWay                // G-2W: both directions were seen
	GateLoss                  // G-LOSS: the capture itself lost (almost) nothing
	GateSnap                  // G-SNAP: frames are whole
	GateOffload               // G-OFF: sizes are those on the wire
	GateDup                   // G-DUP: copies were recognised
	GateNAT                   // G-NAT: which side of the NAT this is, and what its tracker said
	GateClock                 // G-CLK: time runs forward
	GateLocal                 // G-LOCAL: which networks are inside is known
	GateTable                 // G-TABLE: no state of the hosts concerned was thrown out
	NumGates
)

var gateNames = [...]string{"G-HS", "G-2W", "G-LOSS", "G-SNAP", "G-OFF", "G-DUP", "G-NAT", "G-CLK", "G-LOCAL", "G-TABLE"}

// String returns the name used in reports and docs.
func (g Gate) String() string { return gateNames[g] }
