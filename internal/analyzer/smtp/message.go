package smtp

import "bytes"

// verbs are the commands of RFC 5321 and its extensions.
var verbs = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{"HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "AUTH", "STARTTLS", "ETRN", "TURN"} {
		m[n] = n
	}
	return m
}()

const longestVerb = len("STARTTLS")

// Command is one line of the client (RFC 5321 4.1.1).
type Command struct {
	Verb string // upper case; empty when the word is none of the protocol's
	Arg  []byte // lent; nil where the verb is unknown: it may be anything, a password too
}

// ParseCommand reads a line without its end.
func ParseCommand(line []byte) Command {
	word, arg, _ := bytes.Cut(line, []byte(" "))
	var up [longestVerb]byte
	if len(word) > len(up) {
		return Command{}
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	verb, known := verbs[string(up[:len(word)])]
	if !known {
		return Command{}
	}
	return Command{verb, bytes.TrimSpace(arg)}
}

// Path returns the path of MAIL FROM: or RCPT TO:, with its brackets (RFC 5321 4.1.2), nil when there is none.
func Path(arg []byte) []byte {
	i := bytes.IndexByte(arg, ':')
	if i < 0 {
		return nil
	}
	arg = bytes.TrimLeft(arg[i+1:], " ")
	if j := bytes.IndexByte(arg, '>'); len(arg) > 0 && arg[0] == '<' && j > 0 {
		return arg[:j+1]
	}
	path, _, _ := bytes.Cut(arg, []byte(" "))
	return path
}

// ParseReplyLine reads a line of the server: code, text, and whether another line of the reply follows (RFC 5321 4.2.1).
// The code is 0 for anything else.
func ParseReplyLine(line []byte) (code uint16, text []byte, more bool) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' || !digit(line[1]) || !digit(line[2]) {
		return 0, nil, false
	}
	code = uint16(line[0]-'0')*100 + uint16(line[1]-'0')*10 + uint16(line[2]-'0')
	switch {
	case len(line) == 3:
		return code, nil, false
	case line[3] == ' ', line[3] == '-':
		return code, line[4:], line[3] == '-'
	}
	return 0, nil, false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// chunk returns the size of a BDAT command and whether it is the last (RFC 3030 2). ok is false for any other words.
func chunk(arg []byte) (n uint64, last, ok bool) {
	size, rest, _ := bytes.Cut(arg, []byte(" "))
	for _, c := range size {
		if !digit(c) || n > 1<<56 {
			return 0, false, false
		}
		n = 10*n + uint64(c-'0')
	}
	rest = bytes.TrimSpace(rest)
	last = bytes.EqualFold(rest, []byte("LAST"))
	return n, last, len(size) > 0 && (last || len(rest) == 0)
}
