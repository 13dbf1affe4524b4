package http

import (
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
)

// TestFieldsOfRecords: fields are kept where records want them, and secrets never; without that nothing is.
func TestFieldsOfRecords(t *testing.T) {
	talk := func(fields bool) *Transaction {
		def := Def
		def.Stream = func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
			a, err := Def.Stream(o)
			a.(*conn).fields = fields
			return a, err
		}
		k := analyzertest.Dial(t, "198.51.100.1:80", 1400, nil, def)
		k.Say(up, "GET /a HTTP/1.1\r\nHost: a.example\r\nCookie: id=7\r\nAccept-Language: de\r\nAUTHORIZATION: Basic eDp5\r\nReferer: http://me:pass-9@h.example/x\r\n\r\n")
		k.Say(down, "HTTP/1.1 200 OK\r\nSet-Cookie: id=8\r\nServer: x\r\nContent-Length: 0\r\n\r\n").End()
		return analyzertest.Of[*Transaction](k.Out)[0]
	}
	all := &event.EVE{Version: 8, HTTP: event.HTTPParts{Brief: true, Headers: [2]bool{true, true}, Custom: []string{"accept_language", "Server", "cookie", "absent"}}}
	line := string(talk(true).AppendEVE(nil, all))
	for _, w := range []string{`"accept_language":"de"`, `"server":"x"`, `"cookie":"(hidden)"`,
		`"request_headers":[{"name":"Host","value":"a.example"},{"name":"Cookie","value":"(hidden)"},{"name":"Accept-Language","value":"de"},{"name":"AUTHORIZATION","value":"(hidden)"},{"name":"Referer","value":"http://me@h.example/x"}]`,
		`"response_headers":[{"name":"Set-Cookie","value":"(hidden)"},{"name":"Server","value":"x"},{"name":"Content-Length","value":"0"}]`} {
		if !strings.Contains(line, w) {
			t.Errorf("%s is not in %s", w, line)
		}
	}
	for _, w := range []string{"id=7", "id=8", "eDp5", "pass-9", "http_method", `"length"`, "absent"} {
		if strings.Contains(line, w) {
			t.Errorf("%s is in %s", w, line)
		}
	}
	if x := talk(false); x.Fields[0] != nil || x.Fields[1] != nil {
		t.Error("fields are kept that nobody asked for")
	}
	x := talk(true)
	analyzertest.ValidEVE(t, x)
}

// TestHalfRequests: a request whose head never ends is an event, and one without a version is told apart from HTTP/0.9.
func TestHalfRequests(t *testing.T) {
	for _, c := range []struct{ say, want string }{
		{"GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: me", "GET /a HTTP/1.1 a.example me"},
		{"GET /a HTTP/1.1", ""},
		{"GET /a\r\nHost: a.example\r\nUser-Agent: me\r\n\r\n", "GET /a  a.example me"},
		{"GET /a\r\n", "GET /a   "},
	} {
		r := newRig(t)
		r.Say(up, c.say)
		got := ""
		for _, x := range r.end() {
			got += x.Method + " " + x.URI + " " + x.Version + " " + x.Host + " " + x.UserAgent
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.say, got, c.want)
		}
	}
}
