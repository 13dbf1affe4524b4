package rules

import (
	"strings"
	"testing"
)

// TestSenseless: a rule that can never match is refused, one that may is not.
func TestSenseless(t *testing.T) {
	for _, c := range []struct{ rule, why string }{
		{`alert udp any any -> any any (dsize:10; content:"boom"; content:"loom"; distance:10; sid:1;)`, "at least 18 bytes"},
		{`alert udp any any -> any any (dsize:<8; content:"boom"; content:"loom"; distance:0; sid:1;)`, "at least 8 bytes"},
		{`alert udp any any -> any any (dsize:8; content:"boom"; content:"loom"; distance:0; sid:1;)`, ""},
		{`alert udp any any -> any any (dsize:10; content:"boom"; content:"loom"; distance:-15; sid:1;)`, ""},
		{`alert udp any any -> any any (dsize:6; content:"boom"; content:"loom"; sid:1;)`, ""},
		{`alert udp any any -> any any (dsize:6; content:"boom"; offset:3; sid:1;)`, "at least 7 bytes"},
		{`alert udp any any -> any any (dsize:6; content:!"boomboom"; content:"x"; sid:1;)`, ""},
		{`alert udp any any -> any any (dsize:!4; content:"boomboom"; sid:1;)`, ""},
		{`alert udp any any -> any any (dsize:9; content:"boom"; pcre:"/a/R"; content:"loom"; distance:2; sid:1;)`, ""},
		{`alert http any any -> any any (http.uri; content:"/index"; bsize:3; sid:1;)`, "at most 3"},
		{`alert http any any -> any any (http.uri; content:"/index"; bsize:6; sid:1;)`, ""},
		{`alert ip any any -> any any (content:"hi"; byte_extract:1,4,n; http.connection; byte_jump:n,0; isdataat:1; sid:1;)`, "variable n is not set"},
		{`alert http any any -> any any (http.cookie; content:"a"; byte_extract:4,0,n,relative; http.request_body; content:"b"; byte_test:4,=,n,0,relative; sid:1;)`, ""},
		{`alert udp any any -> any any (byte_extract:1,0,n; content:"a"; offset:n; sid:1;)`, ""},
	} {
		_, bad := tryLoad(t, c.rule)
		if (c.why == "") != (len(bad) == 0) || len(bad) > 0 && !strings.Contains(bad[0].Reason, c.why) {
			t.Errorf("%s: %v", c.rule, bad)
		}
	}
}

// TestAppLayerModes: which protocol, once it is known.
func TestAppLayerModes(t *testing.T) {
	for _, c := range []struct {
		app, before string
		settled     bool
		options     string
		want        bool
	}{
		{"http", "", true, "app-layer-protocol:http;", true},
		{"http", "", true, "app-layer-protocol:!http;", false},
		{"", "", false, "app-layer-protocol:!http;", false},
		{"", "", true, "app-layer-protocol:!http;", true},
		{"ssh", "", true, "app-layer-protocol:!http; app-layer-protocol:!tls;", true},
		{"", "", false, "app-layer-protocol:failed;", false},
		{"", "", true, "app-layer-protocol:failed;", true},
		{"", "", false, "app-layer-protocol:unknown;", true},
		{"tls", "smtp", true, "app-layer-protocol:smtp,original;", true},
		{"tls", "smtp", true, "app-layer-protocol:smtp;", false},
		{"tls", "smtp", true, "app-layer-protocol:smtp,final;", false},
		{"tls", "smtp", true, "app-layer-protocol:tls,final;", true},
		{"tls", "smtp", true, "app-layer-protocol:smtp,either;", true},
		{"tls", "smtp", true, "app-layer-protocol:tls,either;", true},
		{"tls", "", true, "app-layer-protocol:tls,original;", true},
		{"tls", "smtp", true, "app-layer-protocol:http,either;", false},
	} {
		set := load(t, "alert tcp any any -> any 80 ("+c.options+" sid:1;)")
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return c.app, c.settled }, 1<<20)
		r.e.Began(func(uint32) string { return c.before })
		r.dial()
		r.send(0, 0x18, "x")
		if got := len(r.alerts()[1]) > 0; got != c.want {
			t.Errorf("%s of %q (%v): %v", c.options, c.app, c.settled, got)
		}
	}
	if _, bad := tryLoad(t, `alert tcp any any -> any any (app-layer-protocol:http,first; sid:1;)`); len(bad) != 1 {
		t.Error(bad)
	}
}
