//go:build linux

package main

import (
	"strings"
	"testing"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

// TestFindingsHostile: a title with text of a packet stays on its line, whatever is in it.
func TestFindingsHostile(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bad := "=1+1\x1b[2J\nFORGED\u202e\xff"
	f := &finding.Finding{ID: "FS-aaaaaa", Code: &finding.Code{ID: "arp-scan"}, Severity: finding.Low, Confidence: finding.Likely, Title: bad, Revision: 1, Count: 1, First: packet.Ref{Frame: 1, Time: 1e18}, Last: packet.Ref{Frame: 1, Time: 1e18}}
	if _, err := s.Put([]*store.Record{{Finding: f}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ack(f.ID, bad); err != nil {
		t.Fatal(err)
	}
	s.Close()
	for _, args := range [][]string{{"list"}, {"show", "FS-aaaaaa"}, {"export", "--format", "csv"}, {"export", "--format", "md"}} {
		r := runApp(strings.NewReader(""), append(append([]string{"findings"}, args...), "--store", dir)...)
		if r.code != 0 || strings.ContainsAny(r.stdout, "\x1b\u202e") || strings.Contains(r.stdout, "\xff") || strings.Contains(r.stdout, "\nFORGED") || strings.Contains(r.stdout, ",=1") {
			t.Errorf("%v: %q", args, r.stdout)
		}
	}
}
