package rules

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// TestHTTP2Keywords: each keyword of HTTP/2 with what it asks for and with its neighbour; none is left out.
func TestHTTP2Keywords(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range []struct {
		options string
		parts   string // with | between
		want    bool
	}{
		{`http2.frametype:GOAWAY`, "http2.frametype=\x07", true}, {`http2.frametype:goaway`, "http2.frametype=\x08", false}, {`http2.frametype:6`, "http2.frametype=\x06", true},
		{`http2.frametype:WINDOWUPDATE`, "http2.frametype=\x00|http2.frametype=\x08", true}, {`http2.frametype:WINDOW_UPDATE`, "http2.frametype=\x09", false},
		{`http2.errorcode:NO_ERROR`, "http2.errorcode=\x00\x00\x00\x00", true}, {`http2.errorcode:INADEQUATE_SECURITY`, "http2.errorcode=\x00\x00\x00\x0b", false},
		{`http2.errorcode:cancel`, "http2.errorcode=\x00\x00\x00\x08", true}, {`http2.errorcode:8`, "http2.errorcode=\x00\x00\x00\x09", false},
		{`http2.priority:>100`, "http2.priority=\x65", true}, {`http2.priority:>100`, "http2.priority=\x64", false}, {`http2.priority:32-64`, "http2.priority=\x21", true},
		{`http2.window:34634`, "http2.window=\x00\x00\x87\x4a", true}, {`http2.window:34634`, "http2.window=\x00\x00\x87\x4b", false}, {`http2.window:<5`, "http2.window=\x00\x00\x00\x09|http2.window=\x00\x00\x00\x04", true},
		{`http2.size_update:4096`, "http2.size_update=\x00\x00\x00\x00\x00\x00\x10\x00", true}, {`http2.size_update:>4096`, "http2.size_update=\x00\x00\x00\x00\x00\x00\x10\x00", false},
		{`http2.settings:SETTINGS_HEADER_TABLE_SIZE>1000`, "http2.settings=\x00\x01\x00\x00\x10\x00", true}, {`http2.settings:SETTINGS_HEADER_TABLE_SIZE>1000`, "http2.settings=\x00\x01\x00\x00\x00\x10", false},
		{`http2.settings:SETTINGS_HEADER_TABLE_SIZE>1000`, "http2.settings=\x00\x03\x00\x00\x10\x00", false}, {`http2.settings:SETTINGS_ENABLE_PUSH`, "http2.settings=\x00\x02\x00\x00\x00\x00", true},
		{`http2.settings:SETTINGS_ENABLE_PUSH = 1`, "http2.settings=\x00\x02\x00\x00\x00\x00", false}, {`http2.settings:SETTINGS_MAX_FRAME_SIZE 16000-17000`, "http2.settings=\x00\x05\x00\x00\x40\x00", true},
		{`http2.header_name; content:"x-token"`, "http2.header_name=:method|http2.header_name=x-token", true}, {`http2.header_name; content:"x-token"`, "http2.header=x-token: a", false},
		{`http2.header; content:"x-token|3a 20|a"`, "http2.header=x-token: a", true}, {`http2.header; content:"x-token|3a 20|a"`, "http2.header=x-token: b", false},
		{`http2.header; content:"x"; http2.header; content:"y"`, "http2.header=x: a|http2.header=y: b", true}, {`http2.header; content:"x"; content:"y"`, "http2.header=x: a|http2.header=y: b", false},
		{`http.uri; content:"/a"; http2.frametype:HEADERS`, "http.uri=/a|http2.frametype=\x01", true}, {`http.uri; content:"/a"; http2.frametype:HEADERS`, "http.uri=/a|http2.frametype=\x00", false},
		{`file.data; content:"MZ"`, "file.data=MZ", true}, {`dns.query; content:"shop"`, "dns.query=shop.example", true},
	} {
		tested[strings.FieldsFunc(c.options, func(r rune) bool { return r == ':' || r == ';' })[0]] = true
		if got := matches(t, c.options+";", "http2", packet.ToServer, strings.Split(c.parts, "|")...); got != c.want {
			t.Errorf("%s with %q: %t", c.options, c.parts, got)
		}
	}
	for _, k := range Keywords() {
		if strings.HasPrefix(k, "http2.") && !tested[k] {
			t.Errorf("%s is not tested", k)
		}
	}
	for _, o := range []string{`http2.settings:SETTINGS_NOTHING;`, `http2.settings:SETTINGS_ENABLE_PUSH>x;`, `http2.frametype:nothing;`, `http2.errorcode:nothing;`, `http2.priority:300;`} {
		if _, bad := tryLoad(t, "alert http2 any any -> any any ("+o+" sid:1;)"); len(bad) != 1 {
			t.Errorf("%s loads", o)
		}
	}
}

// TestFormsOfHTTP: "http" is both forms, "http1" the older alone, "http2" the newer, and with DNS in it that is doh2 and DNS too.
func TestFormsOfHTTP(t *testing.T) {
	all := []string{"http", "http2", "doh2", "dns", "tls"}
	for rule, want := range map[string]string{"http": "http http2 doh2", "http1": "http", "http2": "http2 doh2", "doh2": "doh2", "tcp": "http http2 doh2 dns tls"} {
		for _, app := range all {
			got := matches(t, `alert `+rule+` any any -> any any (http.uri; content:"/a"; sid:1;)`, app, packet.ToServer, "http.uri=/a")
			if got != slices.Contains(strings.Fields(want), app) {
				t.Errorf("a rule of %s, a connection of %s: %t", rule, app, got)
			}
		}
	}
	for rule, want := range map[string]string{"dns": "doh2 dns", "doh2": "doh2"} {
		for _, app := range all {
			got := matches(t, `alert `+rule+` any any -> any any (dns.query; content:"shop"; sid:1;)`, app, packet.ToServer, "dns.query=shop")
			if got != slices.Contains(strings.Fields(want), app) {
				t.Errorf("a rule of %s, a connection of %s: %t", rule, app, got)
			}
		}
	}
	if !matches(t, `alert doh2 any any -> any any (dns.opcode:0; http.host; content:"dns.example"; sid:1;)`, "doh2", packet.ToServer, "dns.opcode=\x00", "http.host=dns.example") {
		t.Error("a question and who was asked are not looked at together")
	}
	for _, r := range []string{`http1 any any -> any any (http2.window:1;`, `dns any any -> any any (http.uri; content:"/";`} {
		if _, bad := tryLoad(t, "alert "+r+" sid:1;)"); len(bad) != 1 || !strings.Contains(bad[0].Reason, "has no such buffer") {
			t.Errorf("%s: %v", r, bad)
		}
	}
	for app, want := range map[string]string{"http": "http http2", "http1": "http", "http2": "http http2", "doh2": "doh2 http2", "tls": "tls"} {
		set := load(t, `alert tcp any any -> any any (app-layer-protocol:`+app+`; content:"abcd"; sid:1;)`)
		var got []string
		for a := range set.Apps() {
			got = append(got, a)
		}
		got = slices.DeleteFunc(got, func(a string) bool { return a == "" })
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s wakes %v", app, got)
		}
	}
}

// TestAppLayerProtocol: what is spoken now and what the connection began with; what asks for nothing else is told once for each
// direction, and once where the protocol changed; nothing is known to be another protocol before it is known at all.
func TestAppLayerProtocol(t *testing.T) {
	for _, c := range []struct {
		option, now, before string
		settled             bool
		want                int
	}{
		{`app-layer-protocol:http`, "http2", "", true, 2}, {`app-layer-protocol:http1`, "http2", "", true, 0}, {`app-layer-protocol:http2,final`, "http2", "http", true, 1},
		{`app-layer-protocol:http1,original`, "http2", "http", true, 1}, {`app-layer-protocol:http1,original; app-layer-protocol:http2,final`, "http2", "http", true, 1},
		{`app-layer-protocol:http2,original`, "http2", "http", true, 0}, {`app-layer-protocol:http2,original`, "http2", "", true, 2}, {`app-layer-protocol:dns,either`, "doh2", "http2", true, 1},
		{`app-layer-protocol:!http`, "", "", false, 0}, {`app-layer-protocol:!http`, "", "", true, 2}, {`app-layer-protocol:!tls,to_server`, "http", "", true, 2}, {`app-layer-protocol:unknown`, "", "", true, 2},
		{`app-layer-protocol:http; flow:to_client`, "http", "", true, 1}, {`app-layer-protocol:http; dsize:1`, "http", "", true, 8},
		{`app-layer-protocol:!http; dsize:1`, "", "", false, 0}, {`app-layer-protocol:!http; dsize:1`, "", "", true, 8},
	} {
		set := load(t, `alert tcp any any -> any any (`+c.option+`; sid:1;)`)
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return c.now, c.settled }, 1<<20)
		r.e.Began(func(uint32) string { return c.before })
		r.dial()
		r.out = r.out[:0]
		for range 4 {
			r.send(0, packet.PSH|packet.ACK, "x")
			r.send(1, packet.PSH|packet.ACK, "y")
		}
		n := len(r.alerts()[1])
		if c.now != "" || c.settled { // the handshake had them
			r2 := newRig(t, set)
			r2.e = NewEngine(set, r2.flows, func(uint32) (string, bool) { return c.now, c.settled }, 1<<20)
			r2.e.Began(func(uint32) string { return c.before })
			r2.dial()
			n += len(r2.alerts()[1])
		}
		if n != c.want {
			t.Errorf("%s on %q, before %q: %d alerts, want %d", c.option, c.now, c.before, n, c.want)
		}
	}
	if _, bad := tryLoad(t, `alert tcp any any -> any any (app-layer-protocol:http,sometime; sid:1;)`); len(bad) != 1 {
		t.Error("any mode is taken")
	}
}
