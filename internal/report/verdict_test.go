package report

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestPossibleBeside: a possible finding stands back behind what may be its reason, and behind nothing else.
func TestPossibleBeside(t *testing.T) {
	a, z, y := packet.MustAddr("10.0.0.1"), packet.MustAddr("10.0.0.2"), packet.MustAddr("10.0.0.3")
	about := func(k finding.Kind, c finding.Confidence, title string, ends ...packet.Addr) *finding.Finding {
		f := &finding.Finding{ID: "FS-" + title, Code: &finding.Code{ID: "x-" + title, Kind: k, Title: title}, Severity: finding.Medium, Confidence: c, Title: title, Why: "why", First: at(1, 0), Last: at(2, 1), Count: 1}
		for _, e := range ends {
			f.Subjects = append(f.Subjects, finding.Subject{Role: "client", Addr: e})
		}
		return f
	}
	for _, c := range []struct {
		name     string
		shown    *finding.Finding
		possible finding.Kind
		want     bool // the possible one is shown
	}{
		{"a policy beside a diagnosis", about(finding.Policy, finding.Certain, "login in clear text", a, z), finding.Diagnosis, true},
		{"an oddity beside a diagnosis", about(finding.Anomaly, finding.Certain, "odd", a, z), finding.Diagnosis, true},
		{"a policy beside an attack", about(finding.Policy, finding.Certain, "login in clear text", a, z), finding.Attack, true},
		{"a policy beside a policy", about(finding.Policy, finding.Certain, "login in clear text", a, z), finding.Policy, false},
		{"a diagnosis beside a diagnosis", about(finding.Diagnosis, finding.Likely, "cause", a, z), finding.Diagnosis, false},
		{"an attack beside a diagnosis", about(finding.Attack, finding.Likely, "attack", a, z), finding.Diagnosis, false},
		{"a diagnosis beside an oddity", about(finding.Diagnosis, finding.Likely, "cause", a, z), finding.Anomaly, false},
		{"a diagnosis of others", about(finding.Diagnosis, finding.Likely, "cause", a, y), finding.Diagnosis, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := founding()
			r.Findings = []*finding.Finding{c.shown, about(c.possible, finding.Possible, "perhaps this", a, z)}
			out := text(t, r, Options{})
			if got := strings.Contains(out, "perhaps this"); got != c.want {
				t.Errorf("shown: %v\n%s", got, out)
			}
			if last := "1 finding (1 medium), 1 possible"; strings.Contains(out, last) != c.want {
				t.Errorf("no %q in\n%s", last, out)
			}
			for form, s := range map[string]string{"markdown": md(t, r), "html": page1(t, r)} {
				if strings.Contains(s, "perhaps this") != c.want {
					t.Errorf("%s does not agree with the text", form)
				}
			}
		})
	}
}

// TestLateAnswers: who waits for seconds because requests for a connection are lost is not told that all is well, though each
// was answered in the end.
func TestLateAnswers(t *testing.T) {
	for _, c := range []struct {
		again int
		most  time.Duration
		fails bool
		want  string
	}{
		{0, 0, false, "NOTHING WRONG  no finding, and no attempt failed"},
		{1, 1100 * time.Millisecond, false, "NOTHING WRONG  no finding, and no attempt failed"},
		{4, 7140 * time.Millisecond, false, "NOT EXPLAINED  4 of 12 attempts were answered only when asked again, after up to 7.14 s, and no cause was found for it"},
		{4, 7140 * time.Millisecond, true, "NOT EXPLAINED  2 of 12 attempts failed, 4 were answered only when asked again, after up to 7.14 s, and no cause"},
	} {
		r := founding()
		r.Findings, r.Undecided, r.Gates, r.Again, r.AgainMax = nil, nil, nil, c.again, c.most
		r.Services = []Service{{Proto: "TCP", Attempts: 12, Answered: 12}}
		if c.fails {
			r.Services[0].Answered, r.Services[0].Silent = 10, 2
		}
		if out := strings.Join(strings.Fields(text(t, r, Options{})), " "); !strings.Contains(out, strings.Join(strings.Fields(c.want), " ")) {
			t.Errorf("no %q in\n%s", c.want, out)
		}
	}
}

// TestNothingToCheck: where no connection was there, nothing is said to stand below.
func TestNothingToCheck(t *testing.T) {
	r := founding()
	r.Findings, r.Undecided, r.Gates, r.Services, r.Checked = nil, nil, nil, nil, nil
	out := strings.Join(strings.Fields(text(t, r, Options{})), " ")
	if want := "NOTHING WRONG no finding; no connection was there whose way could be checked"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}
