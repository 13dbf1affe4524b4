package dns

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packettest"
)

func TestMulticastRecords(t *testing.T) {
	send := func(port string, b []byte) []byte {
		return packettest.UDP{Src: "10.0.0.1:" + port, Dst: "224.0.0.251:" + port, Payload: string(b)}.Frame()
	}
	txt := record{1, "Mac._device-info._tcp.local", TypeTXT, 1, 4500, "\x05a=b,c\x03d=e"}
	srv := record{3, "Mac.local", TypeSRV, 1, 120, "\x00\x00\x00\x00\x1f\x90\x03Mac\x05local\x00"}
	answer := message(0, FlagResponse|FlagAuthoritative, "_x._tcp.local", TypePTR, txt, record{1, "_x._tcp.local", TypePTR, 1, 10, "\x03Mac\xc0\x0c"}, srv)
	got := messages(run(t, nil, send("5353", message(0, 0, "_x._tcp.local", TypePTR)), send("5353", slices.Clone(answer)), send("5355", message(7, 0, "host", TypeA))))
	if len(got) != 3 {
		t.Fatalf("%d messages", len(got))
	}
	for i, want := range []string{`"event_type":"mdns"`, `"mdns":{"type":"response","queries":[{"rrname":"_x._tcp.local","rrtype":"ptr"}],"answers":[{"rrname":"Mac._device-info._tcp.local","rrtype":"txt","ttl":4500,"txt":["a=b,c","d=e"]},` +
		`{"rrname":"_x._tcp.local","rrtype":"ptr","ttl":10,"ptr":"Mac._x._tcp.local"}],"additionals":[{"rrname":"Mac.local","rrtype":"srv","ttl":120,"srv":{"priority":0,"weight":0,"port":8080,"name":"Mac.local"}}]`} {
		if line := string(got[i].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
		analyzertest.ValidEVE(t, got[i])
	}
	if line := got[2].AppendEVE(nil, &event.EVE{Version: 8}); len(line) != 0 {
		t.Errorf("LLMNR writes %s", line)
	}
	shown := analyzertest.Show(t, []analyzer.Def{Def}, send("5353", answer))
	if p := shown[0].Parts; len(p["mdns.answers.rrname"]) != 2 || p["dns.answers.rrname"] != nil || !slices.Contains(p["mdns.response.rrname"], "Mac._x._tcp.local") {
		t.Errorf("%q", p)
	}
}
