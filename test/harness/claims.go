package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Claim is a capture and what it was made to show.
type Claim struct {
	Name  string
	Files []string // each place of capture
	Codes []string // positive
}

// Positives are the captures that show a fault.
func Positives(t testing.TB) []Claim {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Root(), "testdata", "captures", "*", "origin.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no captures with an origin.json")
	}
	var out []Claim
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var o struct {
			Findings []struct{ Code, Role string }
			Vantages []struct{ File string }
		}
		if err := json.Unmarshal(b, &o); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		c := Claim{Name: filepath.Base(filepath.Dir(f))}
		for _, x := range o.Findings {
			if x.Role == "positive" {
				c.Codes = append(c.Codes, x.Code)
			}
		}
		for _, v := range o.Vantages {
			if filepath.Ext(v.File) != ".txt" {
				c.Files = append(c.Files, filepath.Join(filepath.Dir(f), v.File))
			}
		}
		if len(c.Codes) > 0 {
			out = append(out, c)
		}
	}
	return out
}
