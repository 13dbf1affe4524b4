package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func put(t *testing.T, d *Dir, name, text string) {
	t.Helper()
	if err := d.Save(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		t.Fatal(err)
	}
}

func get(d *Dir, name string) (text string, found bool, err error) {
	found, err = d.Load(name, func(r io.Reader) error { b, err := io.ReadAll(r); text = string(b); return err })
	return text, found, err
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, dir)
	if _, found, err := get(d, "x"); found || err != nil {
		t.Errorf("nothing was kept: %v %v", found, err)
	}
	for _, text := range []string{"first", "", strings.Repeat("second ", 100_000)} {
		put(t, d, "x", text)
		if got, found, err := get(d, "x"); got != text || !found || err != nil {
			t.Errorf("%d bytes became %d, %v %v", len(text), len(got), found, err)
		}
	}
	failed := errors.New("no")
	if err := d.Save("x", func(w io.Writer) error { w.Write([]byte("half")); return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	if got, _, _ := get(d, "x"); !strings.HasPrefix(got, "second") {
		t.Errorf("a failed write left %q", got)
	}
	for _, name := range []string{"", "../x", "a.b", "a/b"} {
		if err := d.Save(name, func(io.Writer) error { return nil }); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one may use it: %v", err)
	}
	d.Close()
	e := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, ".x.tmp"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e.Close()
	open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, ".x.tmp")); err == nil {
		t.Error("what an interrupted writer left is still there")
	}
}

// TestDamaged cuts and changes a snapshot in every place.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	put(t, d, "x", "what is remembered")
	file := filepath.Join(dir, "x.state")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, found, err := get(d, "x")
		var bad *Damaged
		if found || !errors.As(err, &bad) {
			t.Fatalf("%s: %v %v", name, found, err)
		}
		if kept, err := os.ReadFile(bad.Aside); err != nil || !bytes.Equal(kept, b) {
			t.Fatalf("%s: not kept: %v", name, err)
		}
		if _, found, err := get(d, "x"); found || err != nil {
			t.Fatalf("%s: the next run finds %v %v", name, found, err)
		}
	}
	for n := range good {
		check(fmt.Sprintf("%d bytes", n), good[:n])
		b := bytes.Clone(good)
		b[n] ^= 0x40
		if n >= len(magic) && n < len(magic)+4 {
			continue // a newer version
		}
		check(fmt.Sprintf("byte %d", n), b)
	}
	check("longer", append(bytes.Clone(good), 'x'))
	aside, err := filepath.Glob(file + ".damaged-*")
	if err != nil || len(aside) != keptAside {
		t.Errorf("%d damaged files kept", len(aside))
	}
	put(t, d, "x", "text")
	if _, err := d.Load("x", func(io.Reader) error { return errors.New("not my form") }); err == nil || !strings.Contains(err.Error(), "not my form") || !strings.Contains(err.Error(), "damaged-9") {
		t.Errorf("contents that their reader refuses: %v", err)
	}
}

func TestNewer(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	put(t, d, "x", "of the future")
	file := filepath.Join(dir, "x.state")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(b[len(magic):], Version+1)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var newer *Newer
	if _, found, err := get(d, "x"); found || !errors.As(err, &newer) || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("%v %v", found, err)
	}
	if err := d.Save("x", func(io.Writer) error { return nil }); !errors.As(err, &newer) {
		t.Errorf("it was overwritten: %v", err)
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, b) {
		t.Error("the file was changed")
	}
}

const childDir = "FIRESTORM_TEST_STATE_DIR"

// TestWriter is the child of TestKilled: it writes one snapshot after the other until it is killed.
func TestWriter(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("the child of TestKilled")
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if _, err := d.Load("x", func(r io.Reader) error { _, err := fmt.Fscan(r, &n); return err }); err != nil {
		t.Fatal(err)
	}
	for {
		n++
		text := fmt.Sprintf("%d ", n)
		if err := d.Save("x", func(w io.Writer) error { _, err := io.WriteString(w, strings.Repeat(text, 1+n%5000)); return err }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilled kills a writer again and again: what is found afterwards is always one whole snapshot, and never an older
// one than before.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	last, grew := 0, 0
	for i := range 25 {
		c := exec.Command(os.Args[0], "-test.run=^TestWriter$")
		c.Env = append(os.Environ(), childDir+"="+dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+i*7) * time.Millisecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		text, found, err := get(d, "x")
		d.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			continue // killed before its first one
		}
		fs := strings.Fields(text)
		var n int
		fmt.Sscan(fs[0], &n)
		if n < last || len(fs) != 1+n%5000 || fs[len(fs)-1] != fs[0] {
			t.Fatalf("after %d, %d with %d words", last, n, len(fs))
		}
		if n > last {
			grew++
		}
		last = n
	}
	if grew < 5 {
		t.Errorf("the child wrote in %d of 25 lives only: the test shows nothing", grew)
	}
}
