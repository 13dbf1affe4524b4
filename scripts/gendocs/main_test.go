package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firestorm/internal/finding"
)

// TestUpToDate fails when docs/findings.md is not what the lists and captures say.
func TestUpToDate(t *testing.T) {
	if err := run(filepath.Join("..", ".."), false); err != nil {
		t.Error(err)
	}
}

// TestStalePageIsNoticed proves that the comparison can fail.
func TestStalePageIsNoticed(t *testing.T) {
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, "docs"), 0o755); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join("..", "..", "docs", "calibration.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "docs", "calibration.tsv"), table, 0o644); err != nil {
		t.Fatal(err)
	}
	captures, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(captures, filepath.Join(top, "testdata")); err != nil {
		t.Fatal(err)
	}
	if err := run(top, false); err == nil {
		t.Error("a missing page is taken for up to date")
	}
	if err := run(top, true); err != nil {
		t.Fatal(err)
	}
	if err := run(top, false); err != nil {
		t.Error(err)
	}
	file := filepath.Join(top, "docs", "findings.md")
	b, _ := os.ReadFile(file)
	if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(top, false); err == nil {
		t.Error("a changed page is taken for up to date")
	}
}

func TestGenerate(t *testing.T) {
	c := &finding.Code{ID: "x-y", Title: "Something", Kind: finding.Diagnosis, Severity: finding.High, Tier: 1,
		Alternatives: []finding.Alt{{ID: "a", Name: "another thing"}}, Needs: []finding.Gate{finding.GateTwoWay}}
	r := &results{variants: []string{"as is", "snaplen 96"}, inputs: []input{{"cap1", "inside", 60}, {"cap2", "inside", 60}},
		accounts: map[trial]string{{"cap2", "inside", "snaplen 96"}: "G-SNAP"},
		found: []found{
			{trial{"cap1", "inside", "as is"}, "x-y", "certain", 2, "-", true},
			{trial{"cap2", "inside", "as is"}, "x-y", "likely", 1, "-", true},
			{trial{"cap1", "inside", "snaplen 96"}, "x-y", "cannot-tell", 1, "G-2W", true},
			{trial{"cap3", "inside", "as is"}, "x-y", "likely", 1, "-", false},
		}}
	noCapture["x-y"] = map[string]string{"near-miss": "nothing resembles it", "remedied": "no remedy"}
	defer delete(noCapture, "x-y")
	cl := claims{"x-y": {"positive": {"cap1", "cap2"}, synthetic: {"cap2"}}, "z": {"positive": {"cap3"}}}
	b, err := generate([]*finding.Code{c}, cl, r)
	if err != nil {
		t.Fatal(err)
	}
	got := string(b)
	for _, want := range []string{
		"| [x-y](#x-y) | diagnosis | high | 1 | cap1, cap2 | nothing resembles it | G-2W, G-SNAP | no remedy | real programs; computed: cap2 | certain 2/2, likely 1/2 |",
		"| x-y | certain: 1<br>likely: 1 | cannot tell (G-2W): 1<br>silent, G-SNAP named: 1 |",
		"| likely | 1 of 2 (50 %) | 1 of 2 (50 %) |", "- x-y, likely: cap3 inside, as is", "- another thing", "- G-2W", "no detector yet, for: z.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	delete(noCapture["x-y"], "near-miss")
	if _, err := generate([]*finding.Code{c}, cl, r); err == nil || !strings.Contains(err.Error(), "x-y near-miss") {
		t.Errorf("a cell without capture and reason: %v", err)
	}
	r.accounts = nil
	noCapture["x-y"]["near-miss"] = "nothing resembles it"
	if _, err := generate([]*finding.Code{c}, cl, r); err == nil || !strings.Contains(err.Error(), "x-y snaplen 96") {
		t.Errorf("a positive that vanishes without a word: %v", err)
	}
}

// TestResultsAreChecked proves that a damaged table is noticed.
func TestResultsAreChecked(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "short": "variant\tas is\nfound\ta\tb\n", "number": "variant\tas is\ninput\ta\tb\tc\n", "word": "variant\tas is\nother\ta\n"} {
		file := filepath.Join(t.TempDir(), "t.tsv")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readResults(file); err == nil {
			t.Errorf("%s: a table that is none is read", name)
		}
	}
}
