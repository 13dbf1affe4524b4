// Package lang reads Suricata's rule language: rule files to rules whose options are names and values with their place in
// the file, address and port expressions with variables, and the configuration files that belong to a rule set. It knows
// the grammar, not what an option means: that is package rules.
package lang

import (
	"io"

	"firestorm/internal/packet"
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

// Option is one option of a rule, in the order of the rule.
type Option struct {
	Name  string // in lower case, as written otherwise: "http.uri", "content"
	Value string // without the quotes that enclose it; escapes of the language (\; \" \\ \:) undone, |xx| left as it is
	// Negated: the value began with "!", which is removed.
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
	Protocol string // in lower case: "tcp", "http", "tcp-pkt", …
	// The expressions of the header as written; Compile of Addrs and Ports reads them.
	Src, SrcPort string
	Both         bool // <> instead of ->
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

// Reader's functions, implemented in the files of their names:
//
//	Parse(name string, r io.Reader) ([]*Rule, []Problem, error)
//	ParseRule(text string, at Place) (*Rule, *Problem)
//	Addrs(expr string, v *Vars) (*AddrSet, error)        (s *AddrSet) Has(a *packet.Addr) bool, Any() bool
//	Ports(expr string, v *Vars) (*PortSet, error)        (s *PortSet) Has(p uint16) bool, Any() bool
//	Vars{Addrs, Ports map[string]string}
//	Classifications(name string, r io.Reader) (map[string]Classification, []Problem, error)
//	References(name string, r io.Reader) (map[string]string, []Problem, error)
//	Thresholds(name string, r io.Reader) ([]Threshold, []Problem, error)
//	Settings: ReadSettings(name string, r io.Reader) (*Settings, []Problem, error) for YAML and JSON
var _ io.Reader
var _ packet.Addr
