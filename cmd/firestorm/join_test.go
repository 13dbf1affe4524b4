package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ahead copies a pcap file with every time moved by whole seconds, as a capture of a machine whose clock is wrong.
func ahead(t *testing.T, from, to string, seconds uint32) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for at := 24; at+16 <= len(b); at += 16 + int(binary.LittleEndian.Uint32(b[at+8:])) {
		binary.LittleEndian.PutUint32(b[at:], binary.LittleEndian.Uint32(b[at:])+seconds)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A clock that is wrong on one side is found, said and put right: the conclusion is that of clocks that agree, and both
// files keep their names.
func TestClockOfSecondCapture(t *testing.T) {
	dir := filepath.Join(repository, "testdata/captures/idle-timeout")
	in, out := filepath.Join(dir, "inside.pcap"), filepath.Join(dir, "outside.pcap")
	for _, seconds := range []int{37, -37} {
		wrong := filepath.Join(t.TempDir(), "wrong.pcap")
		ahead(t, out, wrong, uint32(seconds))
		r := runApp(strings.NewReader(""), "read", in, wrong)
		how := "37s ahead of"
		if seconds < 0 {
			how = "37s behind"
		}
		text := strings.Join(strings.Fields(r.stdout), " ")
		for _, want := range []string{"wrong.pcap 158 packets", "clock of wrong.pcap is", how, "together 349 packets, 23 s", "certain · tcp-idle-timeout-drop", "never at wrong.pcap", "1 finding (1 high)"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d s: %q is not in\n%s", seconds, want, r.stdout)
			}
		}
	}
}
