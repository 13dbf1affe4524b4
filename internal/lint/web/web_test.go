package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

// writer makes a log.
type writer struct {
	b    strings.Builder
	form string
	host string
}

func (w *writer) hit(at time.Time, path string, status int, size int, agent string) {
	when := at.Format("02/Jan/2006:15:04:05 -0700")
	switch w.form {
	case "json":
		fmt.Fprintf(&w.b, `{"time":%q,"request":"GET %s HTTP/1.1","status":%d,"body_bytes_sent":%d,"http_user_agent":%q}`+"\n", at.Format(time.RFC3339), path, status, size, agent)
	case "caddy":
		fmt.Fprintf(&w.b, `{"ts":%d.5,"request":{"method":"GET","host":"shop.example:443","uri":%q,"headers":{"User-Agent":[%q]}},"status":%d,"size":%d}`+"\n", at.Unix(), path, agent, status, size)
	case "common":
		fmt.Fprintf(&w.b, "192.0.2.1 - - [%s] \"GET %s HTTP/1.1\" %d %d\n", when, path, status, size)
	case "vhost":
		fmt.Fprintf(&w.b, "%s:80 192.0.2.1 - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" %q\n", w.host, when, path, status, size, agent)
	default:
		fmt.Fprintf(&w.b, "192.0.2.1 - - [%s] \"GET %s HTTP/1.1\" %d %d \"http://a/ \\\"x\" %q\n", when, path, status, size, agent)
	}
}

// shop is a day of a shop whose maintenance from 10 to 11 is answered with status and size; size 0: as ever.
func (w *writer) shop(status, size int) *writer {
	for m := 0; m < 24*60; m += 2 {
		at := day.Add(time.Duration(m) * time.Minute)
		p := m / 2 % 10
		path, own := fmt.Sprintf("/p%d?x=%d", p, m), 3000+p*17
		agent := "Mozilla/5.0"
		if m%6 == 0 {
			agent = "Mozilla/5.0 (compatible; Googlebot/2.1)"
		}
		if away := m >= 600 && m < 660; away && size > 0 {
			w.hit(at, path, status, size, agent)
		} else {
			w.hit(at, path, 200, own, agent)
		}
		w.hit(at, "/style.css", 200, 500, agent)
	}
	return w
}

func days(t *testing.T, texts ...string) []Day {
	t.Helper()
	l := New()
	for _, s := range texts {
		if err := l.Read(strings.NewReader(s)); err != nil {
			t.Fatal(err)
		}
	}
	if l.Skipped > 0 || l.Dropped > 0 {
		t.Errorf("%d lines skipped, %d dropped", l.Skipped, l.Dropped)
	}
	return l.Days()
}

func TestMaintenanceDay(t *testing.T) {
	for _, form := range []string{"combined", "common", "json", "caddy", "vhost"} {
		w := &writer{form: form, host: "Shop.example"}
		d := days(t, w.shop(200, 421).b.String())
		if len(d) != 1 {
			t.Fatalf("%s: %+v", form, d)
		}
		x := d[0]
		if x.Status != 200 || x.Size != 421 || x.Sure != "likely" || !x.Around || x.Changed != 10 || x.Answers != 30 || !x.From.Equal(day.Add(10*time.Hour)) || !x.To.Equal(day.Add(11*time.Hour)) {
			t.Errorf("%s: %+v", form, x)
		}
		if form != "common" && x.Crawlers["Googlebot"] != 10 {
			t.Errorf("%s: crawlers %v", form, x.Crawlers)
		}
		if (form == "caddy" || form == "vhost") != (x.Site == "shop.example") {
			t.Errorf("%s: site %q", form, x.Site)
		}
	}
}

func TestOrderAndPacking(t *testing.T) {
	lines := strings.SplitAfter((&writer{}).shop(200, 421).b.String(), "\n")
	first, second := strings.Join(lines[:len(lines)/3], ""), strings.Join(lines[len(lines)/3:], "")
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	_, _ = g.Write([]byte(second))
	_ = g.Close()
	a, b := days(t, first, second), days(t, z.String(), first)
	if len(a) != 1 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// What only looks like it.
func TestHealthy(t *testing.T) {
	if d := days(t, (&writer{}).shop(200, 0).b.String()); len(d) != 0 {
		t.Errorf("a day without maintenance: %+v", d)
	}
	w := &writer{} // an application that draws itself: one page at all addresses, always
	for m := range 600 {
		w.hit(day.Add(time.Duration(m)*time.Minute), fmt.Sprint("/view/", m%20), 200, 1234, "x")
	}
	if d := days(t, w.b.String()); len(d) != 0 {
		t.Errorf("an application: %+v", d)
	}
	w = &writer{} // two addresses only
	w.shop(200, 0)
	for m := range 30 {
		w.hit(day.Add(25*time.Hour+time.Duration(m)*time.Minute), fmt.Sprint("/p", m%2), 200, 421, "x")
	}
	if d := days(t, w.b.String()); len(d) != 0 {
		t.Errorf("two addresses: %+v", d)
	}
	w = &writer{} // large pages of one length
	if d := days(t, w.shop(200, 200_000).b.String()); len(d) != 0 {
		t.Errorf("a large page: %+v", d)
	}
}

func TestTold503(t *testing.T) {
	d := days(t, (&writer{}).shop(503, 421).b.String())
	if len(d) != 1 || d[0].Status != 503 || d[0].Answers != 30 || d[0].Crawlers["Googlebot"] != 10 || d[0].Long() {
		t.Errorf("%+v", d)
	}
	w := &writer{}
	for m := 0; m < 3*24*60; m += 20 {
		w.hit(day.Add(time.Duration(m)*time.Minute), "/", 503, 421, "bingbot")
	}
	if d := days(t, w.b.String()); len(d) != 1 || !d[0].Long() {
		t.Errorf("three days: %+v", d)
	}
	w = &writer{} // overload: some are refused, most are not
	w.shop(200, 0)
	for m := range 60 {
		w.hit(day.Add(10*time.Hour+time.Duration(m)*time.Minute), "/", 503, 99, "x")
	}
	if d := days(t, w.b.String()); len(d) != 0 {
		t.Errorf("overload: %+v", d)
	}
}

// A log that begins with the maintenance shows less.
func TestPossible(t *testing.T) {
	w := &writer{}
	for m := range 60 {
		w.hit(day.Add(time.Duration(m)*time.Minute), fmt.Sprint("/p", m%10), 200, 421, "x")
	}
	w.hit(day.Add(9*time.Hour), "/p1", 200, 5000, "x")
	w.hit(day.Add(9*time.Hour), "/p2", 200, 6000, "x")
	d := days(t, w.b.String())
	if len(d) != 1 || d[0].Sure != "possible" || d[0].Changed != 2 || d[0].Around {
		t.Errorf("%+v", d)
	}
}

func TestBounds(t *testing.T) {
	l := New()
	for i := range maxSites + 50 {
		w := &writer{form: "vhost", host: fmt.Sprintf("h%d.example", i)}
		w.hit(day, "/", 200, 1, "x")
		if err := l.Read(strings.NewReader(w.b.String())); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.sites) != maxSites || l.Dropped != 50 {
		t.Errorf("%d sites, %d dropped", len(l.sites), l.Dropped)
	}
	l = New()
	var b strings.Builder
	for i := range maxPaths + 1000 {
		w := &writer{}
		w.hit(day.Add(time.Duration(i)*time.Second), fmt.Sprint("/", i), 200, 100, "x")
		b.WriteString(w.b.String())
	}
	if err := l.Read(strings.NewReader(b.String())); err != nil || l.paths != maxPaths || l.Dropped != 1000 {
		t.Errorf("%v: %d paths, %d dropped", err, l.paths, l.Dropped)
	}
	for _, s := range l.sites {
		for _, p := range s.slots {
			if len(p.by) > keptLens || len(p.by[0].paths) > keptIn {
				t.Fatalf("%d lengths, %d addresses", len(p.by), len(p.by[0].paths))
			}
		}
	}
	l = New()
	if err := l.Read(strings.NewReader(strings.Repeat("x", 3*maxLine) + "\nshort\n")); err != nil || l.Skipped != 2 {
		t.Errorf("%v, %d", err, l.Skipped)
	}
}

func FuzzLog(f *testing.F) {
	f.Add(`192.0.2.1 - - [29/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 421 "-" "Googlebot"`)
	f.Add(`{"ts":1790000000.5,"request":{"method":"GET","uri":"/","headers":{"User-Agent":["x"]}},"status":503,"size":9}`)
	f.Add(`{"time":"1e300","status":"200","uri":"/","size":-5}`)
	f.Fuzz(func(t *testing.T, s string) {
		l := New()
		_ = l.Read(strings.NewReader(strings.Repeat(s+"\n", 5)))
		for _, d := range l.Days() {
			_ = d.Text()
			if d.To.Before(d.From) {
				t.Errorf("%+v", d)
			}
		}
	})
}
