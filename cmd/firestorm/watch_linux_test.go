package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ownNetwork puts the test into a network of its own, which ends with its thread.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	for _, p := range []string{"ip", "bash"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("program %q is missing", p)
		}
	}
	runtime.LockOSThread() // and never unlocked: the thread is not used again
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace here: %v", err)
	}
	if out, err := exec.Command("ip", "link", "set", "dev", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestWatch: real connections that are refused become a finding, and EVE has their flows. It ends by itself.
func TestWatch(t *testing.T) {
	ownNetwork(t)
	eve := filepath.Join(t.TempDir(), "eve.json")
	try := exec.Command("bash", "-c", "sleep 0.7; for i in 1 2 3; do echo >/dev/tcp/127.0.0.1/81; done")
	if err := try.Start(); err != nil {
		t.Fatal(err)
	}
	r := runApp(nil, "watch", "lo", "--json", "--duration", "2s", "--ring", "4M", "--eve", eve, "--state", t.TempDir())
	_ = try.Wait()
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("status %d: %s", r.code, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var f struct {
		Code  string `json:"code"`
		Count int    `json:"count"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &f); err != nil || len(lines) != 2 || f.Code != "tcp-closed-port" || f.Count != 3 {
		t.Errorf("%v, %d lines: %s", err, len(lines), r.stdout)
	}
	var s struct {
		Type    string
		Packets int
		Capture struct {
			Known bool `json:"dropped_known"`
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Type != "summary" || s.Packets != 6 || !s.Capture.Known {
		t.Errorf("%v: %s", err, lines[len(lines)-1])
	}
	b, err := os.ReadFile(eve)
	if n := strings.Count(string(b), `"event_type":"flow"`); err != nil || n != 3 {
		t.Errorf("%d flows in EVE, %v", n, err)
	}
}

// TestWatchCount: -c ends after so many packets, and no more are counted.
func TestWatchCount(t *testing.T) {
	ownNetwork(t)
	try := exec.Command("bash", "-c", "sleep 0.5; for i in 1 2 3 4 5; do echo >/dev/tcp/127.0.0.1/81; done")
	if err := try.Start(); err != nil {
		t.Fatal(err)
	}
	r := runApp(nil, "watch", "-i", "lo", "-c", "5", "-f", "tcp port 81", "--ring", "4M", "--duration", "10s", "--state", t.TempDir())
	_ = try.Wait()
	if r.code != 0 || !strings.Contains(r.stdout, "lo  5 packets") {
		t.Errorf("status %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// TestWatchNotPermitted: without the capability, status 4 and the lines that give it.
func TestWatchNotPermitted(t *testing.T) {
	ownNetwork(t)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil { // of this thread alone
		t.Fatal(err)
	}
	r := runApp(nil, "watch", "lo")
	for _, want := range []string{"CAP_NET_RAW", "sudo firestorm watch lo", "sudo setcap cap_net_raw=ep ", "chgrp firestorm"} {
		if r.code != exitPermission || !strings.Contains(r.stderr, want) {
			t.Errorf("status %d, no %q in: %s", r.code, want, r.stderr)
		}
	}
}
