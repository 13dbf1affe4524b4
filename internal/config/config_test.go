package config

import (
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var comparePrefix = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("/etc/firestorm/firestorm.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The table: names are kebab-case and unique, every key says what it does, and its default is one that a file may have.
func TestTable(t *testing.T) {
	for i := range Sections {
		s := &Sections[i]
		checkKeys(t, s.Name, s.Keys)
		if s.About == "" || !strings.HasSuffix(s.About, ".") {
			t.Errorf("section %s: no sentence about it", s.Name)
		}
	}
}

func checkKeys(t *testing.T, where string, keys []Key) {
	t.Helper()
	seen := map[string]bool{}
	for i := range keys {
		k := &keys[i]
		full := where + "." + k.Name
		if seen[k.Name] || k.Name == "" || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			t.Errorf("%s: name twice, or not in kebab-case", full)
		}
		seen[k.Name] = true
		if !strings.HasSuffix(k.About, ".") {
			t.Errorf("%s: says no sentence about itself", full)
		}
		if k.Kind == Size && k.Unit == "" {
			t.Errorf("%s: has no unit", full)
		}
		if (k.Kind == Int || k.Kind == Size || k.Kind == Duration) && k.Min == 0 && k.Max == 0 {
			t.Errorf("%s: a number without a range", full)
		}
		if (k.Kind == Word || k.Kind == Words) && len(k.Words) == 0 {
			t.Errorf("%s: knows no words", full)
		}
		checkKeys(t, full, k.Of)
	}
}

// Without a file all holds that the table says; an empty file changes nothing.
func TestDefaults(t *testing.T) {
	d := Default()
	if d.Analysis.MaxMemory != 400<<20 || d.Service.StatusOf != 5*time.Second || d.Capture.Checksums != "auto" {
		t.Errorf("defaults: %+v", d)
	}
	for _, text := range []string{"", "\n", "# nothing\n", "capture:\n", "---\n", "findings:\n  mutes:\n"} {
		if diff := cmp.Diff(d, parse(t, text), comparePrefix); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

const whole = `
network:
  home-net: [192.0.2.0/24, 2001:db8::1]
capture:
  interfaces: eth0          # a list of one
  taps: [eth1+eth2]
  filter: "host 192.0.2.7 or port 80"
  ring: 64M
rules:
  files: [local.rules, /usr/share/rules]
findings:
  mutes:
    - code: tcp-closed-port
      source: 192.0.2.0/24
      reason: scans of our own
    - {code: "*", destination: 192.0.2.9, until: 2026-12-31, reason: rebuilt this week}
outputs:
  eve: "unix:/run/eve.sock"
  syslog: ["udp:192.0.2.5:514"]
  webhook: [https://hooks.example.net/x]
mail: {server: "mail.example.net:587", to: [a@example.net, b@example.net], digest-hour: 0}
blocking: {allow: 192.0.2.7}
evidence:
  encrypt-to: [/etc/firestorm/recipients]
service:
  status-every: 30s
`

func TestWhole(t *testing.T) {
	c := parse(t, whole)
	want := Default()
	want.Network.HomeNet = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")}
	want.Capture.Interfaces, want.Capture.Taps = []string{"eth0"}, []string{"eth1+eth2"}
	want.Capture.Filter, want.Capture.Ring = "host 192.0.2.7 or port 80", 64<<20
	want.Rules.Files = []string{"/etc/firestorm/local.rules", "/usr/share/rules"}
	want.Findings.Mutes = []Mute{{Code: "tcp-closed-port", Source: "192.0.2.0/24", Destination: "*", Reason: "scans of our own"},
		{Code: "*", Source: "*", Destination: "192.0.2.9", Until: "2026-12-31", Reason: "rebuilt this week"}}
	want.Outputs.EVE = "unix:/run/eve.sock"
	want.Outputs.Syslog, want.Outputs.Webhook = []string{"udp:192.0.2.5:514"}, []string{"https://hooks.example.net/x"}
	want.Blocking.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
	want.Mail.Server, want.Mail.To, want.Mail.DigestHour = "mail.example.net:587", []string{"a@example.net", "b@example.net"}, 0
	want.Service.StatusOf = 30 * time.Second
	want.Evidence.EncryptTo = []string{"/etc/firestorm/recipients"}
	if diff := cmp.Diff(want, c, comparePrefix); diff != "" {
		t.Error(diff)
	}
	// What is shown is a file that says the same.
	again := parse(t, string(c.YAML()))
	if diff := cmp.Diff(c, again, comparePrefix); diff != "" {
		t.Errorf("%s\n%s", diff, c.YAML())
	}
	var any map[string]map[string]any
	if err := json.Unmarshal(c.JSON(), &any); err != nil {
		t.Fatal(err)
	}
	if got := any["service"]["status-every"]; got != 30.0 {
		t.Errorf("JSON has %v", got)
	}
}

// Each fault is told with its line and column, and what was probably meant; all of them at once.
func TestProblems(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"key", "capture:\n  interfaecs: [eth0]\n", `f.yaml:2:3: capture has no key "interfaecs"; did you mean "interfaces"?`},
		{"section", "captrue:\n  filter: x\n", `f.yaml:1:1: there is no section "captrue"; did you mean "capture"?`},
		{"key without its section", "filter: x\n", `f.yaml:1:1: there is no section "filter"; filter stands below "capture:"`},
		{"nothing near", "zzzzzzzz: 1\n", `f.yaml:1:1: there is no section "zzzzzzzz"`},
		{"twice", "capture:\n  filter: a\n  ring: 8M\n  filter: b\n", `f.yaml:4:3: "filter" stands twice, first on line 2`},
		{"word", "capture:\n  checksums: some\n", `f.yaml:2:14: capture.checksums: "some" is none of none, all, auto`},
		{"yes", "rules:\n  strict: yes\n", `f.yaml:2:11: rules.strict: "yes" is neither true nor false`},
		{"size", "analysis:\n  max-memory: 400X\n", `f.yaml:2:15: analysis.max-memory: "400X" is no size such as 64K, 400M or 2G`},
		{"range", "analysis:\n  max-memory: 1M\n", `f.yaml:2:15: analysis.max-memory: 1M is not in 32M to 1T`},
		{"number", "analysis:\n  workers: 1.5\n", `f.yaml:2:12: analysis.workers: "1.5" is no whole number`},
		{"duration", "service:\n  status-every: 5\n", `f.yaml:2:17: service.status-every: "5" is no duration such as 30s, 5m, 12h or 7d`},
		{"network", "network:\n  home-net: [10.0.0.0/8, wombat]\n", `f.yaml:2:13: network.home-net: "wombat" is neither a network nor an address`},
		{"list for a value", "capture:\n  filter: [a, b]\n", `f.yaml:2:11: capture.filter wants a value (text), not a list`},
		{"keys for a value", "capture:\n  filter:\n    a: b\n", `capture.filter wants a value (text), not keys`},
		{"value for keys", "capture: eth0\n", `f.yaml:1:10: capture holds keys, each with a value (key: value), not a single value`},
		{"nothing", "capture:\n  filter:\n", `capture.filter wants a value (text), not nothing`},
		{"list", "- a\n", `f.yaml:1:1: the file holds keys, each with a value (key: value), not a list`},
		{"entry", "findings:\n  mutes:\n    - code: x\n", `f.yaml:3:11: an entry of findings.mutes lacks reason`},
		{"entry with nothing", "findings:\n  mutes:\n    - code: x\n      reason: \"\"\n", `an entry of findings.mutes lacks reason`},
		{"key of an entry", "findings:\n  mutes:\n    - code: x\n      reason: y\n      untill: z\n", `f.yaml:5:7: findings.mutes has no key "untill"; did you mean "until"?`},
		{"date", "findings:\n  mutes: [{code: x, reason: y, until: soon}]\n", `"soon" is neither a date (2026-12-31) nor a time (2026-12-31T18:00:00Z)`},
		{"anchor", "capture: &a\n  filter: x\n", `capture holds keys, each with a value (key: value), not an anchor (&, *, <<), which mean nothing here`},
		{"two documents", "capture:\n  filter: x\n---\nrules:\n  strict: true\n", `the file holds more than one document`},
		{"no YAML", "capture: [\n", `f.yaml:1:`},
		{"nested", "capture: " + strings.Repeat("[", 99), `f.yaml:1:1: values stand more than 16 deep inside each other`},
	} {
		c, err := Parse("f.yaml", []byte(tc.text))
		if err == nil || c != nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		if got := err.Error(); got != tc.want && !(tc.want[0] != 'f' || strings.HasSuffix(tc.want, ":")) || !strings.Contains(got, tc.want) {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
	_, err := Parse("f.yaml", []byte("capture:\n  a: 1\n  ring: 1\nnope: 2\n"))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 3 || ps[0].Line != 2 || ps[1].Line != 3 || ps[2].Line != 4 {
		t.Errorf("all at once: %v", err)
	}
}

// The example changes nothing as it is. With its marks taken away it is a file that says the defaults, and one mute.
func TestExample(t *testing.T) {
	if diff := cmp.Diff(Default(), parse(t, string(Example())), comparePrefix); diff != "" {
		t.Error(diff)
	}
	var on []string
	for line := range strings.Lines(string(Example())) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "#  ") {
			line = line[1:]
		}
		on = append(on, line)
	}
	c := parse(t, strings.Join(on, ""))
	if len(c.Findings.Mutes) != 1 {
		t.Fatalf("mutes of the example: %+v", c.Findings.Mutes)
	}
	want := Default()
	want.Findings.Mutes = c.Findings.Mutes
	if got, exp := string(c.JSON()), string(want.JSON()); got != exp {
		t.Errorf("got  %s\nwant %s", got, exp)
	}
}

// The packages' file is right, sets what it should and nothing else, and shows every key that the example shows.
func TestPackaged(t *testing.T) {
	want := Default()
	want.Service.StateDir, want.Service.Status = "/var/lib/firestorm", "/run/firestorm/status.json"
	got := parse(t, string(Packaged()))
	if diff := cmp.Diff(want, got, comparePrefix); diff != "" {
		t.Error(diff)
	}
	lines := strings.Count(string(Example()), "\n")
	if n := strings.Count(string(Packaged()), "\n"); n < lines {
		t.Errorf("%d lines, the example has %d", n, lines)
	}
	for key := range packaged {
		section, name, _ := strings.Cut(key, ".")
		if i := slices.IndexFunc(Sections, func(s Section) bool { return s.Name == section }); i < 0 ||
			!slices.ContainsFunc(Sections[i].Keys, func(k Key) bool { return k.Name == name }) {
			t.Errorf("there is no key %s", key)
		}
	}
}

// Every key stands in what is shown, in the example and on the page, with its default and range.
func TestEveryKeyIsShown(t *testing.T) {
	show, example, page := string(Default().YAML()), string(Example()), string(Markdown())
	for i := range Sections {
		for _, k := range Sections[i].Keys {
			for name, text := range map[string]string{"show": show, "example": example} {
				if !strings.Contains(text, "  "+k.Name+":") || !strings.Contains(text, k.About) || !strings.Contains(text, k.Range()) && k.Kind != Bool {
					t.Errorf("%s lacks %s.%s", name, Sections[i].Name, k.Name)
				}
			}
			rows := []string{k.Name}
			for _, o := range k.Of {
				rows = append(rows, k.Name+"[]."+o.Name)
			}
			for _, r := range rows {
				if !strings.Contains(page, "| `"+r+"` |") {
					t.Errorf("page lacks %s.%s", Sections[i].Name, r)
				}
			}
		}
	}
}

func TestUnits(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "1000": 1000, "64K": 64 << 10, "400M": 400 << 20, "2g": 2 << 30, "1T": 1 << 40} {
		n, err := ParseSize(s)
		if err != nil || n != want {
			t.Errorf("size %s: %d, %v", s, n, err)
		}
		if back, err := ParseSize(FormatSize(want)); err != nil || back != want {
			t.Errorf("size %d written as %s", want, FormatSize(want))
		}
	}
	for _, s := range []string{"", "-1", "M", "9999999999T", "1.5M", "4 M"} {
		if n, err := ParseSize(s); err == nil {
			t.Errorf("size %q is %d", s, n)
		}
	}
	for s, want := range map[string]time.Duration{"500ms": 500 * time.Millisecond, "5m": 5 * time.Minute, "12h": 12 * time.Hour, "7d": 7 * day, "1h30m": 90 * time.Minute, "0s": 0} {
		d, err := ParseDuration(s)
		if err != nil || d != want {
			t.Errorf("duration %s: %v, %v", s, d, err)
		}
		if FormatDuration(want) != s {
			t.Errorf("duration %v written as %s, want %s", want, FormatDuration(want), s)
		}
	}
	for _, s := range []string{"", "5", "-5s", "99999999999d", "d"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("duration %q is %v", s, d)
		}
	}
}

func TestNearest(t *testing.T) {
	if d := distance("interfaecs", "interfaces"); d != 1 {
		t.Errorf("two letters swapped: %d", d)
	}
	if d := distance(strings.Repeat("a", 65), "a"); d != 64 {
		t.Errorf("too long: %d", d)
	}
}

// No text makes Parse panic, and what it takes can be shown and read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{whole, "", "a: b", "capture:\n  filter: |\n    x\n", "? [a]\n: b\n", "- - - -", "capture: {filter: \"\\x00\"}", "findings:\n  mutes: [{}, 1]\n",
		"&a b: *a\n", "!!x capture: y\n", "capture:\n  interfaces: [\"a\\tb\", '']\n", string(Example())} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse("f.yaml", []byte(s))
		if err != nil {
			if ps := (Problems)(nil); !errors.As(err, &ps) || len(ps) == 0 || slices.Contains(ps, nil) {
				t.Fatalf("error without problems: %v", err)
			}
			return
		}
		c.JSON()
		again, err := Parse("f.yaml", c.YAML())
		if err != nil {
			t.Fatalf("%s\n%s", err, c.YAML())
		}
		if string(again.JSON()) != string(c.JSON()) {
			t.Fatalf("\n%s\n%s", c.JSON(), again.JSON())
		}
	})
}
