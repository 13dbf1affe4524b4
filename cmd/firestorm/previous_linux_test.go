package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// previous copies what the previous version wrote.
func previous(t *testing.T) (dir, state, store string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(repository, "testdata", "previous"))); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "state"), filepath.Join(dir, "store")
}

// want runs the program and expects an exit status and words in what it says, and none of being damaged unless that is a word.
func want(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	r := runApp(nil, args...)
	all := r.stdout + r.stderr
	if r.code != code {
		t.Errorf("%s: status %d, want %d: %s", strings.Join(args, " "), r.code, code, all)
	}
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("%s: does not say %q: %s", strings.Join(args, " "), w, all)
		}
	}
	if strings.Contains(all, "damaged") && !strings.Contains(strings.Join(words, " "), "damaged") {
		t.Errorf("%s: %s", strings.Join(args, " "), all)
	}
}

// TestPrevious: state, store and configuration of the previous version are opened, read and gone on with.
func TestPrevious(t *testing.T) {
	dir, state, store := previous(t)
	one := filepath.Join(repository, "testdata", "captures", "arp-scan-nmap", "lan.pcap")
	// First as they are, by who only reads, then by who writes.
	want(t, 0, []string{"FS-b0htqg", "FS-sz83cf", "FS-jwvm1f", "FS-s7e9k0"}, "findings", "list", "--all", "--store", store)
	want(t, 0, []string{"tcp-closed-port 192.0.2.7 * - the printer is off"}, "findings", "mutes", "--store", store)
	want(t, 0, []string{"10.1.0.13"}, "neighbours", "--state", state)
	want(t, 0, nil, "read", one, "--state", state, "--store", store, "-q")
	want(t, 0, []string{"FS-b0htqg", "tries passwords"}, "findings", "show", "FS-b0htqg", "--store", store)
	want(t, 0, []string{"FS-b0htqg", "FS-sz83cf", "FS-jwvm1f", "FS-s7e9k0"}, "findings", "list", "--all", "--store", store)
	want(t, 0, []string{"mute 1 is undone"}, "findings", "mute", "--undo", "1", "--store", store)
	want(t, 0, []string{"10.1.0.13"}, "neighbours", "--state", state)
	want(t, 0, []string{"min-confidence: likely"}, "config", "show", "--config", filepath.Join(dir, "config.yaml"))
}

// TestDowngrade: what a newer version wrote is refused, with what to do, and left as it is.
func TestDowngrade(t *testing.T) {
	_, state, store := previous(t)
	bump := func(name string, at int) []byte {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		binary.BigEndian.PutUint32(b[at:], 99)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return b
	}
	newer := map[string][]byte{}
	for name, at := range map[string]int{filepath.Join(state, "scan.state"): 8, filepath.Join(store, "findings.db"): 60} {
		newer[name] = bump(name, at)
	}
	one := filepath.Join(repository, "testdata", "captures", "closed-port", "inside.pcap")
	words := []string{"newer version of the program", "form 99", "use that version, or another folder"}
	want(t, exitEngine, append(words, "scan.state", "try", "start that version again"), "read", one, "--state", state)
	want(t, exitEngine, append(words, "findings.db"), "read", one, "--store", store)
	want(t, exitEngine, append(words, "findings.db"), "findings", "list", "--store", store)
	for name, b := range newer {
		if now, err := os.ReadFile(name); err != nil || string(now) != string(b) {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

// TestDamagedMemory: a state or store of which bytes changed, that was cut, or whose log is missing or torn, is said and kept
// aside, or read; the run goes on and keeps what it learns.
func TestDamagedMemory(t *testing.T) {
	one := filepath.Join(repository, "testdata", "captures", "closed-port", "inside.pcap")
	for _, x := range []struct {
		name, file string
		harm       func(b []byte) []byte
		words      []string
	}{
		{"state flipped", "state/scan.state", func(b []byte) []byte { b[len(b)/2] ^= 4; return b }, []string{"scan.state is damaged (its checksum is wrong); it is kept as ", "scan.state.damaged-1; it starts anew without it"}},
		{"state cut", "state/arpwatch.state", func(b []byte) []byte { return b[:len(b)-3] }, []string{"arpwatch.state is damaged (it holds", "it starts anew without it"}},
		{"store flipped", "store/findings.db", func(b []byte) []byte {
			for i := 4096; i < 8192; i++ {
				b[i] ^= 0x55
			}
			return b
		}, []string{"findings.db is damaged (", "it is kept as ", "and a new one is begun"}},
		{"store cut", "store/findings.db", func(b []byte) []byte { return b[:len(b)/2] }, []string{"findings.db is damaged (", "and a new one is begun"}},
		{"log torn", "store/findings.db-wal", func([]byte) []byte { return []byte(strings.Repeat("torn", 500)) }, nil},
	} {
		dir, state, store := previous(t)
		file := filepath.Join(dir, filepath.FromSlash(x.file))
		b, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, x.harm(b), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(x.name)
		want(t, 0, x.words, "read", one, "--state", state, "--store", store, "-q")
		want(t, 0, []string{"refuses port 8443"}, "findings", "list", "--store", store)
		want(t, 0, nil, "read", one, "--state", state, "--store", store, "-q")
	}
}
