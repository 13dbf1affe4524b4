package imap

import "bytes"

// Command is the begin of a line of the client (RFC 9051 2.2.1).
type Command struct {
	Tag  []byte // lent
	Word string // LOGIN, AUTHENTICATE, STARTTLS, LOGOUT; empty: another
	Rest []byte // lent: what follows the word; of LOGIN it holds the password
}

// ParseCommand reads a line without its end.
func ParseCommand(line []byte) (c Command) {
	tag, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !isTag(tag) {
		return c
	}
	c.Tag = tag
	word, args, _ := bytes.Cut(rest, []byte(" "))
	for _, w := range []string{"LOGIN", "AUTHENTICATE", "STARTTLS", "LOGOUT"} {
		if bytes.EqualFold(word, []byte(w)) {
			c.Word, c.Rest = w, args
		}
	}
	return c
}

// maxTag bounds a tag in bytes; clients take a letter and a number.
const maxTag = 32

func isTag(b []byte) bool {
	if len(b) == 0 || len(b) > maxTag {
		return false
	}
	for _, c := range b {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// ParseString reads an atom or a quoted string (RFC 9051 4.1, 4.3) into dst. It returns what follows; ok is false for
// anything else, a literal among it.
func ParseString(dst, b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] == '{' {
		return dst, nil, false
	}
	if b[0] != '"' {
		s, rest, _ := bytes.Cut(b, []byte(" "))
		return append(dst, s...), rest, true
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '"':
			return dst, bytes.TrimLeft(b[i+1:], " "), true
		case '\\':
			if i++; i == len(b) {
				return dst, nil, false
			}
		}
		dst = append(dst, b[i])
	}
	return dst, nil, false
}

// Literal returns the size of the literal that a line announces at its end (RFC 9051 4.3, RFC 7888), false for none.
func Literal(line []byte) (n uint64, ok bool) {
	if len(line) < 3 || line[len(line)-1] != '}' {
		return 0, false
	}
	b := line[:len(line)-1]
	if b[len(b)-1] == '+' || b[len(b)-1] == '-' {
		b = b[:len(b)-1]
	}
	i := bytes.LastIndexByte(b, '{')
	if i < 0 || i+1 == len(b) || len(b)-i > 18 {
		return 0, false
	}
	for _, c := range b[i+1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, true
}
