package pop3

import "bytes"

// words are the commands of RFC 1939, 2449, 2595, 5034.
var words = func() map[string]string {
	m := map[string]string{}
	for _, n := range []string{"USER", "PASS", "APOP", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP", "UIDL", "CAPA", "STLS", "AUTH", "UTF8", "LANG"} {
		m[n] = n
	}
	return m
}()

// Command is one line of the client (RFC 1939 3).
type Command struct {
	Word string // upper case; empty when it is none of the protocol's
	Arg  []byte // lent; never that of PASS, nor of an unknown word: a mistyped PASS still holds the password
}

// ParseCommand reads a line without its end.
func ParseCommand(line []byte) Command {
	word, arg, _ := bytes.Cut(line, []byte(" "))
	var up [4]byte
	if len(word) > len(up) {
		return Command{}
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		up[i] = c
	}
	name, known := words[string(up[:len(word)])]
	if !known || name == "PASS" {
		return Command{Word: name}
	}
	return Command{name, bytes.TrimSpace(arg)}
}

// ParseStatus reads the first line of a reply: "+OK" or "-ERR" and text.
func ParseStatus(line []byte) (positive bool, text []byte, ok bool) {
	for i, s := range []string{"+OK", "-ERR"} {
		if len(line) >= len(s) && string(line[:len(s)]) == s && (len(line) == len(s) || line[len(s)] == ' ') {
			return i == 0, bytes.TrimSpace(line[len(s):]), true
		}
	}
	return false, nil, false
}

// long reports whether a positive reply to the command goes on until a line with a dot (RFC 1939 3).
func long(word string, arg []byte) bool {
	switch word {
	case "RETR", "TOP", "CAPA":
		return true
	case "LIST", "UIDL", "AUTH":
		return len(arg) == 0
	}
	return false
}
