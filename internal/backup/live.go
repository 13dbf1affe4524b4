package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sqliteMagic begins every database of SQLite.
const sqliteMagic = "SQLite format 3\x00"

// isDatabase reports whether the file at p is a database of SQLite: what may be written in place while it is read.
func isDatabase(p string) bool {
	f, err := os.Open(p)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [len(sqliteMagic)]byte
	_, err = io.ReadFull(f, b[:])
	return err == nil && string(b[:]) == sqliteMagic
}

// live takes a consistent copy of each database that Options.Live knows how to copy, and leaves its log out: the copy has
// what stands in it. Copying the file and the log one after the other would put together two moments.
func (r *run) live(ctx context.Context) error {
	if r.Live == nil {
		return nil
	}
	logs := map[string]bool{}
	for i := range r.m.Entries {
		e := &r.m.Entries[i]
		if e.Type != typeFile || !isDatabase("/"+e.Path) {
			continue
		}
		done, err := r.liveOne(ctx, e)
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		r.res.Live++
		for _, end := range []string{"-wal", "-shm", "-journal"} {
			logs[e.Path+end] = true
		}
	}
	r.m.drop(logs)
	return nil
}

func (r *run) liveOne(ctx context.Context, e *Entry) (bool, error) {
	from, to := "/"+e.Path, filepath.Join(r.tmp, "stage", filepath.FromSlash(e.Path))
	st, err := os.Stat(from)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // seen to when it is found to be gone
	}
	if err != nil {
		return false, err
	}
	at := st.ModTime()
	if w, err := os.Stat(from + "-wal"); err == nil && w.ModTime().After(at) {
		at = w.ModTime()
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return false, err
	}
	switch done, err := r.Live(ctx, from, to); {
	case err != nil:
		return false, fmt.Errorf("%s cannot be copied as of one moment: %w", from, err)
	case !done:
		return false, nil
	}
	if err := errors.Join(os.Chmod(to, st.Mode()&modeBits), own(to, st), os.Chtimes(to, at, at)); err != nil {
		return false, err
	}
	e.MTime, e.staged = at.UnixNano(), true
	e.SHA256, e.Size, err = hash(to)
	return true, err
}

// pathsFrom splits the entries: those that come from where they are, and those of which a copy was taken.
func (m *Manifest) pathsFrom() (here, staged []string) {
	for i := range m.Entries {
		if e := &m.Entries[i]; e.staged {
			staged = append(staged, e.Path)
		} else {
			here = append(here, e.Path)
		}
	}
	return here, staged
}

// split divides paths into those that are in the set and those that are not.
func split(paths []string, set []string) (in, out []string) {
	known := map[string]bool{}
	for _, p := range set {
		known[p] = true
	}
	for _, p := range paths {
		if known[p] {
			in = append(in, p)
		} else {
			out = append(out, p)
		}
	}
	return in, out
}
