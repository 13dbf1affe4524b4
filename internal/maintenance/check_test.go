package maintenance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// site answers as in maintenance; change spoils an answer.
func site(change func(w http.ResponseWriter, r *http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if change != nil && change(w, r) {
			return
		}
		w.Header().Set("Retry-After", "1800")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/html")
		text := Page()
		if strings.Contains(r.Header.Get("Accept"), "json") {
			w.Header().Set("Content-Type", "application/json")
			text = JSON()
		}
		w.WriteHeader(503)
		if r.Method != "HEAD" {
			_, _ = w.Write([]byte(text))
		}
	}
}

func answer(status int, kv ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		body := "x"
		for i := 0; i+1 < len(kv); i += 2 {
			if kv[i] == "body" {
				body = kv[i+1]
				continue
			}
			w.Header().Set(kv[i], kv[i+1])
		}
		w.WriteHeader(status)
		if r.Method != "HEAD" {
			_, _ = w.Write([]byte(body))
		}
		return true
	}
}

// only spoils the requests that match.
func only(match func(*http.Request) bool, change func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return match(r) && change(w, r) }
}

func at(p string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == p }
}

func TestCheck(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	never := func(*http.Request) bool { return false }
	for _, c := range []struct {
		name   string
		change func(http.ResponseWriter, *http.Request) bool
		up     bool
		wrong  string // part of a problem; empty: none
		warns  string
	}{
		{"right", nil, false, "", ""},
		{"200", answer(200, "body", "Down for maintenance"), false, "answers 200: programs take", ""},
		{"200 for the front page alone is right", only(func(r *http.Request) bool { return r.URL.Path != "/" && r.URL.Path != "/shop" }, answer(404)), false, "answers 404, not 503", ""},
		{"redirect", answer(302, "Location", "/maintenance.html"), false, "answers 302 and leads to /maintenance.html", ""},
		{"no time", answer(503, "Cache-Control", "no-store"), false, "no Retry-After", ""},
		{"no time that can be read", answer(503, "Cache-Control", "no-store", "Retry-After", "soon"), false, "neither seconds nor a date", ""},
		{"a date", answer(503, "Cache-Control", "no-store", "Retry-After", "Sun, 29 Nov 2026 12:30:00 GMT"), false, "", "who asks for JSON gets"},
		{"overdue", answer(503, "Cache-Control", "no-store", "Retry-After", "Sun, 29 Nov 2026 11:30:00 GMT"), false, "", "overdue"},
		{"for days", answer(503, "Cache-Control", "no-store", "Retry-After", "604800"), false, "", "168h"},
		{"kept by caches", answer(503, "Cache-Control", "max-age=600", "Retry-After", "9"), false, "a cache may keep", ""},
		{"nothing about caches", answer(503, "Retry-After", "9"), false, "no Cache-Control", ""},
		{"no-cache", answer(503, "Cache-Control", "no-cache", "Retry-After", "9"), false, "", "no-store says it plainly"},
		{"HEAD differs", only(func(r *http.Request) bool { return r.Method == "HEAD" }, answer(200)), false, "HEAD", ""},
		{"robots.txt as it is", only(at("/robots.txt"), answer(200, "Content-Type", "text/plain", "body", "User-agent: *\nDisallow: /cart")), false, "", ""},
		{"robots.txt shut", only(at("/robots.txt"), answer(200, "Content-Type", "text/plain", "body", "User-agent: *\nDisallow: / # all")), false, "forbids everything", ""},
		{"robots.txt is the page", only(at("/robots.txt"), answer(200, "Content-Type", "text/html", "body", "<h1>Down for maintenance</h1>")), false, "robots.txt answers 200", ""},
		{"robots.txt is gone", only(at("/robots.txt"), answer(404)), false, "", "everything is allowed"},
		{"blank", answer(503, "Cache-Control", "no-store", "Retry-After", "9", "body", ""), false, "", "is empty"},
		{"up", answer(200, "body", "Shoes"), true, "", ""},
		{"up, not yet", nil, true, "still answers 503", ""},
		{"up, half", answer(200, "Retry-After", "9"), true, "a rest of the maintenance", ""},
		{"up, by status", answer(200, "body", "Be right back!"), true, "speaks of maintenance", ""},
		{"up, broken", answer(500), true, "answers 500", ""},
		{"untouched", only(never, answer(200)), false, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(site(c.change))
			defer s.Close()
			v, err := Check(context.Background(), s.URL+"/shop", CheckOptions{Up: c.up, Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			problems, warnings := strings.Join(v.Problems, "\n"), strings.Join(v.Warnings, "\n")
			if c.wrong == "" && problems != "" || !strings.Contains(problems, c.wrong) || v.Right != (c.wrong == "") {
				t.Errorf("problems: %s", problems)
			}
			if c.warns == "" && c.wrong == "" && warnings != "" || !strings.Contains(warnings, c.warns) {
				t.Errorf("warnings: %s", warnings)
			}
		})
	}
}

func TestCheckHTTP2AndSince(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	spoil := func(w http.ResponseWriter, r *http.Request) bool { return r.ProtoMajor == 2 && answer(200)(w, r) }
	s := httptest.NewUnstartedServer(site(spoil))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	v, err := Check(context.Background(), s.URL, CheckOptions{Insecure: true, Since: now.Add(-72 * time.Hour), Now: func() time.Time { return now }})
	if err != nil || v.Right || len(v.Problems) != 1 {
		t.Errorf("HTTP/2 alone says 200: %+v %v", v, err)
	}
	if len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "for 72h") {
		t.Errorf("three days: %q", v.Warnings)
	}
	v, err = Check(context.Background(), s.URL, CheckOptions{Now: time.Now})
	if err != nil || v.Right || !strings.Contains(strings.Join(v.Problems, "\n"), "certificate") {
		t.Errorf("a certificate of nobody: %+v %v", v, err)
	}
	for _, bad := range []string{"ftp://a/", "http://", "http://a b/", "://"} {
		if _, err := Check(context.Background(), bad, CheckOptions{Now: time.Now}); err == nil {
			t.Errorf("%q was asked", bad)
		}
	}
}

func TestVariants(t *testing.T) {
	names := func(s string) string {
		r, err := http.NewRequest("GET", s, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, u := range variants(r.URL) {
			out = append(out, u.String())
		}
		return strings.Join(out, " ")
	}
	for in, want := range map[string]string{
		"http://a.example/x":      "http://www.a.example/x https://a.example/x",
		"https://www.a.example/":  "https://a.example/ http://www.a.example/",
		"http://a.example:8080/x": "http://www.a.example:8080/x",
		"http://192.0.2.1/":       "",
		"http://localhost/":       "",
	} {
		if got := names(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
