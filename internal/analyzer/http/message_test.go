package http

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		d    packet.Dir
		in   string
		want analyzer.Answer
	}{
		{up, "GET / HTTP/1.1\r\n", analyzer.Yes},
		{up, "GET /", analyzer.Yes},
		{up, "\r\nGET /", analyzer.Yes},
		{up, "GET", analyzer.More},
		{up, "GET ", analyzer.More},
		{up, "GET sip:a SIP/2.0\r\n", analyzer.No},
		{up, "OPTIONS rtsp://a RTSP/1.0\r\n", analyzer.No},
		{up, "OPTIONS * HTTP/1.1\r\n", analyzer.Yes},
		{up, "FOO /x HTTP/1.0\r\n", analyzer.Yes},
		{up, "FOO /x", analyzer.More},
		{up, "EHLO a.example\r\n", analyzer.No},
		{up, "PRI * HTTP/2.0\r\n", analyzer.No},
		{up, "SSH-2.0-OpenSSH\r\n", analyzer.No},
		{up, "\x16\x03\x01", analyzer.No},
		{up, strings.Repeat("A", 40), analyzer.No},
		{up, " /", analyzer.No},
		{down, "HTTP/1.1 200 OK", analyzer.Yes},
		{down, "HTTP/", analyzer.More},
		{down, "220 ftp", analyzer.No},
		{down, "HTTP/2 200", analyzer.No},
	} {
		if got := probe(tc.d, []byte(tc.in)); got != tc.want {
			t.Errorf("%s %q: %d, want %d", tc.d, tc.in, got, tc.want)
		}
	}
}

func TestParse(t *testing.T) {
	m := new(Message)
	if !m.ParseRequest([]byte("OPTIONS  * HTTP/1.1\nA: 1\r\nB : two \r\n\tfold\r\nnonsense\r\n:empty\r\na: 3\r\n\r\nrest")) {
		t.Fatal("refused")
	}
	var got []string
	for _, f := range m.Fields {
		got = append(got, fmt.Sprintf("%s=%q", f.Name, f.Value))
	}
	if s := strings.Join(got, " "); s != `A="1" B="two \r\n\tfold" nonsense="" ="empty" a="3"` {
		t.Errorf("%s", s)
	}
	if string(m.Get("a")) != "1" || m.Get("c") != nil || string(m.Target) != "*" || string(m.Line) != "OPTIONS  * HTTP/1.1" {
		t.Errorf("%+v", m)
	}
	for _, bad := range []string{"", "\r\n", "GET", "GET ", "G(T / HTTP/1.1\r\n"} {
		if m.ParseRequest([]byte(bad)) {
			t.Errorf("%q is a request", bad)
		}
	}
	for in, status := range map[string]int{"HTTP/1.1 200 OK\r\n\r\n": 200, "http/1.0 404\r\n\r\n": 404, "HTTP/1.1  503  x\r\n": 503, "HTTP/1.1 20 OK\r\n": 0, "HTTP/1.1 2000\r\n": 0, "HTTP/1.1": 0, "HTTP/1.1 abc": 0, "HTTP/1.1 099 x": 0} {
		if !m.ParseResponse([]byte(in)) || m.Status != status {
			t.Errorf("%q: %d", in, m.Status)
		}
	}
	if m.ParseResponse([]byte("ICY 200 OK\r\n\r\n")) {
		t.Error("ICY")
	}
	var many strings.Builder
	many.WriteString("GET / HTTP/1.1\r\n")
	for range MaxFields + 5 {
		many.WriteString("A: b\r\n")
	}
	if m.ParseRequest([]byte(many.String())); len(m.Fields) != MaxFields || m.Skipped != 5 {
		t.Errorf("%d fields, %d skipped", len(m.Fields), m.Skipped)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]int64{"5": 5, "5, 5": 5, "": -1, "x": -1, "-1": 1, "(68) 34": 68, "99999999999999999999999": -1} {
		if got := number([]byte(in)); got != want {
			t.Errorf("length %q: %d", in, got)
		}
	}
	for in, want := range map[string]int64{"0": 0, "a": 10, " 1F ; x=y": 31, "5;ext": 5, "": -1, "g": -1, "1g": 1, "\r\n\v1F": 31, ";": -1, "ffffffffffffffffffff": -1} {
		if got := chunkSize([]byte(in)); got != want {
			t.Errorf("chunk size %q: %d", in, got)
		}
	}
}

func TestSimhash(t *testing.T) {
	hash := func(s string) uint64 {
		p := new(page)
		p.reset()
		p.read([]byte(s), true)
		return p.shingles.sum()
	}
	words := strings.Fields(strings.Repeat("we are down for maintenance please come back later thank you for your patience our team works hard ", 3))
	a := hash("<p>" + strings.Join(words, " "))
	words[len(words)-1] = "request-4711"
	near := hash("<div class=x>" + strings.Join(words, "\n") + "</div>")
	far := hash("<p>a shop that sells shoes, boots, socks and hats to everybody who walks through the door on a Monday")
	bits := func(x uint64) (n int) {
		for ; x > 0; x &= x - 1 {
			n++
		}
		return n
	}
	if d := bits(a ^ near); d > 6 {
		t.Errorf("one word changes %d bits", d)
	}
	if d := bits(a ^ far); d < 16 {
		t.Errorf("another page differs in %d bits", d)
	}
}

func seeds(f *testing.F) {
	for _, s := range []string{
		"\x00" + get + ok2,
		"\x01GET / HTTP/1.0\r\n\r\n\x00HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\n\r\nHTTP/1.1 200\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46",
	} {
		f.Add([]byte(s), []byte(s), uint8(3), uint8(9))
	}
	dir, _ := filepath.Glob("testdata/*.http")
	for _, p := range dir {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b, uint8(7), uint8(0))
	}
}

// FuzzConn gives any bytes in both directions, cut in two ways: nothing panics, and both ways give the same.
func FuzzConn(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, client, server []byte, cut, hole uint8) {
		if len(client)+len(server) > 4096 {
			return
		}
		play := func(cut int) string {
			r := newRig(t)
			a, b := client, server
			for len(a)+len(b) > 0 { // turns of a fixed size, cut within
				n := min(len(a), 64)
				r.SayIn(up, string(a[:n]), cut)
				a = a[n:]
				if hole > 200 && len(a) > 0 {
					r.Lose(up, int(hole))
				}
				n = min(len(b), 64)
				r.SayIn(down, string(b[:n]), cut)
				b = b[n:]
			}
			var s strings.Builder
			for _, x := range r.end() {
				y := *x
				y.head, y.Request, y.Response = event.Head{}, packet.Ref{}, packet.Ref{}
				fmt.Fprintf(&s, "%+v\n", y)
				if len(y.URI) > 4096 || len(y.Text) > maxText {
					t.Errorf("too long: %d %d", len(y.URI), len(y.Text))
				}
			}
			return s.String()
		}
		if a, b := play(64), play(int(cut)%63+1); a != b {
			t.Errorf("the cut changes it:\n%s\n%s", a, b)
		}
	})
}

// FuzzParse reads any head; what it returns lies in it.
func FuzzParse(f *testing.F) {
	f.Add([]byte(get))
	f.Add([]byte("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(Message)
		if m.ParseRequest(b) && (!bytes.Contains(b, m.Target) || len(m.Method) == 0) {
			t.Errorf("%q", m.Target)
		}
		if m.ParseResponse(b) && m.Status != 0 && (m.Status < 100 || m.Status > 999) {
			t.Errorf("%d", m.Status)
		}
		for _, fl := range m.Fields {
			if !bytes.Contains(b, fl.Value) {
				t.Errorf("%q", fl.Value)
			}
		}
		for d := range packet.Dir(2) { // a probe does not change its mind
			last := analyzer.More
			for n := 0; n <= min(len(b), 200); n++ {
				a := probe(d, b[:n])
				if last != analyzer.More && a != last {
					t.Errorf("%d becomes %d at %d of %q", last, a, n, b)
				}
				last = a
			}
		}
	})
}
