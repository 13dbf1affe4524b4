package sip

import (
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

const (
	invite = "INVITE sip:bob@shop.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nf: \"Ann\" <sip:ann@shop.example>\r\nTo: <sip:bob@shop.example>\r\n" +
		"Subject: a\r\n  long one\r\nUser-Agent: Nero\r\nc: application/sdp\r\nl: 5\r\n\r\nv=0\r\n"
	trying = "SIP/2.0 100 Trying to connect\r\nVia: SIP/2.0/UDP 10.0.0.1\r\nContent-Length: 0\r\n\r\n"
	client = "10.0.0.1:40000"
	server = "10.0.0.2:5060"
)

func udp(d packet.Dir, b string) []byte {
	p := packettest.UDP{Src: client, Dst: server, Payload: b}
	if d == packet.ToClient {
		p.Src, p.Dst = p.Dst, p.Src
	}
	return p.Frame()
}

var want = []string{`"tx_id":0,"sip":{"method":"INVITE","uri":"sip:bob@shop.example","version":"SIP/2.0","request_line":"INVITE sip:bob@shop.example SIP/2.0"}`,
	`"tx_id":1,"sip":{"version":"SIP/2.0","code":"100","reason":"Trying to connect","response_line":"SIP/2.0 100 Trying to connect"}`,
	`"tx_id":2,"sip":{"method":"BYE"`}

func check(t *testing.T, es []event.Event) {
	t.Helper()
	got := analyzertest.Of[*Event](es)
	if len(got) != len(want) {
		t.Fatalf("%d events", len(got))
	}
	for i, w := range want {
		if line := string(got[i].AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, w) {
			t.Errorf("%s is not in %s", w, line)
		}
		analyzertest.ValidEVE(t, got[i])
	}
}

func TestMessages(t *testing.T) {
	bye := "BYE sip:bob@shop.example SIP/2.0\r\n\r\n"
	o := analyzertest.Options{Defs: []analyzer.Def{Def}}
	check(t, analyzertest.Run(t, o, udp(0, invite), udp(1, trying), udp(0, "\r\n\r\n"), udp(0, bye)))
	for _, cut := range []int{1, 7, 4000} {
		check(t, analyzertest.Run(t, o, analyzertest.Frames(cut, client, server, true, analyzertest.Turn{Dir: 0, Data: invite}, analyzertest.Turn{Dir: 1, Data: trying},
			analyzertest.Turn{Dir: 0, Data: "\r\n\r\n" + bye})...))
	}
}

func TestParts(t *testing.T) {
	for name, got := range map[string][]analyzertest.Shown{"UDP": analyzertest.Show(t, []analyzer.Def{Def}, udp(0, invite), udp(1, trying)),
		"TCP": analyzertest.Show(t, []analyzer.Def{Def}, analyzertest.Frames(9, client, server, true, analyzertest.Turn{Dir: 0, Data: invite}, analyzertest.Turn{Dir: 1, Data: trying})...)} {
		if len(got) != 2 {
			t.Fatalf("%s: shown %d times", name, len(got))
		}
		for part, v := range map[string]string{"sip.method": "INVITE", "sip.uri": "sip:bob@shop.example", "sip.protocol": "SIP/2.0", "sip.from": `"Ann" <sip:ann@shop.example>`, "sip.to": "<sip:bob@shop.example>",
			"sip.via": "SIP/2.0/UDP 10.0.0.1", "sip.user_agent": "Nero", "sip.content_type": "application/sdp", "sip.content_length": "5", "sip.request_line": "INVITE sip:bob@shop.example SIP/2.0"} {
			if !slices.Equal(got[0].Parts[part], []string{v}) {
				t.Errorf("%s: %s is %q", name, part, got[0].Parts[part])
			}
		}
		for part, v := range map[string]string{"sip.stat_code": "100", "sip.stat_msg": "Trying to connect", "sip.response_line": "SIP/2.0 100 Trying to connect"} {
			if !slices.Equal(got[1].Parts[part], []string{v}) {
				t.Errorf("%s: %s is %q", name, part, got[1].Parts[part])
			}
		}
		for _, x := range got {
			analyzertest.ValidEVE(t, x.Record)
		}
	}
}

func TestOtherThings(t *testing.T) {
	for in, want := range map[string]analyzer.Answer{"": analyzer.More, "INV": analyzer.More, "INVITE sip:a SIP/2.0": analyzer.More, "INVITE sip:a SIP/2.0\r\n": analyzer.Yes, "SIP/2.0 200": analyzer.Yes, "SIP/2": analyzer.More,
		"OPTIONS / HTTP/1.1\r\n": analyzer.No, "OPTIONS rtsp://x RTSP/1.0\r\n": analyzer.No, "INVITED": analyzer.No, "SIP/1.0 ": analyzer.No, "INVITE " + strings.Repeat("x", 2000): analyzer.No, "GET / SIP/2.0\r\n": analyzer.No} {
		if got := probe(0, []byte(in)); got != want {
			t.Errorf("%.30q: %v, want %v", in, got, want)
		}
	}
	var m Message
	for _, bad := range []string{"INVITE sip:a SIP/2.0", "INVITE SIP/2.0\r\n\r\n", "invite sip:a SIP/2.0\r\n\r\n", "SIP/2.0 20 OK\r\n\r\n", "SIP/2.0 2x0 OK\r\n\r\n", "INVITE " + strings.Repeat("x", maxLine) + " SIP/2.0\r\n\r\n"} {
		if _, ok := m.Parse([]byte(bad)); ok {
			t.Errorf("%.30q is read", bad)
		}
	}
	if n, ok := m.Parse([]byte("BYE sip:a SIP/2.0\r\nVia: x\r\n")); !ok || n != -1 || len(m.Headers) != 1 {
		t.Error("a cut head")
	}
	if m.Parse([]byte("BYE sip:a SIP/2.0\r\n" + strings.Repeat("Via: x\r\n", 200) + "\r\n")); len(m.Headers) != maxHeaders {
		t.Errorf("%d headers are kept", len(m.Headers))
	}
	// a head over TCP that does not end is given up
	s := &connection{}
	s.sides[1].lost = false
	s.Data(nil, 0, []byte("INVITE sip:a SIP/2.0\r\n"+strings.Repeat("Via: x\r\n", maxHead)))
	if !s.sides[0].lost || s.Held() != 0 {
		t.Errorf("%d bytes are held", s.Held())
	}
}

func BenchmarkParse(b *testing.B) {
	analyzertest.Parse(b, []byte(invite), func(b []byte) bool { var m Message; _, ok := m.Parse(b); return ok })
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(invite))
	f.Add([]byte(trying))
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := probe(0, b)
		for n := range min(len(b), 80) {
			if a := probe(0, b[:n]); a != analyzer.More && a != whole {
				t.Fatalf("%v of %d bytes, then %v", a, n, whole)
			}
		}
		var m Message
		n, ok := m.Parse(b)
		if n > len(b) || len(m.Headers) > maxHeaders {
			t.Fatal(n)
		}
		if ok {
			e := newEvent(event.Head{}, 0, 0, &m)
			(&parts{Event: e, m: &m}).EachBuffer(func(string, []byte) {})
			e.AppendEVE(nil, &event.EVE{})
		}
	})
}
