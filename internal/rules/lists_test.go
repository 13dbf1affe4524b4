package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/rules/lang"
)

// compileWith compiles rules beside the files of lists, with what settings say of lists.
func compileWith(t *testing.T, o ListOptions, rules ...string) (*Set, []lang.Problem) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range lists {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, bad, err := lang.Parse(filepath.Join(dir, "x.rules"), strings.NewReader(strings.Join(rules, "\n")))
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	return Compile(list, Options{Vars: DefaultVars(), Lists: o})
}

// runLists sends datagrams through rules and returns the limiter behind them.
func runLists(t *testing.T, set *Set, payloads ...string) *Limiter {
	t.Helper()
	r, l := newRig(t, set), set.NewLimiter()
	for _, p := range payloads {
		r.give(udp("192.168.1.2:1000", "198.51.100.7:53", p))
	}
	r.shown(l)
	return l
}

// TestListsWritten: what rules added and took away is in the file at the end, and there when the next run begins.
func TestListsWritten(t *testing.T) {
	dir := t.TempDir()
	o := ListOptions{Dir: dir}
	rules := []string{`alert udp any any -> any any (content:"-"; dataset:unset,l; sid:2;)`,
		`alert udp any any -> any any (content:!"-"; dataset:set,l,type string,state lists/seen.lst; sid:1;)`}
	set, bad := compileWith(t, o, rules[1], rules[0], `alert udp any any -> any any (ip.src; dataset:isset,addr,type ip,load ip,save addr.lst; sid:3;)`,
		`alert udp any any -> any any (datarep:reps,>,1,type string,load rep,save reps.lst; sid:5;)`)
	for _, p := range bad {
		t.Error(p)
	}
	l := runLists(t, set, "hello", "world", "a-")
	if err := SaveLists(dir, l.Lists()); err != nil {
		t.Fatal(err)
	}
	is := func(name, want string) {
		t.Helper()
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v, not %q", name, b, err, want)
		}
	}
	is("lists/seen.lst", "aGVsbG8=\nd29ybGQ=\n")
	is("addr.lst", "198.51.100.7\n2001:db8::1\n")
	is("reps.lst", "aGVsbG8=,250\nd29ybGQ=,10\n")
	set, bad = compileWith(t, o, rules[1], `alert udp any any -> any any (content:"world"; dataset:unset,l; sid:2;)`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	r := newRig(t, set)
	r.give(udp("192.168.1.2:1000", "198.51.100.7:53", "hello"))
	if got := r.shown(set.NewLimiter()); len(got) != 0 {
		t.Errorf("a value of the run before is taken for new: %v", got)
	}
	if err := SaveLists(dir, runLists(t, set, "world").Lists()); err != nil {
		t.Fatal(err)
	}
	is("lists/seen.lst", "aGVsbG8=\n")
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Error(left)
	}
}

// TestListsStay: no name of a list's file leads out of the folder of lists, neither by its text nor by a link.
func TestListsStay(t *testing.T) {
	for _, name := range []string{"/tmp/x", "../x", "a/../../x", "a/b/../../../x"} {
		for _, word := range []string{"state", "save"} {
			_, bad := compileWith(t, ListOptions{Dir: t.TempDir()}, `alert udp any any -> any any (dataset:set,l,type string,`+word+` `+name+`; sid:1;)`)
			if len(bad) != 1 || !strings.Contains(bad[0].Reason, "whole path, or above") {
				t.Errorf("%s %s: %v", word, name, bad)
			}
		}
	}
	dir, out := t.TempDir(), t.TempDir()
	if err := os.Symlink(out, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	set, bad := compileWith(t, ListOptions{Dir: dir}, `alert udp any any -> any any (dataset:set,l,type string,save link/x; sid:1;)`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if err := SaveLists(dir, runLists(t, set, "hello").Lists()); err == nil {
		t.Error("a link led out of the folder")
	}
	if left, _ := os.ReadDir(out); len(left) > 0 {
		t.Error("written outside: ", left)
	}
	set, bad = compileWith(t, ListOptions{Dir: dir, AnyPath: true}, `alert udp any any -> any any (dataset:set,l,type string,save `+filepath.Join(out, "x")+`; sid:1;)`)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if err := SaveLists(dir, runLists(t, set, "hello").Lists()); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(filepath.Join(out, "x")); string(b) != "aGVsbG8=\n" {
		t.Errorf("%q", b)
	}
}

// TestListSettings: what settings say of lists.
func TestListSettings(t *testing.T) {
	for _, c := range []struct {
		o       ListOptions
		options string
		want    string // why it is refused; empty: it runs
	}{
		{ListOptions{NoWrite: true}, `dataset:set,l,type string,state x;`, "allow-write"},
		{ListOptions{NoWrite: true}, `dataset:set,l,type string;`, ""},
		{ListOptions{}, `dataset:isset,l,type string,hashsize 262145;`, "than the 262144 places"},
		{ListOptions{MostPlaces: 10}, `dataset:isset,l,type string,hashsize 11;`, "than the 10 places"},
		{ListOptions{AllPlaces: 5000}, `dataset:isset,l,type string; dataset:isset,m,type string;`, "more than 5000 places in all"},
		{ListOptions{Memcap: 4096}, `dataset:isset,l,type string;`, "before it has a value"},
		{ListOptions{}, `dataset:isset,l,type string,load words,hashsize 1,memcap 104069;`, "larger than its memcap"},
		{ListOptions{}, `dataset:isset,l,type string,load words,hashsize 1,memcap 104074;`, ""},
		{ListOptions{Defined: []ListDef{{Name: "known", Type: "string"}}}, `dataset:set,known;`, ""},
		{ListOptions{}, `dataset:set,known;`, "says its type"},
		{ListOptions{}, `dataset:isset,l,type string,load json,format json,context_key c,value_key w,array_key list.of,state x;`, "do not go together"},
		{ListOptions{}, `dataset:isset,l,type string,load json,format json,context_key c,value_key w,array_key list.of,save x;`, "never written"},
		{ListOptions{}, `dataset:isset,l,type string,load ndjson,format jsonline,enrichment_key c,value_key w;`, ""},
		{ListOptions{}, `dataset:isset,l,type string,match subdomain;`, ""},
		{ListOptions{}, `dataset:set,l,type string,match subdomain;`, "only asked"},
		{ListOptions{}, `dataset:isset,l,type md5,match subdomain;`, "of type string"},
		{ListOptions{}, `dataset:isset,l,type string,match prefix;`, "knows subdomain"},
	} {
		_, bad := compileWith(t, c.o, "alert udp any any -> any any ("+c.options+" sid:1;)")
		if (c.want == "") != (len(bad) == 0) || len(bad) > 0 && !strings.Contains(bad[0].Reason, c.want) {
			t.Errorf("%s: %v, want %q", c.options, bad, c.want)
		}
	}
	_, bad := compileWith(t, ListOptions{From: "suricata.yaml", Defined: []ListDef{{Name: "l", Type: "word"}}})
	if len(bad) != 1 || bad[0].File != "suricata.yaml" || bad[0].Option != "datasets.l" {
		t.Error(bad)
	}
}

// TestSubdomains: a list of domains has what is below them.
func TestSubdomains(t *testing.T) {
	d := &dataset{kind: setString, domains: true, memcap: 1 << 20}
	for _, v := range []string{".evil.com", "bad.org"} {
		if err := d.add(v, entry{}); err != nil {
			t.Fatal(err)
		}
	}
	for v, want := range map[string]bool{".evil.com": true, ".a.evil.com": true, "a.b.evil.com": true, ".notevil.com": false, "notbad.org": false, "bad.org": true,
		".bad.org": true, "x.bad.org": true, "com": false, ".com": false, "": false, "...": false, "evil.com.": false} {
		if _, got := d.below(v); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
}
