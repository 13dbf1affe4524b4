package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"firestorm/internal/evidence"
)

// evidenceOf saves the evidence of a capture and returns the case.
func evidenceOf(t *testing.T, capture string, args ...string) (string, result) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "case.pcapng")
	r := runApp(nil, append([]string{"evidence", filepath.Join(repository, "testdata", "captures", capture), "-w", name}, args...)...)
	return name, r
}

// codesOf returns the codes of what read finds in a file, likely or surer.
func codesOf(t *testing.T, name string) string {
	t.Helper()
	r := runApp(nil, "read", "--json", name)
	seen := map[string]bool{}
	for _, line := range strings.Split(r.stdout, "\n") {
		var f struct{ Type, Code, Confidence string }
		if json.Unmarshal([]byte(line), &f) == nil && f.Type == "finding" && (f.Confidence == "likely" || f.Confidence == "certain") {
			seen[f.Code] = true
		}
	}
	var out []string
	for c := range seen {
		out = append(out, c)
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// A case tells the same as the capture it was cut from, also when it was redacted: the diagnoses rest on headers.
func TestEvidenceTellsTheSame(t *testing.T) {
	for _, capture := range []string{"founding-timewait/founding.pcap", "zero-window/inside.pcap", "arp-conflict/lan.pcap", "closed-port/inside.pcap"} {
		if _, err := os.Stat(filepath.Join(repository, "testdata", "captures", capture)); err != nil {
			t.Fatal(err)
		}
		want := codesOf(t, filepath.Join(repository, "testdata", "captures", capture))
		if want == "" {
			t.Errorf("%s has no finding", capture)
		}
		for _, args := range [][]string{nil, {"--redact"}} {
			name, r := evidenceOf(t, capture, args...)
			if r.code != exitOK {
				t.Fatalf("%s %v: status %d: %s", capture, args, r.code, r.stderr)
			}
			if got := codesOf(t, name); got != want {
				t.Errorf("%s %v: the case tells %q, the capture %q", capture, args, got, want)
			}
		}
	}
}

var addressText = regexp.MustCompile(`\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]+`)

// No address, card or name of a capture's findings stands in a redacted case, in text or in a frame.
func TestEvidenceRedactedNamesNobody(t *testing.T) {
	for _, capture := range []string{"founding-timewait/founding.pcap", "arp-spoof-both/lan.pcap", "dns-server-silent/inside.pcap", "dhcp-rogue-server/inside.pcap", "asymmetric-ipv6/inside.pcap", "clear-logins/inside.pcap"} {
		path := filepath.Join(repository, "testdata", "captures", capture)
		read := runApp(nil, "read", "--json", path)
		secrets := map[string]bool{}
		for _, line := range strings.Split(read.stdout, "\n") {
			var f struct {
				Subjects []struct{ Address, MAC, Name string }
				Title    string
			}
			if json.Unmarshal([]byte(line), &f) != nil {
				continue
			}
			for _, s := range f.Subjects {
				secrets[s.Address], secrets[s.MAC], secrets[s.Name] = true, true, true
			}
			for _, s := range addressText.FindAllString(f.Title, -1) {
				secrets[s] = true
			}
		}
		delete(secrets, "")
		for _, s := range []string{"255.255.255.255", "ff:ff:ff:ff:ff:ff", "0.0.0.0"} {
			delete(secrets, s)
		}
		if len(secrets) == 0 {
			t.Errorf("%s: no subject to keep secret", capture)
		}
		name, r := evidenceOf(t, capture, "--redact", "--min-confidence", "possible")
		if r.code != exitOK {
			t.Fatalf("%s: status %d: %s", capture, r.code, r.stderr)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		again := runApp(nil, "read", "--json", name)
		for s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s: %s stands in the redacted case", capture, s)
			}
			if regexp.MustCompile(`(^|[^0-9a-f.:])` + regexp.QuoteMeta(s) + `($|[^0-9a-f.:])`).MatchString(again.stdout) {
				t.Errorf("%s: reading the redacted case tells %s", capture, s)
			}
		}
	}
}

func TestEvidenceKeyAndManifest(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "our.key")
	var hashes []string
	for range 2 {
		name, r := evidenceOf(t, "founding-timewait/founding.pcap", "--redact", "--redact-key", key, "--one-side", "192.168.0.1")
		if r.code != exitOK {
			t.Fatal(r.stderr)
		}
		b, err := os.ReadFile(name + ".manifest.json")
		if err != nil {
			t.Fatal(err)
		}
		var m evidence.Manifest
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h := evidence.NewHasher()
		_, _ = h.Write(data)
		if m.Outputs[0] != h.File("case.pcapng") || m.Frames != 11 || m.OtherSide != 6 || !m.Redacted || m.Inputs[0].Name != "" || m.Inputs[0].Bytes != 3673 {
			t.Errorf("%+v", m)
		}
		if m.OneSide == "192.168.0.1" || !strings.HasPrefix(m.OneSide, "192.168.") {
			t.Errorf("one side is %s", m.OneSide)
		}
		hashes = append(hashes, m.Outputs[0].SHA256)
	}
	if hashes[0] != hashes[1] {
		t.Error("the same key gives another case")
	}
	st, err := os.Stat(key)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", st.Mode(), err)
	}
	if err := os.WriteFile(key, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, r := evidenceOf(t, "founding-timewait/founding.pcap", "--redact", "--redact-key", key); r.code != exitUsage {
		t.Errorf("a bad key: status %d", r.code)
	}
}
