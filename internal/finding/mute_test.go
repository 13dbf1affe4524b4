package finding

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
)

func TestMutes(t *testing.T) {
	f := &Finding{Code: &Code{ID: "tcp-closed-port"}, Subjects: []Subject{{Role: "client", Addr: addr("192.0.2.7")}, {Role: "server", Addr: addr("198.51.100.9"), Port: 80}}}
	f6 := &Finding{Code: f.Code, Subjects: []Subject{{Role: "client", Addr: addr("2001:db8::7")}}}
	day := func(s string) packet.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return packet.Time(x.UnixNano())
	}
	now := day("2026-11-23T12:00:00Z")
	for _, c := range []struct {
		line  string
		f     *Finding
		muted bool
	}{
		{"* * * - known", f, true},
		{"tcp-closed-port * * - known", f, true},
		{"tcp-syn-silent-drop * * - known", f, false},
		{"* 192.0.2.7 * - known", f, true},
		{"* 192.0.2.8 * - known", f, false},
		{"* 198.51.100.9 * - source is the client's side", f, false},
		{"* * 198.51.100.0/24 - known", f, true},
		{"* 192.0.2.0/24 198.51.100.9 - both must match", f, true},
		{"* 192.0.2.0/24 198.51.100.8 - both must match", f, false},
		{"* 192.0.2.99/24 * - a prefix may be written with host bits", f, true},
		{"* * * 2026-11-24 until tomorrow", f, true},
		{"* * * 2026-11-22 until yesterday", f, false},
		{"* * * 2026-11-23T12:00:01Z a second", f, true},
		{"* * * 2026-11-23T11:59:59Z a second", f, false},
		{"* 2001:db8::/32 * - known", f6, true},
		{"* * 2001:db8::7 - one subject is matched on either side", f6, true},
		{"* 192.0.2.0/24 * - known", f6, false},
		{"* 10.0.0.1 * - nobody", &Finding{Code: f.Code}, false},
		{"# * * * - a comment", f, false},
	} {
		m, err := ReadMutes("mutes", strings.NewReader("# head\n\n"+c.line+"\n"))
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		why, muted := m.match(c.f, now, true)
		if muted != c.muted {
			t.Errorf("%s: muted %v, want %v", c.line, muted, c.muted)
		}
		if want := strings.Join(strings.Fields(c.line)[4:], " "); muted && why != want {
			t.Errorf("%s: reason %q, want %q", c.line, why, want)
		}
	}
}

func TestReadMutesRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"tcp-closed-port * *\n", "mutes:1: a mute has five fields"},
		{"# fine\n* * * - ok\n* 300.0.0.1 * - x\n", `mutes:3: source: "300.0.0.1" is neither an address, nor a prefix`},
		{"* * 10.0.0.0/40 - x\n", "mutes:1: destination:"},
		{"* * * tomorrow x\n", `mutes:1: until: "tomorrow" is neither a date`},
	} {
		if _, err := ReadMutes("mutes", strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	m, err := ReadMutes("mutes", strings.NewReader("x * * - a\ny * * - b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Check([]*Code{code("x")}); err == nil || !strings.Contains(err.Error(), `unknown code "y"`) {
		t.Errorf("%v", err)
	}
	if err := m.Check([]*Code{code("x"), code("y")}); err != nil {
		t.Error(err)
	}
}

// TestMutedIsReleased: a muted finding is still released, with its reason, and counted.
func TestMutedIsReleased(t *testing.T) {
	m, err := ReadMutes("mutes", strings.NewReader("generic 10.0.0.1 * - printer is off at night\n"))
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, Options{Codes: []*Code{code("generic")}, Mutes: m})
	e.Report(inst("generic", "g", 1, 1, Likely))
	e.End(100 * second)
	fs := e.Findings()
	if len(fs) != 1 || fs[0].MutedBy != "printer is off at night" || e.Counts.Muted != 1 {
		t.Errorf("%s %+v", show(fs), e.Counts)
	}
}

// TestMutedRules: a rule is muted by its number between two ends; a code does not mute rules, everything does.
func TestMutedRules(t *testing.T) {
	from, to := addr("192.0.2.7"), addr("198.51.100.9")
	for _, c := range []struct {
		line     string
		gid, sid uint32
		muted    bool
	}{
		{"sid:2010935 * * - known", 1, 2010935, true},
		{"sid:1:2010935 * * - known", 1, 2010935, true},
		{"sid:3:2010935 * * - another generator", 1, 2010935, false},
		{"sid:3:2010935 * * - its generator", 3, 2010935, true},
		{"sid:2010936 * * - another", 1, 2010935, false},
		{"sid:2010935 192.0.2.0/24 198.51.100.9 - both", 1, 2010935, true},
		{"sid:2010935 198.51.100.9 * - the packets go the other way", 1, 2010935, false},
		{"sid:2010935 * 192.0.2.7 - the packets go the other way", 1, 2010935, false},
		{"* 192.0.2.7 * - all of this host", 1, 2010935, true},
		{"tcp-closed-port * * - a code", 1, 2010935, false},
		{"sid:2010935 * * 1969-12-31 over", 1, 2010935, false},
	} {
		m, err := ReadMutes("mutes", strings.NewReader(c.line))
		if err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		now := packet.Time(second)
		if _, muted := m.Hit(c.gid, c.sid, from, to, now); muted != c.muted {
			t.Errorf("%s: muted %v", c.line, muted)
		}
		if got := m.all()[0].String(); !same(t, got, m.all()[0].Mute) {
			t.Errorf("%s: written as %q, which says something else", c.line, got)
		}
		f := &Finding{Code: &Code{ID: "sid:2010935"}}
		if u := m.all()[0]; u.SID != 0 && u.Hides(f, now) {
			t.Errorf("%s hides findings", c.line)
		}
	}
	for _, bad := range []string{"sid: * * - x", "sid:0 * * - x", "sid:a * * - x", "sid:1:2:3 * * - x", "sid:99999999999 * * - x", "x * * - bell\a", "x * * 9999-01-01 far"} {
		if _, err := ParseMute(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func same(t *testing.T, line string, m Mute) bool {
	t.Helper()
	x, err := ParseMute(line)
	if err != nil {
		t.Error(err)
	}
	x.Number = m.Number
	return x == m
}

// TestStoredMutes: those of the store are replaced beside those of a file, and what they count is kept and taken once.
func TestStoredMutes(t *testing.T) {
	m, err := ReadMutes("mutes", strings.NewReader("x * * - of a file\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := Mute{Number: 1, Code: "a", Reason: "one"}, Mute{Number: 2, Code: "b", Reason: "two"}
	m.SetStored([]Mute{a, b})
	hit := func(code, want string) {
		t.Helper()
		if why, _ := m.match(&Finding{Code: &Code{ID: code}}, 1, true); why != want {
			t.Errorf("%s: %q, want %q", code, why, want)
		}
	}
	hit("a", "one")
	hit("b", "two")
	hit("b", "two")
	hit("x", "of a file")
	m.SetStored([]Mute{b})
	hit("a", "")
	hit("x", "of a file")
	if got := m.TakeHidden(); len(got) != 1 || got[2] != 2 {
		t.Errorf("counted %v", got)
	}
	if got := m.TakeHidden(); len(got) != 0 {
		t.Errorf("counted twice: %v", got)
	}
	var none *Mutes
	if _, ok := none.Hit(1, 1, packet.Addr{}, packet.Addr{}, 1); ok || none.Len() != 0 {
		t.Error("no mutes hide something")
	}
	(&Mutes{}).SetStored(nil)
}
