package lang

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Rule sets that are not ours to copy: FIRESTORM_SHARED names the folder that holds rules/.
func corpus(tb testing.TB, name string) []byte {
	dir := os.Getenv("FIRESTORM_SHARED")
	if dir == "" {
		tb.Skip("no rule sets: set FIRESTORM_SHARED to the folder that holds rules/")
	}
	b, err := os.ReadFile(filepath.Join(dir, "rules", name))
	if err != nil {
		tb.Skip("no such rule set: ", err)
	}
	return b
}

func TestCorpus(t *testing.T) {
	for _, f := range []struct {
		name string
		want int
	}{{"et-open-2025-08.rules", 25128}, {"snort2-community.rules", 4013}} {
		t.Run(f.name, func(t *testing.T) {
			b := corpus(t, f.name)
			rules, problems, err := Parse(f.name, bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range problems {
				if i < 20 {
					t.Log(p)
				}
			}
			if len(rules) != f.want {
				t.Errorf("%d rules parse, want %d; %d problems", len(rules), f.want, len(problems))
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	text := corpus(b, "et-open-2025-08.rules")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Parse("x", bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
