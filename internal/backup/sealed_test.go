package backup

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"firestorm/internal/seal"
)

// keys makes recipients and the identities that belong to them; name is the recipient as text.
func keys(t *testing.T) (r *seal.Recipients, ids *seal.Identities, name string) {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(k.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name = k.Recipient().String()
	r, err = seal.ParseRecipients([]string{name})
	if err == nil {
		ids, err = seal.ReadIdentities([]string{file})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, ids, name
}

// objectsThere counts the objects at the destination.
func (p *place) objectsThere() int {
	l, _ := filepath.Glob(filepath.Join(p.dest, "objects", "*", "*"))
	return len(l)
}

func TestSealed(t *testing.T) {
	p := newPlace(t)
	r, ids, _ := keys(t)
	p.ids = ids
	p.write("some-name", "some-contents")
	p.write("deep/er/b", "two")
	p.write("deep/er/same", "two") // the same contents are sent once
	p.write("empty", "")
	if err := errors.Join(os.Symlink("deep/er", filepath.Join(p.src, "link")), os.Chmod(filepath.Join(p.src, "deep"), 0o750), os.Chmod(filepath.Join(p.src, "some-name"), 0o604)); err != nil {
		t.Fatal(err)
	}
	o := p.options()
	o.Seal, o.Keep = r, Keep{Last: 2}
	run := func() *Result {
		t.Helper()
		res, err := Run(context.Background(), o)
		if err != nil || len(res.Warnings) > 0 {
			t.Fatal(err, res)
		}
		return res
	}
	first := run()
	if first.Files != 5 || first.Copied != 4 {
		t.Errorf("%+v", first)
	}
	p.same("", p.src)
	// Nothing of it can be read at the destination.
	err := filepath.WalkDir(p.dest, func(f string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(f)
		for _, word := range []string{"some-name", "some-contents", "deep", filepath.Base(p.src) + "/"} {
			if bytes.Contains(b, []byte(word)) || strings.Contains(strings.TrimPrefix(f, p.dest), word) {
				t.Errorf("%s shows %q", f, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := filepath.Join(t.TempDir(), "before")
	if out, err := exec.Command("cp", "-a", p.src, before).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	p.write("deep/er/b", "three")
	second := run()
	if second.Copied != 1 || p.objectsThere() != 5 {
		t.Errorf("one changed: %+v, %d objects", second, p.objectsThere())
	}
	p.same("", p.src)
	p.same(first.Generation, before)

	plain := p.options()
	if _, err := Run(context.Background(), plain); !errors.Is(err, ErrSealed) {
		t.Errorf("a plain generation beside encrypted ones: %v", err)
	}
	_, other, _ := keys(t)
	if _, err := Restore(context.Background(), p.d(), "", "", filepath.Join(t.TempDir(), "x"), other); !errors.Is(err, seal.ErrNoIdentity) {
		t.Error(err)
	}
	if _, err := Restore(context.Background(), p.d(), "", "", filepath.Join(t.TempDir(), "x"), nil); !errors.Is(err, ErrNeedIdentity) {
		t.Error(err)
	}
	if rep, err := Verify(context.Background(), p.d(), "", "", false, nil); err != nil || !rep.OK() || !rep.Encrypted || rep.Files != 5 {
		t.Errorf("%v %+v", err, rep)
	}

	// What no generation needs any more goes, and what a run left that did not end.
	stray := filepath.Join(p.dest, "objects", "ab", "ab"+strings.Repeat("0", 30)+".age")
	if err := errors.Join(os.MkdirAll(filepath.Dir(stray), 0o700), os.WriteFile(stray, []byte("x"), 0o600),
		os.WriteFile(filepath.Join(p.dest, "done", "20200101T000000Z-000000.objects"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.write("some-name", "others")
	third := run() // the first goes, and nothing that the second needs
	if len(third.Pruned) != 1 || p.objectsThere() != 6 {
		t.Errorf("%+v, %d objects", third, p.objectsThere())
	}
	if left, _ := filepath.Glob(filepath.Join(p.dest, "done", "*")); len(left) != 6 {
		t.Errorf("%v", left)
	}
	p.same("", p.src)

	// Each damage is found, with and without the key.
	list, err := p.d().objectsOf(context.Background(), t.TempDir(), p.mark())
	if err != nil {
		t.Fatal(err)
	}
	// The object of the empty file stays: without its seal it is still restored as it was.
	slices.SortFunc(list, func(a, b object) int { return int(b.size - a.size) })
	for i, harm := range []func(string) error{os.Remove, func(f string) error { return os.Truncate(f, 100) }, func(f string) error {
		b, err := os.ReadFile(f)
		if err == nil {
			b[len(b)-1] ^= 1
			err = os.WriteFile(f, b, 0o600)
		}
		return err
	}} {
		if err := harm(filepath.Join(p.dest, "objects", objectPath(list[i].name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, with := range []*seal.Identities{nil, ids} {
		if rep, err := Verify(context.Background(), p.d(), "", "", false, with); err != nil || rep.Wrong != 3 {
			t.Errorf("%v %+v", err, rep)
		}
	}
}

// mark is that of the newest generation.
func (p *place) mark() *Mark {
	p.t.Helper()
	m, err := p.d().findMark(context.Background(), p.t.TempDir(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// What had arrived before a run was killed is not sent again, and without the memory of it everything is.
func TestSealedResumed(t *testing.T) {
	p := newPlace(t)
	r, ids, _ := keys(t)
	p.ids = ids
	p.fill(20)
	o := p.options()
	o.Seal = r
	g, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.dest, "done", g.Generation+".json")); err != nil {
		t.Fatal(err)
	}
	p.write("d1/f1", "changed since")
	if g, err = Run(context.Background(), o); err != nil || g.Copied != 1 {
		t.Errorf("%+v %v", g, err)
	}
	p.same("", p.src)
	list, _ := filepath.Glob(filepath.Join(p.work, "objects-*"))
	if len(list) != 1 {
		t.Fatal(list)
	}
	if err := os.WriteFile(list[0], []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if g, err = Run(context.Background(), o); err != nil || g.Copied < 20 {
		t.Errorf("%+v %v", g, err)
	}
	p.same("", p.src)
}
