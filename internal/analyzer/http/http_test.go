package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/stream"
)

// step is one thing that happens on a connection: data, a hole of n bytes, or a flag.
type step struct {
	d    packet.Dir
	data string
	miss int
	flag uint16
}

func play(r rig, cut int, steps []step) {
	for _, s := range steps {
		switch {
		case s.miss > 0:
			r.Lose(s.d, s.miss)
		case s.flag > 0:
			r.Send(s.d, s.flag|packet.ACK, "")
			r.Send(s.d.Other(), packet.ACK, "")
		default:
			r.SayIn(s.d, s.data, cut)
		}
	}
}

const (
	get = "GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
	ok2 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
)

func TestFraming(t *testing.T) {
	for _, tc := range []struct {
		name  string
		steps []step
		want  string
	}{
		{"one", []step{{d: up, data: get}, {d: down, data: ok2}}, "GET /a 200 got 2 complete"},
		{"keep-alive", []step{{d: up, data: get}, {d: down, data: ok2}, {d: up, data: strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2}},
			"GET /a 200 got 2 complete; GET /b 200 got 2 complete"},
		{"pipelined", []step{{d: up, data: get + strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2 + strings.Replace(ok2, "200", "404", 1)}},
			"GET /a 200 got 2 complete; GET /b 404 got 2 complete"},
		{"chunked, extension and trailer", []step{{d: up, data: get},
			{d: down, data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n" + ok2}},
			"GET /a 200 got 13 complete;   200 got 2 complete"},
		{"until close", []step{{d: up, data: get}, {d: down, data: "HTTP/1.0 200 OK\r\n\r\nall of it"}, {d: down, flag: packet.FIN}}, "GET /a 200 got 9 complete"},
		{"until close, input ends", []step{{d: up, data: get}, {d: down, data: "HTTP/1.0 200 OK\r\n\r\nall of it"}}, "GET /a 200 got 9"},
		{"broken off", []step{{d: up, data: get}, {d: down, data: "HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\nall of it"}, {d: down, flag: packet.RST}}, "GET /a 200 got 9 reset"},
		{"HEAD", []step{{d: up, data: "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"}, {d: down, data: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + ok2}},
			"HEAD /a 200 complete;   200 got 2 complete"},
		{"204, 304", []step{{d: up, data: get + get}, {d: down, data: "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 2\r\n\r\n"}},
			"GET /a 204 complete; GET /a 304 complete"},
		{"interim", []step{{d: up, data: "PUT /a HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"}, {d: down, data: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"},
			{d: up, data: "data"}, {d: down, data: ok2}}, "PUT /a 200 sent 4 got 2 complete"},
		{"chunked request", []step{{d: up, data: "POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n" + get}, {d: down, data: ok2 + ok2}},
			"POST /a 200 sent 4 got 2 complete; GET /a 200 got 2 complete"},
		{"bare line feeds, space before the colon, empty lines", []step{{d: up, data: "\r\n\nGET  /a  HTTP/1.1\nHost : shop.example\n\n"}, {d: down, data: "HTTP/1.1 200\nContent-Length : 2\n\nhi"}},
			"GET /a 200 got 2 complete"},
		{"HTTP/0.9", []step{{d: up, data: "GET /a\r\n"}, {d: down, data: "<p>text"}, {d: down, flag: packet.FIN}}, "GET /a 0 got 7 complete"},
		{"unanswered", []step{{d: up, data: get}, {d: down, flag: packet.FIN}}, "GET /a 0 unanswered"},
		{"unanswered, reset", []step{{d: up, data: get}, {d: down, flag: packet.RST}}, "GET /a 0 unanswered reset"},
		{"undecided", []step{{d: up, data: get}}, "GET /a 0"},
		{"TLS answers", []step{{d: up, data: get}, {d: down, data: "\x15\x03\x01\x00\x02\x02\x46"}}, "GET /a 0 tls 70"},
		{"TLS hello answers", []step{{d: up, data: get}, {d: down, data: "\x16\x03\x01\x00\x02\x02\x46"}}, "GET /a 0 tls 0"},
		{"websocket", []step{{d: up, data: get}, {d: down, data: "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"}, {d: up, data: get}},
			"GET /a 101 complete"},
		{"CONNECT", []step{{d: up, data: "CONNECT a.example:443 HTTP/1.1\r\n\r\n"}, {d: down, data: "HTTP/1.1 200 Go\r\n\r\nSSH-2.0-x\r\n"}, {d: up, data: get}},
			"CONNECT a.example:443 200 complete"},
		{"CONNECT refused", []step{{d: up, data: "CONNECT a.example:443 HTTP/1.1\r\n\r\n"}, {d: down, data: "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"}, {d: up, data: get}, {d: down, data: ok2}},
			"CONNECT a.example:443 403 got 2 complete; GET /a 200 got 2 complete"},
		{"open before the capture", []step{{d: down, data: ok2}, {d: up, data: get}, {d: down, data: ok2}}, "  200 got 2 complete; GET /a 200 got 2 complete"},
		{"hole in content", []step{{d: up, data: get}, {d: down, data: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123"}, {d: down, miss: 10}, {d: down, data: "456789"}, {d: up, data: get}, {d: down, data: ok2}},
			"GET /a 200 got 10 complete gap; GET /a 200 got 2 complete"},
		{"hole over the end of content", []step{{d: up, data: get}, {d: down, data: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123"}, {d: down, miss: 30}, {d: down, data: "456\r\n"},
			{d: up, data: strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2}}, "GET /a 200 got 4 gap; GET /b 200 got 2 complete gap"},
		{"a response is missing", []step{{d: up, data: get}, {d: down, miss: len(ok2)}, {d: up, data: strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2}},
			"GET /a 0 gap; GET /b 200 got 2 complete gap"},
		{"a response is missing, the hole shows late", []step{{d: up, data: get}, {d: down, miss: len(ok2)}, {d: up, data: strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2},
			{d: up, data: strings.Replace(get, "/a", "/c", 1)}, {d: down, data: strings.Replace(ok2, "200", "404", 1)}}, "GET /a 0 gap; GET /b 200 got 2 complete gap; GET /c 404 got 2 complete"},
		{"a request is missing", []step{{d: up, data: get}, {d: down, data: ok2}, {d: up, miss: 50}, {d: down, data: ok2}, {d: up, data: strings.Replace(get, "/a", "/b", 1)}, {d: down, data: ok2}},
			"GET /a 200 got 2 complete;   200 got 2 complete;   200 got 2 complete; GET /b 0 gap"},
		{"a chunk size that is none", []step{{d: up, data: get}, {d: down, data: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + ok2}}, "GET /a 200 gap;   200 got 2 complete gap"},
		{"a head without end", []step{{d: up, data: "GET /a HTTP/1.1\r\nX: " + strings.Repeat("x", 70000) + "\r\nY: y\r\n\r\n" + get}, {d: down, data: ok2 + ok2}},
			"GET /a 200 got 2 complete; GET /a 200 got 2 complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var first []*Transaction
			for _, cut := range []int{1000, 1, 7} {
				if cut == 1 && strings.Contains(tc.name, "without end") {
					continue // 140 000 packets
				}
				r := newRig(t)
				play(r, cut, tc.steps)
				all := r.end()
				if got := briefs(all); got != tc.want {
					t.Errorf("cut %d: %q, want %q", cut, got, tc.want)
				}
				for i, x := range all {
					x.head, x.Request, x.Response = event.Head{}, packet.Ref{}, packet.Ref{}
					if first != nil && i < len(first) && !reflect.DeepEqual(x, first[i]) {
						t.Errorf("cut %d: %+v, want %+v", cut, x, first[i])
					}
				}
				if first == nil {
					first = all
				}
				if s := r.Stats(); s.Sessions != 0 || s.Panics != 0 {
					t.Errorf("left over: %+v", s)
				}
			}
		})
	}
}

func TestFields(t *testing.T) {
	r := newRig(t)
	r.SayIn(up, "GET http://joe:geheim@Shop.Example:8080/x?y=1 HTTP/1.1\r\nHost: other\r\nUser-Agent: curl/8\r\nReferer: http://a:b@c/d\r\n"+
		"Authorization: Basic am9lOmdlaGVpbQ==\r\nCookie: id=secret\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\nX-Long: a\r\n  b\r\n\r\n", 1000)
	r.SayIn(down, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nServer: nginx\r\nDate: D\r\nRetry-After: 120\r\nCache-Control: no-store\r\n"+
		"Expires: E\r\nLast-Modified: L\r\nETag: \"e\"\r\nAge: 1\r\nVia: 1.1 v\r\nX-Cache: HIT\r\nLocation: /l\r\nWWW-Authenticate: Basic realm=x\r\nSet-Cookie: id=secret2\r\n"+
		"Pragma: no-cache\r\nContent-Range: bytes 1-2/3\r\nContent-Length: 82\r\n\r\n"+
		"<html><head><title>Be right&nbsp;back</title></head><h1>We <b>rest</b></h1></html>", 1000)
	all := r.end()
	if len(all) != 1 {
		t.Fatalf("%d transactions", len(all))
	}
	x := all[0]
	for _, f := range []struct{ name, got, want string }{
		{"method", x.Method, "GET"}, {"uri", x.URI, "http://joe@Shop.Example:8080/x?y=1"}, {"path", x.Path(), "/x?y=1"}, {"host", x.Host, "Shop.Example:8080"},
		{"hostname", x.Hostname(), "shop.example"}, {"version", x.Version, "HTTP/1.1"}, {"agent", x.UserAgent, "curl/8"}, {"referer", x.Referer, "http://a@c/d"},
		{"scheme", x.AuthScheme, "Basic"}, {"user", x.AuthUser, "joe"}, {"xfp", x.ForwardedProto, "https"}, {"xff", x.ForwardedFor, "192.0.2.1"},
		{"reason", x.Reason, "Service Unavailable"}, {"type", x.ContentType, "text/html; charset=utf-8"}, {"server", x.Server, "nginx"}, {"date", x.Date, "D"},
		{"retry", x.RetryAfter, "120"}, {"cache", x.CacheControl, "no-store"}, {"expires", x.Expires, "E"}, {"modified", x.LastModified, "L"}, {"etag", x.ETag, `"e"`},
		{"age", x.Age, "1"}, {"via", x.Via, "1.1 v"}, {"x-cache", x.XCache, "HIT"}, {"location", x.Location, "/l"}, {"authenticate", x.Authenticate, "Basic realm=x"},
		{"range", x.ContentRange, "bytes 1-2/3"}, {"title", x.Title, "Be right back"}, {"h1", x.H1, "We rest"}, {"text", x.Text, "Be right back We rest"},
	} {
		if f.got != f.want {
			t.Errorf("%s: %q, want %q", f.name, f.got, f.want)
		}
	}
	if !x.Cookie || !x.SetCookie || !x.Pragma || x.Status != 503 || x.Body != BodyWhole || !x.Complete {
		t.Errorf("%+v", x)
	}
	if x.Request.Frame != 4 || x.Response.Frame != 6 || x.Head().Seen.Frame != 6 || x.Head().Released.Frame != 7 {
		t.Errorf("frames %d %d %+v", x.Request.Frame, x.Response.Frame, x.Head())
	}
	if text := fmt.Sprintf("%+v", *x); strings.Contains(text, "geheim") || strings.Contains(text, "secret") {
		t.Errorf("a secret is kept: %s", text)
	}
}

func packed(coding, s string) string {
	var b bytes.Buffer
	switch coding {
	case "gzip":
		w := gzip.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
	case "zlib":
		w := zlib.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
	case "flate":
		w, _ := flate.NewWriter(&b, 9)
		w.Write([]byte(s))
		w.Close()
	case "br":
		w := brotli.NewWriter(&b)
		w.Write([]byte(s))
		w.Close()
	}
	return b.String()
}

func TestBodies(t *testing.T) {
	const html = "<!DOCTYPE html><title>T</title><script>no < no</script><!-- no --><p>some words &amp; more"
	huge := strings.Repeat("a", 1<<20)
	noise := fmt.Sprintf("%x ", sha256.Sum256([]byte(html))) // what Brotli makes of huge alone is below the ratio
	noise += fmt.Sprintf("%x ", sha256.Sum256([]byte(noise)))
	for _, tc := range []struct {
		name, typ, coding, content string
		state                      BodyState
		title, text                string
		of                         string // digest
	}{
		{"plain", "text/html", "", html, BodyWhole, "T", "T some words & more", html},
		{"no type", "", "", html, BodyWhole, "T", "T some words & more", html},
		{"not html", "text/plain", "", "a <b> c", BodyWhole, "", "a <b> c", "a <b> c"},
		{"picture", "image/png", "", html, BodyNone, "", "", ""},
		{"gzip", "text/html", "gzip", packed("gzip", html), BodyWhole, "T", "T some words & more", html},
		{"x-gzip", "text/html", "X-GZIP", packed("gzip", html), BodyWhole, "T", "T some words & more", html},
		{"deflate", "text/html", "deflate", packed("zlib", html), BodyWhole, "T", "T some words & more", html},
		{"bare deflate", "text/html", "deflate", packed("flate", html), BodyWhole, "T", "T some words & more", html},
		{"two layers", "text/html", "gzip, deflate", packed("zlib", packed("gzip", html)), BodyWhole, "T", "T some words & more", html},
		{"brotli", "text/html", "br", packed("br", html), BodyWhole, "T", "T some words & more", html},
		{"brotli inside", "text/html", "br, gzip", packed("gzip", packed("br", html)), BodyWhole, "T", "T some words & more", html},
		{"brotli in brotli", "text/html", "br, BR", packed("br", packed("br", html)), BodyWhole, "T", "T some words & more", html},
		{"no brotli", "text/html", "br", html, BodyDamaged, "", "", ""},
		{"brotli ends early", "text/html", "br", packed("br", html)[:40], BodyDamaged, "", "", ""},
		{"brotli and more", "text/html", "br", packed("br", html) + "more", BodyDamaged, "T", "T some words", ""},
		{"brotli bomb", "text/html", "br", packed("br", noise+huge), BodyCut, "", noise[:8], ""},
		{"brotli bomb of few bytes", "text/html", "br", packed("br", huge), BodyBomb, "", "", ""},
		{"zstd", "text/html", "zstd", html, BodyEncoded, "", "", ""},
		{"broken", "text/html", "gzip", packed("gzip", html)[:20] + "\xff\xff\xff\xff\xff", BodyDamaged, "", "<!DOCTYPE", ""},
		{"no gzip", "text/html", "gzip", html, BodyDamaged, "", "", ""},
		{"bomb", "text/html", "gzip", packed("gzip", huge), BodyCut, "", huge[:maxText], ""},
		{"layered bomb", "text/html", "gzip, gzip, gzip", packed("gzip", packed("gzip", packed("gzip", huge))), BodyCut, "", huge[:maxText], ""},
		{"too many layers", "text/html", "gzip, gzip, gzip, gzip", packed("gzip", packed("gzip", packed("gzip", packed("gzip", html)))), BodyBomb, "", "", ""},
		{"long", "text/plain", "", strings.Repeat("ab ", 40000), BodyCut, "", strings.Repeat("ab ", 1000)[:maxText-1], ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, cut := range []int{1400, 3, 1} {
				if cut <= 3 && len(tc.content) > 10000 {
					continue
				}
				r := newRig(t)
				r.SayIn(up, get, 1000)
				head := "HTTP/1.1 200 OK\r\n"
				if tc.typ != "" {
					head += "Content-Type: " + tc.typ + "\r\n"
				}
				if tc.coding != "" {
					head += "Content-Encoding: " + tc.coding + "\r\n"
				}
				r.SayIn(down, fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(tc.content), tc.content), cut)
				x := r.end()[0]
				if x.Body != tc.state || x.Title != tc.title || !strings.HasPrefix(x.Text, strings.TrimSpace(tc.text)) || tc.state == BodyWhole && x.Text != tc.text {
					t.Errorf("cut %d: %s, title %q, text %q", cut, x.Body, x.Title, x.Text)
				}
				if tc.state == BodyWhole && (x.Digest != sha256.Sum256([]byte(tc.of)) || x.Simhash == 0) {
					t.Errorf("cut %d: digest of something else", cut)
				}
				if x.ResponseN != uint64(len(tc.content)) {
					t.Errorf("%d bytes, want %d", x.ResponseN, len(tc.content))
				}
			}
		})
	}
}

// A Brotli stream with the largest window that is taken and a block to match leaves nothing of that with the body, and the decoder is
// as good as new after what it choked on.
func TestBrotliDecoderIsLent(t *testing.T) {
	var page bytes.Buffer
	w := brotli.NewWriterOptions(&page, brotli.WriterOptions{Quality: 5, LGWin: 22})
	w.Write([]byte(strings.Repeat("words of a page ", 1<<20)))
	w.Close()
	for i, in := range []string{page.String(), "\xfb\xff\xff", packed("br", "a page"), page.String()[:20], packed("br", "a page")} {
		b := new(body)
		b.coding = []byte("br")
		b.add([]byte(in))
		out, state := b.decode()
		if len(out) > MaxBody || cap(b.layers[0])+cap(b.layers[1]) > 4*MaxBody {
			t.Errorf("%d: %d bytes, %d and %d kept", i, len(out), cap(b.layers[0]), cap(b.layers[1]))
		}
		if i%2 == 0 && i > 0 && (state != BodyWhole || string(out) != "a page") {
			t.Errorf("%d: %s %q", i, state, out)
		}
		if i%2 == 1 && state != BodyDamaged {
			t.Errorf("%d: %s", i, state)
		}
	}
}

// FuzzBody decodes any bytes in any coding: nothing panics, and no more comes out than is kept.
func FuzzBody(f *testing.F) {
	for _, c := range []struct{ coding, content string }{
		{"br", packed("br", "<title>T</title>words")}, {"br", packed("br", strings.Repeat("a", 1<<20))}, {"br", "\xff\xff\xff\xff"}, {"br", ""},
		{"br", "\x0b\x02\x80abc\x03"}, {"br, br", packed("br", packed("br", "words"))}, {"gzip, br", packed("br", packed("gzip", "words"))},
		{"gzip", packed("gzip", "words")}, {"deflate", packed("zlib", "words")}, {"deflate", packed("flate", "words")},
	} {
		f.Add(c.coding, []byte(c.content))
	}
	f.Fuzz(func(t *testing.T, coding string, content []byte) {
		once := func() ([]byte, BodyState) {
			b := new(body)
			b.coding = []byte(coding)
			b.add(content)
			return b.decode()
		}
		out, state := once()
		if len(out) > MaxBody {
			t.Errorf("%d bytes", len(out))
		}
		if again, s := once(); s != state || !bytes.Equal(again, out) { // the decoder was used before
			t.Errorf("%s and %d bytes, then %s and %d", state, len(out), s, len(again))
		}
	})
}

// The ratio is bounded though one layer cannot exceed it: layers multiply.
func TestRatio(t *testing.T) {
	b := new(body)
	b.coding = []byte("gzip, gzip")
	b.add([]byte(packed("gzip", packed("gzip", strings.Repeat("a", 60000)))))
	if len(b.raw) > 120 {
		t.Skipf("%d bytes", len(b.raw))
	}
	_, state := b.decode()
	if want := BodyWhole; (60000 > maxRatio*len(b.raw)) && state != BodyBomb || 60000 <= maxRatio*len(b.raw) && state != want {
		t.Errorf("%d bytes: %s", len(b.raw), state)
	}
}

// More requests than are remembered: each is reported, and what follows is told apart again.
func TestPendingBound(t *testing.T) {
	r := newRig(t)
	for i := range 3 * maxPending {
		r.SayIn(up, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i), 1000)
	}
	if n := len(r.transactions()); n != 2*maxPending {
		t.Errorf("%d reported early, want %d", n, 2*maxPending)
	}
	r.SayIn(down, ok2, 1000)
	if all := r.end(); len(all) != 3*maxPending {
		t.Errorf("%d transactions of %d requests", len(all), 3*maxPending)
	}
}

// What a proxy passes on is read by who knows its first bytes: a plain request after CONNECT is one more transaction.
func TestProxied(t *testing.T) {
	for _, c := range []struct{ first, want string }{
		{"GET /in HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT a.example:80 200 complete; GET /in 200 got 2 complete"},
		{"\r\nGET /in HTTP/1.1\r\nHost: b\r\n\r\n", "CONNECT a.example:80 200 complete; GET /in 200 got 2 complete"},
		{"gets no", "CONNECT a.example:80 200 complete"},
		{"\x00\x01", "CONNECT a.example:80 200 complete"},
		{"A\nGET / HTTP/1.1\r\n\r\n", "CONNECT a.example:80 200 complete"},
		{"SSH-2.0-x\r\nGET / HTTP/1.1\r\n\r\n", "CONNECT a.example:80 200 complete"},
		{"ABCDEFGHIJKLMNOPQRS / HTTP/1.1\r\n\r\n", "CONNECT a.example:80 200 complete"},
	} {
		for _, cut := range []int{1000, 1} {
			r := newRig(t)
			r.SayIn(up, "CONNECT a.example:80 HTTP/1.1\r\n\r\n", cut)
			r.SayIn(down, "HTTP/1.1 200 Go\r\n\r\n", cut)
			r.SayIn(up, c.first, cut)
			r.SayIn(down, ok2, cut)
			if b := briefs(r.end()); b != c.want {
				t.Errorf("%q, cut %d: %s, want %s", c.first, cut, b, c.want)
			}
		}
	}
}

// After CONNECT the connection is TLS's, beginning with the byte after the head.
func TestTunnel(t *testing.T) {
	var got [2][]byte
	tls := analyzer.Def{Name: "tls", Over: []analyzer.Transport{analyzer.TCP}, Kinds: []string{"tls"},
		Probe:  func(packet.Dir, []byte) analyzer.Answer { return analyzer.No },
		Stream: func(analyzer.Options) (analyzer.StreamAnalyzer, error) { return &sink{&got}, nil }}
	for _, cut := range []int{1000, 1} {
		got = [2][]byte{}
		r := newRig(t, tls)
		r.SayIn(up, "CONNECT a.example:443 HTTP/1.1\r\n\r\n", cut)
		r.SayIn(down, "HTTP/1.1 200 Go\r\n\r\n\x16SERVER", cut)
		r.SayIn(up, "CLIENT", cut)
		if string(got[up]) != "CLIENT" || string(got[down]) != "\x16SERVER" {
			t.Errorf("cut %d: %q", cut, got)
		}
		if b := briefs(r.end()); b != "CONNECT a.example:443 200 complete" {
			t.Errorf("%s", b)
		}
	}
}

type sink struct{ got *[2][]byte }

func (s *sink) Data(_ *analyzer.Context, d packet.Dir, b []byte)      { s.got[d] = append(s.got[d], b...) }
func (s *sink) Gap(*analyzer.Context, packet.Dir, uint64)             {}
func (s *sink) Close(_ *analyzer.Context, d packet.Dir, _ stream.End) {}
func (s *sink) Reset()                                                {}
