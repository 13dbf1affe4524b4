package detecttest

import (
	"fmt"
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/sensor"
)

// Codes lists the findings of at least the given confidence as "code confidence", in report order.
func Codes(r *sensor.Result, least finding.Confidence) []string {
	var out []string
	for _, f := range r.Findings {
		if f.Confidence >= least {
			out = append(out, fmt.Sprintf("%s %s", f.Code.ID, f.Confidence))
		}
	}
	return out
}

// Claims reports that f accuses something: it is at least likely, and more than a note about the capture.
func Claims(f *finding.Finding) bool {
	return f.Confidence >= finding.Likely && f.Severity > finding.Info
}

// Only expects one finding of the code, at the confidence, and no other that claims anything. It returns the finding.
func Only(t testing.TB, r *sensor.Result, code string, c finding.Confidence) *finding.Finding {
	t.Helper()
	var found *finding.Finding
	for _, f := range r.Findings {
		if f.Code.ID == code && found == nil {
			found = f
		} else if f.Code.ID == code || Claims(f) {
			t.Errorf("unexpected finding: %s %s: %s", f.Code.ID, f.Confidence, f.Title)
		}
	}
	if found == nil {
		t.Fatalf("no %s; found %v", code, Codes(r, 0))
	}
	if found.Confidence != c {
		t.Errorf("%s is %s, want %s\n%s", code, found.Confidence, c, Text(found))
	}
	return found
}

// All expects n findings of the code (IPv4 and IPv6 of one host make two), each at the confidence, and no other
// that claims anything. It returns them in report order.
func All(t testing.TB, r *sensor.Result, n int, code string, c finding.Confidence) []*finding.Finding {
	t.Helper()
	var found []*finding.Finding
	for _, f := range r.Findings {
		switch {
		case f.Code.ID == code:
			found = append(found, f)
			if f.Confidence != c {
				t.Errorf("%s is %s, want %s\n%s", code, f.Confidence, c, Text(f))
			}
		case Claims(f):
			t.Errorf("unexpected finding: %s %s: %s", f.Code.ID, f.Confidence, f.Title)
		}
	}
	if len(found) != n {
		t.Fatalf("%d findings of %s, want %d; found %v", len(found), code, n, Codes(r, 0))
	}
	return found
}

// None expects no finding of the codes; without codes, none that claims anything.
func None(t testing.TB, r *sensor.Result, codes ...string) {
	t.Helper()
	for _, f := range r.Findings {
		bad := len(codes) == 0 && Claims(f)
		for _, c := range codes {
			bad = bad || f.Code.ID == c
		}
		if bad {
			t.Errorf("unexpected finding: %s %s\n%s", f.Code.ID, f.Confidence, Text(f))
		}
	}
}

// Weak expects that findings of the code, if any, claim less than likely: they name the gate that failed, or what
// could be the matter else.
func Weak(t testing.TB, r *sensor.Result, code string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Code.ID != code {
			continue
		}
		if f.Confidence >= finding.Likely {
			t.Errorf("%s is claimed at %s\n%s", code, f.Confidence, Text(f))
		}
		if len(f.Gates) == 0 && len(f.CouldBe) == 0 {
			t.Errorf("%s is %s and says neither which gate failed nor what else it could be", code, f.Confidence)
		}
	}
}

// Text is all that a finding says, a line for each part, for comparing and for failures.
func Text(f *finding.Finding) string {
	var b strings.Builder
	line := func(name, format string, a ...any) { fmt.Fprintf(&b, "%s: %s\n", name, fmt.Sprintf(format, a...)) }
	line("title", "%s (%s, %s, %d)", f.Title, f.Severity, f.Confidence, f.Count)
	line("why", "%s", f.Why)
	line("summary", "%s", f.Summary)
	line("impact", "%s", f.Impact)
	for _, x := range f.Facts {
		var frames []string
		for _, r := range x.Refs {
			frames = append(frames, fmt.Sprint(r.Frame))
		}
		line("fact", "%s [%s]", x.Text, strings.Join(frames, " "))
	}
	for _, x := range f.RuledOut {
		line("not", "%s: %s", x.Name, x.Text)
	}
	for _, x := range f.CouldBe {
		line("or", "%s: %s", x.Name, x.Text)
	}
	for _, x := range f.Gates {
		line("gate", "%s %s", x.Gate, x.Text)
	}
	for _, x := range f.Remedy {
		line("remedy", "%s: %s", x.Where, x.Text)
		for _, c := range x.Run {
			line("run", "%s", strings.TrimSpace(c.On+" "+c.Line))
		}
	}
	line("check", "%s (%s)", f.Check, f.CheckNote)
	line("wrong if", "%s", f.WrongIf)
	return b.String()
}

// Says expects sentences, or parts of them, in what a finding says.
func Says(t testing.TB, f *finding.Finding, parts ...string) {
	t.Helper()
	text := Text(f)
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s does not say %q; it says\n%s", f.Code.ID, p, text)
		}
	}
}

// SaysNot expects that a finding says none of the parts.
func SaysNot(t testing.TB, f *finding.Finding, parts ...string) {
	t.Helper()
	text := Text(f)
	for _, p := range parts {
		if strings.Contains(text, p) {
			t.Errorf("%s says %q\n%s", f.Code.ID, p, text)
		}
	}
}
