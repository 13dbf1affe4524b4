package report

import (
	"bytes"
	"strings"
	"testing"

	"firestorm/internal/finding"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../../docs/schema/finding.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkLine(s *jsonschema.Schema, line string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func jsonLines(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	s := schema(t)
	for name, r := range map[string]*Report{"finding": founding(), "nothing-wrong": healthy(), "cannot-tell": oneSided(),
		"possible": guesses(), "unexplained": refusals(), "two-files": two(), "no-packet": {}} {
		got := jsonLines(t, r)
		if name == "finding" || name == "nothing-wrong" {
			golden(t, name+".jsonl", []byte(got))
		}
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		for _, l := range lines {
			if err := checkLine(s, l); err != nil {
				t.Errorf("%s: %v\n%s", name, err, l)
			}
		}
		if !strings.HasPrefix(lines[len(lines)-1], `{"type":"summary",`) {
			t.Errorf("%s: the last line is no summary: %s", name, lines[len(lines)-1])
		}
		if again := jsonLines(t, r); again != got {
			t.Errorf("%s: not the same bytes the second time", name)
		}
		if strings.Contains(got, "/home/") {
			t.Errorf("%s: a path of the machine is in it", name)
		}
	}
}

func TestSchemaIsClosed(t *testing.T) {
	s, line := schema(t), string(AppendFinding(nil, founding(), timewait()))
	for _, bad := range []string{
		strings.Replace(line, `{"type"`, `{"extra":1,"type"`, 1),
		strings.Replace(line, `"kind":"diagnosis"`, `"kind":"guess"`, 1),
		strings.Replace(line, `"impact"`, `"impct"`, 1),
		strings.Replace(line, `"version":1`, `"version":2`, 1),
	} {
		if checkLine(s, bad) == nil {
			t.Errorf("accepted: %.120s", bad)
		}
	}
}

func TestHostileJSON(t *testing.T) {
	s := schema(t)
	for _, n := range nasty {
		got := jsonLines(t, hostile(n))
		checkPrintable(t, "json", got)
		if lines := strings.Count(got, "\n"); lines != 2 {
			t.Errorf("%q made %d lines", n, lines)
		}
		for _, l := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
			if err := checkLine(s, l); err != nil {
				t.Errorf("%q: %v", n, err)
			}
		}
	}
}

// TestHeldBack: what a rate held back is counted beside what is muted, and said where the next one is told.
func TestHeldBack(t *testing.T) {
	r := founding()
	held := timewait()
	held.Limited, held.MutedBy = true, "more than 2/hour of tcp-timewait-reuse from 192.0.2.7 (burst 2)"
	muted := timewait()
	muted.MutedBy = "known"
	r.Muted = []*finding.Finding{held, muted}
	r.Findings[0].Suppressed = 3
	got, s := jsonLines(t, r), schema(t)
	for _, l := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		if err := checkLine(s, l); err != nil {
			t.Errorf("%v\n%s", err, l)
		}
	}
	for _, want := range []string{`"suppressed":3`, `"muted":2,"limited":1`} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%s is not there once:\n%s", want, got)
		}
	}
	var b bytes.Buffer
	if err := WriteText(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 findings like it held back before by its rate", "1 muted, 1 held back by a rate"} {
		if !strings.Contains(strings.Join(strings.Fields(b.String()), " "), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}
