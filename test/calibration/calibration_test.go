// Package calibration runs every capture of the repository, as it is and damaged in the ways that real captures are,
// with every detector, and holds each finding against what is known of the capture. What came out stands in
// docs/calibration.tsv, from which docs/findings.md is made; -update writes it again.
package calibration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/finding"
)

const (
	captures = "../../testdata/captures"
	table    = "../../docs/calibration.tsv"
)

var update = flag.Bool("update", false, "write "+table+" again")

// made is a capture and what its origin.json says of it.
type made struct {
	name     string
	Findings []struct{ Code, Role string }
	Vantages []struct{ File string }
}

func (m *made) role(code, role string) bool {
	return slices.ContainsFunc(m.Findings, func(f struct{ Code, Role string }) bool { return f.Code == code && f.Role == role })
}

// isTrue reports whether code is true of the capture in the variant.
func (m *made) isTrue(code, variant string) bool {
	return m.role(code, "positive") || alsoTrue[m.name][code] != "" || madeTrue[variant][code] != ""
}

// input is what is analysed at once: one place of capture, or two together.
type input struct {
	made  *made
	name  string // "inside", "inside+outside"
	files []*file
}

type file struct {
	name   string
	frames []capture.Frame
	ifaces []capture.Interface
}

// row is one kind of finding of one run.
type row struct {
	capture, input, variant string
	code                    string
	confidence              finding.Confidence
	findings, count         int
	gates                   string
	right                   bool
}

func (r *row) String() string {
	return strings.Join([]string{r.capture, r.input, r.variant, r.code, r.confidence.String(), fmt.Sprint(r.findings), fmt.Sprint(r.count), r.gates, verdict(r.right)}, "\t")
}

func verdict(right bool) string {
	if right {
		return "right"
	}
	return "wrong"
}

func load(t *testing.T) []*input {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(captures, "*", "origin.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures with an origin.json: %v", err)
	}
	slices.Sort(names)
	var out []*input
	for _, n := range names {
		m := &made{name: filepath.Base(filepath.Dir(n))}
		b, err := os.ReadFile(n)
		if err == nil {
			err = json.Unmarshal(b, m)
		}
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		var fs []*file
		for _, v := range m.Vantages {
			if filepath.Ext(v.File) != ".txt" { // a listing cannot be damaged by the frame: test/cases has it
				fs = append(fs, read(t, filepath.Join(filepath.Dir(n), v.File)))
			}
		}
		for _, f := range fs {
			out = append(out, &input{m, base(f.name), []*file{f}})
		}
		if len(fs) == 2 {
			out = append(out, &input{m, base(fs[0].name) + "+" + base(fs[1].name), fs})
		}
	}
	return out
}

func base(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

func read(t *testing.T, name string) *file {
	t.Helper()
	s, err := capture.OpenFile(name, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs, err := capture.ReadAll(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return &file{filepath.Base(name), fs, capture.Interfaces(s)}
}

// result is what one variant of an input gave.
type result struct {
	in      *input
	variant string
	account string // gates that the report names for the whole capture
	rows    []row
}

// analyse runs one variant of an input.
func (in *input) analyse(t *testing.T, v *variant) *result {
	t.Helper()
	var names []string
	var frames [][]capture.Frame
	for _, f := range in.files {
		names = append(names, f.name)
		frames = append(frames, v.make(f.frames))
	}
	r := detecttest.Analyse(t, 1, names, func(i int) capture.Source { return capture.NewMemory(frames[i], in.files[i].ifaces...) })
	var rows []row
	for _, f := range r.Findings {
		x := row{capture: in.made.name, input: in.name, variant: v.name, code: f.Code.ID, confidence: f.Confidence, findings: 1,
			count: f.Count, gates: gates(f.Gates), right: in.made.isTrue(f.Code.ID, v.name)}
		at := slices.IndexFunc(rows, func(y row) bool { return y.code == x.code && y.confidence == x.confidence && y.gates == x.gates })
		if at < 0 {
			rows = append(rows, x)
		} else {
			rows[at].findings, rows[at].count = rows[at].findings+1, rows[at].count+x.count
		}
		if os.Getenv("FIRESTORM_SHOW") != "" && !x.right && x.confidence >= finding.Likely {
			t.Logf("%s %s, %s: %s", in.made.name, in.name, v.name, detecttest.Text(f))
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.String(), b.String()) })
	return &result{in, v.name, gates(r.Gates), rows}
}

// gates names gates that did not pass, each once.
func gates(rs []finding.GateResult) string {
	var out []string
	for _, g := range rs {
		out = append(out, g.Gate.String())
	}
	if len(out) == 0 {
		return "-"
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ",")
}

// TestCasesCalibration runs everything and compares what was found with the table and with the truth.
func TestCasesCalibration(t *testing.T) {
	inputs := load(t)
	results := make([]*result, len(inputs)*len(variants))
	t.Run("run", func(t *testing.T) {
		for i, in := range inputs {
			t.Run(in.made.name+" "+in.name, func(t *testing.T) {
				t.Parallel()
				for k := range variants {
					results[i*len(variants)+k] = in.analyse(t, &variants[k])
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	if slices.Contains(results, nil) {
		t.Skip("not all captures were run: nothing to compare with the table")
	}
	var rows []row
	for _, r := range results {
		rows = append(rows, r.rows...)
	}
	judge(t, rows)
	silent(t, results)
	reviewed(t, inputs, rows)
	text := write(inputs, results)
	if *update {
		if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if d := difference(string(have), text); d != "" {
		t.Errorf("%s is not up to date; run: make docs\n%s", filepath.Base(table), d)
	}
}

// judge holds the findings against the law: certain is always right, likely 19 times of 20.
func judge(t *testing.T, rows []row) {
	t.Helper()
	var said, right [8]int
	for i := range rows {
		r := &rows[i]
		said[r.confidence] += r.findings
		if r.right {
			right[r.confidence] += r.findings
			continue
		}
		if r.confidence == finding.Certain {
			t.Errorf("certain and wrong: %s", r)
		} else if r.confidence == finding.Likely {
			t.Logf("likely and wrong: %s", r)
		}
	}
	if l := finding.Likely; right[l]*20 < said[l]*19 {
		t.Errorf("likely was right %d times of %d: less than 95 %%", right[l], said[l])
	}
	if said[finding.Certain] == 0 || said[finding.Likely] == 0 {
		t.Error("nothing is claimed at all")
	}
}

// silent holds the clean captures against what they promise: nothing at likely or above, in any variant, but faults of
// the capture that are true there.
func silent(t *testing.T, results []*result) {
	t.Helper()
	clean := 0
	for _, r := range results {
		if !r.in.made.role("all", "clean") {
			continue
		}
		clean++
		for i := range r.rows {
			x := &r.rows[i]
			if x.confidence >= finding.Likely && !x.right {
				t.Errorf("a clean capture, and a finding: %s", x)
			}
		}
	}
	if clean == 0 {
		t.Error("no clean captures")
	}
}

// reviewed holds the table of what is also true: each entry names a capture that exists, and is found there, as it is or
// in a variant that took the more specific explanation away.
func reviewed(t *testing.T, inputs []*input, rows []row) {
	t.Helper()
	for _, name := range sorted(alsoTrue) {
		for _, code := range sorted(alsoTrue[name]) {
			switch {
			case !slices.ContainsFunc(inputs, func(in *input) bool { return in.made.name == name }):
				t.Errorf("alsoTrue names %s, which is no capture", name)
			case !slices.ContainsFunc(rows, func(r row) bool { return r.capture == name && r.code == code }):
				t.Errorf("alsoTrue lets %s be true of %s, where nobody finds it: the entry is of no use", code, name)
			}
		}
	}
}

// span is the time a capture covers.
func (f *file) span() time.Duration {
	if len(f.frames) == 0 {
		return 0
	}
	first, last := f.frames[0].Time, f.frames[0].Time
	for i := range f.frames {
		first, last = min(first, f.frames[i].Time), max(last, f.frames[i].Time)
	}
	return last.Sub(first)
}

// write is the table as text: what was run, then what was found.
func write(inputs []*input, results []*result) string {
	var b strings.Builder
	b.WriteString("# Written by: go test ./test/calibration -update. Columns: see test/calibration/README.md.\n")
	for _, v := range variants {
		fmt.Fprintf(&b, "variant\t%s\n", v.name)
	}
	for _, name := range sorted(alsoTrue) {
		for _, code := range sorted(alsoTrue[name]) {
			fmt.Fprintf(&b, "true\t%s\t%s\t%s\n", name, code, alsoTrue[name][code])
		}
	}
	for _, in := range inputs {
		var span time.Duration
		for _, f := range in.files {
			span = max(span, f.span())
		}
		fmt.Fprintf(&b, "input\t%s\t%s\t%.0f\n", in.made.name, in.name, span.Seconds())
	}
	for _, r := range results {
		if r.account != "-" {
			fmt.Fprintf(&b, "account\t%s\t%s\t%s\t%s\n", r.in.made.name, r.in.name, r.variant, r.account)
		}
		for i := range r.rows {
			fmt.Fprintf(&b, "found\t%s\n", &r.rows[i])
		}
	}
	return b.String()
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// difference shows the first lines that only one of two tables has.
func difference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	var out []string
	for _, l := range h {
		if !slices.Contains(w, l) {
			out = append(out, "was: "+l)
		}
	}
	for _, l := range w {
		if !slices.Contains(h, l) {
			out = append(out, "now: "+l)
		}
	}
	if len(out) == 0 && have != want {
		out = append(out, "the order of the lines changed")
	}
	if n := len(out); n > 30 {
		out = append(out[:30], fmt.Sprintf("... and %d more lines", n-30))
	}
	return strings.Join(out, "\n")
}
