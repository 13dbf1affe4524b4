//go:build linux

package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/store"
)

var (
	now     = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	codes   = map[string]*finding.Code{scan.ID: scan, closed.ID: closed}
	scan    = &finding.Code{ID: "scan-port", Title: "ports were searched", Kind: finding.Attack, Severity: finding.High}
	closed  = &finding.Code{ID: "tcp-closed-port", Title: "closed port", Kind: finding.Diagnosis, Severity: finding.Low}
	hostile = "\x1b[31m<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e{{.}}\xff"
)

// found is finding number i, seen so many seconds ago, with a conversation to draw.
func found(i int, code *finding.Code, ago int, title string) *finding.Finding {
	at := func(frame uint64) packet.Ref {
		return packet.Ref{Frame: frame, Time: packet.Time(now.UnixNano() - int64(ago)*1e9 + int64(frame)*1e8)}
	}
	return &finding.Finding{ID: fmt.Sprintf("FS-%06d", i), Revision: 1, State: finding.Open, Code: code, Severity: code.Severity, Confidence: finding.Likely, Title: title, Summary: "What it is: " + title, Why: "because " + title,
		Impact: "one attempt failed", Facts: []finding.Fact{{Text: title, Refs: []packet.Ref{at(1)}}, {Text: "two", Refs: []packet.Ref{at(2)}}},
		Remedy: []finding.Step{{Where: finding.AtNAT, Text: "hold it", Run: []finding.Command{{On: "Linux", Line: "sysctl -w a=1"}}}}, Check: "ss -tan",
		CouldBe:  []finding.Alternative{{ID: "x", Name: "a firewall", Text: "a capture there"}},
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr("10.0.0.1"), Port: 2268}, {Role: "server", Addr: packet.MustAddr("2001:db8::77"), Port: 80, Name: title}},
		Ladder:   []finding.LadderRow{{Ref: at(1), Label: "SYN", Note: title}, {Ref: at(9), Label: "SYN (retry)", Lost: true}}, First: at(1), Last: at(9), Count: 1}
}

func plain(r *store.Record) *report.Report {
	return &report.Report{Files: []report.File{{Name: "eth0", Packets: 1, From: r.Begin, To: r.Now}}}
}

// keep puts findings into the store of a folder.
func keep(t *testing.T, dir string, fs ...*finding.Finding) {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var rs []*store.Record
	for _, f := range fs {
		rs = append(rs, &store.Record{Finding: f, Files: []string{"eth0"}, Begin: f.First.Time, Now: f.Last.Time})
	}
	if n, err := s.Put(rs); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

const testToken = "a-token-that-is-long-enough-for-a-test"

func console(t *testing.T, dir, status string) *Server {
	t.Helper()
	s := New(Options{Store: dir, Status: status, Token: testToken, Names: []string{"sensor.example"}, Codes: codes, Report: plain, Now: func() time.Time { return now }, Poll: 20 * time.Millisecond})
	t.Cleanup(s.Close)
	return s
}

type answer struct {
	code   int
	body   string
	header http.Header
}

// get asks s for a path, as somebody who has the cookie.
func get(t *testing.T, s *Server, path string, change ...func(*http.Request)) answer {
	t.Helper()
	r := httptest.NewRequest("GET", "http://127.0.0.1:8787"+path, nil)
	r.AddCookie(&http.Cookie{Name: "firestorm8787", Value: s.guard.cookie})
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Body.String(), w.Header()}
}

func noCookie(r *http.Request) { r.Header.Del("Cookie") }

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

// TestGuard: without the token nothing is shown, under a name of somebody else neither, and nothing can be changed.
func TestGuard(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, found(1, scan, 60, "the secret of the house"))
	s := console(t, dir, "")
	wrong := func(r *http.Request) { r.Header.Set("Cookie", "firestorm8787="+strings.Repeat("0", 64)) }
	for _, c := range []struct {
		name, path string
		change     []func(*http.Request)
		code       int
	}{
		{"with the cookie", "/", nil, 200},
		{"no cookie", "/", []func(*http.Request){noCookie}, 401},
		{"no cookie", "/finding/FS-000001", []func(*http.Request){noCookie}, 401},
		{"no cookie", "/events", []func(*http.Request){noCookie}, 401},
		{"no cookie", "/status", []func(*http.Request){noCookie}, 401},
		{"wrong cookie", "/", []func(*http.Request){wrong}, 401},
		{"the token for a cookie", "/", []func(*http.Request){func(r *http.Request) { r.Header.Set("Cookie", "firestorm8787="+testToken) }}, 401},
		{"wrong token", "/?token=" + testToken + "x", []func(*http.Request){noCookie}, 403},
		{"wrong token in spite of the cookie", "/?token=x", nil, 403},
		{"rebound name", "/", []func(*http.Request){host("evil.example:8787")}, 421},
		{"rebound name, the token", "/?token=" + testToken, []func(*http.Request){host("127.0.0.1.evil.example")}, 421},
		{"no name", "/", []func(*http.Request){host("")}, 421},
		{"address of the network", "/", []func(*http.Request){host("192.0.2.1:8787")}, 421},
		{"localhost", "/", []func(*http.Request){host("localhost:8787")}, 200},
		{"IPv6", "/", []func(*http.Request){host("[::1]:8787")}, 200},
		{"a named proxy without port", "/", []func(*http.Request){host("Sensor.Example")}, 401},
		{"another port's cookie", "/", []func(*http.Request){host("localhost:9999")}, 401},
		{"POST", "/", []func(*http.Request){func(r *http.Request) { r.Method = "POST" }}, 405},
		{"no such page", "/nothing", nil, 404},
		{"no such finding", "/finding/FS-nobody", nil, 404},
		{"not out of the folder", "/finding/..%2f..%2fetc", nil, 404},
		{"style", "/console.css", []func(*http.Request){noCookie}, 200},
	} {
		a := get(t, s, c.path, c.change...)
		if a.code != c.code {
			t.Errorf("%s %s: %d, want %d", c.name, c.path, a.code, c.code)
		}
		if c.code != 200 && strings.Contains(a.body, "secret") || strings.Contains(a.body, testToken) || strings.Contains(a.body, s.guard.cookie) {
			t.Errorf("%s %s tells too much: %s", c.name, c.path, a.body)
		}
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
			if !strings.HasPrefix(a.header.Get(name), want) {
				t.Errorf("%s %s: %s is %q", c.name, c.path, name, a.header.Get(name))
			}
		}
		if strings.Contains(a.header.Get("Content-Security-Policy"), "unsafe") {
			t.Error(a.header.Get("Content-Security-Policy"))
		}
	}
	a := get(t, s, "/?token="+testToken, noCookie)
	cookie := a.header.Get("Set-Cookie")
	if a.code != 303 || a.header.Get("Location") != "/" || !strings.HasPrefix(cookie, "firestorm8787="+s.guard.cookie+";") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") || strings.Contains(cookie, testToken) || strings.Contains(cookie, "Secure") {
		t.Errorf("%+v", a)
	}
	if a = get(t, s, "/?token="+testToken, noCookie, host("sensor.example")); !strings.Contains(a.header.Get("Set-Cookie"), "Secure") || !strings.HasPrefix(a.header.Get("Set-Cookie"), "firestorm=") {
		t.Errorf("%+v", a)
	}
	other := New(Options{Token: testToken + "2", Report: plain})
	defer other.Close()
	if other.guard.cookie == s.guard.cookie || other.guard.fits(testToken) || !other.guard.fits(testToken+"2") {
		t.Error("two tokens open one door")
	}
}

// escapes are what may get out of an element, an attribute, an address, a script or a style.
var escapes = []string{hostile, `" onmouseover="alert(1)`, `' onfocus=alert(1) autofocus x='`, "javascript:alert(1)", "a\x00alert(1)", "\xc0\xbcscript>alert(1)", "x\u2028alert(1)\u2029", "]]>alert(1)", "</style><script>alert(1)</script>",
	"</svg></text></desc><script>alert(1)</script>", "</section></main>alert(1)", "<!--alert(1)", "../../alert(1)?a#b", "//e.example/alert(1)"}

// shape is a page as a browser takes it apart, without its texts: elements with the names of their attributes, and where they lead.
func shape(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
		x := z.Token()
		if x.Type == html.TextToken || x.Data == "text" { // long notes take a second line of the drawing
			continue
		}
		b.WriteString(x.Type.String() + " " + x.Data)
		for _, a := range x.Attr {
			b.WriteString(" " + a.Key)
			switch a.Key {
			case "href", "src", "action", "method", "style", "http-equiv":
				if strings.HasPrefix(a.Val, "/finding/") {
					if strings.ContainsAny(a.Val[len("/finding/"):], "/?#") || strings.Contains(a.Val, "..") && !strings.Contains(a.Val, "%2F") {
						t.Errorf("a link leads to %q", a.Val)
					}
					a.Val = "/finding/ID"
				}
				if path, _, asks := strings.Cut(a.Val, "?"); asks {
					a.Val = path + "?…"
				}
				b.WriteString("=" + a.Val)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestHostilePages: text from packets changes no page: the same elements with the same attributes as with harmless text,
// nothing inline, nothing from elsewhere.
func TestHostilePages(t *testing.T) {
	pages := func(text string) map[string]string {
		dir := t.TempDir()
		f := found(1, scan, 60, text)
		m := found(2, closed, 90, text)
		m.MutedBy = text
		named := *closed
		named.ID, named.Kind = text, finding.Kind(text)
		n := found(3, &named, 95, text)
		n.ID = text
		keep(t, dir, f, m, n)
		s, err := store.Open(dir, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ack("FS-000001", text); err != nil {
			t.Fatal(err)
		}
		s.Close()
		file := filepath.Join(dir, "status.json")
		if err := health.Write(file, &health.File{Version: 1, Time: now, Program: text, NotUsed: map[string]uint64{text: 1}, Interfaces: []health.Interface{{Name: text, BlindSince: now, Why: text}}, Talkers: []health.Talker{{Address: text, Bytes: 5}}}); err != nil {
			t.Fatal(err)
		}
		c := console(t, dir, file)
		out := map[string]string{}
		for name, p := range map[string]string{"inbox": "/", "muted": "/?show=muted", "finding": "/finding/FS-000001", "another": "/finding/FS-000002", "named": "/finding/" + url.PathEscape(text), "status": "/status",
			"filtered": "/?show=unseen&q=" + url.QueryEscape(text)} {
			a := get(t, c, p)
			if a.code != 200 && (name != "named" || a.code != 404 && a.code != 307) { // a name with dots is cleaned, and leads to none
				t.Errorf("%s: %d", p, a.code)
			}
			for _, bad := range []string{"<script>", "<img", " style=", "\x00", "\x1b", "\u2028", "\u202e", "\xff", "\xc0"} {
				if strings.Contains(a.body, bad) {
					t.Errorf("%s holds %q", p, bad)
				}
			}
			if a.code == 200 && text != "harmless" && !strings.Contains(a.body, "alert(1)") {
				t.Errorf("%s shows no text at all", p)
			}
			if a.code == 200 {
				out[name] = shape(t, a.body)
			}
		}
		return out
	}
	want := pages("harmless")
	if !strings.Contains(want["named"], "StartTag svg") || !strings.Contains(want["inbox"], "href=/finding/ID") {
		t.Fatal("the harmless pages are not whole")
	}
	for _, text := range escapes {
		got := pages(text)
		for p := range got {
			if d := cmp.Diff(strings.Split(want[p], "\n"), strings.Split(got[p], "\n")); d != "" {
				t.Errorf("%q changes the page %s:\n%s", text, p, d)
			}
		}
	}
	s := console(t, t.TempDir(), "")
	if a := get(t, s, "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&severity=%3Cb%3E&show=x&kind=y"); strings.Contains(a.body, "<script>") || strings.Contains(a.body, "<b>x") {
		t.Error(a.body)
	}
}

// TestInbox: filters, pages within bounds, what is muted apart.
func TestInbox(t *testing.T) {
	dir := t.TempDir()
	var many []*finding.Finding
	for i := range 120 {
		code := closed
		if i%10 == 0 {
			code = scan
		}
		many = append(many, found(i, code, 3600*i, fmt.Sprintf("title %d", i)))
	}
	many[5].MutedBy = "known"
	keep(t, dir, many...)
	s := console(t, dir, "")
	rows := regexp.MustCompile(`<li id="row-FS-(\d+)-`)
	for _, c := range []struct {
		path        string
		n           int
		first, want string
	}{
		{"/", 50, "000000", "119 findings: 12 high, 107 low"},
		{"/?page=2", 50, "000051", "51 to 100"},
		{"/?page=3", 19, "000101", "101 to 119"},
		{"/?page=4", 0, "", "beyond the last one"},
		{"/?page=-3", 50, "000000", ""},
		{"/?page=99999999999999999999", 50, "000000", ""},
		{"/?page=1000000", 0, "", "beyond"},
		{"/?severity=high", 12, "000000", "12 findings that fit: 12 high"},
		{"/?severity=nonsense&kind=nonsense", 50, "000000", "119 findings:"},
		{"/?kind=attack&page=1", 12, "000000", ""},
		{"/?q=TITLE+7", 11, "000007", ""},
		{"/?q=scan-port", 12, "000000", ""},
		{"/?q=2001:db8::/32", 50, "000000", "119 findings that fit"},
		{"/?q=192.0.2.1", 0, "", "Nothing fits"},
		{"/?q=%25", 0, "", "Nothing fits"},
		{"/?show=muted", 1, "000005", "muted: known"},
		{"/?show=unseen", 50, "000000", "119 new findings"},
		{"/?q=" + strings.Repeat("x", 5000), 0, "", "Nothing fits"},
	} {
		a := get(t, s, c.path)
		got := rows.FindAllStringSubmatch(a.body, -1)
		first := ""
		if len(got) > 0 {
			first = got[0][1]
		}
		if a.code != 200 || len(got) != c.n || first != c.first || !strings.Contains(a.body, c.want) {
			t.Errorf("%.60s: %d, %d rows from %s, want %d from %s and %q", c.path, a.code, len(got), first, c.n, c.first, c.want)
		}
		if strings.Contains(a.body, `class="health well`) {
			t.Errorf("%.60s looks healthy without a status", c.path)
		}
	}
	for path, want := range map[string]string{"/?page=-3": `href="/?page=2"`, "/?page=1000000": `href="/?page=199"`, "/?page=2&q=title": `href="/?page=3&amp;q=title"`} {
		if a := get(t, s, path); !strings.Contains(a.body, want) {
			t.Errorf("%s has no %s", path, want)
		}
	}
	if a := get(t, s, "/?page=-3"); strings.Contains(a.body, `rel="prev"`) {
		t.Error("there is a page before the first")
	}
	a := get(t, s, "/finding/FS-000020")
	for _, want := range []string{"<svg", "SYN (retry)", "sysctl -w a=1", "firestorm findings ack FS-000020", "findings mute &#39;scan-port 10.0.0.1 2001:db8::77 - REASON&#39;"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page of a finding has no %q", want)
		}
	}
}

// TestStatus: the pages look healthy for a sensor that is, and for no other; without a store too.
func TestStatus(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	s := console(t, dir, file)
	for _, c := range []struct {
		change func(f *health.File)
		well   bool
		want   string
	}{
		{nil, false, "There is no status file"},
		{func(f *health.File) {}, true, "Every interface is up"},
		{func(f *health.File) { f.Interfaces[0].BlindSince = now.Add(-time.Hour) }, false, "blind since 2026-11-29 08:00:00"},
		{func(f *health.File) { f.Time = now.Add(-time.Hour) }, false, "What stands below is old"},
		{func(f *health.File) { f.Rate.Lost = 1 }, false, "drops 1 packets a second"},
		{func(f *health.File) { f.Rules = &health.Rules{Active: 7, Newest: now.Add(-15 * 24 * time.Hour)} }, true, "15 days old"},
	} {
		if c.change != nil {
			f := &health.File{Version: 1, Time: now, Every: 5, Healthy: true, Packets: 10, Interfaces: []health.Interface{{Name: "eth0"}}, Rate: &health.Rate{}}
			c.change(f)
			if err := health.Write(file, f); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range []string{"/status", "/"} {
			a := get(t, s, p)
			if a.code != 200 || strings.Contains(a.body, "health well") != c.well || p == "/status" && !strings.Contains(a.body, c.want) {
				t.Errorf("%s: %d, no %q, or the wrong look\n%s", p, a.code, c.want, a.body)
			}
		}
	}
	if a := get(t, s, "/"); !strings.Contains(a.body, "There is no store yet") {
		t.Error(a.body)
	}
	keep(t, dir, found(1, scan, 1, "one"))
	if a := get(t, s, "/"); !strings.Contains(a.body, "FS-000001") {
		t.Error("a store that was made later is not seen")
	}
	if err := os.Remove(filepath.Join(dir, store.File)); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		os.Remove(filepath.Join(dir, store.File+end))
	}
	keep(t, dir, found(2, scan, 1, "two"))
	if a := get(t, s, "/"); !strings.Contains(a.body, "FS-000002") || strings.Contains(a.body, "FS-000001") {
		t.Error("a store that was replaced is not seen")
	}
}

// TestEvents: a stream tells of a finding that was added; streams are bounded, and end with the console.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	keep(t, dir, found(1, scan, 60, "one"))
	s := console(t, dir, "")
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	open := func() *http.Response {
		r, _ := http.NewRequest("GET", "http://"+l.Addr().String()+"/events", nil)
		r.AddCookie(&http.Cookie{Name: "firestorm" + port, Value: s.guard.cookie})
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	first := open()
	if ct := first.Header.Get("Content-Type"); first.StatusCode != 200 || !strings.HasPrefix(ct, "text/event-stream") {
		t.Fatal(first.Status, ct)
	}
	lines := make(chan string, 100)
	go func() {
		for sc := bufio.NewScanner(first.Body); sc.Scan(); {
			if e, ok := strings.CutPrefix(sc.Text(), "event: "); ok {
				lines <- e
			}
		}
		close(lines)
	}()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no %q", want)
		}
	}
	next("hello")
	time.Sleep(60 * time.Millisecond) // the hub has looked at the store as it was
	keep(t, dir, found(2, scan, 1, "two"))
	next("news")
	for range maxStreams - 1 {
		if r := open(); r.StatusCode != 200 {
			t.Fatal(r.Status)
		}
	}
	if r := open(); r.StatusCode != 503 {
		t.Errorf("one stream too many: %s", r.Status)
	}
	begun := time.Now()
	stop()
	end := ""
	for e := range lines { // more news may have come before
		end = e
	}
	if end != "end" {
		t.Errorf("the stream ends with %q", end)
	}
	if err := <-served; err != nil || time.Since(begun) > endPatience {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if len(s.hub.streams) != 0 {
		t.Errorf("%d streams are left", len(s.hub.streams))
	}
}

// TestListen: nobody from elsewhere.
func TestListen(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.org:0", "10.0.0.1:0"} {
		if l, err := Listen(addr); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", addr, err)
			if l != nil {
				l.Close()
			}
		}
	}
	for _, addr := range []string{"nonsense", "unix:relative", ""} {
		if _, err := Listen(addr); err == nil {
			t.Errorf("%q is listened on", addr)
		}
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o660 {
		t.Error(st.Mode(), err)
	}
	if _, err := Listen("unix:" + path); err == nil {
		t.Error("two listen on one socket")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if l, err = Listen("unix:" + path); err != nil { // left behind by one that was killed
		t.Fatal(err)
	}
	l.Close()
}

func TestToken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, TokenName)
	a, made, err := Token(file)
	if err != nil || !made || len(a) < 43 {
		t.Fatal(a, made, err)
	}
	if st, _ := os.Stat(file); st.Mode().Perm() != 0o600 {
		t.Error(st.Mode())
	}
	if b, made, err := Token(file); a != b || made || err != nil {
		t.Error(b, made, err)
	}
	if c, _, _ := Token(filepath.Join(dir, "other")); c == a {
		t.Error("two tokens are the same")
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Token(file); !errors.Is(err, ErrLoose) {
		t.Error(err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 40) + " y", strings.Repeat("x", 40) + "\nsecond line"} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _, err := Token(file); err == nil {
			t.Errorf("%q is taken for %q", bad, got)
		}
	}
	if _, _, err := Token(filepath.Join(dir, "not", "there")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestConnections: more than the bound wait.
func TestConnections(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	l := &limited{Listener: one{a}, room: make(chan struct{}, 1)}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan struct{})
	go func() { l.Accept(); close(second) }()
	select {
	case <-second:
		t.Error("a second connection is taken")
	case <-time.After(20 * time.Millisecond):
	}
	c.Close()
	c.Close()
	<-second
}

type one struct{ c net.Conn }

func (o one) Accept() (net.Conn, error) { return o.c, nil }
func (o one) Close() error              { return nil }
func (o one) Addr() net.Addr            { return nil }
