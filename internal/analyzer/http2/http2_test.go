package http2

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/analyzer/dns"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

var page = strings.Repeat("<title>The shop</title>boots ", 30)

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// TestStreams: what becomes of streams, whatever the cut of the bytes.
func TestStreams(t *testing.T) {
	ok := hdr(":status: 200", "content-type: text/html")
	for _, tc := range []struct {
		name  string
		turns []analyzertest.Turn
		want  string
		odd   string
	}{
		{"two at once, answered the other way round", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/a")) + fr(Headers, endBoth, 3, get("/b"))},
			analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 3, ok) + fr(Headers, flagEndHeaders, 1, ok) + fr(Data, 0, 3, "xx") + fr(Data, flagEndStream, 1, "y") + fr(Data, flagEndStream, 3, "z")}),
			"1 GET shop.example:8080 /a 200 got 1 complete; 3 GET shop.example:8080 /b 200 got 3 complete", ""},
		{"a body that is sent", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndHeaders, 1, hdr(":method: POST", ":path: /p", ":authority: s")) + fr(Data, 0, 1, "abc") + fr(Data, flagEndStream, 1, "d")},
			analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 1, hdr(":status: 204"))}),
			"1 POST s /p 204 sent 4 complete", ""},
		{"padding and priority", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth|flagPadded|flagPriority, 1, "\x03"+"\x00\x00\x00\x00\x0f"+get("/p")+"\x00\x00\x00")},
			analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, ok) + fr(Data, flagPadded, 1, "\x05abc12345") + fr(Data, flagPadded|flagEndStream, 1, "\x00d")}),
			"1 GET shop.example:8080 /p 200 got 4 complete", ""},
		{"fields in pieces", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndStream, 1, get("/long")[:5]) + fr(Continuation, 0, 1, get("/long")[5:9]) + fr(Continuation, flagEndHeaders, 1, get("/long")[9:])},
			analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 1, ok)}), "1 GET shop.example:8080 /long 200 complete", ""},
		{"an interim answer and a trailer", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/t"))},
			analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, hdr(":status: 103")) + fr(Headers, flagEndHeaders, 1, ok) + fr(Data, 0, 1, "x") + fr(Headers, endBoth, 1, hdr("x-sum: 1"))}),
			"1 GET shop.example:8080 /t 200 got 1 complete", ""},
		{"given up by the client, answered all the same", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/c")) + fr(RSTStream, 0, 1, number(8))},
			analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 1, ok)}), "1 GET shop.example:8080 /c 200 complete", ""},
		{"refused by the server", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/r"))},
			analyzertest.Turn{Dir: down, Data: fr(RSTStream, 0, 1, number(7))}), "1 GET shop.example:8080 /r 0 unanswered reset", ""},
		{"not answered", talk(analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/n"))}), "1 GET shop.example:8080 /n 0 unanswered", ""},
		{"a promise", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/"))},
			analyzertest.Turn{Dir: down, Data: fr(PushPromise, flagEndHeaders, 1, number(2)+get("/style")) + fr(Headers, endBoth, 1, ok) + fr(Headers, flagEndHeaders, 2, ok) + fr(Data, flagEndStream, 2, "css")}),
			"1 GET shop.example:8080 / 200 complete; 2 GET shop.example:8080 /style 200 got 3 complete", ""},
		{"a stream that is over", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/"))}, analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 1, ok)},
			analyzertest.Turn{Dir: up, Data: fr(WindowUpdate, 0, 1, number(9)) + fr(Headers, endBoth, 1, get("/again"))}), "1 GET shop.example:8080 / 200 complete", "stream_id_reuse"},
		{"frames that are none", talk(
			analyzertest.Turn{Dir: up, Data: fr(Data, 0, 0, "x") + fr(Headers, flagEndHeaders, 0, get("/")) + fr(WindowUpdate, 0, 0, "x") + fr(GoAway, 0, 0, "") + fr(Settings, 0, 0, "1234567") +
				fr(Headers, endBoth|flagPadded, 1, "\xffx") + fr(Continuation, flagEndHeaders, 3, "") + fr(RSTStream, 0, 5, "xx") + fr(FrameType(99), 0, 7, "x") + fr(PushPromise, 0, 9, "x")}),
			"1    0", "data_stream_zero invalid_frame_header invalid_frame_length invalid_frame_length invalid_frame_data invalid_frame_data invalid_frame_data invalid_frame_length invalid_frame_data"},
		{"fields that are broken", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/x")+"\xff\xff\xff\xff\xff\xff\xff\xff") + fr(Headers, endBoth, 3, get("/y")+"\xc0")}),
			"1 GET shop.example:8080 /x 0 unanswered; 3 GET shop.example:8080 /y 0 unanswered", "header_integer_overflow invalid_header"},
		{"who is asked", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/", "host: other.example")) + fr(Headers, endBoth, 3, hdr(":method: GET", ":path: /u", ":authority: me:secret@shop")) +
				fr(Headers, endBoth, 5, hdr(":method: GET", ":path: /h", "host: h.example")) + fr(Headers, endBoth, 7, hdr(":method: CONNECT", ":authority: s:22"))}),
			"1 GET shop.example:8080 / 0 unanswered; 3 GET shop /u 0 unanswered; 5 GET h.example /h 0 unanswered; 7 CONNECT s:22  0 unanswered", "authority_host_mismatch userinfo_in_uri"},
		{"a block that another frame breaks off", talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndStream, 1, get("/cut")) + fr(Ping, 0, 0, "12345678") + fr(Headers, endBoth, 3, get("/next"))}),
			"1 GET shop.example:8080 /cut 0 unanswered; 3 GET shop.example:8080 /next 0 unanswered", "invalid_frame_data"},
	} {
		for _, cut := range []int{1, 7, 1400} {
			out := run(t, cut, tc.turns...)
			if got := briefs(out); got != tc.want {
				t.Errorf("%s, cut %d:\n got %s\nwant %s", tc.name, cut, got, tc.want)
			}
			if got := odd(out); got != tc.odd {
				t.Errorf("%s, cut %d: odd\n got %s\nwant %s", tc.name, cut, got, tc.odd)
			}
			valid(t, out)
			for _, e := range out {
				if line := string(e.AppendEVE(nil, &event.EVE{Version: 8})); strings.Contains(line, "secret") {
					t.Errorf("%s: a record shows a password: %s", tc.name, line)
				}
			}
		}
	}
}

// TestUpgrade: the request that switched is stream 1's, and the connection is HTTP/2's from then on (RFC 7540 3.2).
func TestUpgrade(t *testing.T) {
	for _, settings := range []string{base64.RawURLEncoding.EncodeToString([]byte(setting(3, 100))), "*"} {
		out := run(t, 7, analyzertest.Turn{Dir: up, Data: "GET /old HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl\r\nUpgrade: h2c\r\nHTTP2-Settings: " + settings + "\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"},
			analyzertest.Turn{Dir: down, Data: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + fr(Settings, 0, 0, "")},
			analyzertest.Turn{Dir: up, Data: Preface + fr(Settings, 0, 0, "")},
			analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, hdr(":status: 200")) + fr(Data, flagEndStream, 1, "hi")},
			analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 3, get("/new"))}, analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 3, hdr(":status: 404"))})
		if got := briefs(out); got != "1 GET shop.example /old 200 got 2 complete; 3 GET shop.example:8080 /new 404 complete" {
			t.Error(got)
		}
		if got := odd(out); (got == "invalid_http1_settings") != (settings == "*") {
			t.Errorf("%s: %s", settings, got)
		}
		for _, e := range analyzertest.Of[*event.Flow](out) {
			if line := string(e.AppendEVE(nil, &event.EVE{Version: 8})); !strings.Contains(line, `"app_proto":"http2","app_proto_orig":"http"`) {
				t.Error(line)
			}
		}
	}
}

// TestBehindAProxy: a tunnel that begins as HTTP/2 does is read.
func TestBehindAProxy(t *testing.T) {
	out := run(t, 5, append([]analyzertest.Turn{{Dir: up, Data: "CONNECT shop.example:80 HTTP/1.1\r\nHost: shop.example\r\n\r\n"}, {Dir: down, Data: "HTTP/1.1 200 OK\r\n\r\n"}},
		talk(analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/inside"))}, analyzertest.Turn{Dir: down, Data: fr(Headers, endBoth, 1, hdr(":status: 200"))})...)...)
	if got := briefs(out); got != "1 GET shop.example:8080 /inside 200 complete" {
		t.Error(got)
	}
}

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		d    packet.Dir
		in   string
		want analyzer.Answer
	}{{up, "", analyzer.More}, {up, "PRI * HTTP/2.0\r\n", analyzer.More}, {up, Preface, analyzer.Yes}, {up, "PRI /", analyzer.No}, {up, "GET / HTTP/1.1\r\n", analyzer.No},
		{down, fr(Settings, 0, 0, setting(3, 1)), analyzer.Yes}, {down, fr(Settings, 0, 0, ""), analyzer.Yes}, {down, fr(Settings, 0, 0, setting(3, 1))[:10], analyzer.More},
		{down, fr(Settings, 0, 0, setting(99, 1)), analyzer.No}, {down, fr(Settings, 0, 1, setting(3, 1)), analyzer.No}, {down, fr(Ping, 0, 0, "12345678"), analyzer.No}, {down, "\x00\x00\x07\x04", analyzer.No}} {
		if got := probe(tc.d, []byte(tc.in)); got != tc.want {
			t.Errorf("%q: %v", tc.in, got)
		}
	}
}

// TestParts: every part that rules ask for has what is on the wire, in the direction that it travelled.
func TestParts(t *testing.T) {
	turns := talk(analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndHeaders|flagPriority, 1, "\x00\x00\x00\x00\x0f"+"\x3f\xe1\x1f"+hdr(":method: POST", ":scheme: http", ":path: /a%62c/../d?x=%31", ":authority: Shop.example:8080",
		"user-agent: curl/8", "cookie: a=b", "accept: */*", "content-type: text/plain")) + fr(Data, flagEndStream, 1, "sent body") + fr(WindowUpdate, 0, 1, number(77))},
		analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, hdr(":status: 206", "server: nginx", "set-cookie: s", "content-encoding: gzip", "content-range: bytes 0-9/100")) +
			fr(Data, 0, 1, zipped(page)[:20]) + fr(Data, flagEndStream, 1, zipped(page)[20:])},
		analyzertest.Turn{Dir: up, Data: fr(GoAway, 0, 0, number(1)+number(11)) + fr(WindowUpdate, 0, 0, number(5)) + fr(Priority, 0, 5, "\x00\x00\x00\x00\x63")})
	want := map[packet.Dir]map[string]string{
		up: {"http.method": "POST", "http.uri": "/d?x=1", "http.uri.raw": "/a%62c/../d?x=%31", "http.host": "shop.example", "http.host.raw": "Shop.example:8080", "http.user_agent": "curl/8",
			"http.cookie": "a=b", "http.accept": "*/*", "http.content_type": "text/plain", "http.protocol": "HTTP/2", "http.request_body": "sent body",
			"http.header":       ":method: POST\r\n:scheme: http\r\n:path: /a%62c/../d?x=%31\r\n:authority: Shop.example:8080\r\nuser-agent: curl/8\r\naccept: */*\r\ncontent-type: text/plain\r\n",
			"http.header.raw":   ":method: POST\r\n:scheme: http\r\n:path: /a%62c/../d?x=%31\r\n:authority: Shop.example:8080\r\nuser-agent: curl/8\r\ncookie: a=b\r\naccept: */*\r\ncontent-type: text/plain\r\n",
			"http.header_names": "\r\n:method\r\n:scheme\r\n:path\r\n:authority\r\nuser-agent\r\ncookie\r\naccept\r\ncontent-type\r\n\r\n", "http.request_header": ":method: POST", "http2.header": ":method: POST",
			"http2.header_name": ":method", "http2.size_update": "\x00\x00\x00\x00\x00\x00\x10\x00", "http2.priority": "\x0f", "http2.window": number(77)},
		down: {"http.stat_code": "206", "http.stat_msg": "", "http.server": "nginx", "http.cookie": "s", "http.response_body": page, "file.data": page, "http.protocol": "HTTP/2", "http.response_header": ":status: 206",
			"http2.header_name": ":status"},
	}
	for _, cut := range []int{3, 1400} {
		seen := map[packet.Dir]map[string][]string{up: {}, down: {}}
		var records []event.Event
		for _, s := range analyzertest.Show(t, defs, frames(cut, turns...)...) {
			for name, v := range s.Parts {
				seen[s.Dir][name] = append(seen[s.Dir][name], v...)
			}
			records = append(records, s.Record)
		}
		analyzertest.ValidEVE(t, records...)
		var lines []byte
		for _, e := range records {
			lines = e.AppendEVE(lines, &event.EVE{Version: 8})
		}
		for _, secret := range []string{`"a=b"`, `"set-cookie","value":"s"`} { // what lets its bearer in is for rules alone
			if strings.Contains(string(lines), secret) || !strings.Contains(string(lines), `"set-cookie","value":"(hidden)"`) {
				t.Errorf("cut %d: a record shows %s", cut, secret)
			}
		}
		for d, parts := range want {
			for name, v := range parts {
				if !slices.Contains(seen[d][name], v) {
					t.Errorf("cut %d, direction %d: %s has no %q: %q", cut, d, name, v, seen[d][name])
				}
			}
		}
		for _, v := range []string{"\x00", "\x01", "\x02", "\x04", "\x07", "\x08"} {
			if !slices.Contains(seen[up]["http2.frametype"], v) {
				t.Errorf("cut %d: no frame of type %q", cut, v)
			}
		}
		for name, v := range map[string]string{"http2.errorcode": number(11), "http2.window": number(5), "http2.priority": "\x63", "http2.settings": setting(3, 100)} {
			if !slices.Contains(seen[up][name], v) {
				t.Errorf("cut %d: %s has no %q: %q", cut, name, v, seen[up][name])
			}
		}
	}
}

// TestFiles: contents are files, unpacked, by the name of the path or of their disposition.
func TestFiles(t *testing.T) {
	for _, cut := range []int{3, 1400} {
		all := analyzertest.Files(t, defs, frames(cut, talk(
			analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndHeaders, 1, hdr(":method: PUT", ":path: /up/a.txt?x", ":authority: s")) + fr(Data, flagEndStream, 1, "upload") + fr(Headers, endBoth, 3, get("/two"))},
			analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, hdr(":status: 200", "content-disposition: attachment; filename=b.bin", "content-encoding: gzip")) +
				fr(Headers, flagEndHeaders, 3, hdr(":status: 200")) + fr(Data, 0, 1, zipped(page)[:9]) + fr(Data, 0, 3, "second") + fr(Data, flagEndStream, 1, zipped(page)[9:])})...)...)
		var got []string
		for _, f := range all {
			got = append(got, fmt.Sprintf("%s %d %d %t", f.Name, f.Dir, len(f.Data), f.Whole))
			if !strings.Contains(f.Object, `"http":{"version":"2"`) {
				t.Error(f.Object)
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, "; "); s != fmt.Sprintf("/two 1 6 false; /up/a.txt 0 6 true; b.bin 1 %d true", len(page)) {
			t.Errorf("cut %d: %s", cut, s)
		}
	}
}

// TestDNS: questions in the path and in a body, and their answers; the connection is called so from the first one on.
func TestDNS(t *testing.T) {
	ask := "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04shop\x07example\x00\x00\x01\x00\x01"
	answer := "\x00\x00\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00\x04shop\x07example\x00\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x09"
	turns := talk(
		analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/dns-query?a=b&dns="+base64.RawURLEncoding.EncodeToString([]byte(ask)), "accept: application/dns-message"))},
		analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 1, hdr(":status: 200", "content-type: application/dns-message")) + fr(Data, 0, 1, answer[:20]) + fr(Data, flagEndStream, 1, answer[20:])},
		analyzertest.Turn{Dir: up, Data: fr(Headers, flagEndHeaders, 3, hdr(":method: POST", ":path: /dns-query", ":authority: s", "content-type: application/dns-message")) + fr(Data, flagEndStream, 3, ask)},
		analyzertest.Turn{Dir: down, Data: fr(Headers, flagEndHeaders, 3, hdr(":status: 200", "content-type: application/dns-message")) + fr(Data, 0, 3, answer) + fr(Data, 0, 3, strings.Repeat("x", 50000)) + fr(Data, flagEndStream, 3, strings.Repeat("x", 50000))})
	out := run(t, 900, turns...)
	if m := analyzertest.Of[*dns.Message](out); len(m) != 3 || m[0].Name != "shop.example" || m[0].Header.Response() || !m[1].Header.Response() || m[2].Dir != up {
		t.Errorf("%d messages", len(m))
	}
	if got := odd(out); got != "dns_response_too_long" {
		t.Error(got)
	}
	var records []string
	for _, e := range out {
		line := string(e.AppendEVE(nil, &event.EVE{Version: 8}))
		if strings.Contains(line, `"event_type":"dns"`) {
			records = append(records, line)
		}
		if strings.Contains(line, `"event_type":"flow"`) && !strings.Contains(line, `"app_proto":"doh2","app_proto_orig":"http2"`) {
			t.Error(line)
		}
	}
	if len(records) != 2 || !strings.Contains(records[0], `"http":{"version":"2"`) || !strings.Contains(records[0], `"dns":{"version":3,"type":"response"`) || !strings.Contains(records[1], `"type":"request"`) {
		t.Errorf("%q", records)
	}
	valid(t, out)
	for _, s := range analyzertest.Show(t, defs, frames(900, turns...)...) {
		if len(s.Parts["http.method"]) > 0 && (!slices.Contains(s.Parts["dns.query"], "shop.example") && s.Parts["http.method"][0] == "GET") {
			t.Errorf("%+v", s)
		}
	}
	if out := analyzertest.Run(t, analyzertest.Options{Defs: []analyzer.Def{Def}}, frames(900, turns...)...); len(analyzertest.Of[*dns.Message](out)) != 0 {
		t.Error("DNS is read where that is switched off")
	}
}

// TestHoles: within DATA a hole costs its bytes alone; elsewhere the direction is given up.
func TestHoles(t *testing.T) {
	ok := hdr(":status: 200")
	answers := fr(Headers, flagEndHeaders, 1, ok) + fr(Data, flagEndStream, 1, strings.Repeat("a", 300)) + fr(Headers, endBoth, 3, ok)
	for _, tc := range []struct {
		skip, n int
		want    string
	}{{len(fr(Headers, 0, 1, ok)) + 9 + 20, 100, "1 GET shop.example:8080 /1 200 got 200 complete gap; 3 GET shop.example:8080 /3 200 complete"},
		{len(fr(Headers, 0, 1, ok)) + 3, 30, "1 GET shop.example:8080 /1 200 gap; 3 GET shop.example:8080 /3 0 gap"}} {
		k := analyzertest.Dial(t, "10.0.0.2:8080", 1400, nil, defs...)
		for _, x := range talk(analyzertest.Turn{Dir: up, Data: fr(Headers, endBoth, 1, get("/1")) + fr(Headers, endBoth, 3, get("/3"))}) {
			k.Say(x.Dir, x.Data)
		}
		k.Say(down, answers[:tc.skip])
		k.Lose(down, tc.n)
		k.Say(down, answers[tc.skip+tc.n:])
		k.End()
		if got := briefs(k.Out); got != tc.want {
			t.Errorf("hole at %d: %s", tc.skip, got)
		}
	}
}

// TestFloods: what one side sends without end stays within bounds, and is told.
func TestFloods(t *testing.T) {
	limit := func(name, up string, want ...string) {
		t.Helper()
		most := 0
		var out []event.Event
		analyzertest.Inside(t, Def, "10.0.0.2:8080", false, func(k *analyzertest.Talk) { k.Say(analyzertest.Up, Preface) }, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
			a.Reset()
			for b := []byte(Preface + up); len(b) > 0; {
				n := min(len(b), 1400)
				a.Data(c, packet.ToServer, b[:n])
				b = b[n:]
				most = max(most, a.(analyzer.Holder).Held())
			}
		})
		if most > 4<<20 {
			t.Errorf("%s: %d bytes are held", name, most)
		}
		out = run(t, 1400, append(hello(), analyzertest.Turn{Dir: packet.ToServer, Data: up})...)
		for _, w := range want {
			if !strings.Contains(odd(out), w) {
				t.Errorf("%s: %s is not told: %.200s", name, w, odd(out))
			}
		}
	}
	var many, big, reset strings.Builder
	for i := range uint32(400) {
		many.WriteString(fr(Headers, endBoth, 2*i+1, get("/x")))
		big.WriteString(fr(Headers, endBoth, 2*i+1, hdr(":method: GET", "x: "+strings.Repeat("y", 40_000))))
		reset.WriteString(fr(Headers, endBoth, 2*i+1, get("/x")) + fr(RSTStream, 0, 2*i+1, number(8)))
	}
	limit("streams", many.String(), "too_many_streams")
	limit("fields", big.String(), "too_many_streams")
	limit("fields of one", fr(Headers, flagEndStream, 1, hdr(":method: GET", "x: "+strings.Repeat("y", 40_000)))+fr(Continuation, flagEndHeaders, 1, hdr("z: "+strings.Repeat("y", 40_000))), "reassembly_limit_reached")
	limit("resets", reset.String())
	limit("continuations", fr(Headers, 0, 1, "")+strings.Repeat(fr(Continuation, 0, 1, strings.Repeat("z", 16000)), 40), "reassembly_limit_reached")
	limit("empty continuations", fr(Headers, 0, 1, "")+strings.Repeat(fr(Continuation, 0, 1, ""), maxFrames+10), "too_many_frames")
	limit("a long frame", fr(Headers, flagEndHeaders, 1, strings.Repeat("z", 80_000))+fr(Data, 0, 1, strings.Repeat("z", 70_000)), "long_frame_data")
	limit("windows", strings.Repeat(fr(WindowUpdate, 0, 1, number(1)), 3000))
	limit("settings", strings.Repeat(fr(Settings, 0, 0, strings.Repeat(setting(1, 1<<31), 500)), 30))
	limit("entries", strings.Repeat(fr(Headers, endBoth, 1, "\x3f\xe1\xff\x07"+strings.Repeat("\x40\x01a\x01b", 3000)), 10), "invalid_header")
}

func FuzzTalk(f *testing.F) {
	f.Add([]byte(Preface+fr(Settings, 0, 0, setting(3, 100))+fr(Headers, endBoth, 1, get("/a"))+fr(RSTStream, 0, 1, number(8))), []byte(fr(Settings, 0, 0, "")+fr(Headers, flagEndHeaders, 1, hdr(":status: 200"))+fr(Data, endBoth, 1, "x")))
	f.Add([]byte(Preface+fr(Headers, 0, 1, get("/a")[:9])+fr(Continuation, flagEndHeaders, 1, get("/a")[9:])+fr(Data, flagPadded|flagEndStream, 1, "\x01ab")), []byte(fr(PushPromise, flagEndHeaders, 1, number(2)+get("/p"))+fr(GoAway, 0, 0, number(1)+number(2))))
	f.Add([]byte(Preface+fr(Headers, flagEndHeaders, 1, hdr(":method: POST", ":path: /dns-query", "content-type: application/dns-message"))+fr(Data, flagEndStream, 1, "\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")), []byte(fr(WindowUpdate, 0, 0, number(1))))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a)+len(b) > 20_000 {
			return
		}
		turns := []analyzertest.Turn{{Dir: up, Data: string(a)}, {Dir: down, Data: string(b)}, {Dir: up, Data: string(a)}}
		whole := run(t, 1400, turns...)
		for _, e := range whole { // the schema takes too long for each of them: TestStreams has it
			if line := e.AppendEVE(nil, &event.EVE{Version: 8}); len(line) > 0 && !json.Valid(line) {
				t.Errorf("%s", line)
			}
		}
		if x, y := briefs(whole), briefs(run(t, 3, turns...)); x != y {
			t.Errorf("the cut matters: %s; %s", x, y)
		}
		analyzertest.Show(t, defs, frames(200, turns...)...)
		analyzertest.Files(t, defs, frames(200, turns...)...)
	})
}

func BenchmarkExchange(b *testing.B) {
	req := []byte(fr(Headers, endBoth, 1, get("/index.html", "user-agent: curl/8.0", "accept: */*")))
	res := []byte(fr(Headers, flagEndHeaders, 1, hdr(":status: 200", "content-type: application/octet-stream", "content-length: 16000")) + fr(Data, flagEndStream, 1, strings.Repeat("z", 16000)))
	analyzertest.Inside(b, Def, "10.0.0.2:8080", false, func(k *analyzertest.Talk) { k.Say(up, Preface) }, func(a analyzer.StreamAnalyzer, c *analyzer.Context) {
		b.SetBytes(int64(len(req) + len(res)))
		b.ReportAllocs()
		for b.Loop() {
			a.Reset()
			a.Data(c, up, []byte(Preface))
			a.Data(c, up, req)
			a.Data(c, down, res)
		}
	})
}
