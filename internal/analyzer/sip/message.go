package sip

import (
	"bytes"
	"strconv"
)

// Message is what is read of one message (RFC 3261 7). Its parts lie in the bytes that were parsed.
type Message struct {
	Line     []byte // the first line, without its end
	Response bool
	Method   []byte // of a request, as URI
	URI      []byte
	Version  []byte // "SIP/2.0"
	Code     []byte // of a response, as Reason
	Reason   []byte
	Headers  []Header
	Body     int // Content-Length; -1: not said
}

// Header is one header field. Its name is in lower case and of the long form.
type Header struct {
	Name  string
	Value []byte
}

// Bounds of what is read of one message.
const (
	maxLine    = 2048
	maxHead    = 16 << 10
	maxHeaders = 64
)

// methods are those of RFC 3261 27.4 and later ones.
var methods = [][]byte{[]byte("INVITE"), []byte("ACK"), []byte("BYE"), []byte("CANCEL"), []byte("REGISTER"), []byte("OPTIONS"), []byte("PRACK"), []byte("SUBSCRIBE"), []byte("NOTIFY"),
	[]byte("PUBLISH"), []byte("INFO"), []byte("REFER"), []byte("MESSAGE"), []byte("UPDATE")}

// compact are the short forms of names (RFC 3261 7.3.3).
var compact = map[string]string{"f": "from", "t": "to", "v": "via", "c": "content-type", "l": "content-length", "i": "call-id", "m": "contact", "s": "subject", "k": "supported", "e": "content-encoding"}

var (
	version = []byte("SIP/2.0")
	crlf    = []byte("\r\n")
)

// firstLine reads a request line or a status line.
func (m *Message) firstLine(line []byte) bool {
	m.Line = line
	if rest, ok := bytes.CutPrefix(line, []byte("SIP/")); ok {
		v, rest, ok := bytes.Cut(rest, []byte(" "))
		m.Response, m.Version = true, line[:4+len(v)]
		m.Code, m.Reason, _ = bytes.Cut(rest, []byte(" "))
		if len(m.Code) != 3 || len(v) != 3 {
			return false
		}
		_, err := strconv.ParseUint(string(m.Code), 10, 16)
		return ok && err == nil
	}
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 || !bytes.HasPrefix(line[last+1:], []byte("SIP/")) || len(line)-last-1 != len(version) {
		return false
	}
	m.Method, m.URI, m.Version = line[:first], line[first+1:last], line[last+1:]
	for _, c := range m.Method {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// Parse reads a message up to its body. False: it is none. n is where the body begins; -1: the head does not end in b.
func (m *Message) Parse(b []byte) (n int, ok bool) {
	*m = Message{Headers: m.Headers[:0], Body: -1}
	line, rest, found := bytes.Cut(b, crlf)
	if !found || len(line) > maxLine || !m.firstLine(line) {
		return -1, false
	}
	for {
		line, after, found := bytes.Cut(rest, crlf)
		if !found {
			return -1, true
		}
		for len(line) > 0 && len(after) > 0 && (after[0] == ' ' || after[0] == '\t') { // a line that goes on (RFC 3261 7.3.1)
			more, next, found := bytes.Cut(after, crlf)
			if !found {
				return -1, true
			}
			line = rest[:len(line)+2+len(more)]
			after = next
		}
		rest = after
		if len(line) == 0 {
			return len(b) - len(rest), true
		}
		m.header(line)
	}
}

func (m *Message) header(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(m.Headers) == maxHeaders || len(name) > 64 {
		return
	}
	key := string(bytes.ToLower(bytes.TrimSpace(name)))
	if long := compact[key]; long != "" {
		key = long
	}
	value = bytes.TrimSpace(value)
	if key == "content-length" {
		if n, err := strconv.ParseUint(string(value), 10, 24); err == nil {
			m.Body = int(n)
		}
	}
	m.Headers = append(m.Headers, Header{key, value})
}
