// Package ipsecconf reads the files of IPsec daemons as they are written: ipsec.conf and ipsec.secrets of FreeS/WAN,
// Openswan, libreswan and strongSwan, swanctl.conf of strongSwan. It knows their grammar, their names of algorithms and
// their shorthand (also=, %default, include, references); what a setting means, its readers know. Keys are weighed and
// hashed while they are read and never kept.
package ipsecconf

import (
	"bytes"
	"fmt"
	"strings"
)

// Bounds of what is read; beyond them reading fails, so that a wrong file is noticed.
const (
	MaxSize     = 1 << 20 // bytes of one file
	MaxSections = 1024    // connections
	MaxValues   = 64      // of one setting
	MaxText     = 256     // bytes of one value
	MaxDepth    = 16      // of nested sections, of also= and of include
	MaxFiles    = 256     // read for one question, with all that they include
)

// Error is a line that cannot be read, or a file that is none of those known. Line 0 is the whole file.
type Error struct {
	File string
	Line int
	What string
}

// Error writes "file:line: what".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.What
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
}

// Line is one line of a file without its blanks at both ends; comments and empty lines are left out.
type Line struct {
	Text     string
	N        int // from 1
	Indented bool
}

// Split cuts a text into its lines.
func Split(text []byte) []Line {
	var out []Line
	for i, l := range strings.Split(string(text), "\n") {
		l = strings.TrimSuffix(l, "\r")
		bare := strings.TrimSpace(l)
		if bare == "" || bare[0] == '#' {
			continue
		}
		out = append(out, Line{bare, i + 1, l[0] == ' ' || l[0] == '\t'})
	}
	return out
}

// Check says whether a text may be a configuration at all.
func Check(file string, text []byte) error {
	switch {
	case len(text) > MaxSize:
		return &Error{file, 0, fmt.Sprintf("is larger than %d bytes: no configuration", MaxSize)}
	case bytes.IndexByte(text, 0) >= 0:
		return &Error{file, 0, "is no text"}
	}
	return nil
}

// Kind is what sort of file a text is.
type Kind uint8

// Kinds of files.
const (
	Unknown Kind = iota
	Conf         // ipsec.conf
	Swanctl      // swanctl.conf
	Secrets      // ipsec.secrets
)

// KindOf tells what sort of file the lines are of.
func KindOf(lines []Line) Kind {
	secrets := false
	for i, l := range lines {
		f := strings.Fields(l.Text)
		switch {
		case !l.Indented && (f[0] == "conn" || f[0] == "config" && len(f) > 1 && f[1] == "setup"):
			return Conf
		case opens(lines, i, "connections"):
			return Swanctl
		case secretLine(l.Text), opens(lines, i, "secrets"):
			secrets = true
		}
	}
	for i := range lines { // swanctl.conf of keys alone
		if opens(lines, i, "secrets") {
			return Swanctl
		}
	}
	if secrets {
		return Secrets
	}
	return Unknown
}

// opens reports whether a section of the name begins in line i.
func opens(lines []Line, i int, name string) bool {
	rest, ok := strings.CutPrefix(lines[i].Text, name)
	if !ok {
		return false
	}
	rest = strings.TrimSpace(rest)
	return strings.HasPrefix(rest, "{") || rest == "" && i+1 < len(lines) && strings.HasPrefix(lines[i+1].Text, "{")
}

func secretLine(s string) bool {
	i := strings.Index(s, ":")
	for ; i >= 0; i = next(s, i) {
		f := strings.Fields(s[i+1:])
		if len(f) > 0 {
			switch strings.ToUpper(f[0]) {
			case "PSK", "RSA", "ECDSA", "XAUTH", "EAP", "PKCS8", "P12", "PIN", "NTLM":
				return true
			}
		}
	}
	return false
}

func next(s string, i int) int {
	j := strings.Index(s[i+1:], ":")
	if j < 0 {
		return -1
	}
	return i + 1 + j
}

// Bare takes the quotes from a value and cuts one that is too long to be any.
func Bare(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' && s[len(s)-1] == '"' || s[0] == '\'' && s[len(s)-1] == '\'') {
		s = s[1 : len(s)-1]
	}
	if len(s) > MaxText {
		s = s[:MaxText]
	}
	return s
}

// List splits a value at commas and blanks.
func List(s string) []string {
	var out []string
	for _, v := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '{' || r == '}' }) {
		if v = Bare(v); v != "" && len(out) < MaxValues {
			out = append(out, v)
		}
	}
	return out
}

// Setting is a value with the place where it stands.
type Setting struct {
	Value string
	File  string
	Line  int
}

// Said reports whether the file has the setting.
func (s Setting) Said() bool { return s.Line > 0 }
