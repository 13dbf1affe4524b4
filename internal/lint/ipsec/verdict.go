package ipsec

import (
	"fmt"
	"strings"
)

// Outcome is what comes of two connections.
type Outcome string

// Outcomes.
const (
	Agree    Outcome = "agree"       // the tunnel comes up
	Narrower Outcome = "narrower"    // it comes up for less than one side has configured
	Rekey    Outcome = "rekey-fails" // it comes up and stops when fresh keys are due
	Refuse   Outcome = "refuse"      // it does not come up
	Unclear  Outcome = "unclear"     // too little is known of one side
)

// words are outcomes for people.
var words = map[Outcome]string{Agree: "will agree", Narrower: "will agree on less than is configured", Rekey: "come up, and fail when fresh keys are due",
	Refuse: "will not agree", Unclear: "cannot tell"}

// Verdict is the judgement on one tunnel of one connection and the peer's.
type Verdict struct {
	Here       string     `json:"here"` // name (file:line)
	Peer       string     `json:"peer"`
	Child      string     `json:"child,omitempty"`
	PeerChild  string     `json:"peer_child,omitempty"`
	Begins     string     `json:"begins"` // here, peer
	Version    int        `json:"ike_version,omitempty"`
	Outcome    Outcome    `json:"outcome"`
	Sure       bool       `json:"sure"` // false: rests on what a program does by itself, which differs with how it was built
	Mismatches []Mismatch `json:"mismatches,omitempty"`
	Agreed     []string   `json:"agreed,omitempty"`
	Unknown    []string   `json:"not_compared,omitempty"`
	Remarks    []string   `json:"remarks,omitempty"`
	OtherWay   string     `json:"other_way,omitempty"` // what is different when the other side begins
}

// Mismatch is one thing in which the two differ, in the order in which the daemons meet them.
type Mismatch struct {
	Topic  string `json:"topic"`
	Stage  string `json:"stage"` // IKE_SA_INIT, IKE_AUTH, main mode, …
	Here   string `json:"here"`
	Peer   string `json:"peer"`
	Who    string `json:"who"`  // here, peer: the side that refuses
	Says   string `json:"says"` // the notification that it sends
	Seen   string `json:"seen"` // what its log says
	Change string `json:"change"`
	assume bool
}

// talk is one attempt: init begins, resp answers.
type talk struct {
	init, resp   *Conn
	ic, rc       *Child
	iside, rside *Side
	initHere     bool
	v            int
	nat          bool // the addresses show that one is between the two
	out          *Verdict
}

// who names a side as the reader sees it.
func (t *talk) who(init bool) string {
	if init == t.initHere {
		return "here"
	}
	return "peer"
}

// fail notes a mismatch; refuser is the initiator or the responder.
func (t *talk) fail(byInit bool, topic, stage, i, r, says, seen, change string, assumed bool) {
	m := Mismatch{Topic: topic, Stage: stage, Here: i, Peer: r, Who: t.who(byInit), Says: says, Seen: seen, Change: change, assume: assumed}
	if !t.initHere {
		m.Here, m.Peer = r, i
	}
	t.out.Mismatches = append(t.out.Mismatches, m)
}

func (t *talk) agreed(format string, a ...any) {
	t.out.Agreed = append(t.out.Agreed, fmt.Sprintf(format, a...))
}
func (t *talk) unknown(format string, a ...any) {
	t.out.Unknown = append(t.out.Unknown, fmt.Sprintf(format, a...))
}
func (t *talk) remark(format string, a ...any) {
	t.out.Remarks = append(t.out.Remarks, fmt.Sprintf(format, a...))
}

// said writes a value with its place, or whose default it is.
func said(v string, s Setting, c *Conn) string {
	switch {
	case s.Said():
		return v + " (" + at(s) + ")"
	case c.Flavour.Program == Device:
		return v
	}
	return v + " (default of " + c.Flavour.String() + ")"
}

// title names a connection with its place.
func (c *Conn) title() string { return fmt.Sprintf("%s (%s:%d)", c.Name, c.File, c.Line) }

func shortList(l []string) string {
	if len(l) == 0 {
		return "none"
	}
	if len(l) > 4 {
		return strings.Join(l[:3], ", ") + fmt.Sprintf(" and %d more", len(l)-3)
	}
	return strings.Join(l, ", ")
}
