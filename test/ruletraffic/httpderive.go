package ruletraffic

import (
	"math/rand/v2"
	"strings"
)

// derive says what the buffers of a message are.
func derive(t *talk, h *httpMessage, d Dir) {
	line := h.line()
	var names, header strings.Builder
	names.WriteString("\r\n")
	for _, x := range h.headers {
		names.WriteString(x.name + "\r\n")
		if !strings.EqualFold(x.name, "Cookie") && !strings.EqualFold(x.name, "Set-Cookie") {
			header.WriteString(x.name + ": " + x.value + "\r\n")
		}
		kind := "http.request_header"
		if d == ToClient {
			kind = "http.response_header"
		}
		t.hold(kind, d, x.name+": "+x.value)
	}
	names.WriteString("\r\n")
	t.hold("http.header", d, header.String())
	head := strings.TrimSuffix(h.text(), string(h.body))
	if len(h.headers) > 0 {
		t.hold("http.header.raw", d, strings.TrimPrefix(head, line+"\r\n"))
		t.hold("http.header_names", d, names.String())
	}
	t.hold("http.start", d, head)
	if d == ToServer {
		t.hold("http.method", d, h.a)
		t.hold("http.uri.raw", d, h.b)
		t.hold("http.uri", d, decodeURI(h.b))
		t.hold("http.protocol", d, h.c)
		t.hold("http.request_line", d, line)
		t.hold("http.request_body", d, string(h.body))
	} else {
		t.hold("http.protocol", d, h.a)
		t.hold("http.stat_code", d, h.b)
		t.hold("http.stat_msg", d, h.c)
		t.hold("http.response_line", d, line)
		t.hold("http.response_body", d, string(h.body))
	}
	if len(h.body) > 0 {
		t.hold("file.data", d, string(h.body))
	}
	for buffer, name := range headerOf {
		v, ok := h.get(name)
		if !ok {
			continue
		}
		if buffer == "http.host" {
			v, _, _ = strings.Cut(strings.ToLower(v), ":")
		}
		t.hold(buffer, d, v)
	}
	if v, ok := h.get("Cookie"); ok {
		t.hold("http.cookie", d, v)
	}
	if v, ok := h.get("Set-Cookie"); ok {
		t.hold("http.cookie", d, v)
	}
}

func decodeURI(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if p, err := patternOf("|" + s[i+1:i+3] + "|"); err == nil {
				b.Write(p)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// fillNames makes what http.header_names asks for: between what contents fix lie whole names.
func fillNames(p *part, rng *rand.Rand) (string, error) {
	all := strings.Fields("Host User-Agent Accept Accept-Language Accept-Encoding Connection Content-Type Content-Length Referer Cache-Control Pragma X-Requested-With")
	cs := append([]check{}, p.checks...)
	for try := range 300 {
		var b strings.Builder
		b.WriteString("\r\n")
		if try > 20 && rng.IntN(2) == 0 {
			for range rng.IntN(3) {
				b.WriteString(all[rng.IntN(len(all))] + "\r\n")
			}
		}
		for i := range cs {
			c := &cs[i]
			if c.kind == anExpression && !c.neg {
				b.Reset()
				b.Write(c.expr.sample(rng, nil, 3))
			}
			if c.kind != aContent || c.neg {
				continue
			}
			s := b.String()
			add := string(c.pattern)
			switch {
			case strings.Contains(s, add):
				continue
			case strings.HasPrefix(add, "\r\n"):
				add = add[2:]
				s = strings.TrimSuffix(s, "\r\n") + "\r\n"
			case strings.HasSuffix(s, "\r\n") || c.relative && c.within.set:
			default:
				add = "\r\n" + add
			}
			if c.relative && c.distance.n > 0 {
				s += strings.Repeat("a", c.distance.n)
			}
			s += add
			b.Reset()
			b.WriteString(s)
		}
		s := b.String()
		switch {
		case s == "\r\n":
			s += "Host\r\n\r\n"
		case strings.HasSuffix(s, "\r\n\r\n"):
		case strings.HasSuffix(s, "\r\n"):
			s += "\r\n"
		default:
			s += "\r\n\r\n"
		}
		if try > 20 && rng.IntN(2) == 0 {
			s = strings.TrimSuffix(s, "\r\n")
			for range 1 + rng.IntN(3) {
				s += all[rng.IntN(len(all))] + "\r\n"
			}
			s += "\r\n"
		}
		if goodNames([]byte(s)) && holds(p.checks, []byte(s)) {
			return s, nil
		}
	}
	return "", errorf("http.header_names")
}
