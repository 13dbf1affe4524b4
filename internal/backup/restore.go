package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"firestorm/internal/seal"
)

// maxProblems is how many differences are listed.
const maxProblems = 50

// Report is what became of a restored or checked generation.
type Report struct {
	Mark     Mark     `json:"generation"`
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Wrong    int      `json:"wrong"`              // how many entries differ
	Problems []string `json:"problems,omitempty"` // the first of them
	Drill    bool     `json:"restored"`           // it was restored to be checked
	// Encrypted: files are objects as they lie there; that they can be read was not tried.
	Encrypted bool `json:"encrypted,omitempty"`
}

// OK reports that all is as it was.
func (r *Report) OK() bool { return r.Wrong == 0 }

func (r *Report) problem(format string, a ...any) {
	r.Wrong++
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, a...))
	}
}

// ErrNoGeneration means that none counts, or none of that name.
var ErrNoGeneration = errors.New("there is no such generation that was finished")

// List asks a destination what it holds. work is a folder for what is fetched meanwhile.
func List(ctx context.Context, d Dest, work string) (*Catalogue, error) {
	var c *Catalogue
	err := within(work, func(tmp string) (err error) {
		c, err = d.catalogue(ctx, tmp)
		return err
	})
	return c, err
}

// within runs f with a folder that is gone afterwards.
func within(work string, f func(tmp string) error) error {
	if err := findRsync(); err != nil {
		return err
	}
	if work != "" {
		if err := os.MkdirAll(work, 0o700); err != nil {
			return err
		}
	}
	tmp, err := os.MkdirTemp(work, "look-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	return f(tmp)
}

// find returns a generation with its manifest; name is empty for the newest.
func (d Dest) find(ctx context.Context, tmp, name string, ids *seal.Identities) (*Mark, *Manifest, error) {
	mark, err := d.findMark(ctx, tmp, name)
	if err != nil {
		return nil, nil, err
	}
	dir, err := empty(tmp)
	if err != nil {
		return nil, nil, err
	}
	if mark.Sealed() && ids == nil {
		return mark, nil, ErrNeedIdentity
	}
	if !mark.Sealed() {
		ids = nil
	}
	m, err := d.manifest(ctx, dir, mark.Generation, mark.Manifest, ids)
	return mark, m, err
}

// findMark returns the mark of a generation; name is empty for the newest.
func (d Dest) findMark(ctx context.Context, tmp, name string) (*Mark, error) {
	c, err := d.catalogue(ctx, tmp)
	if err != nil {
		return nil, err
	}
	var mark *Mark
	for i := range c.Good {
		if name == "" || c.Good[i].Generation == name {
			mark = &c.Good[i]
		}
	}
	if mark == nil {
		return nil, ErrNoGeneration
	}
	return mark, nil
}

// manifest fetches the manifest of a generation by way of the folder dir. Its checksum has to be sum, unless that is
// empty. ids decrypt it; nil: it is not encrypted.
func (d Dest) manifest(ctx context.Context, dir, name, sum string, ids *seal.Identities) (*Manifest, error) {
	p := filepath.Join(dir, "manifest")
	if _, err := d.rsync(ctx, "-t", d.join("done", name+".manifest"), p); err != nil {
		return nil, err
	}
	got, _, err := hash(p)
	if err != nil {
		return nil, err
	}
	if sum != "" && got != sum {
		return nil, fmt.Errorf("the manifest of %s is damaged: its checksum is not that of the mark", name)
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if ids == nil {
		return ReadManifest(f)
	}
	plain, err := ids.Reader(bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	return ReadManifest(plain)
}

// Restore writes a generation below the folder to, which is made, or is empty; files have their absolute paths there. It
// then compares every file with the manifest. name is empty for the newest generation that counts; ids decrypt it where it
// is encrypted.
func Restore(ctx context.Context, d Dest, work, name, to string, ids *seal.Identities) (*Report, error) {
	var r *Report
	err := within(work, func(tmp string) (err error) {
		r, err = d.restore(ctx, tmp, name, to, ids)
		return err
	})
	return r, err
}

func (d Dest) restore(ctx context.Context, tmp, name, to string, ids *seal.Identities) (*Report, error) {
	mark, m, err := d.find(ctx, tmp, name, ids)
	if err != nil {
		return nil, err
	}
	if list, err := os.ReadDir(to); err == nil && len(list) > 0 {
		return nil, fmt.Errorf("%s is not empty", to)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(to)
	if err != nil {
		return nil, err
	}
	if mark.Sealed() {
		if err := d.unseal(ctx, tmp, mark, m, ids, abs); err != nil {
			return nil, err
		}
		return compare(ctx, mark, m, abs)
	}
	_, err = d.rsync(ctx, "-rlptgo", "--numeric-ids", d.join("gen-"+mark.Generation, "tree")+"/", abs+"/")
	var x *Error
	if err != nil && !(errors.As(err, &x) && x.Code == 23) { // what could not be copied is seen in comparing
		return nil, err
	}
	return compare(ctx, mark, m, abs)
}

// Verify checks a generation. A local one is read where it is, unless drill is set; another is restored to a folder
// that is removed again, which proves that it can be. Of an encrypted one without ids, the objects are held against their
// checksums.
func Verify(ctx context.Context, d Dest, work, name string, drill bool, ids *seal.Identities) (*Report, error) {
	var r *Report
	err := within(work, func(tmp string) (err error) {
		mark, err := d.findMark(ctx, tmp, name)
		if err != nil {
			return err
		}
		if mark.Sealed() && ids == nil && !drill {
			r, err = d.checkObjects(ctx, tmp, mark)
			return err
		}
		if d.path != "" && !drill && !mark.Sealed() {
			mark, m, err := d.find(ctx, tmp, name, nil)
			if err != nil {
				return err
			}
			r, err = compare(ctx, mark, m, filepath.Join(d.path, "gen-"+mark.Generation, "tree"))
			return err
		}
		r, err = d.restore(ctx, tmp, name, filepath.Join(tmp, "drill"), ids)
		if r != nil {
			r.Drill = true
		}
		return err
	})
	return r, err
}

// compare holds what is below dir against a manifest.
func compare(ctx context.Context, mark *Mark, m *Manifest, dir string) (*Report, error) {
	r := &Report{Mark: *mark}
	known := map[string]bool{}
	for i := range m.Entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e := &m.Entries[i]
		for p := e.Path; p != "." && !known[p]; p = filepath.Dir(p) {
			known[p] = true
		}
		if e.Type == typeFile {
			r.Files++
			r.Bytes += e.Size
		}
		if why := e.differs(filepath.Join(dir, filepath.FromSlash(e.Path))); why != "" {
			r.problem("/%s: %s", e.Path, why)
		}
	}
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel := strings.TrimPrefix(strings.TrimPrefix(p, dir), "/"); rel != "" && !known[rel] {
			r.problem("/%s: is not in the manifest", rel)
		}
		return ctx.Err()
	})
	return r, err
}

// differs says in what a file is not what the entry says; empty: in nothing.
func (e *Entry) differs(p string) string {
	st, err := os.Lstat(p)
	if err != nil {
		return "is missing"
	}
	mode := st.Mode() & modeBits
	switch e.Type {
	case typeDir:
		if !st.IsDir() {
			return "is no folder"
		}
	case typeLink:
		if t, err := os.Readlink(p); err != nil || t != e.Target {
			return "is another link"
		}
		return ""
	case typeFile:
		if !st.Mode().IsRegular() {
			return "is no file"
		}
		if st.Size() != e.Size {
			return fmt.Sprintf("has %d bytes, not %d", st.Size(), e.Size)
		}
		if sum, _, err := hash(p); err != nil || sum != e.SHA256 {
			return "has other contents"
		}
		// File systems differ in how finely they count: the second is what all keep.
		if st.ModTime().Unix() != floorSecond(e.MTime) {
			return "has another time"
		}
	}
	if mode != e.Mode {
		return fmt.Sprintf("has the permissions %v, not %v", mode, e.Mode)
	}
	return ""
}

func floorSecond(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}
