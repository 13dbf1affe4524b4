package rules

import (
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// TestCaptures: what expressions catch is there for later rules: of a connection until it ends, of a packet no longer.
func TestCaptures(t *testing.T) {
	set := load(t, `alert udp any any -> any any (pcre:"/user=(\w+) (\w+)/, flow:user,pkt:word"; noalert; sid:1;)`,
		`alert udp any any -> any any (pcre:"/id=(?P<flow_id>\d+)/"; noalert; sid:2;)`,
		`alert udp any any -> any any (content:"go"; flowvar:user,"bob"; sid:3;)`, `alert udp any any -> any any (content:"go"; flowvar:user,"eve"; sid:4;)`,
		`alert udp any any -> any any (content:"go"; flowvar:id,"42"; sid:5;)`, `alert udp any any -> any any (content:"="; pktvar:word,"hi"; sid:6;)`,
		`alert udp any any -> any any (content:"go"; pktvar:word,"hi"; sid:7;)`, `alert udp any any -> any any (pcre:"/no=(\d)/, flow:user"; content:"never"; sid:8;)`)
	r := newRig(t, set)
	const a, b, c = "192.168.1.2:1000", "198.51.100.7:53", "198.51.100.8:53"
	for _, s := range [][2]string{{b, "go"}, {b, "user=bob hi"}, {b, "id=42"}, {b, "no=1"}, {b, "go"}, {c, "go"}} {
		r.give(udp(a, s[0], s[1]))
	}
	got := r.alerts()
	if len(got) != 3 || len(got[3]) != 1 || len(got[5]) != 1 || len(got[6]) != 1 || got[3][0] != 5 || got[6][0] != 2 {
		t.Error(got)
	}
	for options, want := range map[string]string{`pcre:"/a/, flow:x";`: "no group", `pcre:"/(a)/, host:x";`: "flow:NAME or pkt:NAME", `flowvar:x;`: "NAME,VALUE"} {
		_, bad := tryLoad(t, "alert udp any any -> any any ("+options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), want) {
			t.Errorf("%s: %v", options, bad)
		}
	}
}

// TestAppLayerEvent: what a reader reports as odd, by its name and its protocol.
func TestAppLayerEvent(t *testing.T) {
	set := load(t, `alert http any any -> any any (app-layer-event:http.range_invalid; sid:1;)`, `alert tcp any any -> any any (app-layer-event:http.range_invalid; flow:to_client; sid:2;)`,
		`alert http any any -> any any (app-layer-event:http.range_invalid; http.uri; content:"/a"; sid:4;)`,
		`alert http any any -> any any (app-layer-event:http.range_invalid; app-layer-event:http.compression_bomb; sid:5;)`)
	for _, c := range []struct {
		events []string
		parts  givenParts
		want   []uint32
	}{
		{[]string{"range_invalid"}, nil, []uint32{1}},
		{nil, givenParts{"http.uri=/a"}, nil},
		{[]string{"range_invalid"}, givenParts{"http.uri=/a"}, []uint32{1, 4}},
		{[]string{"compression_bomb", "range_invalid"}, givenParts{"http.uri=/b"}, []uint32{1, 5}},
		{[]string{"range_invalid_more"}, nil, nil},
	} {
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
		r.dial()
		head := r.flows.Last(1, event.KindAlert)
		for range 2 { // events come again with more of the transaction: one alert
			r.e.Inspect("http", flow.Handle{Index: 1, Dir: packet.ToServer}, &head, nil, event.Inspection{Parts: c.parts, Events: c.events})
			r.e.Flush(&r.out)
		}
		got := r.alerts()
		for _, sid := range c.want {
			if len(got[sid]) != 1 {
				t.Errorf("%q %q: %v, want %d once", c.events, c.parts, got, sid)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%q %q: %v, want %v", c.events, c.parts, got, c.want)
		}
	}
}

// TestRequires: a rule for another engine is left out without a word.
func TestRequires(t *testing.T) {
	for options, want := range map[string]int{
		`requires:version >= 8;`: 1, `requires:version >= 8.0.8;`: 0, `requires:version < 8;`: 0, `requires:version >= 7.0.4 < 8 | >= 8.0.1;`: 1,
		`requires:feature have_ja4;`: 1, `requires:feature ja4;`: 1, `requires:feature lua;`: 0, `requires:keyword http.uri;`: 1, `requires:keyword no.such;`: 0,
		`no.such:1; requires:version >= 9;`: 0, `requires:version >= 8, feature lua;`: 0,
	} {
		set, bad := tryLoad(t, "alert udp any any -> any any (content:\"x\"; "+options+" sid:1;)")
		if len(bad) != 0 || set.Len() != want {
			t.Errorf("%s: %d rules, %v", options, set.Len(), bad)
		}
	}
	for options, want := range map[string]string{`requires:version 8;`: "no comparison", `requires:;`: "needs feature", `geoip:src,DE;`: "no database"} {
		_, bad := tryLoad(t, "alert udp any any -> any any (content:\"x\"; "+options+" sid:1;)")
		if len(bad) != 1 || !strings.Contains(bad[0].String(), want) {
			t.Errorf("%s: %v", options, bad)
		}
	}
}
