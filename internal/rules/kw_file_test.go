package rules

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// keptParts are parts with a file that rules may ask to be kept.
type keptParts struct {
	givenParts
	kept *[]string
	name string
}

func (k keptParts) KeepFile(uint32) { *k.kept = append(*k.kept, k.name) }

// TestFilestoreScopes: which files a match asks for.
func TestFilestoreScopes(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`http.uri; content:"/own"; filestore:request,file;`, "up0"},
		{`file.name; content:"up"; filestore;`, "up0 up1"},
		{`file.name; content:"down"; filestore:response;`, "down0 down1"},
		{`http.uri; content:"/own"; filestore:response,tx;`, "down0"},
		{`http.uri; content:"/own"; filestore:both,tx;`, "up0 down0"},
		{`http.uri; content:"/own"; filestore:request,flow;`, "up0 up1"},
		{`http.uri; content:"/own"; filestore:to_client,ssn;`, "down0 down1"},
		{`http.uri; content:"/none"; filestore:to_client,flow;`, ""},
		{`filestore:to_server,flow;`, "up0 up1"},
		{`filestore:to_client,flow; flow:to_server;`, "down0 down1"},
	} {
		set := load(t, "alert http any any -> any any ("+c.rule+" sid:1;)")
		if !set.Keeps() || !set.AsksFiles() || !slices.Contains(set.Kinds(), "http") {
			t.Errorf("%s: files are not asked for", c.rule)
		}
		r := newRig(t, set)
		r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
		r.dial()
		r.send(0, packet.PSH|packet.ACK, "x")
		var kept []string
		show := func(d packet.Dir, tx uint64, name string, parts ...string) {
			head := r.flows.Last(1, event.KindAlert)
			r.e.Inspect("http", flow.Handle{Index: 1, Dir: d}, &head, nil, event.Inspection{Dir: d, Tx: tx, Done: true, Parts: keptParts{givenParts(append(parts, "file=", "file.name="+name)), &kept, name}})
			r.e.Flush(&r.out)
		}
		show(packet.ToServer, 0, "up0", "http.uri=/own")
		show(packet.ToClient, 0, "down0", "http.stat_code=200")
		show(packet.ToServer, 1, "up1", "http.uri=/other")
		show(packet.ToClient, 1, "down1", "http.stat_code=200")
		if got := strings.Join(kept, " "); got != c.want {
			t.Errorf("%s: %q, not %q", c.rule, got, c.want)
		}
	}
	for _, o := range []string{"filestore:upwards;", "filestore:both,host;"} {
		if _, bad := tryLoad(t, "alert http any any -> any any ("+o+" sid:1;)"); len(bad) != 1 {
			t.Errorf("%s: %v", o, bad)
		}
	}
}
