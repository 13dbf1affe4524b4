package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firestorm/internal/seal"
)

// env is the environment variable by which the test's program becomes one run of a backup: to be killed.
const env = "FIRESTORM_TEST_BACKUP"

func TestMain(m *testing.M) {
	if arg := os.Getenv(env); arg != "" {
		f := strings.Split(arg, "\n")
		d, err := ParseDest(f[1], "")
		if err == nil {
			o := Options{Sources: []string{f[0]}, Dest: d, Work: f[2], Keep: Keep{Last: 2}, Now: time.Now}
			if len(f) > 3 {
				if o.Seal, err = seal.ParseRecipients(f[3:]); err != nil {
					panic(err)
				}
			}
			_, err = Run(context.Background(), o)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func needRsync(t *testing.T) {
	t.Helper()
	if findRsync() != nil {
		t.Skip("rsync is missing: apt-get install rsync")
	}
}

// quickDir is a folder in memory where there is one: runs wait for the disk after each file, which takes most of their time.
// The long tier has the disk.
func quickDir(t *testing.T) string {
	t.Helper()
	if os.Getenv("FIRESTORM_LONG") != "" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "firestorm-backup-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// place is a source with a destination.
type place struct {
	t               *testing.T
	src, dest, work string
	rnd             *rand.Rand
	// Of encrypted generations.
	seal     *seal.Recipients
	sealName string // the recipient, behind a line's end
	ids      *seal.Identities
}

func newPlace(t *testing.T) *place {
	t.Helper()
	needRsync(t)
	dir := quickDir(t)
	p := &place{t: t, src: filepath.Join(dir, "src"), dest: filepath.Join(dir, "dest"), work: filepath.Join(dir, "work"), rnd: rand.New(rand.NewPCG(1, 2))}
	p.write("a", "one")
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	f := filepath.Join(p.src, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o755), os.WriteFile(f, []byte(text), 0o640)); err != nil {
		p.t.Fatal(err)
	}
}

// fill writes n files with odd sizes and names.
func (p *place) fill(n int) {
	for i := range n {
		p.write(fmt.Sprintf("d%d/f%d", i%17, i), strings.Repeat(string(rune('a'+p.rnd.IntN(26))), p.rnd.IntN(4000)))
	}
}

// change writes, removes and renames some files.
func (p *place) change(n, of int) {
	for range n {
		i := p.rnd.IntN(of)
		name := fmt.Sprintf("d%d/f%d", i%17, i)
		switch p.rnd.IntN(4) {
		case 0:
			_ = os.Remove(filepath.Join(p.src, name))
		case 1:
			_ = os.Chmod(filepath.Join(p.src, name), fs.FileMode(0o600+p.rnd.IntN(2)*0o44))
		default:
			p.write(name, strings.Repeat("x", p.rnd.IntN(5000)))
		}
	}
}

func (p *place) d() Dest {
	d, err := ParseDest(p.dest, "")
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *place) options() Options {
	return Options{Sources: []string{p.src}, Dest: p.d(), Work: p.work, Keep: DefaultKeep, Now: time.Now, Seal: p.seal}
}

func (p *place) run() *Result {
	p.t.Helper()
	r, err := Run(context.Background(), p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// same wants a generation to restore as what is below src now; empty name: the newest.
func (p *place) same(name, src string) {
	p.t.Helper()
	to := filepath.Join(p.t.TempDir(), "restored")
	r, err := Restore(context.Background(), p.d(), "", name, to, p.ids)
	if err != nil || !r.OK() {
		p.t.Fatalf("%v %+v", err, r)
	}
	out, err := exec.Command("diff", "-r", "--no-dereference", src, filepath.Join(to, p.src)).CombinedOutput()
	if err != nil {
		p.t.Fatalf("it restores to something else: %v\n%.2000s", err, out)
	}
}

// newest is the last generation that counts.
func (p *place) newest() string {
	p.t.Helper()
	c, err := List(context.Background(), p.d(), "")
	if err != nil || len(c.Good) == 0 {
		p.t.Fatalf("%+v %v", c, err)
	}
	return c.Good[len(c.Good)-1].Generation
}

func TestGenerations(t *testing.T) {
	p := newPlace(t)
	p.fill(20)
	p.write("new\nline", "x")
	p.write("\xff\\x", "no UTF-8")
	if err := errors.Join(os.Symlink("d0/../a", filepath.Join(p.src, "link")), os.Symlink("nowhere", filepath.Join(p.src, "dangling")), os.Mkdir(filepath.Join(p.src, "empty"), 0o700)); err != nil {
		t.Fatal(err)
	}
	first := p.run()
	if first.Files != 23 || first.Copied != 23 {
		t.Errorf("%+v", first)
	}
	p.same("", p.src)
	before := filepath.Join(t.TempDir(), "before")
	if out, err := exec.Command("cp", "-a", p.src, before).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if again := p.run(); again.Copied != 0 {
		t.Errorf("nothing changed, and %d files were copied", again.Copied)
	}
	p.write("a", "two")
	p.write("d3/f3", "other")
	if err := errors.Join(os.Chmod(filepath.Join(p.src, "d4/f4"), 0o600), os.Remove(filepath.Join(p.src, "d5/f5"))); err != nil {
		t.Fatal(err)
	}
	third := p.run()
	if third.Copied < 2 || third.Copied > 3 { // rsync may copy a file again for its permissions
		t.Errorf("%d files were copied for two that changed", third.Copied)
	}
	p.same("", p.src)
	p.same(first.Generation, before)
	// What did not change is there once.
	inode := func(g, f string) identity {
		st, err := os.Stat(filepath.Join(p.dest, "gen-"+g, "tree", p.src, f))
		if err != nil {
			t.Fatal(err)
		}
		return identity{inode: identify(st).inode}
	}
	if inode(first.Generation, "d6/f6") != inode(third.Generation, "d6/f6") || inode(first.Generation, "a") == inode(third.Generation, "a") {
		t.Error("hard links: not where they should be, or where they should not")
	}
	c, err := List(context.Background(), p.d(), "")
	if err != nil || len(c.Good) != 3 || c.Good[0].Generation != first.Generation || c.Good[2].Generation != third.Generation {
		t.Errorf("%+v %v", c, err)
	}
	l, err := LastGood(p.work)
	if err != nil || l.Result.Generation != third.Generation {
		t.Errorf("%+v %v", l, err)
	}
}

func TestDryRun(t *testing.T) {
	p := newPlace(t)
	o := p.options()
	o.DryRun = true
	r, err := Run(context.Background(), o)
	if err != nil || r.Copied != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := os.Stat(p.dest); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a dry run made the destination")
	}
	if l, _ := LastGood(p.work); l != nil {
		t.Error("a dry run passes for a backup")
	}
}

// Each damage is found, wherever it is.
func TestVerify(t *testing.T) {
	p := newPlace(t)
	if err := os.Symlink("a", filepath.Join(p.src, "l")); err != nil {
		t.Fatal(err)
	}
	g := p.run()
	gen, whole := filepath.Join(p.dest, "gen-"+g.Generation), filepath.Join(filepath.Dir(p.dest), "whole")
	if out, err := exec.Command("cp", "-a", gen, whole).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, c := range []struct {
		name string
		harm func(root string) error
		says string
	}{
		{"none", func(string) error { return nil }, ""},
		{"a byte", func(r string) error {
			st, err := os.Stat(r + "/a")
			return errors.Join(err, os.WriteFile(r+"/a", []byte("onf"), 0o640), os.Chtimes(r+"/a", st.ModTime(), st.ModTime()))
		}, "other contents"},
		{"length", func(r string) error { return os.WriteFile(r+"/a", []byte("o"), 0o640) }, "has 1 bytes, not 3"},
		{"gone", func(r string) error { return os.Remove(r + "/a") }, "is missing"},
		{"more", func(r string) error { return os.WriteFile(r+"/b", nil, 0o640) }, "is not in the manifest"},
		{"permissions", func(r string) error { return os.Chmod(r+"/a", 0o666) }, "permissions"},
		{"time", func(r string) error { return os.Chtimes(r+"/a", time.Unix(9, 0), time.Unix(9, 0)) }, "another time"},
		{"link", func(r string) error { return errors.Join(os.Remove(r+"/l"), os.Symlink("b", r+"/l")) }, "another link"},
		{"kind", func(r string) error { return errors.Join(os.Remove(r+"/a"), os.Mkdir(r+"/a", 0o755)) }, "is no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := exec.Command("sh", "-c", "rm -rf \"$1\" && cp -a \"$2\" \"$1\"", "sh", gen, whole).CombinedOutput(); err != nil {
				t.Fatal(string(out))
			}
			if err := c.harm(filepath.Join(gen, "tree", p.src)); err != nil {
				t.Fatal(err)
			}
			drills := []bool{false, true}
			if c.name != "a byte" {
				drills = drills[:1]
			}
			for _, drill := range drills {
				r, err := Verify(context.Background(), p.d(), "", "", drill, nil)
				if err != nil || r.OK() != (c.says == "") || !strings.Contains(strings.Join(r.Problems, "\n"), c.says) {
					t.Errorf("drill %v: %v %+v", drill, err, r)
				}
			}
		})
	}
	m := filepath.Join(p.dest, "done", g.Generation+".manifest")
	b, err := os.ReadFile(m)
	if err == nil {
		err = os.WriteFile(m, append(b, b...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(context.Background(), p.d(), "", "", false, nil); err == nil || !strings.Contains(err.Error(), "manifest") {
		t.Errorf("a damaged manifest: %v", err)
	}
}

// Other contents with the same length and time are noticed, also against what a killed run left.
func TestDisguised(t *testing.T) {
	p := newPlace(t)
	p.fill(5)
	at := time.Unix(1_700_000_000, 123456789)
	put := func(text string) {
		p.write("a", text)
		if err := os.Chtimes(filepath.Join(p.src, "a"), at, at); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	first := p.run()
	put("two")
	if r := p.run(); r.Copied != 1 {
		t.Errorf("%+v", r)
	}
	p.same("", p.src)
	for _, g := range []string{first.Generation, p.newest()} {
		if err := os.Remove(filepath.Join(p.dest, "done", g+".json")); err != nil {
			t.Fatal(err)
		}
	}
	put("six")
	p.run()
	p.same("", p.src)
	at = at.Add(time.Millisecond) // within the second
	put("new")
	p.run()
	p.same("", p.src)
}

// A file that grows all the time is in the generation as it was at one moment.
func TestChangingFiles(t *testing.T) {
	p := newPlace(t)
	p.fill(40)
	stop := make(chan bool)
	done := make(chan bool)
	go func() {
		defer close(done)
		f, err := os.OpenFile(filepath.Join(p.src, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return
		}
		defer f.Close()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				fmt.Fprintf(f, "line %d\n", i)
				_ = os.WriteFile(filepath.Join(p.src, fmt.Sprint("short-", i%5)), []byte(fmt.Sprint(i)), 0o640)
				_ = os.Remove(filepath.Join(p.src, fmt.Sprint("short-", (i+2)%5)))
			}
		}
	}()
	unstable := 0
	ended := sync.OnceFunc(func() { close(stop); <-done })
	defer ended()
	for i := 0; i < 3 && unstable == 0; i++ {
		r := p.run()
		unstable += r.Unstable
		rep, err := Verify(context.Background(), p.d(), "", r.Generation, true, nil)
		if err != nil || !rep.OK() {
			t.Fatalf("%v %+v", err, rep)
		}
	}
	ended()
	if unstable == 0 {
		t.Error("no file changed while it was read: the test shows nothing")
	}
}

func TestLockAndMissingProgram(t *testing.T) {
	p := newPlace(t)
	for _, at := range []string{p.work, p.dest} {
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		held, err := lock(filepath.Join(at, "backup.lock"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), p.options()); !errors.Is(err, ErrBusy) {
			t.Errorf("%s: %v", at, err)
		}
		held.Close()
	}
	p.run()
	t.Setenv("PATH", t.TempDir())
	if _, err := Run(context.Background(), p.options()); !errors.Is(err, ErrNoRsync) {
		t.Error(err)
	}
	if _, err := List(context.Background(), p.d(), ""); !errors.Is(err, ErrNoRsync) {
		t.Error(err)
	}
}

// The destination below a source is no part of the backup.
func TestDestinationInside(t *testing.T) {
	p := newPlace(t)
	p.dest, p.work = filepath.Join(p.src, "backups"), filepath.Join(p.src, "work")
	for range 2 {
		if r := p.run(); r.Files != 1 {
			t.Errorf("%+v", r)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	p := newPlace(t)
	if _, err := Restore(context.Background(), p.d(), "", "", t.TempDir(), nil); err == nil {
		t.Error("restored from nothing")
	}
	p.run()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(context.Background(), p.d(), "", "", full, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Error(err)
	}
	if _, err := Restore(context.Background(), p.d(), "", "20200101T000000Z-000000", filepath.Join(full, "y"), nil); !errors.Is(err, ErrNoGeneration) {
		t.Error(err)
	}
}
