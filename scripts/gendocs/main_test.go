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
	got := string(generate([]*finding.Code{c}, claims{"x-y": {"positive": {"cap1", "cap2"}}, "z": {"positive": {"cap3"}}}))
	for _, want := range []string{"| [x-y](#x-y) | diagnosis | high | 1 | cap1, cap2 | - | - |", "- another thing", "- G-2W", "no detector yet, for: z."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}
