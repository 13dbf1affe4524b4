//go:build linux

package web

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/store"
)

var update = flag.Bool("update", false, "write the files of testdata")

// busy is a status in which everything stands that the page of the status can show.
func busy() *health.File {
	return &health.File{Version: 1, Time: now, Began: now.Add(-3 * time.Hour), Every: 5, Program: "0.1.0", Packets: 1234567, Bytes: 5e8, Lost: 12, Undecoded: 3,
		NotUsed: map[string]uint64{"not Ethernet": 3, "cut short": 1200}, Findings: map[string]uint64{"high": 2, "low": 1400}, Muted: 1,
		Interfaces: []health.Interface{{Name: "eth0", Packets: 1200000, Last: now.Add(-time.Second)}, {Name: "eth1", Packets: 34567, Lost: 12, BlindSince: now.Add(-time.Hour), Why: "down"}},
		Rate:       &health.Rate{Seconds: 5, Packets: 1530.2, Bytes: 2.5e6, Lost: 0.4}, Talkers: []health.Talker{{Address: "10.0.0.1", Bytes: 1.2e6}, {Address: "2001:db8::77", Bytes: 900}},
		Rules: &health.Rules{Active: 25113, Refused: 4, Newest: now.Add(-15 * 24 * time.Hour)}}
}

// TestPagesGolden: each page in each of its forms, to the byte.
func TestPagesGolden(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	grown := found(1, scan, 60, "many ports were searched & found")
	later := found(1, scan, 20, "many ports were searched & found")
	later.Revision, later.Count, later.Severity = 2, 1500, finding.Critical
	muted := found(2, closed, 90000, `a port that is "closed"`)
	muted.MutedBy = "known since May"
	lacking := found(3, closed, 200000, "half of it is missing")
	lacking.Confidence, lacking.Ladder, lacking.Facts = finding.CannotTell, nil, nil
	lacking.Gates = []finding.GateResult{{Gate: finding.GateTwoWay, Text: "one direction alone", How: "tcpdump -i any"}}
	keep(t, dir, grown, muted, lacking, found(4, closed, 100, "acknowledged"))
	keep(t, dir, later)
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Ack("FS-000004", "seen by <me>"); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	full, old := filepath.Join(t.TempDir(), "status.json"), filepath.Join(t.TempDir(), "status.json")
	if err := health.Write(full, busy()); err != nil {
		t.Fatal(err)
	}
	past := &health.File{Version: 1, Time: now.Add(-time.Hour), Every: 5, Healthy: true, Findings: map[string]uint64{}}
	if err := health.Write(old, past); err != nil {
		t.Fatal(err)
	}
	used := regexp.MustCompile(`[0-9.]+ [kM]?B of it used`)
	for _, c := range []struct{ name, dir, status, path string }{
		{"inbox", dir, full, "/"},
		{"inbox-muted", dir, full, "/?show=muted"},
		{"inbox-filtered", dir, full, "/?q=ports%22+%26&severity=low&kind=attack&show=unseen"},
		{"inbox-beyond", dir, old, "/?page=3&q=a"},
		{"finding", dir, full, "/finding/FS-000001"},
		{"finding-muted", dir, full, "/finding/FS-000002"},
		{"finding-cannot-tell", dir, full, "/finding/FS-000003"},
		{"finding-acknowledged", dir, full, "/finding/FS-000004"},
		{"finding-none", dir, full, "/finding/FS-000009"},
		{"status", dir, full, "/status"},
		{"status-old", empty, old, "/status"},
		{"status-none", empty, "", "/status"},
		{"no-store", empty, full, "/"},
		{"keys", dir, full, "/keys"},
		{"stranger", dir, full, "/?token=x"},
	} {
		got := get(t, console(t, c.dir, c.status), c.path).body
		got = strings.NewReplacer(dir, "/store", empty, "/empty", filepath.Dir(full), "/run", filepath.Dir(old), "/run").Replace(got)
		got = used.ReplaceAllString(got, "SIZE of it used")
		golden(t, c.name+".html", got)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./internal/web -update writes it)", err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}
