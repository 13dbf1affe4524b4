package maintenance_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/maintenance"
	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// answer is a page at a moment.
type answer struct {
	at          float64
	path, title string
	status      int
	change      func(*http.Transaction)
}

func page(at float64, path, title string) answer {
	return answer{at: at, path: path, title: title, status: 200}
}

func send(b *detecttest.Bench, a answer) {
	q := b.Ref(0, a.at)
	h := b.Head(detecttest.Flow{ID: 7, Client: "192.0.2.1:4000", Server: "198.51.100.2:80"}, b.Ref(0, a.at+0.01))
	h.Kind = event.FirstAnalyzerKind
	t := http.NewTransaction(h)
	t.Method, t.URI, t.Host, t.Status, t.ContentType, t.Body, t.Complete = "GET", a.path, "shop.example", a.status, "text/html", http.BodyWhole, true
	t.Request, t.Response = q, h.Seen
	t.Title, t.Text = a.title, a.title+" and some words"
	t.Digest = sha256.Sum256([]byte(a.title))
	t.Simhash = uint64(t.Digest[0])<<56 | uint64(t.Digest[1])<<32 | uint64(t.Digest[2])<<8
	if a.change != nil {
		a.change(t)
	}
	b.Send(t)
}

func judge(t *testing.T, code string, as ...answer) (*finding.Finding, string) {
	t.Helper()
	b := detecttest.NewBench(t, nil, maintenance.Def)
	for _, a := range as {
		send(b, a)
	}
	for _, f := range b.End() {
		if f.Code.ID == code {
			return f, f.Confidence.String()
		}
	}
	return nil, ""
}

const down = "Down for maintenance"

func long(x *http.Transaction) {
	x.Text = strings.Repeat("many words ", 80) + "the pool is under maintenance"
}
func short(x *http.Transaction) { x.Text = "Shop the shop is under maintenance" }

func TestJudge200(t *testing.T) {
	three := []answer{page(1, "/", down), page(2, "/a", down), page(3, "/b?x", down)}
	for _, c := range []struct {
		name string
		as   []answer
		want string
	}{
		{"three paths", three, "likely"},
		{"three paths, one with its own page before", append([]answer{page(0, "/a", "Shop")}, three...), "certain"},
		{"two paths", three[:2], "possible"},
		{"one path asked three times", []answer{page(1, "/", down), page(2, "/", down), page(3, "/?x", down)}, "possible"},
		{"three paths, each an hour apart", []answer{page(1, "/", down), page(3600, "/a", down), page(7200, "/b", down)}, "possible"},
		{"the front page changed", []answer{page(0, "/", "Shop"), page(1, "/", down)}, "likely"},
		{"the front page changed for a moment", []answer{page(0, "/", "Shop"), page(1, "/", down), page(2, "/a", "Shop a")}, "possible"},
		{"a status page changed", []answer{page(0, "/status", "All is well"), page(1, "/status", "Scheduled maintenance")}, "possible"},
		{"a status page among others", []answer{page(0, "/status", "All is well"), page(1, "/status", down), page(2, "/", "Shop"), page(3, "/status", down)}, ""},
		{"an article", []answer{page(0, "/", "Shop"), page(1, "/car", "Planned maintenance of cars"), page(2, "/b", "Shop b")}, ""},
		{"an article alone", []answer{page(1, "/car", "Car maintenance"), page(2, "/car", "Car maintenance")}, ""},
		{"a shell", []answer{page(1, "/", "App"), page(2, "/a", "App"), page(3, "/b", "App")}, ""},
		{"three titles of their own", []answer{page(1, "/", "Maintenance of cars"), page(2, "/a", "Maintenance of bikes"), page(3, "/b", "Maintenance of boats")}, ""},
		{"part of the site", append(append([]answer{page(0, "/", "Shop")}, three...), page(4, "/img", "Pictures"), page(5, "/", down)), "certain"},
		{"words far down a long page", []answer{{1, "/", "Shop", 200, long}, {2, "/a", "Shop", 200, long}, {3, "/b", "Shop", 200, long}}, ""},
		{"words of a short page", []answer{{1, "/", "Shop", 200, short}, {2, "/a", "Shop", 200, short}, {3, "/b", "Shop", 200, short}}, "likely"},
		{"a long title", []answer{page(1, "/", "All about the maintenance of cars and boats"), page(2, "/a", "All about the maintenance of cars and boats"), page(3, "/b", "All about the maintenance of cars and boats")}, ""},
		{"another language", []answer{page(1, "/", "Wartung"), page(2, "/a", "Wartung"), page(3, "/b", "Wartung")}, "likely"},
		{"a redirect", []answer{
			{at: 0, path: "/", title: "Shop", status: 200},
			{at: 1, path: "/", status: 302, change: func(x *http.Transaction) { x.Location = "http://shop.example/m.html?from=x" }}, page(1.1, "/m.html", down),
			{at: 2, path: "/a", status: 302, change: func(x *http.Transaction) { x.Location = "/m.html" }}, page(2.1, "/m.html", down),
		}, "certain"},
		{"a redirect to another site", []answer{
			{at: 1, path: "/", status: 302, change: func(x *http.Transaction) { x.Location = "http://other.example/m.html" }}, page(1.1, "/m.html", down),
			{at: 2, path: "/a", status: 302, change: func(x *http.Transaction) { x.Location = "http://other.example/m.html" }}, page(2.1, "/m.html", down),
		}, "possible"},
		{"503", []answer{{at: 1, path: "/", title: down, status: 503}, {at: 2, path: "/a", title: down, status: 503}, {at: 3, path: "/b", title: down, status: 503}}, ""},
		{"not whole", []answer{
			{at: 1, path: "/", title: down, status: 200, change: func(x *http.Transaction) { x.Body = http.BodyCut }},
			{at: 2, path: "/a", title: down, status: 200, change: func(x *http.Transaction) { x.Body = http.BodyCut }},
			{at: 3, path: "/b", title: down, status: 200, change: func(x *http.Transaction) { x.Body = http.BodyCut }}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if f, got := judge(t, maintenance.Code200, c.as...); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
				if f != nil {
					t.Log(detecttest.Text(f))
				}
			}
		})
	}
}

// A page that prints a number of the request is still the same page; a few words of another page are not.
func TestNearlyTheSame(t *testing.T) {
	vary := func(bit uint) func(*http.Transaction) {
		return func(x *http.Transaction) { x.Digest[0]++; x.Digest[1] = byte(bit); x.Simhash ^= 1 << bit }
	}
	as := []answer{page(1, "/", down), {2, "/a", down, 200, vary(3)}, {3, "/b", down, 200, vary(9)}}
	if _, got := judge(t, maintenance.Code200, as...); got != "likely" {
		t.Errorf("one bit apart: %q", got)
	}
	as[1].change = func(x *http.Transaction) { x.Digest[0]++; x.Simhash ^= 0xff }
	as[2].change = func(x *http.Transaction) { x.Digest[0]--; x.Simhash ^= 0xff00 }
	if _, got := judge(t, maintenance.Code200, as...); got != "possible" {
		t.Errorf("eight bits apart: %q", got)
	}
}

func TestVictims(t *testing.T) {
	three := func(change func(*http.Transaction)) []answer {
		return []answer{{1, "/", down, 200, change}, {2, "/a", down, 200, change}, {3, "/b", down, 200, change}}
	}
	for _, c := range []struct {
		name   string
		change func(*http.Transaction)
		want   finding.Severity
		says   string
	}{
		{"nothing", nil, finding.Medium, "caches may not keep it"},
		{"no-store", func(x *http.Transaction) { x.CacheControl, x.LastModified = "No-Store", "x" }, finding.Medium, "caches may not keep it"},
		{"Last-Modified", func(x *http.Transaction) { x.LastModified = "x" }, finding.High, "Last-Modified and nothing against it"},
		{"max-age", func(x *http.Transaction) { x.CacheControl = "max-age=600" }, finding.High, "max-age=600"},
		{"max-age=0", func(x *http.Transaction) { x.CacheControl = "max-age=0" }, finding.Medium, "caches may not keep it"},
		{"proxy", func(x *http.Transaction) { x.Via = "1.1 varnish" }, finding.High, "a proxy that calls itself 1.1 varnish"},
		{"hit", func(x *http.Transaction) { x.Age = "30" }, finding.High, "it came out of a cache (Age: 30)"},
		{"crawler", func(x *http.Transaction) { x.UserAgent = "x bingbot/2 y" }, finding.High, "bingbot (by its own word)"},
		{"Retry-After", func(x *http.Transaction) { x.RetryAfter = "60" }, finding.Medium, "Retry-After: 60, which means nothing beside a 200"},
		{"apache", func(x *http.Transaction) { x.Server = "Apache/2.4" }, finding.Medium, "RewriteRule"},
		{"haproxy", func(x *http.Transaction) { x.Server = "HAProxy" }, finding.Medium, "http-request return status 503"},
	} {
		f, _ := judge(t, maintenance.Code200, three(c.change)...)
		if f == nil {
			t.Fatalf("%s: nothing", c.name)
		}
		detecttest.Says(t, f, c.says)
		if f.Severity != c.want {
			t.Errorf("%s: %s, want %s", c.name, f.Severity, c.want)
		}
	}
}

// What packets say is not put into a command line unless it is harmless there.
func TestHostileNames(t *testing.T) {
	evil := func(x *http.Transaction) { x.Host = "a';reboot;'" }
	f, _ := judge(t, maintenance.Code200, answer{1, "/$(reboot)", down, 200, evil}, answer{2, "/a", down, 200, evil}, answer{3, "/b", down, 200, evil})
	if f == nil || strings.Contains(f.Check, "reboot") || !strings.HasSuffix(f.Check, "http://198.51.100.2:80/") {
		t.Errorf("%+v", f)
	}
}

func TestJudge503(t *testing.T) {
	bare := func(at float64) answer { return answer{at: at, path: "/", title: "Busy", status: 503} }
	timed := func(at float64) answer {
		return answer{at: at, path: "/", title: "Busy", status: 503, change: func(x *http.Transaction) { x.RetryAfter = "9" }}
	}
	for _, c := range []struct {
		name string
		as   []answer
		want string
	}{
		{"two", []answer{bare(1), bare(2)}, ""},
		{"three", []answer{bare(1), bare(2), bare(3)}, "likely"},
		{"for a minute", []answer{bare(1), bare(30), bare(70)}, "certain"},
		{"for a minute, with an answer between", []answer{bare(1), bare(30), page(40, "/", "Shop"), bare(70)}, "likely"},
		{"with a time", []answer{timed(1), timed(2), timed(3)}, ""},
		{"far apart", []answer{bare(1), bare(1000), bare(2000)}, ""},
		{"maintenance", []answer{{1, "/", down, 503, nil}, {2, "/", down, 503, nil}, {3, "/", down, 503, nil}}, "certain"},
	} {
		if _, got := judge(t, maintenance.Code503, c.as...); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
