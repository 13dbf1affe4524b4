package update

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/rules/lang"
)

const (
	one   = `alert tcp any any -> any any (msg:"one"; content:"a"; flowbits:isset,seen; metadata:deployment Perimeter, tag x; sid:1; rev:1;)`
	two   = `alert udp any any -> any 53 (msg:"two seconds 60"; content:"b"; sid:2; rev:1;)`
	three = `# alert tcp any any -> any any (msg:"three"; content:"c"; flowbits:set,seen; sid:3; rev:1;)`
	four  = `alert tcp any any -> any any (msg:"four"; content:"d"; noalert; sid:4; gid:7; rev:1;)`
)

func rulesOf(t testing.TB, files map[string]string) []*entry {
	t.Helper()
	var all []*entry
	for _, name := range []string{"a.rules", "b.rules"} {
		some, bad := parse(name, []byte(files[name]))
		if len(bad) > 0 {
			t.Fatal(bad)
		}
		all = append(all, some...)
	}
	return merge(all)
}

func matchers(t testing.TB, text string) []Matcher {
	t.Helper()
	m, err := ReadMatchers("x.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func changes(t testing.TB, text string) []Change {
	t.Helper()
	c, err := ReadChanges("modify.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestConf: each word of the files, and the order in which they act.
func TestConf(t *testing.T) {
	files := map[string]string{"a.rules": one + "\n" + two + "\n", "b.rules": three + "\n" + four + "\n"}
	for _, r := range []struct {
		name                          string
		disable, enable, modify, drop string
		want                          string // sids that are on, with what was changed
	}{
		{"nothing: what sets a bit that is asked for is switched on, quietly", "", "", "", "", "1 2 3q 4"},
		{"sid", "# a comment\n\n1\n", "", "", "", "2 4"},
		{"several", "1, 1:2", "", "", "", "4"},
		{"gid", "7:4\n4", "", "", "", "1 2 3q"},
		{"another gid", "7:2\n1", "", "", "", "2 4"},
		{"expression", "re:MSG:\"two", "", "", "", "1 3q 4"},
		{"group", "group:a.rules", "", "", "", "4"},
		{"group without its end", "group:a", "", "", "", "4"},
		{"pattern of groups", "group:*b*\n1", "", "", "", "2"},
		{"filename", "filename:*/b.rules\n1", "", "", "", "2"},
		{"metadata", "metadata: deployment perimeter", "", "", "", "2 4"},
		{"on after off", "*", "3\n2", "", "", "2 3"},
		{"modify", "", "", `2 "seconds (\d+)" "seconds 1\1"` + "\n" + `1 "^alert" "pass"`, "", `1:pass 2:two seconds 160 3q 4`},
		{"braces and dollars", "", "", `2 "two (seconds)" "$1 ${1}"`, "", `1 2:$1 seconds 60 3q 4`},
		{"older form", "", "", `modifysid 2 "two" | "zwei"`, "", `1 2:zwei seconds 60 3q 4`},
		{"metadata is added", "", "", `metadata-add 2 "policy" "drop it"`, "", `1 2+policy drop it 3q 4`},
		{"drop leaves quiet rules alone", "", "", "", "*", "1:drop 2:drop 3q 4"},
	} {
		all := rulesOf(t, files)
		c := Conf{Disable: matchers(t, r.disable), Enable: matchers(t, r.enable), Modify: changes(t, r.modify), Drop: matchers(t, r.drop)}
		if _, err := c.apply(all); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		var got []string
		for _, e := range all {
			if !e.on {
				continue
			}
			s := fmt.Sprint(e.SID)
			if e.quiet {
				s += "q"
			}
			switch plain := map[uint32]string{1: "one", 2: "two seconds 60", 3: "three", 4: "four"}[e.SID]; {
			case e.Action == lang.Drop:
				s += ":drop"
			case e.Action == lang.Pass:
				s += ":pass"
			case e.Msg != plain:
				s += ":" + e.Msg
			case hasMetadata(e.Rule, "policy", "drop it"):
				s += "+policy drop it"
			}
			if e.quiet != strings.Contains(e.line(), "noalert") && e.SID != 4 {
				t.Errorf("%s: quiet %v in %s", r.name, e.quiet, e.line())
			}
			if _, bad := lang.ParseRule(e.line(), lang.Place{}); bad != nil {
				t.Errorf("%s: %s: %v", r.name, e.line(), bad)
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != r.want {
			t.Errorf("%s: %s, want %s", r.name, s, r.want)
		}
	}
}

func TestConfRefused(t *testing.T) {
	for text, want := range map[string]string{"wombat": "x.conf:1: \"wombat\" is no sid", "re:(": "x.conf:1: re:", "group:": "x.conf:1: group:", "metadata: x": "x.conf:1: metadata:",
		"\n1:2:3": "x.conf:2:", "group:[": "x.conf:1: group:", strings.Repeat("1", mostConf+1): "x.conf:1: "} {
		if _, err := ReadMatchers("x.conf", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, text := range []string{`1`, `1 "a"`, `1 "(" "b"`, `1 "a" "b" c`, `wombat "a" "b"`, `metadata-add 1 "" "b"`, `metadata-add 1 "a;" "b"`} {
		if _, err := ReadChanges("m.conf", strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	c := Conf{Modify: changes(t, `1 "\)" ""`)}
	if _, err := c.apply(rulesOf(t, map[string]string{"a.rules": one})); err == nil || !strings.Contains(err.Error(), "leaves no rule of sid 1") {
		t.Errorf("a change that breaks a rule: %v", err)
	}
}

// TestMerge: the highest revision stays, and of equal ones the one that is on.
func TestMerge(t *testing.T) {
	all := rulesOf(t, map[string]string{"a.rules": two + "\n# " + one, "b.rules": strings.Replace(two, "rev:1", "rev:2", 1) + "\n" + one})
	if len(all) != 2 || all[0].Rev != 2 || !all[1].on || all[1].File != "b.rules" {
		t.Errorf("%d rules: %+v %+v", len(all), all[0], all[1])
	}
}

func bundle(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if err := errors.Join(w.WriteHeader(h), func() error { _, err := w.Write([]byte(files[i+1])); return err }()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// judge counts rules; those that say "refuse me" do not run.
func judge(name string) (on, run int, err error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, RulesFile)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	list, _, err := lang.Parse(name, bytes.NewReader(b))
	for _, r := range list {
		if on++; !strings.Contains(r.Text, "refuse me") {
			run++
		}
	}
	return on, run, err
}

var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// server is a source on the loopback.
type server struct {
	*httptest.Server
	mu    *sync.Mutex // who gave up waiting leaves an answer under way
	body  []byte
	etag  string
	asked []string // If-None-Match of each request
	sum   string   // instead of the right one
	delay time.Duration
}

func serve(t *testing.T, body []byte) *server {
	all := &server{mu: new(sync.Mutex), body: body, etag: `"1"`}
	all.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.mu.Lock()
		s := *all
		if !strings.HasSuffix(r.URL.Path, ".md5") && !strings.Contains(r.URL.Path, "missing") {
			all.asked = append(all.asked, r.Header.Get("If-None-Match"))
		}
		all.mu.Unlock()
		time.Sleep(s.delay)
		sum := md5.Sum(s.body)
		switch {
		case strings.HasSuffix(r.URL.Path, ".md5"):
			text := hex.EncodeToString(sum[:])
			if s.sum != "" {
				text = s.sum
			}
			fmt.Fprintln(w, text, " rules.tar.gz")
		case strings.Contains(r.URL.Path, "missing"):
			http.NotFound(w, r)
		default:
			w.Header().Set("ETag", s.etag)
			if r.Header.Get("If-None-Match") == s.etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = w.Write(s.body)
		}
	}))
	t.Cleanup(all.Close)
	return all
}

// set changes what the source gives.
func (s *server) set(to server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s = to
}

func (s *server) source() Source {
	return Source{Name: "test/set", URL: s.URL + "/%(__version__)s/%(secret-code)s/rules.tar.gz"}
}

const code = "abcdef0123456789"

func TestUpdate(t *testing.T) {
	s := serve(t, bundle(t, "rules/a.rules", one+"\n"+two, "rules/b.rules", three+"\n", "rules/x-deleted.rules", four, "../../escape.rules", four, "rules/classification.config", "config classification: x,X,1\n",
		"rules/LICENSE", "text"))
	dir := filepath.Join(t.TempDir(), "rules")
	var log []string
	o := Options{Dir: dir, Sources: []Source{s.source()}, Params: map[string]string{"secret-code": code}, Now: day, MaxLoss: 20, Judge: judge,
		Log: func(l string) { log = append(log, l) }, Conf: Conf{Disable: matchers(t, "2")}}
	res, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if res.Added != 3 || res.Rules != 3 || res.Run != 3 || !res.Written || res.Same || res.Did.Disabled != 1 || res.Did.Flowbits != 1 {
		t.Errorf("%+v", res)
	}
	text, _ := os.ReadFile(filepath.Join(dir, RulesFile))
	want := one + "\n# " + two + "\n" + strings.Replace(strings.TrimPrefix(three, "# "), "rev:1;)", "rev:1; noalert;)", 1) + "\n" + four + "\n"
	if string(text) != want {
		t.Errorf("the set is\n%s\nwant\n%s", text, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "classification.config")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "escape.rules")); err == nil {
		t.Error("a bundle wrote outside of the folder")
	}
	// Again, a day later: the copy does, and nothing changes but the day.
	o.Now = day.AddDate(0, 0, 1)
	res, err = Run(context.Background(), o)
	if err != nil || !res.Same || s.asked[1] != `"1"` || !res.Changed1(day) || res.Checked != o.Now || res.From[0].Fresh {
		t.Errorf("%v, asked %q, %+v", err, s.asked, res)
	}
	// A new set.
	s.body, s.etag = bundle(t, "a.rules", strings.Replace(one, "rev:1", "rev:2", 1)+"\n"+three+"\n"+four), `"2"`
	o.DryRun = true
	if res, err = Run(context.Background(), o); err != nil || res.Written || res.Added != 0 || res.Changed != 1 || res.Removed != 0 {
		t.Errorf("dry run: %v %+v", err, res)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, RulesFile)); !bytes.Equal(now, text) {
		t.Error("a dry run changed the set")
	}
	o.DryRun = false
	if res, err = Run(context.Background(), o); err != nil || !res.Written || !res.Changed1(o.Now) {
		t.Errorf("%v %+v", err, res)
	}
	// One that is worse.
	good, _ := os.ReadFile(filepath.Join(dir, RulesFile))
	s.body, s.etag = bundle(t, "a.rules", one+"\n"+strings.ReplaceAll(two, "two", "refuse me")), `"3"`
	if _, err = Run(context.Background(), o); !IsWorse(err) {
		t.Errorf("a worse set: %v", err)
	}
	if now, _ := os.ReadFile(filepath.Join(dir, RulesFile)); !bytes.Equal(now, good) {
		t.Error("a worse set was taken")
	}
	o.MaxLoss = 100
	o.Conf = Conf{Disable: matchers(t, "1")}
	if _, err = Run(context.Background(), o); !IsWorse(err) {
		t.Errorf("a set of which none runs: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".trial-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// No secret anywhere.
	state, _ := os.ReadFile(filepath.Join(dir, StateFile))
	if all := string(state) + strings.Join(log, "\n"); strings.Contains(all, code) {
		t.Errorf("the code stands in\n%s", all)
	}
}

// Changed1 reports that the rules last changed at t.
func (r *Result) Changed1(t time.Time) bool { return r.State.Changed.Equal(t) }

// TestNoUpdate: what goes wrong is told without the code, and leaves everything as it is.
func TestNoUpdate(t *testing.T) {
	s := serve(t, bundle(t, "a.rules", two))
	for _, r := range []struct {
		name   string
		change func(o *Options, s *server)
		want   string
	}{
		{"no code", func(o *Options, _ *server) { o.Params = nil }, "wants secret-code"},
		{"not there", func(o *Options, _ *server) { o.Sources[0].URL += "missing" }, "says 404"},
		{"nobody listens", func(o *Options, s *server) { o.Sources[0].URL = "http://127.0.0.1:1/%(secret-code)s" }, "refused"},
		{"another checksum", func(_ *Options, s *server) { s.sum = "00" }, "MD5"},
		{"too slow", func(o *Options, s *server) { s.delay, o.Timeout = 300*time.Millisecond, 50*time.Millisecond }, "timeout"},
		{"no rules", func(_ *Options, s *server) { s.body = bundle(t, "README", "x") }, "no rules"},
		{"no tar", func(_ *Options, s *server) { s.body = []byte("\x00\x01\x02") }, "neither a tar nor a rule file"},
		{"cut", func(_ *Options, s *server) { s.body = s.body[:len(s.body)/2] }, "EOF"},
		{"another scheme", func(o *Options, _ *server) { o.Sources[0].URL = "file:///etc/%(secret-code)s" }, "no http or https"},
		{"no source", func(o *Options, _ *server) { o.Sources = nil }, "no source"},
		{"no file", func(o *Options, _ *server) { o.Sources, o.Local = nil, []string{"/nonexistent/x.rules"} }, "no such file"},
	} {
		c := *s
		s.set(server{Server: s.Server, mu: s.mu, body: bundle(t, "a.rules", two), etag: `"1"`})
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, RulesFile), []byte(one), 0o644); err != nil {
			t.Fatal(err)
		}
		var log []string
		o := Options{Dir: dir, Sources: []Source{s.source()}, Params: map[string]string{"secret-code": code}, Judge: judge, Log: func(l string) { log = append(log, l) }}
		r.change(&o, s)
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v", r.name, err)
		}
		if err != nil && strings.Contains(err.Error()+strings.Join(log, ""), code) {
			t.Errorf("%s: the code stands in %v %v", r.name, err, log)
		}
		if now, _ := os.ReadFile(filepath.Join(dir, RulesFile)); string(now) != one {
			t.Errorf("%s: the set is %q", r.name, now)
		}
		s.set(c)
	}
	f := newFetcher("", "x", time.Second)
	f.most = 10
	if _, err := f.get(context.Background(), s.URL+"/x", "", false); err == nil || !strings.Contains(err.Error(), "more than the 10") {
		t.Errorf("too long: %v", err)
	}
	loop := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	defer loop.Close()
	if _, err := f.get(context.Background(), loop.URL, "", false); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("round and round: %v", err)
	}
}

// TestLocal: files, folders and bundles of this machine need no network.
func TestLocal(t *testing.T) {
	src, dir := t.TempDir(), t.TempDir()
	for name, b := range map[string][]byte{"set.tar.gz": bundle(t, "x/b.rules", two), "a.rules": []byte(one + "\n" + three)} {
		if err := os.WriteFile(filepath.Join(src, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	res, err := Run(context.Background(), Options{Dir: dir, Local: []string{src, filepath.Join(src, "set.tar.gz")}, Now: day, Judge: judge})
	if err != nil || res.Rules != 3 || len(res.From) != 2 || res.From[0].Rules != 2 {
		t.Errorf("%v %+v", err, res)
	}
}

const index = `version: 1
sources:
  et/open:
    vendor: Proofpoint
    summary: Emerging Threats Open
    license: MIT
    url: https://rules.example/open/suricata-%(__version__)s/emerging.rules.tar.gz
  et/pro:
    url: https://rules.example/%(secret-code)s/etpro.rules.tar.gz
    checksum: false
    parameters:
      secret-code:
        prompt: code
  old/one:
    url: http://rules.example/x
    obsolete: gone
`

func TestIndex(t *testing.T) {
	list, err := ReadIndex([]byte(index))
	if err != nil || len(list) != 3 || list[0].Name != "et/open" || list[0].Checksum != nil || *list[1].Checksum || list[2].Obsolete != "gone" {
		t.Fatalf("%v %+v", err, list)
	}
	if a, err := list[0].At(nil); err != nil || a != "https://rules.example/open/suricata-8.0.7/emerging.rules.tar.gz" {
		t.Errorf("%s %v", a, err)
	}
	if a, err := list[1].At(map[string]string{"secret-code": "a/b"}); err != nil || a != "https://rules.example/a%2Fb/etpro.rules.tar.gz" {
		t.Errorf("%s %v", a, err)
	}
	for _, bad := range []string{"", "version: 2\n", "version: 1\nsources:\n  x: {vendor: y}\n", "{", "version: [", "version: 1\nsources: 3\n"} {
		if l, err := ReadIndex([]byte(bad)); err == nil && len(l) > 0 {
			t.Errorf("%q is read as %+v", bad, l)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"https://user:word@rules.example/a/emerging.rules.tar.gz?oinkcode=1234": "https://rules.example/a/emerging.rules.tar.gz?…",
		"https://rules.example/" + code + "/etpro.rules.tar.gz":                 "https://rules.example/…/etpro.rules.tar.gz",
		"https://rules.example/open/suricata-8.0.7/emerging.rules.tar.gz":       "https://rules.example/open/suricata-8.0.7/emerging.rules.tar.gz",
		"://": "(an address that cannot be read)",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// FuzzSources: whatever a server or a file gives, nothing panics, and no name leads out.
func FuzzSources(f *testing.F) {
	f.Add([]byte(index))
	f.Add(bundle(f, "a.rules", one, "../b.rules", two))
	f.Add([]byte(one + "\n" + three))
	f.Add([]byte(`modifysid 1 "a" | "${1}\1"`))
	f.Add([]byte("re:(\ngroup:[a\n1:2,3\nmetadata: a b\n*"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ReadIndex(b)
		_, _ = ReadMatchers("x", bytes.NewReader(b))
		files, _ := unpack("x.tar.gz", b)
		for _, x := range files {
			if !filepath.IsLocal(x.name) {
				t.Errorf("a file named %q", x.name)
			}
		}
		cs, _ := ReadChanges("m", bytes.NewReader(b))
		c := Conf{Modify: cs}
		all, _ := parse("a.rules", []byte(one+"\n"+two+"\n"+three))
		_, _ = c.apply(all)
		some, _ := parse("a.rules", b)
		some = merge(some)
		text := render(some)
		if again, _ := parse("a.rules", text); len(again) > len(some) {
			t.Errorf("%d rules became %d", len(some), len(again))
		}
	})
}
