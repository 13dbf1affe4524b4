package httpfaults_test

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/analyzer/http"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/httpfaults"
	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// answer is one answer at a moment.
type answer struct {
	at     float64
	client string
	path   string
	status int
	change func(*http.Transaction)
}

func judge(t *testing.T, as ...answer) (string, *finding.Finding) {
	t.Helper()
	b := detecttest.NewBench(t, nil, httpfaults.Def)
	for _, a := range as {
		if a.client == "" {
			a.client = "192.0.2.1"
		}
		q := b.Ref(0, a.at)
		h := b.Head(detecttest.Flow{ID: 7, Client: a.client + ":4000", Server: "198.51.100.2:8080"}, b.Ref(0, a.at+0.01))
		h.Kind = event.FirstAnalyzerKind
		x := http.NewTransaction(h)
		x.Method, x.URI, x.Host, x.Status, x.Request, x.Response = "GET", a.path, "Shop.example", a.status, q, h.Seen
		if a.change != nil {
			a.change(x)
		}
		b.Send(x)
	}
	var out []string
	var last *finding.Finding
	for _, f := range b.End() {
		out = append(out, f.Code.ID+" "+f.Confidence.String())
		last = f
	}
	return strings.Join(out, "; "), last
}

func to(location string) func(*http.Transaction) {
	return func(x *http.Transaction) { x.Location = location }
}

// walk is n redirects, each step seconds after the one before, round the paths.
func walk(n int, step float64, change func(*http.Transaction), paths ...string) (as []answer) {
	for i := range n {
		next := paths[(i+1)%len(paths)]
		as = append(as, answer{at: step * float64(i), path: paths[i%len(paths)], status: 302, change: func(x *http.Transaction) {
			x.Location = next
			if change != nil {
				change(x)
			}
		}})
	}
	return as
}

func TestJudgeLoop(t *testing.T) {
	abs := func(x *http.Transaction) { x.Location = "https://shop.example:443" + x.Location }
	set := func(x *http.Transaction) { x.SetCookie = true }
	both := func(x *http.Transaction) { x.SetCookie, x.Cookie = true, true }
	arrive := append(walk(4, 0.01, nil, "/"), answer{at: 0.05, path: "/", status: 200})
	for _, c := range []struct {
		name string
		as   []answer
		want string
	}{
		{"five", walk(5, 0.01, nil, "/"), "http-redirect-loop certain"},
		{"four", walk(4, 0.01, nil, "/"), ""},
		{"absolute", walk(6, 0.01, abs, "/"), "http-redirect-loop certain"},
		{"two addresses", walk(6, 0.01, nil, "/a", "/b"), "http-redirect-loop certain"},
		{"a long way that does not return", walk(6, 0.01, nil, "/a", "/b", "/c", "/d", "/e", "/f", "/g"), ""},
		{"slow", walk(6, 5, nil, "/"), ""},
		{"slow enough for a program that asks again", walk(5, 1.5, nil, "/"), "http-redirect-loop likely"},
		{"cookies not kept", walk(6, 0.01, set, "/"), "http-redirect-loop likely"},
		{"cookies kept", walk(6, 0.01, both, "/"), "http-redirect-loop certain"},
		{"arrives each time", append(append([]answer(nil), arrive...), arrive...), ""},
		{"elsewhere", walk(6, 0.01, func(x *http.Transaction) { x.Location = "https://www.shop.example/" }, "/"), ""},
		{"not modified", []answer{{path: "/", status: 304, change: to("/")}, {path: "/", status: 304, change: to("/")}, {path: "/", status: 304, change: to("/")}, {path: "/", status: 304, change: to("/")}, {path: "/", status: 304, change: to("/")}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, f := judge(t, c.as...); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
				if f != nil {
					t.Log(detecttest.Text(f))
				}
			}
		})
	}
	// several clients' redirects are not one client's circle
	var mixed []answer
	for i := range 8 {
		mixed = append(mixed, answer{at: float64(i) / 10, client: fmt.Sprint("192.0.2.", i+1), path: "/", status: 301, change: to("https://shop.example/")})
	}
	if got, _ := judge(t, mixed...); got != "" {
		t.Errorf("eight clients: %q", got)
	}
}

// rows makes n answers of a status, a second apart from at on.
func rows(n int, at float64, status int, clients, paths int, change func(*http.Transaction)) (as []answer) {
	for i := range n {
		as = append(as, answer{at: at + float64(i), client: fmt.Sprint("192.0.2.", 1+i%clients), path: fmt.Sprint("/", i%paths), status: status, change: change})
	}
	return as
}

func TestJudgeBurst(t *testing.T) {
	for _, c := range []struct {
		name string
		as   []answer
		want string
	}{
		{"ten of all", rows(10, 0, 500, 2, 3, nil), "http-5xx-burst certain"},
		{"nine", rows(9, 0, 500, 2, 3, nil), ""},
		{"ten in ten minutes", func() (as []answer) {
			for i := range 10 {
				as = append(as, rows(1, 60*float64(i), 500, 1, 1, nil)...)
			}
			return as
		}(), ""},
		{"after good ones", append(rows(50, 0, 200, 2, 3, nil), rows(10, 100, 502, 2, 3, nil)...), "http-5xx-burst certain"},
		{"as bad as before", append(append(append(rows(8, 0, 500, 2, 3, nil), rows(8, 100, 200, 2, 3, nil)...), rows(8, 200, 500, 2, 3, nil)...), rows(10, 300, 500, 2, 3, nil)...), ""},
		{"one client, new addresses", rows(10, 0, 500, 1, 10, nil), "http-5xx-burst likely"},
		{"one client, addresses that were served", append(rows(10, 0, 200, 1, 10, nil), rows(10, 100, 500, 1, 10, nil)...), "http-5xx-burst certain"},
		{"one address", rows(10, 0, 500, 2, 1, nil), "http-5xx-burst likely"},
		{"one client, one address", rows(10, 0, 500, 1, 1, nil), "http-5xx-burst possible"},
		{"not implemented", rows(20, 0, 501, 1, 10, nil), ""},
		{"503 with a time", rows(20, 0, 503, 2, 3, func(x *http.Transaction) { x.RetryAfter = "60" }), ""},
		{"503 of a maintenance", rows(20, 0, 503, 2, 3, func(x *http.Transaction) { x.Title = "Maintenance" }), ""},
		{"503", rows(20, 0, 503, 2, 3, nil), "http-5xx-burst certain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, f := judge(t, c.as...); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
				if f != nil {
					t.Log(detecttest.Text(f))
				}
			}
		})
	}
	_, f := judge(t, append(append(rows(10, 0, 200, 2, 3, nil), rows(12, 20, 500, 2, 3, nil)...), rows(1, 40, 200, 1, 1, nil)...)...)
	detecttest.Says(t, f, "good answers again from 40.01 s on", "12 failures of 13 answers since", "before, 0 of 10 answers")
}

// What packets say is not put into a command line unless it is harmless there.
func TestHostileNames(t *testing.T) {
	_, f := judge(t, walk(6, 0.01, func(x *http.Transaction) { x.Host = "a';reboot;'" }, "/")...)
	if f == nil || strings.Contains(f.Check, "reboot") {
		t.Errorf("%+v", f)
	}
}
