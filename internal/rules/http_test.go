package rules

import (
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/flow"
	"firestorm/internal/packet"
)

// TestHTTPBuffers: each buffer by all its names, in both forms, and by the flag of pcre; rules about one side are not tried on
// the other.
func TestHTTPBuffers(t *testing.T) {
	request := []string{"http.method=POST", "http.uri=/a/b.exe", "http.uri.raw=/a/%62.exe", "http.host=a.example", "http.host.raw=A.example",
		"http.user_agent=agent", "http.referer=ref", "http.accept=acc", "http.accept_enc=enc", "http.accept_lang=lang",
		"http.request_line=POST /a", "http.request_header=X: one", "http.request_header=Y: two", "http.header=X: one\r\nY: two\r\n",
		"http.header.raw=X:one\r\n", "http.header_names=\r\nX\r\nY\r\n\r\n", "http.cookie=biscuit", "http.protocol=HTTP/1.1", "http.connection=close",
		"http.content_type=text", "http.content_len=12", "http.start=POST /a start", "http.request_body=body=1", "file.data=filed", "file.name=b.exe"}
	response := []string{"http.stat_code=404", "http.stat_msg=Gone", "http.response_line=HTTP/1.1 404 Gone", "http.response_header=Server: srv",
		"http.response_body=answer", "http.location=/elsewhere", "http.server=srv", "http.cookie=biscuit", "http.header=Server: srv\r\n", "file.data=answer"}
	for _, c := range []struct {
		options string
		up, dn  bool
	}{
		{`http.method; content:"POST"`, true, false}, {`content:"POST"; http_method`, true, false}, {`pcre:"/^POST$/M"`, true, false},
		{`http.uri; content:"/a/b"; startswith`, true, false}, {`content:".exe"; http_uri; isdataat:!1,relative`, true, false}, {`content:"/a"; isdataat:!1,relative; http_uri`, false, false},
		{`content:".exe"; http_uri; isdataat:!1,relative; fast_pattern`, true, false}, {`uricontent:"b.exe"`, true, false}, {`pcre:"/b\.exe$/U"`, true, false}, {`urilen:8`, true, false},
		{`http.uri.raw; content:"%62"`, true, false}, {`content:"%62"; http_raw_uri`, true, false}, {`pcre:"/%62/I"`, true, false}, {`urilen:10,raw`, true, false},
		{`http.host; content:"a.example"; bsize:9`, true, false}, {`pcre:"/a\.ex/W"`, true, false}, {`content:"A.ex"; http_raw_host`, true, false}, {`pcre:"/A\.ex/Z"`, true, false},
		{`content:"agent"; http_user_agent`, true, false}, {`pcre:"/^agent/V"`, true, false}, {`http_referer; content:"ref"`, true, false}, {`http_accept; content:"acc"`, true, false},
		{`http.accept_enc; content:"enc"`, true, false}, {`http_accept_lang; content:"lang"`, true, false}, {`http_request_line; content:"POST /a"`, true, false},
		{`http.request_header; content:"X|3a| one"; bsize:6; http.request_header; content:"Y|3a| two"`, true, false},
		{`http.header; content:"one|0d 0a|Y"`, true, false}, {`content:"srv"; http_header`, false, true}, {`pcre:"/^Server/H"`, false, true}, {`content:"X|3a|one"; http_raw_header`, true, false}, {`pcre:"/X:one/D"`, true, false},
		{`http_header_names; content:"|0d 0a|X|0d 0a|Y"`, true, false}, {`content:"biscuit"; http_cookie`, true, true}, {`flow:to_client; pcre:"/biscuit/C"`, false, true},
		{`http_protocol; content:"1.1"`, true, false}, {`http_connection; content:"close"`, true, false}, {`http_content_type; content:"text"`, true, false},
		{`http_content_len; content:"12"`, true, false}, {`http.content_len; byte_test:2,>,11,0,string,dec`, true, false}, {`http_start; content:"start"`, true, false},
		{`content:"body"; http_client_body`, true, false}, {`pcre:"/^body=\d$/P"`, true, false}, {`http.request_body; content:"=1"`, true, false},
		{`http.stat_code; content:"404"`, false, true}, {`pcre:"/404/S"`, false, true}, {`content:"Gone"; http_stat_msg`, false, true}, {`pcre:"/Gone/Y"`, false, true},
		{`http_response_line; content:"404 Gone"`, false, true}, {`http.response_header; content:"srv"`, false, true}, {`http.response_body; content:"answer"`, false, true},
		{`content:"answer"; http_server_body`, false, true}, {`pcre:"/^answer/Q"`, false, true}, {`http.location; content:"else"`, false, true}, {`http.server; content:"srv"`, false, true},
		{`file_data; content:"answer"`, false, true}, {`file.data; content:"filed"; http.uri; content:"b.exe"`, true, false}, {`file.name; content:"b.exe"; http.method; content:"POST"`, true, false},
	} {
		for i, side := range [][]string{request, response} {
			want := []bool{c.up, c.dn}[i]
			if got := matches(t, c.options+";", "http", packet.Dir(i), side...); got != want {
				t.Errorf("%s: direction %d: %t, want %t", c.options, i, got, want)
			}
		}
	}
}

// piece is a content that is shown piece by piece.
type piece struct {
	b    string
	from uint64
	end  bool
}

func (p piece) EachBuffer(f func(name string, b []byte)) { f("file.data", []byte(p.b)) }
func (p piece) Window(string) (from uint64, end bool)    { return p.from, p.end }

// TestPiecesOfContents: places count from the begin and the end of a content, not from those of the piece at hand.
func TestPiecesOfContents(t *testing.T) {
	first, middle, last := piece{"MZ first", 0, false}, piece{"MZ middle", 8, false}, piece{"MZ last", 17, true}
	for _, c := range []struct {
		options string
		want    [3]bool
	}{
		{`content:"MZ"`, [3]bool{true, true, true}},
		{`content:"MZ"; startswith`, [3]bool{true, false, false}},
		{`content:"MZ"; depth:10`, [3]bool{true, true, false}},
		{`content:"MZ"; offset:10`, [3]bool{false, false, true}},
		{`content:!"PK"; depth:2`, [3]bool{true, false, false}},
		{`content:"first"; endswith`, [3]bool{false, false, false}},
		{`content:"last"; endswith`, [3]bool{false, false, true}},
		{`content:"dle"; isdataat:!1,relative`, [3]bool{false, false, false}},
		{`content:"last"; isdataat:!1,relative`, [3]bool{false, false, true}},
		{`bsize:24`, [3]bool{false, false, true}},
		{`content:"M"; content:"Z"; distance:0; within:1`, [3]bool{true, true, true}},
	} {
		for i, p := range []piece{first, middle, last} {
			set := load(t, `alert http any any -> any any (file.data; `+c.options+`; sid:1;)`)
			r := newRig(t, set)
			r.e = NewEngine(set, r.flows, func(uint32) (string, bool) { return "http", true }, 1<<20)
			r.dial()
			r.send(1, packet.PSH|packet.ACK, "x")
			head := r.flows.Last(1, event.KindAlert)
			r.out = r.out[:0]
			r.e.Inspect("http", flow.Handle{Index: 1, Dir: 1}, &head, nil, event.Inspection{Dir: 1, Parts: p})
			r.e.Flush(&r.out)
			if got := len(r.alerts()[1]) > 0; got != c.want[i] {
				t.Errorf("%s: piece %d: %t", c.options, i, got)
			}
		}
	}
}
