// Package conformance looks at what is concluded, with default settings, from captures that were recorded for other
// purposes: each finding at likely or above was judged by hand from its frames, and docs/conformance-findings.md says
// how. A finding that nobody has judged fails the test; so does a judged one that is gone.
package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/test/harness"
)

// page holds the judgements: rows of a table "| file | code | confidence | count | right? | why |"; count is of
// occurrences, and may change.
const page = "docs/conformance-findings.md"

// judged reads the rows of the page: "file code confidence" to the judgement.
func judged(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harness.Root(), filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, l := range strings.Split(string(b), "\n") {
		c := strings.Split(l, "|")
		if len(c) != 8 || !strings.Contains(c[1], ".pcap") {
			continue
		}
		for i := range c {
			c[i] = strings.Trim(strings.TrimSpace(c[i]), "`")
		}
		out[c[1]+" "+c[2]+" "+c[3]] = c[5]
	}
	return out
}

// TestFindings counts findings per code over every capture of the set.
func TestFindings(t *testing.T) {
	list := harness.Conformance(t)
	known := judged(t)
	perCode := map[string]int{}
	seen := map[string]bool{}
	var shown []string
	for _, f := range list {
		s, err := harness.Open(f, false)
		if err != nil {
			continue // TestConformance of badinput speaks of it
		}
		o := harness.Run(t, harness.Name(f), s, harness.Options{NoEvents: true})
		for _, x := range o.Findings {
			if x.Confidence < finding.Likely {
				perCode[x.Code.ID+", below likely"]++
				continue
			}
			perCode[x.Code.ID]++
			row := harness.Name(f) + " " + x.Code.ID + " " + x.Confidence.String()
			seen[row] = true
			shown = append(shown, row+": "+x.Title)
			if known[row] == "" {
				t.Errorf("not judged: %s: %s\n look at its frames and add a row to %s", row, x.Title, page)
			}
		}
	}
	for row := range known {
		if !seen[row] {
			t.Errorf("judged, but not found any more: %s; take the row out of %s", row, page)
		}
	}
	codes := make([]string, 0, len(perCode))
	for c := range perCode {
		codes = append(codes, fmt.Sprintf("%4d %s", perCode[c], c))
	}
	slices.Sort(codes)
	t.Logf("%d captures\n%s\n%s", len(list), strings.Join(codes, "\n"), strings.Join(shown, "\n"))
}
