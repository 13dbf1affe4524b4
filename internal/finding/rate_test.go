package finding

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/packet"
)

func mutes(t *testing.T, text string) *Mutes {
	t.Helper()
	m, err := ReadMutes("mutes", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func refused(t *testing.T, line, want string) {
	t.Helper()
	if _, err := ReadMutes("mutes", strings.NewReader("# head\n"+line+"\n")); err == nil || !strings.Contains(err.Error(), "mutes:2: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("%q: %v, want %q", line, err, want)
	}
}

func TestParseRate(t *testing.T) {
	for _, c := range []struct {
		line string
		want Rate
	}{
		{"rate x 10/hour", Rate{"x", 360 * second, 10, BySource, "10/hour"}},
		{"rate * 1/day burst 3", Rate{"*", 86400 * second, 3, BySource, "1/day"}},
		{"rate x 60/minute by_dst", Rate{"x", second, 60, ByDestination, "60/minute"}},
		{"rate x 4/second by_both burst 1", Rate{"x", second / 4, 1, ByBoth, "4/second"}},
		{"rate x 2/minute burst 20 by_code", Rate{"x", 30 * second, 20, ByCode, "2/minute"}},
	} {
		if m := mutes(t, c.line); len(m.rates) != 1 || m.rates[0] != c.want || m.Len() != 0 {
			t.Errorf("%s: %+v", c.line, m)
		}
	}
	refused(t, "rate x", "a rate has a code")
	for _, bad := range []string{"10", "0/hour", "-1/hour", "10/week", "x/hour", "1000001/day", "/hour"} {
		refused(t, "rate x "+bad, "is no rate")
	}
	refused(t, "rate x 1/hour burst", "burst needs a number")
	refused(t, "rate x 1/hour burst 0", "is no number of findings")
	refused(t, "rate x 1/hour by_flow", "none of burst, by_src")
	if err := mutes(t, "rate x 1/hour\nrate y 1/hour").Check([]*Code{code("x")}); err == nil || !strings.Contains(err.Error(), `rate names unknown code "y"`) {
		t.Error(err)
	}
}

// ask is a finding of code from src to dst.
func ask(id, src, dst string) *Finding {
	return &Finding{Code: &Code{ID: id}, Subjects: []Subject{{Addr: addr(src)}, {Addr: addr(dst)}}}
}

func TestBuckets(t *testing.T) {
	const a, b, c = "10.0.0.1", "10.0.0.2", "10.0.0.3"
	type step struct {
		at       packet.Time
		f        *Finding
		told     bool
		suppress int
	}
	for _, x := range []struct {
		rates string
		steps []step
	}{
		{"rate x 1/minute burst 2", []step{
			{0, ask("x", a, b), true, 0}, {1, ask("x", a, c), true, 0}, {2, ask("x", a, b), false, 0}, {3, ask("x", b, c), true, 0}, // another source
			{4, ask("y", a, b), true, 0},                                  // another code
			{59, ask("x", a, b), false, 0}, {60, ask("x", a, b), true, 2}, // a token came back
			{61, ask("x", a, b), false, 0},
			{600, ask("x", a, b), true, 1}, {600, ask("x", a, b), true, 0}, {600, ask("x", a, b), false, 0}, // never more than the burst
			{599, ask("x", a, b), false, 0}, // time that runs back gives nothing
		}},
		{"rate x 1/minute by_dst", []step{{0, ask("x", a, c), true, 0}, {1, ask("x", b, c), false, 0}, {2, ask("x", c, a), true, 0}}},
		{"rate x 1/minute by_both", []step{{0, ask("x", a, c), true, 0}, {1, ask("x", b, c), true, 0}, {2, ask("x", a, c), false, 0}}},
		{"rate * 1/minute by_code", []step{{0, ask("x", a, c), true, 0}, {1, ask("x", b, a), false, 0}, {2, ask("y", c, a), true, 0}}},
		{"rate x 2/minute\nrate * 1/minute", []step{{0, ask("x", a, c), true, 0}, {1, ask("x", a, c), true, 0}, {2, ask("y", a, c), true, 0}, {3, ask("y", a, c), false, 0}}},
		{"rate y 1/minute", []step{{0, ask("x", a, c), true, 0}, {0, ask("x", a, c), true, 0}}},
		{"rate x 1/minute", []step{{0, &Finding{Code: &Code{ID: "x"}}, true, 0}, {0, &Finding{Code: &Code{ID: "x"}}, false, 0}}}, // without a subject
	} {
		bs := mutes(t, x.rates).Buckets()
		for i, s := range x.steps {
			if told := bs.Take(s.f, s.at*second); told != s.told || s.f.Suppressed != s.suppress || s.f.Limited == told || (s.f.MutedBy == "") != told {
				t.Errorf("%s, step %d: told %v, %d suppressed, %q", x.rates, i, told, s.f.Suppressed, s.f.MutedBy)
			}
		}
	}
	if mutes(t, "* * * - x").Buckets() != nil || (*Mutes)(nil).Buckets() != nil {
		t.Error("buckets without a rate")
	}
	f := ask("x", a, b)
	for range 2 {
		f.MutedBy = ""
		bs := mutes(t, "rate x 1/minute burst 1 by_both").Buckets()
		bs.Take(ask("x", a, b), 0)
		bs.Take(f, 0)
	}
	if want := "more than 1/minute of x between 10.0.0.1 and 10.0.0.2 (burst 1)"; f.MutedBy != want {
		t.Errorf("%q, want %q", f.MutedBy, want)
	}
}

// TestBucketsBound: the table has a bound; what finds no room is told and counted, full buckets make room.
func TestBucketsBound(t *testing.T) {
	bs := mutes(t, "rate x 1/minute").Buckets()
	bs.most = 2
	for i, want := range []int{0, 0, 1} {
		if !bs.Take(ask("x", fmt.Sprintf("10.0.0.%d", i+1), "10.9.9.9"), 0) || bs.Full != want {
			t.Errorf("source %d: %d without room", i, bs.Full)
		}
	}
	if bs.Take(ask("x", "10.0.0.1", "10.9.9.9"), 1*second) {
		t.Error("its bucket is empty")
	}
	if !bs.Take(ask("x", "10.0.0.3", "10.9.9.9"), 61*second) || bs.Full != 1 || len(bs.of) != 2 {
		t.Errorf("a full bucket that owes nothing goes: %d buckets, %d without room", len(bs.of), bs.Full)
	}
	if bs.of[bucketKey{code: "x", a: addr("10.0.0.1")}] == nil {
		t.Error("a count that is owed was forgotten")
	}
}

// limited names the findings in order of their first frames: the key, + told with what it suppressed, - held back.
func limited(fs []*Finding) string {
	var s []string
	for _, f := range fs {
		word := fmt.Sprintf("%v+%d", f.First.Time/second, f.Suppressed)
		if f.Limited {
			word = fmt.Sprintf("%v-", f.First.Time/second)
		}
		s = append(s, word)
	}
	return strings.Join(s, " ")
}

// TestLimitedFindings: findings that exceed their rate are released with the reason, and counted; whether they were
// decided on the way or all at the end.
func TestLimitedFindings(t *testing.T) {
	for _, live := range []bool{false, true} {
		e := engine(t, Options{Codes: []*Code{code("generic")}, Mutes: mutes(t, "rate generic 1/minute burst 1 by_code\n")})
		for i, at := range []int{1, 2, 3, 70, 71} {
			x := inst("generic", fmt.Sprint("g", i), uint64(i+1), float64(at), Likely)
			x.First.Time, x.Last.Time = packet.Time(at)*second, packet.Time(at)*second
			e.Report(x)
			if live {
				e.Tick(packet.Time(at+40) * second)
			}
		}
		e.End(100 * second)
		if got, want := limited(e.Findings()), "1+0 2- 3- 70+2 71-"; got != want || e.Counts.Limited != 3 || e.Counts.Muted != 0 {
			t.Errorf("live %v: %s, want %s; %+v", live, got, want, e.Counts)
		}
	}
}

// TestLimitedGoesOn: a finding that was held back and goes on is told once there is a token; what was told stays told.
func TestLimitedGoesOn(t *testing.T) {
	report := func(e *Engine, key string, flow uint64, at int) {
		x := inst("generic", key, flow, float64(at), Likely)
		x.First.Time, x.Last.Time = packet.Time(at)*second, packet.Time(at)*second
		e.Report(x)
	}
	e := engine(t, Options{Codes: []*Code{code("generic")}, Mutes: mutes(t, "rate generic 1/hour burst 1 by_code\n")})
	report(e, "a", 1, 1)
	report(e, "b", 2, 2)
	e.Tick(60 * second)
	if got := limited(e.Findings()); got != "1+0 2-" {
		t.Errorf("first: %s", got)
	}
	report(e, "a", 3, 200)
	report(e, "b", 4, 201)
	e.Tick(300 * second)
	if got := limited(e.Findings()); got != "1+0 2-" || e.Counts.Limited != 1 {
		t.Errorf("grown: %s, %+v", got, e.Counts)
	}
	report(e, "b", 5, 4000)
	e.Tick(4100 * second)
	if got := limited(e.Findings()); got != "1+0 2+0" || e.Counts.Limited != 0 {
		t.Errorf("an hour later: %s, %+v", got, e.Counts)
	}
	e.End(5000 * second)
	if got := limited(e.Findings()); got != "1+0 2+0" {
		t.Errorf("at the end: %s", got)
	}
}

// TestMutedTakesNothing: a muted finding takes no token, and keeps its own reason.
func TestMutedTakesNothing(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("generic")}, Mutes: mutes(t, "rate * 1/hour by_code\ngeneric 10.0.0.1 * - known\n")})
	a, b := inst("generic", "a", 1, 1, Likely), inst("generic", "b", 2, 2, Likely)
	b.Client = addr("10.0.0.77")
	e.Report(a)
	e.Report(b)
	e.End(100 * second)
	for _, f := range e.Findings() {
		if f.Limited || (f.MutedBy == "known") != (f.Subjects[0].Addr == addr("10.0.0.1")) {
			t.Errorf("%v: limited %v, muted by %q", f.Subjects, f.Limited, f.MutedBy)
		}
	}
	if e.Counts.Muted != 1 || e.Counts.Limited != 0 {
		t.Errorf("%+v", e.Counts)
	}
}
