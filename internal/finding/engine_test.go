package finding

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
)

const second = packet.Time(time.Second)

func addr(s string) packet.Addr { return packet.MustAddr(s) }

func ref(frame uint64, at float64) packet.Ref {
	return packet.Ref{Frame: frame, Time: packet.Time(at * float64(second))}
}

// said is what a test instance wants its finding to be.
type said struct {
	conf Confidence // CannotTell: unworthy
	text string
}

// compose builds a finding of the confidence that the strongest kept instance asks for; CannotTell drops the group.
func compose(g *Group, b *Builder) bool {
	s := said{}
	for _, k := range g.Kept {
		if d := k.Data.(said); d.conf > s.conf {
			s = d
		}
	}
	if s.conf <= CannotTell {
		return false
	}
	b.Title("%s of %d", g.Key, g.Count)
	b.Subject(Subject{Role: "client", Addr: g.Kept[0].Client})
	b.Subject(Subject{Role: "server", Addr: g.Kept[0].Server, Port: g.Kept[0].Port})
	b.Fact([]packet.Ref{g.First}, "one")
	b.Fact([]packet.Ref{g.Last}, "two")
	for i, a := range g.Code.Alternatives {
		if i < int(Certain-s.conf) {
			b.Open(a.ID, "open")
		} else {
			b.RuledOut(a.ID, nil, "ruled out")
		}
	}
	return true
}

func code(id string, absorbs ...string) *Code {
	return &Code{ID: id, Title: "title of " + id, Severity: Medium, Absorbs: absorbs, Settle: 10 * time.Second,
		Alternatives: []Alt{{"a", "first"}, {"b", "second"}}}
}

func engine(t *testing.T, o Options) *Engine {
	t.Helper()
	if o.Compose == nil {
		o.Compose = compose
	}
	e, err := NewEngine(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func inst(id, key string, flow uint64, at float64, c Confidence) *Instance {
	return &Instance{Code: id, Key: key, FlowID: flow, Client: addr("10.0.0.1"), Server: addr("10.0.0.9"), Port: 80,
		First: ref(uint64(at*10), at), Last: ref(uint64(at*10)+1, at+1), Data: said{conf: c}}
}

func show(fs []*Finding) string {
	var out []string
	for _, f := range fs {
		s := fmt.Sprintf("%s %s ×%d", f.Code.ID, f.Confidence, f.Count)
		for _, x := range f.Explains {
			s += fmt.Sprintf(" (%s ×%d)", x.Code, x.Count)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestAbsorption(t *testing.T) {
	for _, c := range []struct {
		name string
		is   []*Instance
		want string
	}{
		{"the specific explains the generic of its flow", []*Instance{inst("generic", "g", 1, 1, Certain), inst("specific", "s", 1, 1, Likely)}, "specific likely ×1 (generic ×1)"},
		{"whatever the order", []*Instance{inst("specific", "s", 1, 1, Likely), inst("generic", "g", 1, 1, Certain)}, "specific likely ×1 (generic ×1)"},
		{"not of another flow", []*Instance{inst("specific", "s", 1, 1, Likely), inst("generic", "g", 2, 1, Likely)}, "generic likely ×1, specific likely ×1"},
		{"flow 0 is no flow", []*Instance{inst("specific", "s", 0, 1, Likely), inst("generic", "g", 0, 1, Likely)}, "generic likely ×1, specific likely ×1"},
		{"the rest of a group stays", []*Instance{inst("generic", "g", 1, 1, Likely), inst("generic", "g", 2, 2, Likely), inst("specific", "s", 1, 1, Certain)}, "specific certain ×1 (generic ×1), generic likely ×1"},
		{"a weak specific yields to a strong generic", []*Instance{inst("specific", "s", 1, 1, Possible), inst("generic", "g", 1, 1, Certain)}, "generic certain ×1 (specific ×1)"},
		{"weak over weak", []*Instance{inst("specific", "s", 1, 1, Possible), inst("generic", "g", 1, 1, Possible)}, "specific possible ×1 (generic ×1)"},
		{"a chain ends at the root", []*Instance{inst("symptom", "x", 1, 1, Certain), inst("generic", "g", 1, 1, Certain), inst("specific", "s", 1, 1, Certain)}, "specific certain ×1 (generic ×1) (symptom ×1)"},
		{"what is not worth a finding hides nothing", []*Instance{inst("specific", "s", 1, 1, CannotTell), inst("generic", "g", 1, 1, Likely)}, "generic likely ×1"},
		{"unrelated codes stand side by side", []*Instance{inst("other", "o", 1, 1, Certain), inst("generic", "g", 1, 1, Certain)}, "generic certain ×1, other certain ×1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, Options{Codes: []*Code{code("generic", "symptom"), code("symptom"), code("specific", "generic", "symptom"), code("other")}})
			for _, i := range c.is {
				e.Report(i)
			}
			e.End(100 * second)
			if got := show(e.Findings()); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		name   string
		cover  Cover
		change func(*Instance)
		hidden bool
	}{
		{"all of a server", Cover{Server: addr("10.0.0.9")}, nil, true},
		{"another server", Cover{Server: addr("10.0.0.8")}, nil, false},
		{"its port", Cover{Server: addr("10.0.0.9"), Port: 80}, nil, true},
		{"another port", Cover{Server: addr("10.0.0.9"), Port: 81}, nil, false},
		{"client's network", Cover{Client: addr("10.0.0.200"), ByPrefix: true}, nil, true},
		{"client's network, exactly", Cover{Client: addr("10.0.0.200")}, nil, false},
		{"another time", Cover{Server: addr("10.0.0.9")}, func(i *Instance) { i.First, i.Last = ref(1, 50), ref(2, 51) }, false},
		{"nothing", Cover{}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, Options{Codes: []*Code{code("specific", "generic"), code("generic")}})
			s, g := inst("specific", "s", 1, 1, Certain), inst("generic", "g", 2, 1.5, Likely)
			s.Covers = c.cover
			if c.change != nil {
				c.change(g)
			}
			e.Report(g)
			e.Report(s)
			e.End(100 * second)
			if n := len(e.Findings()); n == 1 != c.hidden {
				t.Errorf("%s, want hidden %v", show(e.Findings()), c.hidden)
			}
		})
	}
}

// TestTwins: one occurrence seen at two vantages makes one finding, of the surer vantage, of equals of the nearer.
func TestTwins(t *testing.T) {
	same := func(f uint64) uint64 { // 101 is the far side of 1, and so on
		if f > 100 {
			return f - 100
		}
		return f
	}
	for _, c := range []struct {
		name string
		is   []*Instance
		want string
	}{
		{"two groups", []*Instance{inst("generic", "near", 1, 1, Likely), inst("generic", "far", 101, 1, Likely)}, "near of 1"},
		{"two groups, far first", []*Instance{inst("generic", "far", 101, 1, Likely), inst("generic", "near", 1, 1, Likely)}, "near of 1"},
		{"one group", []*Instance{inst("generic", "both", 1, 1, Likely), inst("generic", "both", 101, 1.001, Likely)}, "both of 1"},
		{"the surer speaks", []*Instance{inst("generic", "near", 1, 1, Possible), inst("generic", "far", 101, 1, Certain)}, "far of 1"},
		{"the one worth a finding speaks", []*Instance{inst("generic", "near", 1, 1, CannotTell), inst("generic", "far", 101, 1, Possible)}, "far of 1"},
		{"twice in one flow stays twice", []*Instance{inst("generic", "near", 1, 1, Likely), inst("generic", "near", 1, 5, Likely), inst("generic", "far", 101, 1, Likely), inst("generic", "far", 101, 5, Likely)}, "near of 2"},
		{"seen at the far side only", []*Instance{inst("generic", "near", 1, 1, Likely), inst("generic", "far", 102, 1, Likely)}, "near of 1, far of 1"},
		{"the rest of the far group stays", []*Instance{inst("generic", "near", 1, 1, Likely), inst("generic", "far", 101, 1, Likely), inst("generic", "far", 103, 2, Likely)}, "near of 1, far of 1"},
		{"another code is no twin", []*Instance{inst("generic", "near", 1, 1, Likely), inst("other", "far", 101, 1, Likely)}, "near of 1, far of 1"},
		{"a cause at one side explains the symptom at the other", []*Instance{inst("specific", "near", 1, 1, Likely), inst("generic", "far", 101, 1, Likely)}, "near of 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, Options{Codes: []*Code{code("generic"), code("specific", "generic"), code("other")}, Same: same})
			for _, i := range c.is {
				e.Report(i)
			}
			e.End(100 * second)
			var got []string
			for _, f := range e.Findings() {
				got = append(got, f.Title)
			}
			slices.Sort(got)
			want := strings.Split(c.want, ", ")
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestTwinsKnownLate: two flows may be known as one only after the first of them was reported.
func TestTwinsKnownLate(t *testing.T) {
	pair := map[uint64]uint64{}
	e := engine(t, Options{Codes: []*Code{code("generic")}, Same: func(f uint64) uint64 {
		if n := pair[f]; n != 0 {
			return n
		}
		return f
	}})
	e.Report(inst("generic", "far", 101, 1, Likely))
	e.Report(inst("generic", "near", 1, 1, Likely))
	pair[101] = 1
	e.End(100 * second)
	if got := show(e.Findings()); got != "generic likely ×1" {
		t.Errorf("%s", got)
	}
	if e.Counts.Folded != 1 {
		t.Errorf("%d counted as folded", e.Counts.Folded)
	}
}

// TestTwinsLive: what one vantage has said the other does not say again a minute later.
func TestTwinsLive(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("generic")}, Same: func(f uint64) uint64 { return f % 100 }})
	e.Report(inst("generic", "near", 1, 1, Possible))
	if fs := e.Tick(50 * second); len(fs) != 1 {
		t.Fatalf("%s", show(fs))
	}
	e.Report(inst("generic", "far", 101, 51, Certain))
	if fs := e.Tick(90 * second); len(fs) != 0 {
		t.Errorf("said again: %s", show(fs))
	}
}

func TestNewEngineRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		codes []*Code
		want  string
	}{
		{"a name twice", []*Code{code("x"), code("x")}, "finding code x is defined twice"},
		{"itself", []*Code{code("x", "x")}, "absorbs itself through a cycle"},
		{"a cycle", []*Code{code("x", "y"), code("y", "z"), code("z", "x")}, "absorbs itself through a cycle"},
	} {
		if _, err := NewEngine(Options{Codes: c.codes}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := NewEngine(Options{Codes: []*Code{code("x", "y", "z"), code("y", "z"), code("z"), code("w", "elsewhere")}}); err != nil {
		t.Errorf("two ways to one code are no cycle: %v", err)
	}
	if err := CheckAbsorbs([]*Code{code("x", "y"), code("y", "tpyo")}); err == nil || !strings.Contains(err.Error(), "y absorbs unknown code tpyo") {
		t.Errorf("%v", err)
	}
	if err := CheckAbsorbs([]*Code{code("x", "y"), code("y")}); err != nil {
		t.Error(err)
	}
	if got := Explainers([]*Code{code("x", "z"), code("y"), code("w", "z")}, "z"); !slices.Equal(got, []string{"x", "w"}) {
		t.Errorf("%v", got)
	}
}

// TestLive: a group is released when its settle time has passed, grows by revisions at most once a minute, and keeps
// its identity.
func TestLive(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("generic")}})
	e.Report(inst("generic", "g", 1, 1, Likely)) // ends at 2, due at 12
	if fs := e.Tick(11 * second); len(fs) != 0 {
		t.Fatalf("released before the settle time: %s", show(fs))
	}
	fs := e.Tick(12 * second)
	if len(fs) != 1 || fs[0].Revision != 1 || fs[0].State != Open {
		t.Fatalf("%s", show(fs))
	}
	id := fs[0].ID
	if fs := e.Tick(200 * second); len(fs) != 0 {
		t.Errorf("said again without news: %s", show(fs))
	}
	e.Report(inst("generic", "g", 2, 201, Likely))
	fs = e.Tick(202 * second)
	if len(fs) != 1 || fs[0].Revision != 2 || fs[0].State != Updated || fs[0].Count != 2 || fs[0].ID != id {
		t.Fatalf("%s", show(fs))
	}
	e.Report(inst("generic", "g", 3, 203, Likely))
	if fs := e.Tick(230 * second); len(fs) != 0 {
		t.Errorf("two revisions within a minute: %s", show(fs))
	}
	if fs := e.Tick(262 * second); len(fs) != 1 || fs[0].Count != 3 {
		t.Errorf("%s", show(fs))
	}
}

// TestReleasedExplainsLater: a cause told earlier explains what comes after it, and a symptom absorbed once does not
// come back with the next revision.
func TestReleasedExplainsLater(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("specific", "generic"), code("generic")}})
	e.Report(inst("specific", "s", 1, 1, Certain))
	e.Tick(20 * second)
	e.Report(inst("generic", "g", 1, 21, Likely))
	if fs := e.Tick(40 * second); len(fs) != 0 {
		t.Errorf("%s", show(fs))
	}
	e.Report(inst("generic", "g", 9, 100, Likely))
	fs := e.Tick(200 * second)
	if len(fs) != 1 || fs[0].Count != 1 || fs[0].First.Time != 100*second {
		t.Errorf("%s", show(fs))
	}
}

func TestBounds(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("generic")}, MaxGroups: 2, MaxInstances: 40})
	for i := range 100 {
		e.Report(inst("generic", "g", uint64(i+1), float64(i), Likely))
	}
	e.Report(inst("generic", "h", 1000, 1, Likely))
	e.Report(inst("generic", "i", 1001, 1, Likely))
	if e.Counts.DroppedMax == 0 || e.Counts.Instances != 102 {
		t.Errorf("%+v", e.Counts)
	}
	e.End(1000 * second)
	fs := e.Findings()
	if len(fs) != 2 {
		t.Fatalf("%s", show(fs))
	}
	for _, f := range fs {
		if f.Title == "g of 100" && f.Count != 100 {
			t.Errorf("all are counted, though few are kept: %d", f.Count)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown code is a detector's fault")
		}
	}()
	e.Report(inst("unknown", "x", 1, 1, Likely))
}

// TestFaulty: a finding without a complete argument is left out and counted, never shown.
func TestFaulty(t *testing.T) {
	e := engine(t, Options{Codes: []*Code{code("generic")}, Compose: func(g *Group, b *Builder) bool { b.Title("half"); return true }})
	e.Report(inst("generic", "g", 1, 1, Likely))
	e.End(100 * second)
	if len(e.Findings()) != 0 || len(e.Counts.Faulty) != 1 || !strings.Contains(e.Counts.Faulty[0], `alternative "a" neither ruled out nor left open`) {
		t.Errorf("%s %q", show(e.Findings()), e.Counts.Faulty)
	}
}

// TestOrder: worst first; the order of reports does not change what is shown.
func TestOrder(t *testing.T) {
	run := func(is ...*Instance) string {
		e := engine(t, Options{Codes: []*Code{code("generic"), code("other")}})
		for _, i := range is {
			e.Report(i)
		}
		e.End(100 * second)
		var ids []string
		for _, f := range e.Findings() {
			ids = append(ids, f.Title)
		}
		return strings.Join(ids, ", ")
	}
	a, b, c := inst("generic", "a", 1, 3, Likely), inst("other", "b", 2, 2, Possible), inst("generic", "c", 3, 1, Likely)
	want := "c of 1, a of 1, b of 1"
	for _, got := range []string{run(a, b, c), run(c, b, a), run(b, a, c)} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
