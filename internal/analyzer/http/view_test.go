package http

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/analyzertest"
	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// looker writes down what rules are shown, and which files come.
type looker struct {
	only []string // names of parts; nil: all
	log  []string
	seen map[string]string // last bytes of each part, by direction, transaction and name
	most int               // longest part
	odd  map[string]bool
	// lines are looks at the line of a request alone, while its head comes in pieces.
	lines []string
}

func newLooker(only ...string) *looker {
	return &looker{only: only, seen: map[string]string{}, odd: map[string]bool{}}
}

func (l *looker) Asks(kind string) bool { return kind == "http" }

func (l *looker) Inspect(_ string, h flow.Handle, _ *event.Head, _ *packet.Packet, in event.Inspection) {
	line := fmt.Sprintf("%s %d", in.Dir, in.Tx)
	if in.Done {
		line += " done"
	}
	begun, head := false, false
	in.Parts.EachBuffer(func(name string, b []byte) {
		begun, head = begun || name == "http.request_line", head || name == "http.start"
		l.most = max(l.most, len(b))
		l.seen[fmt.Sprintf("%s %d %s", in.Dir, in.Tx, name)] = string(b)
		for _, n := range l.only {
			if n == name {
				line += fmt.Sprintf(" %s=%q", name, b)
			}
		}
		if l.only == nil {
			line += fmt.Sprintf("\n    %s=%q", name, b)
		}
	})
	for _, n := range in.Events {
		l.odd[n] = true
	}
	if begun && !head {
		l.lines = append(l.lines, line)
		return
	}
	l.log = append(l.log, line)
}

// Files.
func (l *looker) Takes(string) bool { return true }
func (l *looker) Open(_ *analyzer.Context, _ string, h flow.Handle, f event.File) analyzer.OpenFile {
	return &taken{l: l, text: fmt.Sprintf("file %s %d %q %t %d-%d/%d", f.Dir, f.Tx, f.Name, f.Part, f.From, f.To, f.Size)}
}

type taken struct {
	l    *looker
	text string
	b    []byte
}

func (f *taken) Data(_ *analyzer.Context, b []byte)          { f.b = append(f.b, b...) }
func (f *taken) Gap(*analyzer.Context, uint64)               { f.b = append(f.b, "<gap>"...) }
func (f *taken) Stop(*analyzer.Context, bool)                {}
func (f *taken) EachBuffer(each func(name string, b []byte)) { each("file.name", []byte("x")) }
func (f *taken) End(_ *analyzer.Context, whole bool, app event.AppObject) {
	if o := app.AppendAppObject(nil); !bytes.HasPrefix(o, []byte(`"http":{`)) {
		f.text += " without its transaction"
	}
	b := f.b
	if len(b) > 60 {
		b = b[:60]
	}
	f.l.log = append(f.l.log, fmt.Sprintf("%s: %q of %d whole %t", f.text, b, len(f.b), whole))
}

// shown plays a connection in segments of cut bytes and returns what was shown.
func shown(t testing.TB, cut int, limit int64, l *looker, steps ...step) *looker {
	t.Helper()
	def := Def
	def.Stream = func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		a, err := Def.Stream(o)
		if limit >= 0 {
			a.(*conn).views.Limit = [2]uint64{uint64(limit), uint64(limit)}
		}
		return a, err
	}
	k := analyzertest.DialWith(t, "198.51.100.1:80", 1400, func(o *analyzer.DispatchOptions) { o.Inspector, o.Files = l, l }, nil, def)
	play(rig{k}, cut, steps)
	k.End()
	if s := k.Stats(); s.Sessions != 0 || s.Held != 0 || s.Panics != 0 {
		t.Errorf("left over: %+v", s)
	}
	return l
}

const cutOff = "\r\n0\r\n\r\n"

// TestShown: rules see each side as it comes, whatever the cuts.
func TestShown(t *testing.T) {
	steps := []step{
		{d: up, data: "POST /a%20b/../c?q=%41 HTTP/1.1\r\nHost: Shop.example:8080\r\nUser-Agent: me\r\nX-A: 1\r\nx-a:  2\r\n  3\r\nCookie: k=v\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello"},
		{d: down, data: "HTTP/1.1 200 All well\r\nServer: s\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nhi"},
	}
	want := `to_server 0
    http.method="POST"
    http.uri="/c?q=A"
    http.uri.raw="/a%20b/../c?q=%41"
    http.protocol="HTTP/1.1"
    http.request_line="POST /a%20b/../c?q=%41 HTTP/1.1"
    http.host="shop.example"
    http.host.raw="Shop.example:8080"
    http.user_agent="me"
    http.content_type="text/plain"
    http.content_len="5"
    http.cookie="k=v"
    http.header="Host: Shop.example:8080\r\nUser-Agent: me\r\nX-A: 1, 2 3\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n"
    http.request_header="Host: Shop.example:8080"
    http.request_header="User-Agent: me"
    http.request_header="X-A: 1, 2 3"
    http.request_header="Cookie: k=v"
    http.request_header="Content-Length: 5"
    http.request_header="Content-Type: text/plain"
    http.header.raw="Host: Shop.example:8080\r\nUser-Agent: me\r\nX-A: 1\r\nx-a:  2\r\n  3\r\nCookie: k=v\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n"
    http.header_names="\r\nHost\r\nUser-Agent\r\nX-A\r\nCookie\r\nContent-Length\r\nContent-Type\r\n\r\n"
    http.start="POST /a%20b/../c?q=%41 HTTP/1.1\r\nHost: Shop.example:8080\r\nUser-Agent: me\r\nX-A: 1\r\nx-a:  2\r\n  3\r\nCookie: k=v\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\n"`
	l := shown(t, 1400, -1, newLooker(), steps...)
	if l.log[0] != want {
		t.Errorf("got\n%s\nwant\n%s", l.log[0], want)
	}
	rest := `to_server 0 done http.request_body="hello" file.data="hello" file.name="x"
file to_server 0 "/c" false 0-0/-1: "hello" of 5 whole true
to_client 0 http.protocol="HTTP/1.1" http.header="Server: s\r\nContent-Length: 2\r\n"
to_client 0 done http.protocol="HTTP/1.1" http.header="Server: s\r\nContent-Length: 2\r\n" http.response_body="hi" file.data="hi" file.name="x"
file to_client 0 "/c" false 0-0/-1: "hi" of 2 whole true`
	rest = strings.Replace(rest, "done http.request_body", `done http.protocol="HTTP/1.1" http.header="Host: Shop.example:8080\r\nUser-Agent: me\r\nX-A: 1, 2 3\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n" http.request_body`, 1)
	for _, cut := range []int{1400, 7, 1} {
		few := shown(t, cut, -1, newLooker("http.protocol", "http.header", "http.request_body", "http.response_body", "file.data", "file.name"), steps...)
		if got := strings.Join(few.log[1:], "\n"); got != rest {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, got, rest)
		}
		if all := shown(t, cut, -1, newLooker(), steps...); strings.Join(all.log, "\n") != strings.Join(l.log, "\n") {
			t.Errorf("cut %d: got\n%s", cut, strings.Join(all.log, "\n"))
		} else if want := min(1, 1400/cut-1); len(all.lines) != want { // in one piece, there is no line before the head
			t.Errorf("cut %d: %d looks at the line, want %d", cut, len(all.lines), want)
		}
	}
	for name, want := range map[string]string{"stat_code": "200", "stat_msg": "All well", "response_line": "HTTP/1.1 200 All well", "server": "s", "cookie": "a=b",
		"header_names": "\r\nServer\r\nSet-Cookie\r\nContent-Length\r\n\r\n", "content_len": "2", "response_header": "Content-Length: 2"} {
		if got := l.seen["to_client 0 http."+name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestContents: what rules and files get of contents in all their wrappings.
func TestContents(t *testing.T) {
	const page = "<html>a page that is long enough to be packed, packed, packed</html>"
	head := "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"a.txt\"\r\n"
	length := func(coding, b string) string {
		return fmt.Sprintf("%sContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", head, coding, len(b), b)
	}
	flagged := func(flags byte, extra string) string {
		b := packed("gzip", page)
		return b[:3] + string([]byte{flags}) + b[4:10] + extra + b[10:]
	}
	for _, tc := range []struct {
		name, answer, want string
		odd                string
	}{
		{"plain", head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(page), page), page, ""},
		{"gzip", length("gzip", packed("gzip", page)), page, ""},
		{"two members", length("gzip", packed("gzip", page)+packed("gzip", page)), page + page, ""},
		{"gzip with a name, a comment, an extra field, a sum", length("x-gzip", flagged(4|8|16|2, "\x03\x00abcname\x00comment\x00xx")), page, ""},
		{"gzip with flags that are reserved", length("gzip", flagged(0xe0, "")), page, ""},
		{"gzip with a wrong sum", length("gzip", packed("gzip", page)[:len(packed("gzip", page))-8]+"xxxxxxxx"), page, ""},
		{"gzip cut off", length("gzip", packed("gzip", page)[:len(packed("gzip", page))-8]), page, ""},
		{"zlib", length("deflate", packed("zlib", page)), page, ""},
		{"bare DEFLATE", length("deflate", packed("flate", page)), page, ""},
		{"gzip that is called deflate", length("deflate", packed("gzip", page)), page, ""},
		{"br", length("br", packed("br", page)), page, ""},
		{"twice", length("gzip, deflate", packed("flate", packed("gzip", page))), page, ""},
		{"three times, in the wrong order", length("gzip, deflate, gzip", packed("flate", packed("gzip", packed("gzip", page)))), page, ""},
		{"four times", length("gzip, gzip, gzip, gzip", packed("gzip", packed("gzip", packed("gzip", page)))), page, "too_many_encoding_layers"},
		{"packed once, called twice", length("deflate, deflate", packed("flate", page)), page, "gzip_decompression_failed"},
		{"not packed at all", length("gzip", page), page, "gzip_decompression_failed"},
		{"unknown coding", length("foo", page), page, ""},
		{"junk around", length(" gzip\xa0,, identity", packed("gzip", page)), page, ""},
		{"chunks", head + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n<html\r\n\r\n\v4f \r\n" + strings.Repeat("x", 0x4f) + cutOff, "<html" + strings.Repeat("x", 0x4f), "response_chunk_extension"},
		{"chunks by an odd name", head + "Transfer-Encoding: xchu\x00nked\r\n\r\n5\r\n<html" + cutOff, "<html", "response_abnormal_transfer_encoding"},
		{"chunked, but it is not", head + "Transfer-Encoding: chunked\r\n\r\n" + page, page, "invalid_response_chunk_len"},
		{"folded into another field", head + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n5\r\n<html" + cutOff, "<html", "invalid_response_field_folding"},
		{"lines that end with CR alone", "HTTP/1.1 200 OK\rContent-Disposition: x; filename=a.txt\rTransfer-Encoding: chunked\r\n\r\n5\r\n<html" + cutOff, "<html", ""},
		{"a length with junk", head + "Content-Length: (5) 7\r\n\r\n<html" + page, "<html" + page, "invalid_content_length_field_in_response"},
		{"nothing may come and something does", strings.Replace(head, "200", "204", 1) + "Transfer-Encoding: chunked\r\n\r\n5\r\n<html" + cutOff, "<html", ""},
		{"junk before the head", "foo bar\r\n" + head + "Content-Length: 5\r\n\r\n<html", "<html", ""},
		{"the head's end is a line with a blank", head[:len(head)-2] + "\n \n<html", "<html", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var first []string
			for _, cut := range []int{1400, 1, 3} {
				l := shown(t, cut, -1, newLooker("file.data"), step{d: up, data: get}, step{d: down, data: tc.answer}, step{d: down, flag: packet.FIN})
				if got := l.seen["to_client 0 file.data"]; got != tc.want {
					t.Errorf("cut %d: %q, want %q", cut, got, tc.want)
				}
				if tc.odd != "" && !l.odd[tc.odd] {
					t.Errorf("cut %d: odd: %v, want %s", cut, l.odd, tc.odd)
				}
				last := l.log[len(l.log)-1]
				if !strings.Contains(last, fmt.Sprintf(`"a.txt" false 0-0/-1: %q`, tc.want[:min(60, len(tc.want))])) {
					t.Errorf("cut %d: %s", cut, last)
				}
				if first == nil {
					first = l.log
				} else if strings.Join(first, "\n") != strings.Join(l.log, "\n") {
					t.Errorf("cut %d:\n%s\nbefore:\n%s", cut, strings.Join(l.log, "\n"), strings.Join(first, "\n"))
				}
			}
		})
	}
}

// TestNoHead: a response without a head is a content.
func TestNoHead(t *testing.T) {
	for _, cut := range []int{1400, 1} {
		l := shown(t, cut, -1, newLooker(), step{d: up, data: get}, step{d: down, data: "<html>\nHTTP/x\nHTTP"}, step{d: down, flag: packet.FIN})
		if got := l.seen["to_client 0 file.data"]; got != "<html>\nHTTP/x\nHTTP" {
			t.Errorf("cut %d: %q", cut, got)
		}
	}
}

// TestBomb: unpacking ends where nobody packs so well, and is told.
func TestBomb(t *testing.T) {
	b := packed("gzip", packed("gzip", strings.Repeat("\x00", 64<<20)))
	l := newLooker("none")
	shown(t, 1400, 0, l, step{d: up, data: get}, step{d: down, data: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n%s", len(b), b)})
	if !l.odd["compression_bomb"] {
		t.Errorf("%v", l.odd)
	}
	if last := l.log[len(l.log)-1]; !strings.Contains(last, "whole") || strings.Contains(last, "of 67108864") {
		t.Error(last)
	}
}

// TestForm: each part of a form with a file name is a file.
func TestForm(t *testing.T) {
	body := "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno file\r\n--xyz\r\nContent-Disposition: form-data; name=\"b\"; filename=\"one.txt\"\r\nContent-Type: text/plain\r\n\r\n" +
		"first\r\n--xy no end\r\n\r\n--xyz\r\nContent-Disposition: form-data; filename=two.bin\r\n\r\n\r\n--xyz\r\nContent-Disposition: form-data; filename=\"three\"\r\n\r\nthird\r\n--xyz--\r\nepilogue"
	want := `to_server 0
to_server 0 file.data="first\r\n--xy no end\r\n"
file to_server 0 "one.txt" false 0-0/-1: "first\r\n--xy no end\r\n" of 20 whole true
to_server 0
file to_server 0 "two.bin" false 0-0/-1: "" of 0 whole true
to_server 0 file.data="third"
file to_server 0 "three" false 0-0/-1: "third" of 5 whole true
to_server 0 done`
	for _, cut := range []int{1400, 1, 5} {
		l := shown(t, cut, -1, newLooker("file.data"), step{d: up, data: fmt.Sprintf("POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\"xyz\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)})
		if got := strings.Join(l.log, "\n"); got != want {
			t.Errorf("cut %d: got\n%s\nwant\n%s", cut, got, want)
		}
		if l.seen["to_server 0 http.request_body"] != body {
			t.Errorf("body: %q", l.seen["to_server 0 http.request_body"])
		}
	}
}

// TestLimit: a large content is looked at up to the limit, all of it without one, with bounded memory.
func TestLimit(t *testing.T) {
	const size = 1 << 20
	b := bytes.Repeat([]byte("x"), size)
	marks := []int{0, 50, lookBack + lookStep - 4, lookBack + 2*lookStep - 3, 100<<10 - 8, 100<<10 + 50, 500 << 10, size - 8}
	for i, at := range marks {
		copy(b[at:], fmt.Sprintf("<mark%d>", i))
	}
	for _, tc := range []struct {
		limit int64
		want  int
	}{{-1, 5}, {0, len(marks)}, {200 << 10, 6}} {
		l := &marker{looker: newLooker("none"), found: map[string]bool{}}
		k := analyzertest.DialWith(t, "198.51.100.1:80", 1400, func(o *analyzer.DispatchOptions) { o.Inspector = l }, nil, limited(tc.limit))
		play(rig{k}, 1400, []step{{d: up, data: get}, {d: down, data: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, b)}})
		if held := k.Stats().Held; held > 256<<10 {
			t.Errorf("limit %d: %d bytes held", tc.limit, held)
		}
		k.End()
		if len(l.found) != tc.want {
			t.Errorf("limit %d: found %v, want %d", tc.limit, l.found, tc.want)
		}
		if l.most > lookBack+lookStep {
			t.Errorf("limit %d: a part of %d bytes", tc.limit, l.most)
		}
	}
}

func limited(limit int64) analyzer.Def {
	def := Def
	def.Stream = func(o analyzer.Options) (analyzer.StreamAnalyzer, error) {
		a, err := Def.Stream(o)
		if limit >= 0 {
			a.(*conn).views.Limit = [2]uint64{uint64(limit), uint64(limit)}
		}
		return a, err
	}
	return def
}

// marker looks for marks in contents.
type marker struct {
	*looker
	found map[string]bool
}

func (m *marker) Inspect(k string, h flow.Handle, e *event.Head, p *packet.Packet, in event.Inspection) {
	in.Parts.EachBuffer(func(name string, b []byte) {
		for name == "file.data" {
			i := bytes.Index(b, []byte("<mark"))
			if i < 0 || len(b) < i+7 {
				break
			}
			m.found[string(b[i:i+7])] = true
			b = b[i+7:]
		}
	})
	m.looker.Inspect(k, h, e, p, in)
}

// TestNothingOdd: a request as they are has nothing odd.
func TestNothingOdd(t *testing.T) {
	for _, port := range []string{"", ":80"} {
		l := newLooker("http.request_body")
		shown(t, 1400, -1, l, step{d: up, data: "GET / HTTP/1.1\r\nHost: a" + port + "\r\nAuthorization: Basic eDp5\r\n\r\n"}, step{d: down, data: ok2})
		if len(l.odd) != 0 {
			t.Errorf("%v", l.odd)
		}
	}
}

// TestOdd: what is odd has Suricata's name.
func TestOdd(t *testing.T) {
	for _, tc := range []struct{ request, answer, want string }{
		{"GET / HTTP/1.1\r\n\r\n", "", "missing_host_header"},
		{"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "", "host_header_ambiguous"},
		{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "", "request_header_host_invalid"},
		{"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", "", "uri_delim_non_compliant"},
		{"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "", "request_field_missing_colon"},
		{"GET / HTTP/1.1\r\nHost: a\r\nb c: d\r\n\r\n", "", "request_header_invalid"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\na: c\r\n\r\n", "", "request_header_repetition"},
		{"GET http://a$b/ HTTP/1.1\r\nHost: a\r\n\r\n", "", "request_uri_host_invalid"},
		{"GET / HTTP/1.1\r\nHost: a:81\r\n\r\n", "", "request_server_port_tcp_port_mismatch"},
		{"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "", "request_server_port_tcp_port_mismatch"},
		{"GET /\r\nHost: a\r\n\r\n", "", "request_line_missing_protocol"},
		{"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM x\r\n\r\n", "", "request_auth_unrecognized"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "", "duplicate_content_length_field_in_request"},
		{get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "duplicate_content_length_field_in_response"},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "", "invalid_content_length_field_in_request"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", "", "invalid_transfer_encoding_value_in_request"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\n\r\n", "", "request_chunk_extension"},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "", "invalid_request_chunk_len"},
		{"POST / HTTP/1.1\r\nHost: a\r\n\r\n(a form)\r\n\r\n", "", "request_body_unexpected"},
		{"", ok2, "unable_to_match_response_to_request"},
		{get, "HTTP/1.1 abc OK\r\n\r\n", "response_invalid_status"},
		{get, "HTTP/1.7 200 OK\r\n\r\n", "response_invalid_protocol"},
		{get, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "response_chunked_old_proto"},
		{get, "HTTP/1.1 206 OK\r\nContent-Range: bytes x\r\nContent-Length: 0\r\n\r\n", "range_invalid"},
		{get, "HTTP/1.1 200 OK\r\nContent-Type: multipart/byteranges\r\nContent-Length: 0\r\n\r\n", "response_multipart_byteranges"},
	} {
		for _, cut := range []int{1400, 1} {
			l := newLooker("http.request_body")
			var steps []step
			if tc.request != "" {
				steps = append(steps, step{d: up, data: tc.request})
			}
			if tc.answer != "" {
				steps = append(steps, step{d: down, data: tc.answer})
			}
			shown(t, cut, -1, l, steps...)
			if !l.odd[tc.want] {
				t.Errorf("cut %d: %q: %v, want %s\n%s", cut, tc.request+tc.answer, l.odd, tc.want, strings.Join(l.log, "\n"))
			}
		}
	}
	if l := shown(t, 1400, -1, newLooker(), step{d: up, data: get}, step{d: down, data: ok2}); len(l.odd) > 0 {
		t.Errorf("odd without reason: %v", l.odd)
	}
}

// TestGapShown: bytes that are missing lie between nothing, and the file says so.
func TestGapShown(t *testing.T) {
	l := shown(t, 1400, -1, newLooker("file.data"), step{d: up, data: get}, step{d: down, data: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123"}, step{d: down, miss: 10}, step{d: down, data: "456789"})
	if got, want := l.log[len(l.log)-1], `file to_client 0 "/a" false 0-0/-1: "0123<gap>456789" of 15 whole true`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := l.seen["to_client 0 file.data"]; got != "456789" {
		t.Errorf("%q", got)
	}
}

// FuzzShown: whatever is said, rules are shown the same for any cuts, and nothing is left over.
func FuzzShown(f *testing.F) {
	f.Add([]byte(get), []byte(ok2))
	f.Add([]byte("POST /a HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 60\r\n\r\n--x\r\nContent-Disposition: a; filename=b\r\n\r\nc\r\n--x--"), []byte("foo\r\nHTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx"))
	f.Add([]byte(get+get), []byte("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 70,\r\n\r\n"+packed("gzip", "text text")+"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot"))
	f.Add([]byte("GET /a\r\nHost: "), []byte("HTTP /1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) // fields behind a line without a version
	f.Add([]byte("GET /a\r\n"), []byte("HTTP/0.9 has no head"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) > 600 || len(b) > 600 {
			return
		}
		var first []string
		for _, cut := range []int{1400, 1} {
			l := shown(t, cut, -1, newLooker(), step{d: up, data: string(a)}, step{d: down, data: string(b)}, step{d: down, flag: packet.FIN})
			if first == nil {
				first = l.log
			} else if x, y := strings.Join(first, "\n"), strings.Join(l.log, "\n"); x != y {
				t.Errorf("cut %d:\n%s\nbefore:\n%s", cut, y, x)
			}
		}
	})
}
