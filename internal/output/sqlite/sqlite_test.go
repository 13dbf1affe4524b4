//go:build linux

package sqlite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

var code = &finding.Code{ID: "tcp-closed-port", Kind: finding.Diagnosis, Severity: finding.Low}

func found(i int) *finding.Finding {
	ref := packet.Ref{Frame: uint64(i + 1), Time: packet.Time(1795000000_000000000 + int64(i))}
	return &finding.Finding{ID: fmt.Sprintf("FS-%06d", i), Revision: 1, State: finding.Open, Code: code, Severity: code.Severity, Confidence: finding.Certain, Title: strings.Repeat("t", 300),
		Subjects: []finding.Subject{{Role: "client", Addr: packet.MustAddr("10.0.0.1")}}, First: ref, Last: ref, Count: 1}
}

func start(t *testing.T, s output.Setup) *Output {
	t.Helper()
	o, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// stored returns how many findings are in the store.
func stored(t *testing.T, dir string) int64 {
	t.Helper()
	db, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	z, err := db.Size()
	if err != nil {
		t.Fatal(err)
	}
	return z.Findings
}

// TestKeeps: what came is there after Flush, with names and inputs; a finding that grows while it waits is written once.
func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	o := start(t, output.Setup{Dir: dir,
		Inputs: func() ([]string, packet.Time, packet.Time) { return []string{"eth0"}, 1, 2 },
		Name: func(a packet.Addr) (string, packet.Ref, bool) {
			return "printer", packet.Ref{Frame: 3}, a == packet.MustAddr("10.0.0.1")
		}})
	for i := range 1000 {
		if err := o.Finding(found(i)); err != nil {
			t.Fatal(err)
		}
	}
	f := found(7)
	f.Revision, f.Count = 2, 3
	if err := o.Finding(f); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := stored(t, dir); n != 1000 {
		t.Errorf("%d stored", n)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	db, err := store.Open(dir, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Records(store.Filter{ID: "FS-000007"}, nil, func(r *store.Record, row *store.Row) error {
		if row.Count != 3 || len(r.Names) != 1 || r.Names[0].Name != "printer" || r.Files[0] != "eth0" || r.Begin != 1 || r.Now != 2 {
			t.Errorf("%+v %+v", row, r)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestMutesAreRead: a mute that another process adds holds for the engine, and counts.
func TestMutesAreRead(t *testing.T) {
	dir := t.TempDir()
	m := &finding.Mutes{}
	o := start(t, output.Setup{Dir: dir, Live: true, Mutes: m})
	db, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n, _, err := db.AddMute(finding.Mute{SID: 7, Reason: "known"})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the mute", func() bool { return m.Len() == 1 })
	m.Hit(1, 7, packet.Addr{}, packet.Addr{}, 1)
	o.Suppressed("2026-11-23", "x", 2)
	o.Suppressed("2026-11-23", "x", 3)
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if ms, _, err := db.Mutes(false); err != nil || len(ms) != 1 || ms[0].Number != n || ms[0].Hidden != 1 {
		t.Errorf("%+v %v", ms, err)
	}
	if d, err := db.Days("", 0); err != nil || len(d) != 1 || d[0].Suppressed != 5 {
		t.Errorf("%+v %v", d, err)
	}
}

func wait(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestDamagedWhileRunning: a file that breaks under a running sensor is put aside, and what comes is kept.
func TestDamagedWhileRunning(t *testing.T) {
	dir := t.TempDir()
	o := start(t, output.Setup{Dir: dir, Live: true})
	for i := range 300 {
		o.Finding(found(i))
	}
	o.Flush()
	o.Close()
	file := filepath.Join(dir, store.File)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b[4096:] {
		b[4096+i] = 0xee
	}
	o = start(t, output.Setup{Dir: dir, Live: true})
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		o.Finding(found(1000 + i))
	}
	o.Flush()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if st := o.Status(); len(st.Notes) != 1 || !strings.Contains(st.Notes[0], "is damaged") || st.Written != 300 {
		t.Errorf("%+v", st)
	}
	if n := stored(t, dir); n != 300 {
		t.Errorf("%d stored", n)
	}
}

// TestRefused: a newer store is refused live too; what cannot be opened is refused offline.
func TestRefused(t *testing.T) {
	if _, err := New(output.Setup{}); err == nil {
		t.Error("no folder, no error")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(output.Setup{Dir: file}); err == nil {
		t.Error("a file is no folder")
	}
	o := start(t, output.Setup{Dir: file, Live: true})
	o.Finding(found(1))
	o.Flush()
	if st := o.Status(); st.Err == nil || st.Waiting != 1 {
		t.Errorf("%+v", st)
	}
	if err := o.Close(); err == nil || !strings.Contains(err.Error(), "1 findings are not in the store") {
		t.Errorf("%v", err)
	}
}

const childEnv = "FIRESTORM_TEST_STORE_FAULT"

// fault runs a test again as a child with a disk of its own: a small tmpfs in a mount namespace.
func fault(t *testing.T, size string, child func(disk string, remount func(flags uintptr) error)) {
	t.Helper()
	if disk := os.Getenv(childEnv); disk != "" {
		if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size="+size); err != nil {
			t.Fatal(err)
		}
		child(disk, func(flags uintptr) error {
			return syscall.Mount("tmpfs", disk, "tmpfs", flags|syscall.MS_REMOUNT, "size="+size)
		})
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: a disk of its own")
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), childEnv+"="+t.TempDir())
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := c.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "operation not permitted") {
		t.Skip("mount namespaces are not allowed here")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFullDisk: with the disk full the sensor goes on, the status says why, and all is written once there is room.
func TestFullDisk(t *testing.T) {
	fault(t, "16m", func(disk string, _ func(uintptr) error) {
		o := start(t, output.Setup{Dir: disk, Live: true})
		o.Finding(found(0))
		o.Flush()
		ballast := filepath.Join(disk, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 32<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
		for i := range 500 {
			begin := time.Now()
			o.Finding(found(1 + i))
			if d := time.Since(begin); d > time.Second {
				t.Fatalf("the sensor waited %s", d)
			}
		}
		o.Flush()
		st := o.Status()
		if st.Err == nil || !store.IsFull(st.Err) || st.Since.IsZero() || st.Waiting == 0 {
			t.Fatalf("%+v", st)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		wait(t, "room", func() bool { st := o.Status(); return st.Err == nil && st.Waiting == 0 })
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if n := stored(t, disk); n != 501 {
			t.Errorf("%d stored", n)
		}
	})
}

// TestReadOnlyDisk: the same for a disk that may be read only; the newest findings take the place of the oldest among
// those that wait, and both is said.
func TestReadOnlyDisk(t *testing.T) {
	fault(t, "64m", func(disk string, remount func(uintptr) error) {
		o := start(t, output.Setup{Dir: disk})
		o.Finding(found(0))
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if err := remount(syscall.MS_RDONLY); err != nil {
			t.Fatal(err)
		}
		if n := stored(t, disk); n != 1 {
			t.Errorf("%d can be read", n)
		}
		if _, err := New(output.Setup{Dir: disk}); err == nil {
			t.Error("offline it says nothing")
		}
		o = start(t, output.Setup{Dir: disk, Live: true})
		for i := range mostWaiting + 10 {
			o.Finding(found(1 + i))
		}
		o.Flush()
		if st := o.Status(); !store.IsReadOnly(st.Err) || st.Waiting != mostWaiting || st.Lost != 10 {
			t.Errorf("%v, %d wait, %d lost", st.Err, st.Waiting, st.Lost)
		}
		if err := remount(0); err != nil {
			t.Fatal(err)
		}
		wait(t, "writing", func() bool { st := o.Status(); return st.Err == nil && st.Waiting == 0 })
		if err := o.Close(); err == nil || !strings.Contains(err.Error(), "10 findings are not in the store") {
			t.Errorf("%v", err)
		}
		if n := stored(t, disk); n != 1+mostWaiting {
			t.Errorf("%d stored", n)
		}
	})
}

// TestGone: a disk that is taken away and comes back.
func TestGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	o := start(t, output.Setup{Dir: dir, Live: true})
	o.Finding(found(0))
	o.Flush()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	o.Finding(found(1))
	wait(t, "a new store", func() bool {
		o.Flush()
		_, err := os.Stat(filepath.Join(dir, store.File))
		return err == nil
	})
	o.Finding(found(2))
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if n := stored(t, dir); n == 0 {
		t.Error("nothing is kept any more")
	}
}
