package http

import "bytes"

// Message is the head of a request (RFC 9112 3) or of a response (RFC 9112 4). Its parts lie in the bytes that were
// parsed and are as the sender wrote them: nothing is decoded, folded or put into another case.
type Message struct {
	Raw     []byte // the whole head with its line ends
	Line    []byte // start line without its line end
	Method  []byte // request
	Target  []byte // request: origin, absolute, authority or asterisk form
	Version []byte // "HTTP/1.1"; empty: a request of HTTP/0.9, that has no fields
	Code    []byte // response: its status as sent
	Reason  []byte // response
	Status  int    // response: 100 to 999; 0: not a number
	Fields  []Field
	Skipped int // fields beyond MaxFields

	authority []byte          // who is asked, where that stands in no field: ":authority"
	first     [numKnown]int16 // index + 1 into Fields of the first field of a known name
	lineEnd   int             // of Raw: where the fields begin
	folded    bool            // a folded line was read as a field of its own
}

// Field is a field line (RFC 9112 5). White space around the value is left out; a folded value (obs-fold) holds its line
// ends.
type Field struct{ Name, Value []byte }

// MaxFields bounds the fields of one head.
const MaxFields = 256

// ParseRequest reads the head of a request, empty last line and all. It takes what servers take: bare line feeds, white
// space in odd places, a missing version. False: the first line is no request.
func (m *Message) ParseRequest(b []byte) bool {
	rest := m.begin(b)
	line := m.Line
	sp := bytes.IndexAny(line, " \t")
	if sp <= 0 || !isToken(line[:sp]) {
		return false
	}
	m.Method = line[:sp]
	target := bytes.TrimLeft(line[sp:], " \t")
	if i := bytes.LastIndexAny(target, " \t"); i >= 0 && hasFold(target[i+1:], "http/") {
		m.Version = target[i+1:]
		target = target[:i]
	}
	m.Target = bytes.TrimRight(target, " \t")
	if len(m.Target) == 0 {
		return false
	}
	m.fields(rest, false)
	return true
}

// ParseResponse reads the head of a response. False: the first line is no status line.
func (m *Message) ParseResponse(b []byte) bool {
	for len(b) > 0 && (b[0] == 0 || b[0] == ' ') {
		b = b[1:]
	}
	rest := m.begin(b)
	if i := bytes.IndexByte(m.Line, '\r'); i >= 0 {
		m.Line, rest = m.Line[:i], b[i+1:]
		m.lineEnd = i + 1
	}
	line := m.Line
	if !hasFold(line, "http/") {
		return false
	}
	sp := bytes.IndexAny(line, " \t")
	if sp < 0 {
		sp = len(line)
	}
	m.Version = line[:sp]
	line = bytes.TrimLeft(line[sp:], " \t")
	n := 0
	for n < len(line) && n < 3 && line[n] >= '0' && line[n] <= '9' {
		m.Status = 10*m.Status + int(line[n]-'0')
		n++
	}
	if n < 3 || m.Status < 100 || n < len(line) && line[n] != ' ' && line[n] != '\t' {
		m.Status = 0
	}
	m.Code = line
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		m.Code = line[:i]
	}
	m.Reason = bytes.Trim(line[n:], " \t")
	m.fields(rest, true)
	return true
}

// begin forgets what m held and cuts the start line off.
func (m *Message) begin(b []byte) (rest []byte) {
	*m = Message{Raw: b, Fields: m.Fields[:0]}
	m.Line, rest = cutLine(b)
	m.lineEnd = len(b) - len(rest)
	return rest
}

// blanks are what counts as white space around names and values: browsers and servers let all of it pass.
const blanks = " \t\r\n\v\f\x00"

// trim cuts blanks off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }

// fields reads field lines up to the empty line or the end. As browsers have it in responses, a line may end with a carriage
// return alone, and with HTTP/1.1 a folded line with a colon is a field of its own.
func (m *Message) fields(b []byte, response bool) {
	cut, apart := cutLine, false
	if response {
		cut, apart = cutLoosely, eqFold(m.Version, "http/1.1")
	}
	for len(b) > 0 {
		var line []byte
		start := b
		line, b = cut(b)
		if len(line) == 0 {
			if start[0] == '\r' && (len(start) < 2 || start[1] != '\n') {
				continue
			}
			return
		}
		for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || response && b[0] == 0) { // obs-fold (RFC 9112 5.2)
			next, after := cut(b)
			if apart && bytes.IndexByte(next, ':') >= 0 && bytes.IndexByte(line, ':') >= 0 {
				m.folded = true
				break
			}
			b = after
			line = bytes.TrimRight(start[:len(start)-len(b)], "\r\n")
		}
		if len(m.Fields) == MaxFields {
			m.Skipped++
			continue
		}
		f := Field{Name: line}
		if i := bytes.IndexByte(line, ':'); i >= 0 {
			f.Name, f.Value = line[:i], trim(line[i+1:]) // not nil: that is for a line without a colon
		}
		f.Name = trim(f.Name)
		m.Fields = append(m.Fields, f)
		if k := knownField(f.Name); k < numKnown && m.first[k] == 0 {
			m.first[k] = int16(len(m.Fields))
		}
	}
}

// cutLine splits off the first line; its end is a line feed, with or without a carriage return before it.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

// cutLoosely splits off a line that may end with a carriage return alone.
func cutLoosely(b []byte) (line, rest []byte) {
	line, rest = cutLine(b)
	for i, c := range line {
		if c == '\r' && (i+1 >= len(b) || b[i+1] != '\n' && b[i+1] != '\r') {
			return line[:i], b[i+1:]
		}
	}
	return line, rest
}

// known is a field name that the analyzer looks at.
type known uint8

const (
	fHost known = iota
	fUserAgent
	fReferer
	fAuthorization
	fCookie
	fForwardedProto
	fForwardedFor
	fContentLength
	fTransferEncoding
	fContentType
	fContentEncoding
	fContentRange
	fLocation
	fRetryAfter
	fCacheControl
	fPragma
	fExpires
	fLastModified
	fETag
	fAge
	fVia
	fXCache
	fServer
	fDate
	fSetCookie
	fAuthenticate
	fUpgrade
	fConnection
	fAccept
	fAcceptEncoding
	fAcceptLanguage
	fDisposition
	fHTTP2Settings
	numKnown
)

var knownNames = map[string]known{
	"host": fHost, "user-agent": fUserAgent, "referer": fReferer, "authorization": fAuthorization, "cookie": fCookie,
	"x-forwarded-proto": fForwardedProto, "x-forwarded-for": fForwardedFor, "content-length": fContentLength,
	"transfer-encoding": fTransferEncoding, "content-type": fContentType, "content-encoding": fContentEncoding,
	"content-range": fContentRange, "location": fLocation, "retry-after": fRetryAfter, "cache-control": fCacheControl,
	"pragma": fPragma, "expires": fExpires, "last-modified": fLastModified, "etag": fETag, "age": fAge, "via": fVia,
	"x-cache": fXCache, "server": fServer, "date": fDate, "set-cookie": fSetCookie, "www-authenticate": fAuthenticate,
	"upgrade": fUpgrade, "connection": fConnection, "accept": fAccept, "accept-encoding": fAcceptEncoding, "accept-language": fAcceptLanguage,
	"content-disposition": fDisposition, "http2-settings": fHTTP2Settings,
}

// knownField returns numKnown for other names.
func knownField(name []byte) known {
	var low [20]byte
	if len(name) > len(low) {
		return numKnown
	}
	n := 0
	for _, c := range name {
		if c == 0 {
			continue // what reads names in C may not see it
		}
		low[n] = lower(c)
		n++
	}
	if k, ok := knownNames[string(low[:n])]; ok {
		return k
	}
	return numKnown
}

// get returns the value of the first field of a known name; nil if there is none.
func (m *Message) get(k known) []byte {
	if i := m.first[k]; i > 0 {
		return m.Fields[i-1].Value
	}
	return nil
}

// has reports whether a field of a known name is there, be it empty.
func (m *Message) has(k known) bool { return m.first[k] > 0 }

// Get returns the value of the first field named so, in any case; nil if there is none.
func (m *Message) Get(name string) []byte {
	for i := range m.Fields {
		if n := m.Fields[i].Name; len(n) == len(name) && hasFold(n, name) {
			return m.Fields[i].Value
		}
	}
	return nil
}

// hasFold reports whether b begins with prefix, in any case.
func hasFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && foldPrefix(b[:len(prefix)], prefix)
}

// foldPrefix reports whether b, as far as it goes, agrees with word, in any case.
func foldPrefix(b []byte, word string) bool {
	if len(b) > len(word) {
		b = b[:len(word)]
	}
	for i, c := range b {
		if lower(c) != lower(word[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// isToken reports whether b is a token (RFC 9110 5.6.2) of a length that methods have.
func isToken(b []byte) bool {
	if len(b) == 0 || len(b) > maxMethod {
		return false
	}
	for _, c := range b {
		if !tokenByte(c) {
			return false
		}
	}
	return true
}

const maxMethod = 32

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

// headBack is how many bytes before what is new the end of a head may begin.
const headBack = 4

// headEnd returns the length of the head at the begin of b, with its empty last line, or -1 if its end is not there.
// Before from no end begins.
func headEnd(b []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return -1
		}
		i += n + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		case i+2 < len(b) && b[i] == '\r' && b[i+1] == '\r' && b[i+2] == '\n':
			return i + 3
		case i+2 < len(b) && (b[i] == ' ' || b[i] == '\t') && b[i+1] == '\n' && b[i+2] != '\n':
			return i + 2 // servers and browsers take a line with one blank for empty
		}
	}
}

// number reads a Content-Length (RFC 9110 8.6), the first number in it, whatever stands around; -1: none.
func number(b []byte) int64 {
	for len(b) > 0 && (b[0] < '0' || b[0] > '9') {
		b = b[1:]
	}
	n, digits := int64(0), 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		if n > 1<<58 {
			return -1
		}
		n = 10*n + int64(c-'0')
		digits++
	}
	if digits == 0 {
		return -1
	}
	return n
}

// chunkSize reads a chunk-size, whatever extensions or junk follow (RFC 9112 7.1); -1: none.
func chunkSize(b []byte) int64 {
	b = bytes.TrimLeft(b, chunkBlanks)
	n, digits := int64(0), 0
	for _, c := range b {
		var v int64
		switch c = lower(c); {
		case c >= '0' && c <= '9':
			v = int64(c - '0')
		case c >= 'a' && c <= 'f':
			v = int64(c-'a') + 10
		default:
			if digits == 0 {
				return -1
			}
			return n
		}
		if n > 1<<54 {
			return -1
		}
		n = n<<4 | v
		digits++
	}
	if digits == 0 {
		return -1
	}
	return n
}

// chunked reports whether a Transfer-Encoding speaks of chunks: who takes it seriously takes it wherever it stands.
func (m *Message) chunked() bool {
	for i := range m.Fields {
		if knownField(m.Fields[i].Name) != fTransferEncoding {
			continue
		}
		if holds(m.Fields[i].Value, "chunked") {
			return true
		}
	}
	return false
}

// digits reports whether b is nothing but digits.
func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// chunkBlanks may stand before a chunk-size, or alone in its line.
const chunkBlanks = " \t\r\n\v\f"

// lastCoding returns the last coding of a list such as Transfer-Encoding's.
func lastCoding(b []byte) []byte {
	if i := bytes.LastIndexByte(b, ','); i >= 0 {
		b = b[i+1:]
	}
	return bytes.Trim(b, " \t")
}
