// Package hostconf reads what one machine's own configuration says of matters that are encrypted, or invisible, on the
// wire: IPsec connections, the passive ports of an FTP server, NFS exports. It is text in, facts out. Keys, passwords and
// all else that the facts do not name are dropped while reading.
package hostconf

import (
	"bytes"
	"fmt"
	"strings"

	"firestorm/internal/packet"
)

// Bounds of one file; beyond them reading fails, so that a wrong file is noticed.
const (
	MaxSize     = 1 << 20 // bytes
	maxSections = 1024    // connections, or exports
	maxValues   = 64      // of one setting
	maxText     = 256     // bytes of one value
	maxDepth    = 16      // of nested sections
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

// Facts are what the files of one host say. Text in them is the file's own.
type Facts struct {
	Files       []string // names, as given
	Connections []Connection
	FTP         *FTP // nil: no such file was given
	Exports     []Export
}

// Context holds the facts of all hosts for which files were given. The nil Context knows none.
type Context struct {
	by map[packet.Addr]*Facts
}

// For returns the facts of a host by its address as the capture shows it; nil: none were given.
func (c *Context) For(a packet.Addr) *Facts {
	if c == nil {
		return nil
	}
	return c.by[a]
}

// Add reads a file of the host with address a. What sort it is, its contents tell: ipsec.conf, swanctl.conf,
// vsftpd.conf or exports. name is used in errors and kept. text is not kept.
func (c *Context) Add(a packet.Addr, name string, text []byte) error {
	if len(text) > MaxSize {
		return &Error{name, 0, fmt.Sprintf("is larger than %d bytes: no configuration", MaxSize)}
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return &Error{name, 0, "is no text"}
	}
	if c.by == nil {
		c.by = map[packet.Addr]*Facts{}
	}
	f := c.by[a]
	if f == nil {
		f = &Facts{}
	}
	lines := split(text)
	var err error
	switch kindOf(lines) {
	case kindSwanctl:
		err = f.swanctl(name, text)
	case kindIPsec:
		err = f.ipsec(name, lines, a)
	case kindFTP:
		err = f.vsftpd(name, lines)
	case kindExports:
		err = f.exports(name, lines)
	case kindSecrets:
		err = &Error{name, 0, "holds keys: give the file with the connections (ipsec.conf, swanctl.conf); nothing of this one was kept"}
	default:
		err = &Error{name, 0, "is neither ipsec.conf nor swanctl.conf, vsftpd.conf or exports"}
	}
	if err != nil {
		return err
	}
	f.Files = append(f.Files, name)
	c.by[a] = f
	return nil
}

// line is one line without its comment and blanks; n counts from 1.
type line struct {
	text     string
	n        int
	indented bool
}

func split(text []byte) []line {
	var out []line
	for i, l := range strings.Split(string(text), "\n") {
		l = strings.TrimSuffix(l, "\r")
		bare := strings.TrimSpace(l)
		if bare == "" || bare[0] == '#' {
			continue
		}
		out = append(out, line{bare, i + 1, l[0] == ' ' || l[0] == '\t'})
	}
	return out
}

type kind uint8

const (
	kindUnknown kind = iota
	kindSwanctl
	kindIPsec
	kindFTP
	kindExports
	kindSecrets
)

// kindOf tells what sort of file the lines are of.
func kindOf(lines []line) kind {
	secrets, ftp := false, 0
	for i, l := range lines {
		first, rest, _ := strings.Cut(l.text, " ")
		switch {
		case !l.indented && (first == "conn" || first == "config" && strings.TrimSpace(rest) == "setup"):
			return kindIPsec
		case strings.HasPrefix(l.text, "connections") && strings.Contains(l.text+next(lines, i), "{"):
			return kindSwanctl
		case strings.Contains(l.text, ": PSK"), strings.Contains(l.text, ": RSA"), strings.HasPrefix(l.text, "secrets"):
			secrets = true
		}
		if k, _, ok := strings.Cut(l.text, "="); ok && ftpKey(k) {
			ftp++
		}
	}
	switch {
	case secrets:
		return kindSecrets
	case ftp > 0:
		return kindFTP
	case len(lines) > 0 && (lines[0].text[0] == '/' || strings.HasPrefix(lines[0].text, `"/`)):
		return kindExports
	}
	return kindUnknown
}

func next(lines []line, i int) string {
	if i+1 < len(lines) {
		return lines[i+1].text
	}
	return ""
}

// bounded cuts a value that is too long to be one.
func bounded(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' && s[len(s)-1] == '"' || s[0] == '\'' && s[len(s)-1] == '\'') {
		s = s[1 : len(s)-1]
	}
	if len(s) > maxText {
		s = s[:maxText]
	}
	return s
}

// list splits a value at commas and blanks.
func list(s string) []string {
	var out []string
	for _, v := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '{' || r == '}' }) {
		if v = bounded(v); v != "" && len(out) < maxValues {
			out = append(out, v)
		}
	}
	return out
}
