package sensor_test

import (
	"os"
	"strings"
	"testing"
)

func TestTry(t *testing.T) {
	l := os.Getenv("TRY")
	if l == "" {
		t.Skip()
	}
	for _, f := range strings.Fields(l) {
		r := analyse(t, 1, 1, f)
		t.Logf("== %s: %d packets %d flows, gates %v", f, r.Counts.Packets, r.Summary.Flows, r.Gates)
		for _, f := range r.Findings {
			t.Logf("%s %s %s x%d\n  why %s\n  impact %s\n", f.Code.ID, f.Confidence, f.Title, f.Count, f.Why, f.Impact)
			for _, x := range f.Facts {
				t.Logf("    fact %s", x.Text)
			}
			for _, x := range f.RuledOut {
				t.Logf("    ruled out %s: %s", x.Name, x.Text)
			}
			for _, x := range f.CouldBe {
				t.Logf("    could be %s: %s", x.Name, x.Text)
			}
			for _, x := range f.Explains {
				t.Logf("    explains %s %d", x.Code, x.Count)
			}
			for _, x := range f.Gates {
				t.Logf("    gate %s %s", x.Gate, x.Text)
			}
		}
	}
}
