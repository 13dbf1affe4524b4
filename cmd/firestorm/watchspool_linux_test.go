package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Of a finding that a watch kept, its packets are found again: whole those that prove it, of the others the headers. With
// --spool all are whole.
func TestWatchEvidence(t *testing.T) {
	ownNetwork(t)
	dir := t.TempDir()
	in, all, out := filepath.Join(dir, "store"), filepath.Join(dir, "all"), filepath.Join(dir, "case.pcapng")
	config := filepath.Join(dir, "none.yaml") // the machine's own has nothing to say here
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, more := range [][]string{nil, {"--spool", all}} {
		// Refused connections, and beside them one that says something.
		try := exec.Command("python3", "-c", `
import os, socket, sys, time
end = time.time() + 30
while not os.path.exists(sys.argv[1]) and time.time() < end: time.sleep(0.02)
s = socket.create_server(("127.0.0.1", 82))
c = socket.create_connection(("127.0.0.1", 82))
c.sendall(b"said-to-nobody")
a = s.accept()[0]
a.recv(99)
for i in range(3):
    try: socket.create_connection(("127.0.0.1", 81))
    except OSError: pass
time.sleep(0.2)
`, filepath.Join([]string{filepath.Join(in, packetsIn), all}[i], "spool.json"))
		if err := try.Start(); err != nil {
			t.Fatal(err)
		}
		r := runApp(nil, append([]string{"watch", "lo", "--config", config, "--json", "--duration", "30s", "-c", "11", "-f", "tcp", "--ring", "4M", "--store", in}, more...)...)
		_ = try.Wait()
		var f struct{ ID, Code string }
		if err := json.Unmarshal([]byte(strings.SplitN(r.stdout, "\n", 2)[0]), &f); err != nil || f.Code != "tcp-closed-port" {
			t.Fatalf("%v, %d %s%s", err, r.code, r.stdout, r.stderr)
		}
		args := []string{"evidence", f.ID, "--store", in, "-w", out, "--json"}
		if i == 1 {
			args = append(args, "--spool", all)
		}
		r = runApp(nil, args...)
		var m struct {
			Frames, Missing int
			Inputs          []struct{ SHA256 string }
		}
		if err := json.Unmarshal([]byte(r.stdout), &m); err != nil || r.code != 0 || m.Frames < 6 || m.Missing != 0 || len(m.Inputs) == 0 || len(m.Inputs[0].SHA256) != 64 {
			t.Errorf("%v, %d %s%s", err, r.code, r.stdout, r.stderr)
		}
		if r := runApp(nil, "read", out); !strings.Contains(r.stdout, "tcp-closed-port") {
			t.Errorf("the case: %s%s", r.stdout, r.stderr)
		}
		if r := runApp(nil, append(args, "--redact")...); r.code != 0 || strings.Contains(r.stdout, "lo") && strings.Contains(r.stdout, `"name": "0000`) {
			t.Errorf("redacted: %s%s", r.stdout, r.stderr)
		}
	}
	said := func(where string) (yes bool) {
		l, _ := filepath.Glob(filepath.Join(where, "*.pcapng"))
		if len(l) == 0 {
			t.Errorf("nothing is kept in %s", where)
		}
		for _, name := range l {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			yes = yes || bytes.Contains(b, []byte("said-to-nobody"))
		}
		return yes
	}
	if said(filepath.Join(in, packetsIn)) || !said(all) {
		t.Error("what was said is kept where it should not be, or not where it should")
	}
	if r := runApp(nil, "evidence", "FS-000000", "--store", in, "-w", out); r.code != exitUsage {
		t.Errorf("%+v", r)
	}
}
