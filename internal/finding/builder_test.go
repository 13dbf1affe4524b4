package finding

import (
	"strings"
	"testing"

	"firestorm/internal/packet"
)

func complete(b *Builder) {
	b.Fact(nil, "one")
	b.Fact(nil, "two")
}

// TestConfidence: it follows from the open alternatives, the failed gates and a cap, whichever is worst.
func TestConfidence(t *testing.T) {
	for _, c := range []struct {
		name  string
		open  string // ids left open
		gates []Confidence
		cap   Confidence
		want  Confidence
	}{
		{"all ruled out", "", nil, 0, Certain},
		{"one open", "a", nil, 0, Likely},
		{"two open", "ab", nil, 0, Possible},
		{"three open", "abc", nil, 0, Possible},
		{"a gate", "", []Confidence{CannotTell}, 0, CannotTell},
		{"a soft gate", "", []Confidence{Possible}, 0, Possible},
		{"the worst of two gates", "a", []Confidence{Possible, CannotTell}, 0, CannotTell},
		{"a gate lifts nothing", "ab", []Confidence{Likely}, 0, Possible},
		{"a cap", "", nil, Possible, Possible},
		{"a cap lifts nothing", "ab", nil, Likely, Possible},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &Group{Code: &Code{ID: "x", Alternatives: []Alt{{"a", "A"}, {"b", "B"}, {"c", "C"}}}}
			for _, x := range c.gates {
				g.Gates = append(g.Gates, GateResult{Caps: x})
			}
			b := NewBuilder(g)
			complete(b)
			for _, a := range g.Code.Alternatives {
				if strings.Contains(c.open, a.ID) {
					b.Open(a.ID, "look at %s", "it")
				} else {
					b.RuledOut(a.ID, nil, "out")
				}
			}
			if c.cap != 0 {
				b.Cap(c.cap)
				b.Cap(Certain) // a later, weaker cap does not undo it
			}
			b.Remedy(AtServer, "do it").Run("Linux", "cmd %d", 1)
			f, err := b.Done()
			if err != nil {
				t.Fatal(err)
			}
			if f.Confidence != c.want {
				t.Errorf("%s, want %s", f.Confidence, c.want)
			}
			if (len(f.Remedy) > 0) != (c.want >= Likely) {
				t.Errorf("%d steps of remedy at %s", len(f.Remedy), f.Confidence)
			}
			if len(f.CouldBe) != len(c.open) || len(f.CouldBe)+len(f.RuledOut) != 3 {
				t.Errorf("open %v, out %v", f.CouldBe, f.RuledOut)
			}
		})
	}
}

func TestDoneRefuses(t *testing.T) {
	g := &Group{Code: &Code{ID: "x", Alternatives: []Alt{{"a", "A"}, {"b", "B"}}}}
	b := NewBuilder(g)
	complete(b)
	b.Open("a", "look")
	if _, err := b.Done(); err == nil || !strings.Contains(err.Error(), `x: alternative "b" neither ruled out nor left open`) {
		t.Errorf("%v", err)
	}
	b = NewBuilder(g)
	b.Open("a", "look")
	b.RuledOut("b", nil, "out")
	b.Fact(nil, "one")
	if _, err := b.Done(); err == nil || !strings.Contains(err.Error(), "1 facts, needs two") {
		t.Errorf("%v", err)
	}
}

func TestBuilderKeepsOrderAndBounds(t *testing.T) {
	b := NewBuilder(&Group{Code: &Code{ID: "x", Severity: High, References: []string{"RFC"}, Alternatives: []Alt{{"a", "the A"}}}, First: ref(3, 1), Last: ref(9, 2), Count: 4})
	b.Fact([]packet.Ref{ref(1, 1), {}, ref(2, 2)}, "%d of %d", 1, 2)
	b.Fact(nil, "two")
	b.RuledOut("a", []packet.Ref{{}, ref(5, 1)}, "because %s", "so")
	b.Severity(Low)
	for i := range 2 * MaxEvidence {
		b.Evidence(ref(uint64(100-i), float64(100-i)), "x")
	}
	b.Evidence(packet.Ref{}, "nowhere")
	b.Ladder(LadderRow{Ref: ref(9, 2), Label: "late"})
	b.Ladder(LadderRow{Ref: packet.Ref{Frame: 2, Time: second, Source: 1}, Label: "early, elsewhere"})
	b.Ladder(LadderRow{Label: "nowhere"})
	b.Remedy(AtServer, "first")
	b.Remedy(AtNAT, "second").Run("Linux", "a").Run("Windows", "b")
	f, err := b.Done()
	if err != nil {
		t.Fatal(err)
	}
	if f.Facts[0].Text != "1 of 2" || len(f.Facts[0].Refs) != 2 || len(f.RuledOut[0].Refs) != 1 || f.RuledOut[0].Name != "the A" {
		t.Errorf("facts %v, ruled out %v", f.Facts, f.RuledOut)
	}
	if f.Severity != Low || f.Count != 4 || f.First != ref(3, 1) || f.References[0] != "RFC" {
		t.Errorf("%+v", f)
	}
	if len(f.Evidence) != MaxEvidence || f.Evidence[0].Ref.Frame > f.Evidence[1].Ref.Frame {
		t.Errorf("evidence %v", f.Evidence)
	}
	if len(f.Ladder) != 2 || f.Ladder[0].Label != "early, elsewhere" {
		t.Errorf("ladder %v", f.Ladder)
	}
	if len(f.Remedy) != 2 || f.Remedy[0].Text != "first" || len(f.Remedy[0].Run) != 0 || len(f.Remedy[1].Run) != 2 || f.Remedy[1].Run[1].On != "Windows" {
		t.Errorf("remedy %v", f.Remedy)
	}
}

// TestIdentity: code, the first two subjects and the first frame make it; words, later frames and counts do not.
func TestIdentity(t *testing.T) {
	make := func(change func(*Finding)) string {
		f := &Finding{Code: &Code{ID: "x"}, First: ref(3, 1), Subjects: []Subject{{Role: "client", Addr: addr("10.0.0.1")}, {Role: "server", Addr: addr("10.0.0.9"), Port: 80}}}
		if change != nil {
			change(f)
		}
		return identity(f)
	}
	same := make(nil)
	if len(same) != len("FS-")+6 || !strings.HasPrefix(same, "FS-") || strings.ToLower(same[3:]) != same[3:] {
		t.Errorf("%q is no identity to read aloud", same)
	}
	for _, c := range []struct {
		name   string
		change func(*Finding)
		equal  bool
	}{
		{"nothing", nil, true},
		{"words", func(f *Finding) { f.Title, f.Why = "other", "other" }, true},
		{"count and end", func(f *Finding) { f.Count, f.Last = 9, ref(99, 9) }, true},
		{"a third subject", func(f *Finding) { f.Subjects = append(f.Subjects, Subject{Role: "nat"}) }, true},
		{"a name seen in the capture", func(f *Finding) { f.Subjects[0].Name = "pc" }, true},
		{"code", func(f *Finding) { f.Code = &Code{ID: "y"} }, false},
		{"client", func(f *Finding) { f.Subjects[0].Addr = addr("10.0.0.2") }, false},
		{"port", func(f *Finding) { f.Subjects[1].Port = 81 }, false},
		{"ends swapped", func(f *Finding) { f.Subjects[0], f.Subjects[1] = f.Subjects[1], f.Subjects[0] }, false},
		{"first frame", func(f *Finding) { f.First = ref(4, 1) }, false},
		{"file", func(f *Finding) { f.First.Source = 1 }, false},
	} {
		if got := make(c.change); (got == same) != c.equal {
			t.Errorf("%s changed: %s and %s, want equal %v", c.name, got, same, c.equal)
		}
	}
}

func TestWords(t *testing.T) {
	for s := Info; s <= Critical; s++ {
		if got, ok := ParseSeverity(s.String()); !ok || got != s {
			t.Errorf("severity %q reads as %v", s, got)
		}
	}
	for c := CannotTell; c <= Certain; c++ {
		if got, ok := ParseConfidence(c.String()); !ok || got != c {
			t.Errorf("confidence %q reads as %v", c, got)
		}
	}
	for _, bad := range []string{"", "HIGH", "sure"} {
		if _, ok := ParseSeverity(bad); ok {
			t.Errorf("severity %q", bad)
		}
		if _, ok := ParseConfidence(bad); ok {
			t.Errorf("confidence %q", bad)
		}
	}
	seen := map[string]bool{}
	for g := Gate(0); g < NumGates; g++ {
		if seen[g.String()] || !strings.HasPrefix(g.String(), "G-") {
			t.Errorf("gate %q", g)
		}
		seen[g.String()] = true
	}
	gr := Group{Gates: []GateResult{{Gate: GateLoss}}}
	if !gr.Failed(GateLoss) || gr.Failed(GateClock) {
		t.Error("Failed")
	}
}
