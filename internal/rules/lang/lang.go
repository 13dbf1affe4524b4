// Package lang reads Suricata's rule language: rule files to rules whose options are names and values with their place in
// the file, address and port expressions with variables, and the configuration files that belong to a rule set. It knows
// the grammar, not what an option means: that is package rules.
package lang

import (
	"fmt"
	"strings"
)

// Action is what a rule asks for.
type Action uint8

// Actions in the order in which they are applied to a packet.
const (
	Pass Action = iota
	Drop
	Reject // reject, rejectsrc
	RejectDst
	RejectBoth
	Alert
)

// Place is where something stands in a file.
type Place struct {
	File string
	Line int // of the rule's first line, from 1
}

// String writes file:line.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// Option is one option of a rule, in the order of the rule.
type Option struct {
	Name string // in lower case, as written otherwise: "http.uri", "content"
	// Value without the quotes that enclose it. The language's escapes (\; \" \\ \:) are undone, except in pcre and
	// pcrexform, whose expressions have their own; |xx| is left as it is.
	Value string
	// Negated: the value began with "!", which is removed, whatever the option makes of it: "!=5" is "=5", negated.
	Negated bool
	// Quoted: the value stood in quotes.
	Quoted bool
	// Given: a value was given at all.
	Given bool
}

// Rule is a rule as it is written.
type Rule struct {
	Place
	Text     string // the whole rule, joined to one line
	Action   Action
	Scope    string // what the action is done to: "packet", "flow", or empty as usual (drop:flow)
	Config   bool   // the rule begins with config: its Action is Alert, and it does not alert
	Protocol string // in lower case: "tcp", "http", "tcp-pkt", …
	Hook     string // what follows the protocol: the state at which the rule runs, "request_started" of "http1:request_started"
	// The expressions of the header as written; Compile of Addrs and Ports reads them.
	Src, SrcPort string
	Both         bool // <> instead of ->
	// Transaction: => instead of ->; the options speak of both sides of one transaction.
	Transaction  bool
	Dst, DstPort string
	Options      []Option
	GID, SID     uint32 // GID is 1 unless the rule says otherwise; SID is 0 when it is missing (a Problem)
	Rev          uint32
	Msg          string
}

// Get returns the value of the first option of that name.
func (r *Rule) Get(name string) (value string, ok bool) {
	for i := range r.Options {
		if r.Options[i].Name == name {
			return r.Options[i].Value, true
		}
	}
	return "", false
}

// Problem is why a rule, or a line of another file, was refused.
type Problem struct {
	Place
	SID    uint32 // 0: not known
	Option string // name of the option at fault; empty for the header or the whole
	Reason string // in plain words, without a full stop
}

// String writes the problem in one line: file:line, sid, option, reason.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Place.String())
	b.WriteString(": ")
	if p.SID != 0 {
		fmt.Fprintf(&b, "sid %d: ", p.SID)
	}
	if p.Option != "" {
		fmt.Fprintf(&b, "%s: ", p.Option)
	}
	b.WriteString(p.Reason)
	return b.String()
}
