package maintenance

import (
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the files of testdata")

func options(server string) Options {
	o := Options{Server: server, Dir: "/var/www/maintenance", RetryAfter: 2 * time.Hour, Assets: DefaultAssets, API: []string{"/api/", "/v1.0/"}}
	if server == "haproxy" {
		o.Chroot, o.Dir = DefaultChroot, DefaultChroot+"/maintenance"
	}
	return o
}

func TestFiles(t *testing.T) {
	for _, server := range Servers {
		for _, allow := range [][]netip.Prefix{nil, {netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::/32")}} {
			o := options(server)
			o.Allow = allow
			files, err := Files(o)
			if err != nil {
				t.Fatal(err)
			}
			all := ""
			for _, f := range files {
				all += f.Path + "\n" + f.Text
				if f.Note == "" || strings.Contains(f.Text, "{{") || strings.Contains(f.Text, "<no value>") {
					t.Errorf("%s: %s", server, f.Path)
				}
			}
			for _, want := range []string{"503", "7200", "no-store", "/maintenance", "Retry-After", "firestorm maintenance on"} {
				if !strings.Contains(all, want) {
					t.Errorf("%s: no %q", server, want)
				}
			}
			if allow != nil && !(strings.Contains(all, "192.0.2.0/24") && strings.Contains(all, "2001:db8::/32")) {
				t.Errorf("%s: the allow-list is not in it", server)
			}
			if server != "lighttpd" && server != "haproxy" && !strings.Contains(all, `/v1\.0/`) {
				t.Errorf("%s: a dot of a path is not quoted", server)
			}
		}
	}
}

// TestFilesGolden: each configuration to the byte, with everything that can be asked for and with nothing.
func TestFilesGolden(t *testing.T) {
	for _, server := range Servers {
		full, bare := options(server), options(server)
		full.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("2001:db8::/32")}
		bare.Assets, bare.API = "", nil
		if server == "haproxy" {
			bare.Chroot, bare.Dir = "", "/srv/maintenance/"
		}
		var b strings.Builder
		for _, o := range []Options{full, bare} {
			files, err := Files(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				fmt.Fprintf(&b, "=== %s: %s\n%s", f.Path, f.Note, f.Text)
			}
		}
		name := filepath.Join("testdata", server+".txt")
		if *update {
			if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("%v (go test ./internal/maintenance -update writes it)", err)
		}
		if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// A part that names what is not there is refused; what begins a line counts there alone.
func TestFill(t *testing.T) {
	o := options("nginx")
	o.Assets = ""
	v := newValues(o)
	for in, want := range map[string]string{
		"a {b} {{dir}}/{{flag}}\n":                               "a {b} /var/www/maintenance//var/www/maintenance/on\n",
		"{{if api}}x {{api pattern}}\n":                          "x /api/|/v1\\.0/\n",
		"{{no api}}x\n":                                          "",
		"{{if assets}}x\n":                                       "",
		"{{no assets}}x{{assets}}\n":                             "x\n",
		"{{each api}}{{it}} {{it pattern}} {{it length}}{{dir}}": "/api/ /api/ 5/var/www/maintenance/v1.0/ /v1\\.0/ 6/var/www/maintenance",
		"{{each assets}}{{it}}":                                  "",
	} {
		var b strings.Builder
		if err := v.line(&b, in); err != nil || b.String() != want {
			t.Errorf("%q becomes %q, %v", in, b.String(), err)
		}
	}
	for in, want := range map[string]string{"{{if nothing}}x": `no list "nothing"`, "{{each api": `no list "api"`, "x {{nothing}}": `no value "nothing"`, "x {{dir": `no value "dir"`, "{{it}}": `no value "it"`,
		"{{if api}}{{it}}": `no value "it"`, "x{{if api}}": `no value "if api"`, "{{.Dir}}": `no value ".Dir"`, "{{each api}}{{nothing}}": `no value "nothing"`} {
		var b strings.Builder
		if err := v.line(&b, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// What could end a string or a line of a configuration is refused.
func TestHostileOptions(t *testing.T) {
	for _, bad := range []string{"", "relative", "/", "/a b", "/a\"b", "/a\nb", "/a;b", "/a'b", "/a}b", "/a/../b", "/é", "/a$b", "//"} {
		for _, set := range []func(*Options, string){
			func(o *Options, s string) { o.Dir = s },
			func(o *Options, s string) { o.API = []string{s} },
			func(o *Options, s string) { o.Assets = s },
		} {
			o := options("nginx")
			set(&o, bad)
			if bad == "" && o.Assets == "" || bad == "//" && o.Assets == "//" {
				continue // none
			}
			if _, err := Files(o); err == nil {
				t.Errorf("%q was taken", bad)
			}
		}
	}
	o := options("iis")
	if o.Check() == nil {
		t.Error("an unknown server was taken")
	}
	o = options("haproxy")
	o.Dir = "/var/www/maintenance"
	if err := o.Check(); err == nil || !strings.Contains(err.Error(), "chroot") {
		t.Errorf("a folder outside of the chroot: %v", err)
	}
	o = options("nginx")
	o.RetryAfter = time.Millisecond
	if o.Check() == nil {
		t.Error("a Retry-After of nothing was taken")
	}
}

func TestFlag(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	if f, err := Read(dir); f != nil || err != nil {
		t.Fatal(f, err)
	}
	until := time.Date(2026, 11, 29, 12, 30, 0, 0, time.FixedZone("x", 3600))
	made, err := On(dir, until)
	if err != nil || len(made) != 2 {
		t.Fatal(made, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, FlagName))
	if err != nil || string(b) != "Sun, 29 Nov 2026 11:30:00 GMT" {
		t.Errorf("%q %v", b, err) // no end of line: Apache sends all of it
	}
	if st, _ := os.Stat(filepath.Join(dir, FlagName)); st.Mode().Perm() != 0o644 {
		t.Errorf("the web server cannot read it: %v", st.Mode())
	}
	if f, err := Read(dir); err != nil || !f.Until.Equal(until) || f.Since.IsZero() {
		t.Errorf("%+v %v", f, err)
	}
	own := filepath.Join(dir, PageName)
	if err := os.WriteFile(own, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if made, err := On(dir, time.Time{}); err != nil || len(made) != 0 {
		t.Errorf("%v %v", made, err)
	}
	if b, _ := os.ReadFile(own); string(b) != "mine" {
		t.Error("a page of one's own was overwritten")
	}
	if f, err := Read(dir); err != nil || !f.Until.IsZero() {
		t.Errorf("%+v %v", f, err)
	}
	if was, err := Off(dir); !was || err != nil {
		t.Error(was, err)
	}
	if was, err := Off(dir); was || err != nil {
		t.Error(was, err)
	}
	if rest, _ := filepath.Glob(filepath.Join(dir, ".flag*")); len(rest) > 0 {
		t.Error("left over:", rest)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 5e8, time.UTC)
	for _, c := range []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"120", 2 * time.Minute, true}, {" 0 ", 0, true}, {"Sun, 29 Nov 2026 12:30:00 GMT", 30 * time.Minute, true}, {"Sunday, 29-Nov-26 11:00:00 GMT", -time.Hour, true},
		{"", 0, false}, {"-1", 0, false}, {"+5", 0, false}, {"1h", 0, false}, {"99999999999", 0, false}, {"1.5", 0, false},
	} {
		if got, ok := ParseRetryAfter(c.in, now); got != c.want || ok != c.ok {
			t.Errorf("%q: %v %v", c.in, got, ok)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(503, "120", "no-store", "text/html", "down for maintenance", "https://a.example/", true)
	f.Add(200, "Sun, 29 Nov 2026 12:30:00 GMT", "max-age=9", "text/plain", "User-agent: *\nDisallow: /", "/x", false)
	f.Fuzz(func(t *testing.T, status int, after, cache, kind, body, location string, up bool) {
		now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
		c := &checker{CheckOptions: CheckOptions{Up: up, Since: now.Add(-48 * time.Hour)}, v: &Verdict{}}
		for _, u := range []string{"http://a.example/", "http://a.example/robots.txt"} {
			for _, m := range []string{"GET", "HEAD"} {
				c.v.Answers = append(c.v.Answers, Answer{Method: m, URL: u, Status: status, RetryAfter: after, Cache: cache, Type: kind, Location: location, Length: int64(len(body)), body: body, at: now})
			}
		}
		c.judge()
		if !up && len(c.v.Problems) == 0 && status != http.StatusServiceUnavailable {
			t.Errorf("%d passes for a maintenance", status)
		}
	})
}
