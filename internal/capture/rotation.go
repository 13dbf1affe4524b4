package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Rotation reports whether a name stands for the files of a capture that is rotated: a folder, or a pattern with *, ? or [.
func Rotation(name string) bool {
	if strings.ContainsAny(name, "*?[") {
		_, err := os.Stat(name)
		return err != nil // else a file is really called that
	}
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// OpenRotation follows a capture that is written into file after file: those that match the pattern, or lie in the folder,
// the oldest first, and each that is made later. Files are told apart by the time at which they were written last, so that a
// ring of files used again and again works too. It has no end. Packets count on from file to file.
func OpenRotation(pattern string, o FileOptions) (Source, error) {
	r := &rotation{pattern: pattern}
	if st, err := os.Stat(pattern); err == nil && st.IsDir() {
		r.pattern = filepath.Join(escapePattern(pattern), "*")
	}
	if _, err := filepath.Match(r.pattern, ""); err != nil {
		return nil, fmt.Errorf("%s: not a pattern: %w", pattern, err)
	}
	first := r.after(written{})
	if first.path == "" {
		return nil, fmt.Errorf("%s: no file with content matches yet; start the capture first: %w", pattern, os.ErrNotExist)
	}
	o.Follow, o.Next = true, r.next
	f, err := os.Open(first.path)
	if err != nil {
		return nil, openError(first.path, err)
	}
	s, err := openOS(first.path, f, o)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s.name = pattern
	return s, nil
}

// escapePattern makes a folder's name match itself.
func escapePattern(s string) string {
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(s)
}

type rotation struct{ pattern string }

// written is a file with the time of its last byte.
type written struct {
	path string
	at   int64
}

func (w written) before(o written) bool { return w.at < o.at || w.at == o.at && w.path < o.path }

// after returns the file that was written next after w; its path is empty when there is none.
func (r *rotation) after(w written) (next written) {
	names, err := filepath.Glob(r.pattern)
	if err != nil {
		return written{}
	}
	for _, n := range names {
		st, err := os.Stat(n)
		if err != nil || !st.Mode().IsRegular() || st.Size() == 0 || n == w.path {
			continue
		}
		if x := (written{n, st.ModTime().UnixNano()}); w.before(x) && (next.path == "" || x.before(next)) {
			next = x
		}
	}
	return next
}

// next is FileOptions.Next.
func (r *rotation) next(current string) string {
	st, err := os.Stat(current)
	if err != nil { // removed: the oldest of what is there goes on
		return r.after(written{}).path
	}
	return r.after(written{current, st.ModTime().UnixNano()}).path
}
