package rules

import (
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// shown is one side of a transaction as it is shown.
type sideShown struct {
	d     packet.Dir
	tx    uint64
	done  bool
	parts givenParts
}

// bothAlerts counts the alerts of a rule on sides of HTTP transactions shown in turn, with what travelled before each.
func bothAlerts(t *testing.T, rule string, sides ...sideShown) int {
	t.Helper()
	set := load(t, rule)
	r := newRig(t, set)
	r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
	r.dial()
	r.out = r.out[:0]
	for _, s := range sides {
		head := r.flows.Last(1, event.KindAlert)
		r.e.Inspect("http", flow.Handle{Index: 1, Dir: s.d}, &head, nil, event.Inspection{Dir: s.d, Tx: s.tx, Done: s.done, Parts: s.parts})
		r.e.Flush(&r.out)
	}
	return len(r.alerts()[1])
}

// TestBothSides: a rule with => matches once for a transaction whose request and answer are both as it wants, whichever came
// first, and for no two halves of different ones.
func TestBothSides(t *testing.T) {
	ask := func(tx uint64, done bool, uri string) sideShown {
		return sideShown{packet.ToServer, tx, done, givenParts{"http.method=GET", "http.uri=" + uri, "http.content_type=application/json"}}
	}
	answer := func(tx uint64, done bool, code string) sideShown {
		return sideShown{packet.ToClient, tx, done, givenParts{"http.stat_code=" + code, "http.content_type=text/xml"}}
	}
	const plain = `alert http any any => any any (http.uri; content:"/own"; http.stat_code; content:"500"; sid:1;)`
	for _, c := range []struct {
		what, rule string
		sides      []sideShown
		want       int
	}{
		{"both", plain, []sideShown{ask(0, true, "/own"), answer(0, true, "500")}, 1},
		{"again and again", plain, []sideShown{ask(0, false, "/own"), ask(0, true, "/own"), answer(0, false, "500"), answer(0, false, "500"), answer(0, true, "500")}, 1},
		{"another answer", plain, []sideShown{ask(0, true, "/own"), answer(0, true, "200")}, 0},
		{"another request", plain, []sideShown{ask(0, true, "/other"), answer(0, true, "500")}, 0},
		{"of two transactions", plain, []sideShown{ask(0, true, "/own"), answer(0, true, "200"), ask(1, true, "/other"), answer(1, true, "500")}, 0},
		{"two transactions, in turns", plain, []sideShown{ask(0, true, "/own"), ask(1, true, "/own"), answer(0, true, "500"), answer(1, true, "500")}, 2},
		{"answered early", plain, []sideShown{answer(0, false, "500"), ask(0, true, "/own"), answer(0, true, "500")}, 1},
		{"answered wholly early", plain, []sideShown{answer(0, true, "500"), ask(0, true, "/own")}, 1},
		{"a direction each", `alert http any any => any any (http.content_type: to_server; content:"json"; http.content_type: to_client; content:"xml"; sid:1;)`,
			[]sideShown{ask(0, true, "/"), answer(0, true, "200")}, 1},
		{"a direction each, the other way round", `alert http any any => any any (http.content_type: to_server; content:"xml"; http.content_type: to_client; content:"json"; sid:1;)`,
			[]sideShown{ask(0, true, "/"), answer(0, true, "200")}, 0},
		{"the header is the request's", `alert http any any => any 80 (http.uri; content:"/own"; http.stat_code; content:"500"; sid:1;)`,
			[]sideShown{ask(0, true, "/own"), answer(0, true, "500")}, 1},
		{"the header is not the answer's", `alert http any 80 => any any (http.uri; content:"/own"; http.stat_code; content:"500"; sid:1;)`,
			[]sideShown{ask(0, true, "/own"), answer(0, true, "500")}, 0},
		{"something absent", `alert http any any => any any (http.referer; absent; http.stat_code; content:"500"; sid:1;)`,
			[]sideShown{ask(0, true, "/own"), answer(0, true, "500")}, 1},
		{"found by the answer", `alert http any any => any any (http.uri; content:"/own"; http.stat_code; content:"500"; fast_pattern; sid:1;)`,
			[]sideShown{ask(0, true, "/own"), answer(0, true, "500")}, 1},
	} {
		if got := bothAlerts(t, c.rule, c.sides...); got != c.want {
			t.Errorf("%s: %d alerts, not %d", c.what, got, c.want)
		}
	}
}

// TestBothSidesHeld: what is remembered of halves goes with their transactions, so that a long connection holds no more.
func TestBothSidesHeld(t *testing.T) {
	set := load(t, `alert http any any => any any (http.uri; content:"/own"; http.stat_code; content:"500"; sid:1;)`)
	r := newRig(t, set)
	r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
	r.dial()
	head := r.flows.Last(1, event.KindAlert)
	show := func(d packet.Dir, tx uint64, parts ...string) {
		r.e.Inspect("http", flow.Handle{Index: 1, Dir: d}, &head, nil, event.Inspection{Dir: d, Tx: tx, Done: true, Parts: givenParts(parts)})
		r.e.Flush(&r.out)
	}
	for tx := range uint64(200) {
		show(packet.ToServer, tx, "http.uri=/own")
		show(packet.ToClient, tx, "http.stat_code=200")
		show(packet.ToServer, tx+1000, "http.uri=/other")
		show(packet.ToClient, tx+1000, "http.stat_code=500")
		if n := len(r.e.of(1).fired); n > 0 {
			t.Fatalf("after %d transactions %d halves are held", tx+1, n)
		}
	}
}

// TestBothSidesRefused: what Suricata refuses of such rules.
func TestBothSidesRefused(t *testing.T) {
	for _, c := range []struct{ rule, why string }{
		{`alert http any any => any any (http.uri; content:"a"; sid:1;)`, "is enough"},
		{`alert http any any => any any (http.uri; content:"a"; http.content_type; content:"b"; sid:1;)`, "either way"},
		{`alert http any any => any any (flow:to_server; http.uri; content:"a"; http.stat_code; content:"5"; sid:1;)`, "no direction of its own"},
		{`alert http any any => any any (file.data: to_server; content:"a"; http.stat_code; content:"5"; fast_pattern; sid:1;)`, "fast_pattern"},
		{`alert http any any => any any (content:"a"; http.uri; content:"a"; http.stat_code; content:"5"; sid:1;)`, "payload"},
		{`alert http any any -> any any (http.content_type: to_client; content:"b"; sid:1;)`, "=>"},
		{`alert http any any => any any (http.uri: to_client; content:"a"; http.stat_code; content:"5"; sid:1;)`, "does not travel"},
		{`alert http any any => any any (http.uri: sideways; content:"a"; http.stat_code; content:"5"; sid:1;)`, "to_server and to_client"},
	} {
		_, bad := tryLoad(t, c.rule)
		if len(bad) != 1 || !strings.Contains(bad[0].Reason, c.why) {
			t.Errorf("%s: %v", c.rule, bad)
		}
	}
}
