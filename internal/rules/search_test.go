package rules

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

// TestJoints: a content is found wherever it is cut, though a packet that holds nothing of it is not searched again; and once.
func TestJoints(t *testing.T) {
	const needle = "a needle that is longer than what is searched for of it"
	for cut := 1; cut < len(needle); cut++ {
		for _, between := range []int{0, 1, 700} {
			r := newRig(t, load(t, `alert tcp any any -> any any (content:"`+needle+`"; sid:1;)`, `alert tcp any any -> any any (content:"le that"; sid:2;)`))
			r.dial()
			fill := strings.Repeat("x", between)
			r.say(0, fill+needle[:cut])
			r.say(0, needle[cut:]+fill)
			r.say(0, "after")
			r.end()
			if got := r.alerts(); len(got[1]) != 1 || len(got[2]) != 1 {
				t.Fatalf("cut at %d with %d around: %v", cut, between, got)
			}
		}
	}
}

// TestClean: only a packet without a content of a rule about streams is clean.
func TestClean(t *testing.T) {
	for _, c := range []struct {
		rule, payload string
		want          bool
	}{
		{`alert tcp any any -> any any (content:"needle"; sid:1;)`, "hay hay hay", true},
		{`alert tcp any any -> any any (content:"needle"; sid:1;)`, "hay needle hay", false},
		{`alert tcp any any -> any any (content:"needle"; startswith; sid:1;)`, "needle hay", false},
		{`alert tcp any any -> any any (content:"needle"; depth:20; sid:1;)`, "hay needle", false},
		{`alert tcp-pkt any any -> any any (content:"needle"; sid:1;)`, "hay needle hay", true},
	} {
		r := newRig(t, load(t, c.rule))
		r.dial()
		got := ""
		r.watch = func(p *packet.Packet, clean bool) { got += fmt.Sprint(len(p.Payload()) > 0 && clean) }
		r.send(0, packet.ACK, c.payload)
		if got != fmt.Sprint(c.want) {
			t.Errorf("%s with %q: clean %s", c.rule, c.payload, got)
		}
	}
}

// TestAppSearches: rules of an application protocol are searched for where a connection speaks it, and while nobody knows; rules
// of none everywhere.
func TestAppSearches(t *testing.T) {
	text := []string{`alert http any any -> any any (content:"needle"; sid:1;)`, `alert smtp any any -> any any (content:"needle"; sid:2;)`, `alert tcp any any -> any any (content:"needle"; sid:3;)`}
	for _, c := range []struct {
		app     string
		settled bool
		want    string
	}{{"http", true, "[1 3]"}, {"smtp", true, "[2 3]"}, {"", true, "[3]"}, {"", false, "[3]"}} {
		r := newRig(t, load(t, text...))
		r.e.app = func(uint32) (string, bool) { return c.app, c.settled }
		r.dial()
		r.say(0, "hay needle hay")
		r.end()
		var got []uint32
		for sid := uint32(1); sid <= 3; sid++ {
			if len(r.alerts()[sid]) > 0 {
				got = append(got, sid)
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%q, settled %v: %v, want %s", c.app, c.settled, got, c.want)
		}
	}
	// Known only after the content was there.
	r := newRig(t, load(t, text...))
	app := ""
	r.e.app = func(uint32) (string, bool) { return app, app != "" }
	r.dial()
	r.say(0, "hay needle hay")
	app = "http"
	r.say(0, "more")
	r.end()
	if got := r.alerts(); len(got[1]) != 1 || len(got[2]) != 0 || len(got[3]) != 1 {
		t.Errorf("known late: %v", got)
	}
}
