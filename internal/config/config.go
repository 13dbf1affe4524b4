// Package config is the program's one configuration file: strict YAML, read into typed structs. Every key stands once, in
// the table Sections, with its unit, default and range; the check of a file, "firestorm config show", the example file and
// docs/configuration.md all come from that table.
//
// A room's keys are one file here: a struct, a Section with its keys, one field of Config and one entry of Sections. The
// structs are plain: who wires the program copies them into the rooms' own Options.
package config

import (
	"fmt"
	"strings"
)

// Config is the whole file. The zero value is not useful: Default has the values that hold where no file says otherwise.
type Config struct {
	Network  Network
	Capture  Capture
	Analysis Analysis
	Rules    Rules
	Findings Findings
	Outputs  Outputs
	Mail     Mail
	Blocking Blocking
	Evidence Evidence
	Backup   Backup
	Service  Service
}

// Sections are the parts of the file in the order in which it is written and shown. They must not be changed.
var Sections = []Section{networkSection, captureSection, analysisSection, rulesSection, findingsSection, outputsSection, mailSection, blockingSection, evidenceSection, backupSection, serviceSection}

// Section is one part of the file: a name at its outermost level and the keys below it.
type Section struct {
	Name  string
	About string // a sentence or two, for a person
	Keys  []Key
	at    func(*Config) any // pointer to the section's struct
}

// Problem is what is wrong at one place of a file.
type Problem struct {
	File         string
	Line, Column int // from 1; 0: the file as a whole
	What         string
	Try          string // what was probably meant; may be empty
}

// Error writes the problem as compilers do: file:line:column: what.
func (p *Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	s := at + ": " + p.What
	if p.Try != "" {
		s += "; " + p.Try
	}
	return s
}

// Problems are all that is wrong with a file, in the order of its lines.
type Problems []*Problem

// Error writes one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Default is the configuration that holds without a file.
func Default() *Config {
	c := &Config{}
	for i := range Sections {
		s := &Sections[i]
		target := s.at(c)
		for j := range s.Keys {
			s.Keys[j].preset(target)
		}
	}
	return c
}
