package main

import (
	"strings"
	"testing"
)

// TestDemoTells: each case of the demonstration shows the finding that it is about, first and surer than possible.
func TestDemoTells(t *testing.T) {
	known := map[string]bool{}
	for _, c := range codes() {
		known[c.ID] = true
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if !known[s.code] {
				t.Fatalf("there is no finding code %s", s.code)
			}
			r := runApp(strings.NewReader(""), "demo", s.name)
			_, report, _ := strings.Cut(r.stdout, "\n\n")
			_, body, _ := strings.Cut(report, "\n\n")
			head, _, _ := strings.Cut(body, "\n  why ")
			if r.code != exitOK || !strings.Contains(head, " · "+s.code+" · ") {
				t.Errorf("exit status %d; it begins\n%s", r.code, head)
			}
		})
	}
}
