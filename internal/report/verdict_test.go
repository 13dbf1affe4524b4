package report

import (
	"strings"
	"testing"

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
