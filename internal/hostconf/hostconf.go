// Package hostconf reads what one machine's own configuration says of matters that are encrypted, or invisible, on the
// wire: IPsec connections, the passive ports of an FTP server, NFS exports. It is text in, facts out. Keys, passwords and
// all else that the facts do not name are dropped while reading.
package hostconf

import (
	"strings"

	"firestorm/internal/ipsecconf"
	"firestorm/internal/packet"
)

// Bounds of one file; beyond them reading fails, so that a wrong file is noticed.
const (
	MaxSize     = ipsecconf.MaxSize // bytes
	maxSections = ipsecconf.MaxSections
	maxValues   = ipsecconf.MaxValues // of one setting
	maxText     = ipsecconf.MaxText   // bytes of one value
)

// Error is a line that cannot be read, or a file that is none of those known. Line 0 is the whole file.
type Error = ipsecconf.Error

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
	if err := ipsecconf.Check(name, text); err != nil {
		return err
	}
	if c.by == nil {
		c.by = map[packet.Addr]*Facts{}
	}
	f := c.by[a]
	if f == nil {
		f = &Facts{}
	}
	lines := ipsecconf.Split(text)
	var err error
	switch kindOf(lines) {
	case kindSwanctl:
		err = f.swanctl(name, text)
	case kindIPsec:
		err = f.ipsec(name, text, a)
	case kindFTP:
		err = f.vsftpd(name, lines)
	case kindExports:
		err = f.exports(name, lines)
	case kindSecrets:
		err = &Error{File: name, What: "holds keys: give the file with the connections (ipsec.conf, swanctl.conf); nothing of this one was kept"}
	default:
		err = &Error{File: name, What: "is neither ipsec.conf nor swanctl.conf, vsftpd.conf or exports"}
	}
	if err != nil {
		return err
	}
	f.Files = append(f.Files, name)
	c.by[a] = f
	return nil
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
func kindOf(lines []ipsecconf.Line) kind {
	switch ipsecconf.KindOf(lines) {
	case ipsecconf.Conf:
		return kindIPsec
	case ipsecconf.Swanctl:
		return kindSwanctl
	case ipsecconf.Secrets:
		return kindSecrets
	}
	for _, l := range lines {
		if k, _, ok := strings.Cut(l.Text, "="); ok && ftpKey(k) {
			return kindFTP
		}
	}
	if len(lines) > 0 && (lines[0].Text[0] == '/' || strings.HasPrefix(lines[0].Text, `"/`)) {
		return kindExports
	}
	return kindUnknown
}

func bounded(s string) string { return ipsecconf.Bare(s) }

func list(s string) []string { return ipsecconf.List(s) }
