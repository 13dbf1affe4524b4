package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestEvidenceLine: the line that a report prints under a finding saves that finding's packets, with the options that it
// depends on; where the input cannot be read again there is none.
func TestEvidenceLine(t *testing.T) {
	dir := filepath.Join(repository, "testdata", "captures")
	founding := filepath.Join(dir, "founding-timewait", "founding.pcap")
	inside, outside := filepath.Join(dir, "timewait-silent", "inside.pcap"), filepath.Join(dir, "timewait-silent", "outside.pcap")
	for _, args := range [][]string{
		{founding},
		{inside, outside},
		{founding, "-f", "tcp and not port 1", "--home-net", "192.168.0.0/16,192.0.2.0/24", "-k", "none"},
	} {
		text := runApp(nil, append([]string{"read", "--fail-on", "none"}, args...)...).stdout
		_, line, ok := strings.Cut(text, "firestorm evidence ")
		if !ok {
			t.Errorf("%v: no line in\n%s", args, text)
			continue
		}
		line, _, _ = strings.Cut(line, "\n")
		line = strings.Replace(line, "'tcp and not port 1'", "tcp\x00and\x00not\x00port\x001", 1) // what a shell would keep together
		words := strings.Fields(line)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "\x00", " ")
		}
		words[len(words)-1] = filepath.Join(t.TempDir(), words[len(words)-1])
		if r := runApp(nil, append([]string{"evidence"}, words...)...); r.code != exitOK {
			t.Errorf("%v: status %d: %s", words, r.code, r.stderr)
		}
	}
	if text := runApp(nil, "read", founding, "--until", "60s").stdout; strings.Contains(text, "firestorm evidence") {
		t.Error("a part of a capture: evidence knows no window of time")
	}
}
