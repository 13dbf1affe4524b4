package ruletraffic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// httpMessage is a request or an answer.
type httpMessage struct {
	a, b, c string // the three words of the first line
	headers []httpHeader
	body    []byte
}

type httpHeader struct{ name, value string }

func (h *httpMessage) get(name string) (string, bool) {
	for _, x := range h.headers {
		if strings.EqualFold(x.name, name) {
			return x.value, true
		}
	}
	return "", false
}

// set gives a header a value where it has none so far.
func (h *httpMessage) set(name, value string) {
	for i := range h.headers {
		if strings.EqualFold(h.headers[i].name, name) {
			h.headers[i].value = value
			return
		}
	}
	h.headers = append(h.headers, httpHeader{name, value})
}

// headerOf are the buffers that are one header's value.
var headerOf = map[string]string{"http.host": "Host", "http.host.raw": "Host", "http.user_agent": "User-Agent", "http.referer": "Referer",
	"http.accept": "Accept", "http.accept_enc": "Accept-Encoding", "http.accept_lang": "Accept-Language", "http.connection": "Connection",
	"http.content_type": "Content-Type", "http.content_len": "Content-Length", "http.server": "Server", "http.location": "Location"}

const lettersDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

func printable(c byte) bool { return c >= ' ' && c < 127 }
func visible(c byte) bool   { return c > ' ' && c < 127 }

func trimmed(b []byte) bool {
	s := string(b)
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsAny(s, "\r\n\x00")
}

// httpStyles are what the buffers may hold.
var httpStyles = map[string]style{
	"http.method": {filler: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", good: token},
	"http.uri":    {filler: lettersDigits, begin: "/", other: "/q?a=", legal: visible, good: goodURI}, "http.uri.raw": {filler: lettersDigits, begin: "/", legal: visible, good: goodRawURI},
	"http.protocol": {filler: "1", begin: "HTTP/1.1"}, "http.request_body": anyBytes, "http.response_body": anyBytes, "file.data": anyBytes,
	"http.header": {filler: lettersDigits, legal: printable, line: true, good: goodLines}, "http.header.raw": {filler: lettersDigits, legal: printable, line: true, good: goodLines},
	"http.header_names":  {filler: lettersDigits, begin: "\r\n", good: goodNames},
	"http.start":         {filler: lettersDigits, legal: printable, begin: "GET /start HTTP/1.1\r\n", line: true, end: []string{"\r\n\r\n", "\r\n", "", "x\r\n\r\n"}, good: goodStart},
	"http.request_line":  {filler: lettersDigits, begin: "GET /", end: []string{" HTTP/1.1", "", "HTTP/1.1", "1", " HTTP/1.0"}, good: goodRequestLine},
	"http.response_line": {filler: lettersDigits, begin: "HTTP/1.1", end: []string{"", " OK", " 200 OK"}, good: goodResponseLine},
	"http.host":          {filler: lettersDigits, legal: func(c byte) bool { return visible(c) && (c < 'A' || c > 'Z') }, good: goodHost},
	"http.host.raw":      {filler: lettersDigits, legal: visible, good: trimmed},
	"http.stat_code": {filler: "0123456789", good: func(b []byte) bool {
		n, err := strconv.Atoi(string(b))
		return err == nil && n >= 200 && n <= 999 && len(b) == 3
	}},
	"http.content_len": {filler: "0123456789", good: func(b []byte) bool {
		n, err := strconv.Atoi(string(b))
		return err == nil && n < 60000 && strconv.Itoa(n) == string(b)
	}},
}

func token(b []byte) bool {
	return len(b) > 0 && strings.Trim(string(b), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// goodURI: a normalised path has no double slash, no dots to walk by and no backslash.
func goodURI(b []byte) bool {
	path, _, _ := strings.Cut(string(b), "?")
	return len(b) > 0 && !strings.Contains(path, "//") && !strings.Contains(path, "/./") && !strings.Contains(path, "/../") && !strings.Contains(path, `\`) &&
		!strings.ContainsAny(string(b), "\x00#") && !strings.HasSuffix(path, "/..") && !strings.HasSuffix(path, "/.") && b[0] == '/'
}

func goodRawURI(b []byte) bool {
	return len(b) > 0 && b[0] == '/' && !strings.ContainsFunc(string(b), func(r rune) bool { return r <= ' ' })
}

func goodHost(b []byte) bool {
	return trimmed(b) && !strings.ContainsAny(string(b), ":/@ ") && !strings.HasSuffix(string(b), ".")
}

func goodLines(b []byte) bool { _, ok := lines(b); return ok }

// lines reads a block of headers; what hangs over at its end is a value.
func lines(b []byte) ([]httpHeader, bool) {
	var out []httpHeader
	s := strings.TrimPrefix(string(b), "\r\n")
	for _, l := range strings.Split(strings.TrimSuffix(s, "\r\n"), "\r\n") {
		name, value, ok := strings.Cut(l, ": ")
		if !ok {
			if name, ok = strings.CutSuffix(l, ":"); !ok {
				return nil, false
			}
		}
		if !token([]byte(name)) || value != "" && !trimmed([]byte(value)) {
			return nil, false
		}
		out = append(out, httpHeader{name, value})
	}
	return out, len(out) > 0
}

func goodNames(b []byte) bool { _, ok := nameList(string(b)); return ok }

// nameList reads what http.header_names holds: a line for each name, an empty one before and behind.
func nameList(s string) ([]string, bool) {
	in, ok := strings.CutPrefix(s, "\r\n")
	if in, ok2 := strings.CutSuffix(in, "\r\n\r\n"); ok && ok2 && in != "" {
		names := strings.Split(in, "\r\n")
		for _, n := range names {
			if !token([]byte(n)) {
				return nil, false
			}
		}
		return names, true
	}
	return nil, false
}

func goodRequestLine(b []byte) bool {
	f := strings.Split(string(b), " ")
	return len(f) == 3 && token([]byte(f[0])) && strings.HasPrefix(f[1], "/") && (f[2] == "HTTP/1.1" || f[2] == "HTTP/1.0")
}

// goodStart: a first line, then headers and an empty line.
func goodStart(b []byte) bool {
	line, block, ok := strings.Cut(string(b), "\r\n")
	block, end := strings.CutSuffix(block, "\r\n\r\n")
	return ok && end && goodLines([]byte(block)) && strings.Count(line, " ") >= 2
}

func goodResponseLine(b []byte) bool {
	f := strings.SplitN(string(b), " ", 3)
	return len(f) == 3 && strings.HasPrefix(f[0], "HTTP/1.") && len(f[1]) == 3 && trimmed([]byte(f[2]))
}

func errorf(format string, a ...any) error { return fmt.Errorf(format, a...) }

// httpTalk is a request and its answer that hold what the parts ask for.
func (m *meaning) httpTalk(parts []*part, rng *rand.Rand) (*talk, error) {
	return m.httpWithBody(parts, nil, rng)
}

func (m *meaning) httpWithBody(parts []*part, body []byte, rng *rand.Rand) (*talk, error) {
	if m.rule.Pair {
		return m.httpPair(parts, rng)
	}
	x := httpMaker{m: m, rng: rng, body: body, msg: &httpMessage{a: "GET", b: "/" + word(rng), c: "HTTP/1.1"}}
	if m.dir == ToClient {
		x.msg = &httpMessage{a: "HTTP/1.1", b: "200", c: "OK"}
	}
	if err := x.build(parts); err != nil {
		return nil, err
	}
	t := &talk{app: "http"}
	if m.dir == ToServer {
		derive(t, x.msg, ToServer)
		t.say(ToServer, x.msg.text())
		answer := &httpMessage{a: "HTTP/1.1", b: "200", c: "OK", headers: []httpHeader{{"Content-Length", "2"}}, body: []byte("ok")}
		t.say(ToClient, answer.text())
		return t, nil
	}
	ask := &httpMessage{a: "GET", b: "/" + word(rng), c: "HTTP/1.1", headers: []httpHeader{{"Host", "h.example"}}}
	t.say(ToServer, ask.text())
	derive(t, x.msg, ToClient)
	t.say(ToClient, x.msg.text())
	return t, nil
}

// httpPair is a request and its answer, each of which holds what the parts ask of it.
func (m *meaning) httpPair(parts []*part, rng *rand.Rand) (*talk, error) {
	t := &talk{app: "http"}
	for d, side := range []string{"c", "s"} {
		one := *m
		one.dir = Dir(d)
		x := httpMaker{m: &one, rng: rng, msg: &httpMessage{a: "GET", b: "/" + word(rng), c: "HTTP/1.1"}}
		if one.dir == ToClient {
			x.msg = &httpMessage{a: "HTTP/1.1", b: "200", c: "OK"}
		}
		var own []*part
		for _, p := range parts {
			if p.dir == side {
				own = append(own, p)
			}
		}
		if err := x.build(own); err != nil {
			return nil, err
		}
		derive(t, x.msg, one.dir)
		t.say(one.dir, x.msg.text())
	}
	return t, nil
}

func word(rng *rand.Rand) string {
	b := make([]byte, 3+rng.IntN(5))
	for i := range b {
		b[i] = lettersDigits[rng.IntN(26)]
	}
	return string(b)
}

func (h *httpMessage) text() string {
	var b strings.Builder
	b.WriteString(h.line() + "\r\n")
	for _, x := range h.headers {
		b.WriteString(x.name + ": " + x.value + "\r\n")
	}
	return b.String() + "\r\n" + string(h.body)
}

func (h *httpMessage) line() string { return strings.TrimRight(h.a+" "+h.b+" "+h.c, " ") }

// httpMaker puts one message together.
type httpMaker struct {
	m     *meaning
	rng   *rand.Rand
	msg   *httpMessage
	body  []byte
	names []string // of headers in order, where http.header_names or http.start say
	given bool     // names are given
}

func (x *httpMaker) text(p *part) (string, error) {
	k, ok := httpStyles[p.name]
	if !ok {
		k = style{filler: lettersDigits, legal: printable, good: trimmed}
	}
	if p.name == "http.start" && x.m.dir == ToClient {
		k.begin = "HTTP/1.1 200 OK\r\n"
	}
	if p.name == "http.header_names" {
		return fillNames(p, x.rng)
	}
	b, err := p.fill(&k, func(cs []check, k *style) ([]byte, bool) { return fill(cs, k, x.rng) })
	return string(b), err
}

func (x *httpMaker) build(parts []*part) error {
	parts = slices.Clone(parts)
	order := func(p *part) int {
		return max(0, slices.Index([]string{"", "http.header_names", "http.start", "http.header", "http.header.raw", "http.cookie"}, p.name))
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return order(b) - order(a) })
	block := []httpHeader{}
	single := map[string]string{}
	for _, p := range parts {
		if strings.HasPrefix(p.name, "http.header") && p.asksOnlyAbsence() || p.absent() {
			continue
		}
		s, err := x.text(p)
		if err != nil {
			return err
		}
		switch p.name {
		case "http.method", "http.response_line", "http.request_line", "http.protocol", "http.stat_code", "http.stat_msg":
			if err := x.firstLine(p.name, s); err != nil {
				return err
			}
		case "http.start":
			line, rest, _ := strings.Cut(s, "\r\n")
			if err := x.firstLine(p.name, line); err != nil {
				return err
			}
			l, _ := lines([]byte(strings.TrimSuffix(rest, "\r\n\r\n")))
			block = append(block, l...)
		case "http.uri":
			x.msg.b = encodeURI(s)
		case "http.uri.raw":
			x.msg.b = s
		case "http.header", "http.header.raw":
			l, _ := lines([]byte(s))
			block = append(block, l...)
		case "http.header_names":
			x.names, _ = nameList(s)
			x.given = true
			if n := len(x.names); len(slices.Compact(slices.Sorted(slices.Values(x.names)))) < n {
				return errorf("http.header_names") // a name that comes twice is listed once
			}
		case "http.cookie":
			single["Cookie"] = s
			if x.m.dir == ToClient {
				single["Set-Cookie"] = s
				delete(single, "Cookie")
			}
		case "http.request_body", "http.response_body", "file.data":
			x.body = []byte(s)
		case "http.request_header", "http.response_header":
			l, ok := lines([]byte(s))
			if !ok {
				return errorf("%s", p.name)
			}
			block = append(block, l...)
		default:
			name := headerOf[p.name]
			if name == "" {
				return impossible("no traffic is made for %s", p.name)
			}
			single[name] = s
		}
	}
	x.assemble(block, single)
	if v, ok := x.msg.get("Content-Length"); ok && v != strconv.Itoa(len(x.msg.body)) {
		return errorf("http.content_len")
	}
	if _, ok := x.msg.get("Content-Encoding"); ok && len(x.msg.body) > 0 {
		return errorf("a body that says it is packed")
	}
	return nil
}

// asksOnlyAbsence reports that nothing needs to be there.
func (p *part) asksOnlyAbsence() bool {
	return !slices.ContainsFunc(p.checks, func(c check) bool { return !c.neg })
}

// assemble puts the headers in order and the body behind them.
func (x *httpMaker) assemble(block []httpHeader, single map[string]string) {
	h := x.msg
	for _, n := range x.names {
		h.headers = append(h.headers, httpHeader{n, word(x.rng)})
	}
	for _, l := range block {
		h.set(l.name, l.value)
	}
	if x.m.dir == ToServer && !x.given && h.c == "HTTP/1.1" && single["Host"] == "" && x.rng.IntN(4) > 0 {
		if _, ok := h.get("Host"); !ok {
			h.headers = append(h.headers, httpHeader{"Host", word(x.rng) + ".example"})
		}
	}
	for _, name := range []string{"Host", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language", "Referer", "Cookie", "Set-Cookie", "Connection", "Content-Type",
		"Server", "Location"} {
		if v, ok := single[name]; ok {
			h.set(name, v)
		}
	}
	size := len(x.body)
	if v, ok := single["Content-Length"]; ok {
		size, _ = strconv.Atoi(v)
	} else if v, ok := h.get("Content-Length"); ok {
		if n, err := strconv.Atoi(v); err == nil && len(x.body) == 0 {
			size = n
		}
	}
	for len(x.body) < size && size < 70000 {
		x.body = append(x.body, lettersDigits[x.rng.IntN(26)])
	}
	h.body = x.body
	if _, ok := h.get("Content-Length"); ok || size > 0 || x.m.dir == ToClient || single["Content-Length"] != "" {
		h.set("Content-Length", strconv.Itoa(size))
	}
	if size > 0 && h.a == "GET" {
		method := false
		for _, p := range x.m.parts {
			method = method || len(p.checks) > 0 && slices.Contains([]string{"http.method", "http.request_line", "http.start"}, p.name)
		}
		if !method {
			h.a = "POST"
		}
	}
}

func (x *httpMaker) firstLine(name, s string) error {
	h := x.msg
	switch name {
	case "http.method":
		h.a = s
	case "http.stat_code":
		h.b = s
	case "http.stat_msg":
		h.c = s
	case "http.protocol":
		if x.m.dir == ToServer {
			h.c = s
		} else {
			h.a = s
		}
	default:
		f := strings.SplitN(s, " ", 3)
		if len(f) != 3 {
			return errorf("%s", name)
		}
		h.a, h.b, h.c = f[0], f[1], f[2]
	}
	return nil
}

// encodeURI writes what a path cannot hold as %XX.
func encodeURI(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 127 || c == '%' || c == '"' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
