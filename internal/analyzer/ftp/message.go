package ftp

import (
	"bytes"
	"net/netip"
	"strconv"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// names are the commands of RFC 959, 2228, 2389, 2428, 3659, 7151 and common extensions: known words cost no memory.
var names = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{"USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "REIN", "QUIT", "PORT", "PASV", "TYPE", "STRU", "MODE", "RETR",
		"STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD", "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT",
		"HELP", "NOOP", "AUTH", "ADAT", "PROT", "PBSZ", "CCC", "MIC", "CONF", "ENC", "FEAT", "OPTS", "EPRT", "EPSV", "LANG", "MDTM", "MLSD",
		"MLST", "SIZE", "HOST", "CLNT", "XCUP", "XCWD", "XMKD", "XPWD", "XRMD", "MFMT", "HASH"} {
		m[n] = n
	}
	return m
}()

// Command is one line of the client (RFC 959 5.3).
type Command struct {
	Name string // upper case; empty when the word is none of the protocol's
	Arg  []byte // lent; nil where it is a secret, or the word is unknown
	// Secret says that there was an argument which is not to be kept.
	Secret bool
}

// ParseCommand reads a line without its end.
func ParseCommand(line []byte) Command {
	for len(line) > 0 && (line[0] == 0xff || line[0] == 0xf4 || line[0] == 0xf2) { // Telnet IP and Synch before ABOR (RFC 959 4.1.3)
		line = line[1:]
	}
	word, arg, _ := bytes.Cut(line, []byte(" "))
	var up [4]byte
	if len(word) > len(up) {
		return Command{Secret: len(line) > 0}
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	name, known := names[string(up[:len(word)])]
	if !known { // a mistyped PASS still carries the password
		return Command{Secret: len(line) > 0}
	}
	switch name {
	case "PASS", "ACCT", "ADAT", "MIC", "CONF", "ENC": // passwords, and security data of RFC 2228
		return Command{Name: name, Secret: len(arg) > 0}
	case "SITE": // SITE PSWD old new, and the like
		sub, _, more := bytes.Cut(arg, []byte(" "))
		return Command{Name: name, Arg: sub, Secret: more}
	}
	return Command{Name: name, Arg: bytes.TrimRight(arg, " ")}
}

// ReplyLine is one line of the server (RFC 959 4.2).
type ReplyLine struct {
	Code uint16 // 0: a line in the middle of a reply, without a code
	More bool   // "code-": lines follow until the same code with a space
	Text []byte // lent
}

// ParseReplyLine reads a line without its end.
func ParseReplyLine(line []byte) ReplyLine {
	if len(line) >= 3 && line[0] >= '1' && line[0] <= '6' && digit(line[1]) && digit(line[2]) {
		r := ReplyLine{Code: uint16(line[0]-'0')*100 + uint16(line[1]-'0')*10 + uint16(line[2]-'0')}
		switch {
		case len(line) == 3:
			return r
		case line[3] == ' ', line[3] == '-':
			r.More, r.Text = line[3] == '-', line[4:]
			return r
		}
	}
	return ReplyLine{Text: line}
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// ParseHostPort reads "h1,h2,h3,h4,p1,p2" as it stands in PORT and, after some text, in a 227 reply: hosts do not agree
// on the text, so the first digit begins it (RFC 1123 4.1.2.6).
func ParseHostPort(b []byte) (e event.End, ok bool) {
	for len(b) > 0 && !digit(b[0]) {
		b = b[1:]
	}
	var v [6]byte
	for i := range v {
		n, used := 0, 0
		for used < len(b) && used < 3 && digit(b[used]) {
			n = 10*n + int(b[used]-'0')
			used++
		}
		if used == 0 || n > 255 {
			return event.End{}, false
		}
		v[i], b = byte(n), b[used:]
		if i < 5 {
			if len(b) == 0 || b[0] != ',' {
				return event.End{}, false
			}
			b = b[1:]
		}
	}
	e = event.End{Addr: packet.Addr4(v[:4]), Port: uint16(v[4])<<8 | uint16(v[5])}
	return e, e.Port != 0
}

// ParseExtended reads "<d>net<d>address<d>port<d>" (RFC 2428 2 and 3): of EPRT, and in parentheses of a 229 reply, where
// net and address are empty and e.Addr stays zero.
func ParseExtended(b []byte) (e event.End, ok bool) {
	if i := bytes.IndexByte(b, '('); i >= 0 {
		b = b[i+1:]
	}
	if len(b) < 5 {
		return e, false
	}
	d := b[:1]
	part := bytes.SplitN(b[1:], d, 4)
	if len(part) < 4 {
		return e, false
	}
	if len(part[0])+len(part[1]) > 0 {
		if net := string(part[0]); net != "1" && net != "2" {
			return e, false
		}
		a, err := netip.ParseAddr(string(part[1]))
		if err != nil || a.Zone() != "" {
			return e, false
		}
		e.Addr = packet.FromNetip(a)
	}
	n, err := strconv.ParseUint(string(part[2]), 10, 16)
	if err != nil || n == 0 {
		return event.End{}, false
	}
	e.Port = uint16(n)
	return e, true
}
