package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"
)

// Types of entries.
const (
	typeFile = "file"
	typeDir  = "dir"
	typeLink = "link"
)

// Bounds of a manifest.
const (
	maxLine    = 64 << 10 // bytes of one entry
	maxEntries = 20_000_000
)

// Entry is one file, folder or symbolic link.
type Entry struct {
	Path   string      `json:"path"` // absolute, without the leading slash
	Type   string      `json:"type"`
	Mode   fs.FileMode `json:"mode"` // permission bits
	Size   int64       `json:"size,omitempty"`
	MTime  int64       `json:"mtime"` // nanoseconds since 1970
	SHA256 string      `json:"sha256,omitempty"`
	Target string      `json:"target,omitempty"`
	// Of an encrypted generation: where the contents are, and user and group.
	Object string  `json:"object,omitempty"`
	Owner  *[2]int `json:"owner,omitempty"`

	seen   identity
	staged bool
}

// Manifest lists what a generation holds, sorted by path.
type Manifest struct {
	Entries []Entry
	skipped int
}

// identity changes when a file does.
type identity struct {
	size, mtime, ctime int64
	inode              uint64
}

// scan lists and hashes what is below the sources. What lies below one of skip is left out.
func scan(ctx context.Context, sources, skip []string) (*Manifest, error) {
	m := &Manifest{}
	done := map[string]bool{}
	for _, s := range sources {
		if !filepath.IsAbs(s) {
			return nil, fmt.Errorf("%s is no absolute path", s)
		}
		err := filepath.WalkDir(filepath.Clean(s), func(p string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, fs.ErrNotExist) && p != filepath.Clean(s):
				return nil // it went away meanwhile
			case err != nil:
				return err
			case slices.Contains(skip, p) && d.IsDir():
				return fs.SkipDir
			case done[p] || p == "/":
				return nil
			case len(m.Entries) >= maxEntries:
				return fmt.Errorf("more than %d files", maxEntries)
			}
			e := Entry{Path: strings.TrimPrefix(p, "/")}
			switch err := e.read(p); {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case errors.Is(err, errSpecial):
				m.skipped++
				return nil
			case err != nil:
				return err
			}
			done[p] = true
			m.Entries = append(m.Entries, e)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	sort.SliceStable(m.Entries, func(i, j int) bool {
		a, b := &m.Entries[i], &m.Entries[j]
		return a.Path < b.Path
	})
	return m, nil
}

var errSpecial = errors.New("neither file nor folder nor link")

// read fills the entry from the file at p.
func (e *Entry) read(p string) error {
	st, err := os.Lstat(p)
	if err != nil {
		return err
	}
	e.Mode, e.MTime, e.seen = st.Mode()&modeBits, st.ModTime().UnixNano(), identify(st)
	switch {
	case st.IsDir():
		e.Type = typeDir
	case st.Mode()&fs.ModeSymlink != 0:
		e.Type = typeLink
		e.Target, err = os.Readlink(p)
	case st.Mode().IsRegular():
		e.Type, e.Size = typeFile, st.Size()
		e.SHA256, _, err = hash(p)
	default:
		return errSpecial
	}
	return err
}

// hash returns the SHA-256 of a file, and its size.
func hash(p string) (string, int64, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// changed are the numbers of entries that are no longer what they were when they were listed: it is not known what of
// them rsync read.
func (m *Manifest) changed() ([]int, error) {
	var out []int
	for i := range m.Entries {
		e := &m.Entries[i]
		if e.staged {
			continue // a copy was taken: what became of the file since does not matter
		}
		st, err := os.Lstat("/" + e.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			out = append(out, i)
		case err != nil:
			return nil, err
		case e.Type == typeDir && st.IsDir() && st.Mode()&modeBits == e.Mode: // what is in it has entries of its own
		case e.Type == typeDir || identify(st) != e.seen:
			out = append(out, i)
		}
	}
	return out, nil
}

// modeBits are the permissions that are kept.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// stage copies the entry as it is now below dir, and takes its properties from the copy. A file that only grows is copied
// up to some moment. fs.ErrNotExist: it is gone, or has become something else.
func (e *Entry) stage(dir string) error {
	from := "/" + e.Path
	st, err := os.Lstat(from)
	if errors.Is(err, syscall.ENOTDIR) {
		return fs.ErrNotExist
	}
	if err != nil {
		return err
	}
	p := filepath.Join(dir, filepath.FromSlash(e.Path))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		return err
	}
	switch {
	case e.Type == typeDir && st.IsDir():
		err = os.MkdirAll(p, 0o700) // its permissions come last: see folderModes
	case e.Type == typeLink && st.Mode()&fs.ModeSymlink != 0:
		if e.Target, err = os.Readlink(from); err == nil {
			err = os.Symlink(e.Target, p)
		}
	case e.Type == typeFile && st.Mode().IsRegular():
		st, err = e.copyTo(from, p)
	default:
		return fs.ErrNotExist
	}
	if err == nil {
		err = own(p, st)
	}
	if err != nil {
		return err
	}
	e.Mode, e.MTime, e.staged = st.Mode()&modeBits, st.ModTime().UnixNano(), true
	return nil
}

// copyTo copies a file and returns what it was when that began.
func (e *Entry) copyTo(from, p string) (fs.FileInfo, error) {
	in, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return nil, err
	}
	to, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, h), in)
	e.Size, e.SHA256 = n, hex.EncodeToString(h.Sum(nil))
	return st, errors.Join(err, to.Close(), os.Chmod(p, st.Mode()&modeBits), os.Chtimes(p, st.ModTime(), st.ModTime()))
}

// folderModes gives the copies of folders their permissions, the deepest first: some forbid to write in them.
func (m *Manifest) folderModes(dir string) error {
	for i := len(m.Entries) - 1; i >= 0; i-- {
		if e := &m.Entries[i]; e.staged && e.Type == typeDir {
			if err := os.Chmod(filepath.Join(dir, filepath.FromSlash(e.Path)), e.Mode); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *Manifest) drop(gone map[string]bool) {
	if len(gone) > 0 {
		m.Entries = slices.DeleteFunc(m.Entries, func(e Entry) bool { return gone[e.Path] })
	}
}

// disguised lists the files that have other contents than in a generation to link to, with the same length and time: rsync
// takes those for unchanged.
func (m *Manifest) disguised(past []*Manifest) []string {
	want := map[string]bool{}
	for _, old := range past {
		for i, k := 0, 0; i < len(m.Entries) && k < len(old.Entries); {
			a, b := &m.Entries[i], &old.Entries[k]
			switch c := strings.Compare(a.Path, b.Path); {
			case c < 0:
				i++
				continue
			case c > 0:
				k++
				continue
			}
			if a.Type == typeFile && b.Type == typeFile && a.Size == b.Size && a.MTime == b.MTime && a.SHA256 != b.SHA256 {
				want[a.Path] = true
			}
			i++
			k++
		}
	}
	var out []string
	for p := range want {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// write writes the manifest to a file and returns its SHA-256.
func (m *Manifest) write(p string) (string, error) {
	f, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	w := bufio.NewWriter(io.MultiWriter(f, h))
	enc := json.NewEncoder(w)
	for i := range m.Entries {
		if err := enc.Encode(portable(m.Entries[i])); err != nil {
			f.Close()
			return "", err
		}
	}
	err = errors.Join(w.Flush(), f.Sync(), f.Close())
	return hex.EncodeToString(h.Sum(nil)), err
}

// time is when the file was changed.
func (e *Entry) time() time.Time { return time.Unix(0, e.MTime) }

// portable writes names that are no UTF-8 as JSON can carry them: each byte that is none becomes \xNN behind a mark.
func portable(e Entry) Entry {
	e.Path, e.Target = escape(e.Path), escape(e.Target)
	return e
}

// ReadManifest reads a manifest. Every path in it lies below the folder that it is of.
func ReadManifest(r io.Reader) (*Manifest, error) {
	m := &Manifest{}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	last := ""
	links := map[string]bool{}
	for sc.Scan() {
		var e Entry
		d := json.NewDecoder(strings.NewReader(sc.Text()))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(m.Entries)+1, err)
		}
		var err error
		if e.Path, err = unescape(e.Path); err == nil {
			e.Target, err = unescape(e.Target)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", len(m.Entries)+1, err)
		case e.Path == "" || e.Path == "." || !filepath.IsLocal(e.Path) || e.Path != filepath.Clean(e.Path):
			return nil, fmt.Errorf("line %d: the path %q leads out of the backup", len(m.Entries)+1, e.Path)
		case e.Path <= last:
			return nil, fmt.Errorf("line %d: %q is not in order", len(m.Entries)+1, e.Path)
		case e.Type != typeFile && e.Type != typeDir && e.Type != typeLink:
			return nil, fmt.Errorf("line %d: type %q", len(m.Entries)+1, e.Type)
		case e.Type == typeFile && len(e.SHA256) != 64, e.Size < 0:
			return nil, fmt.Errorf("line %d: no checksum", len(m.Entries)+1)
		case e.Object != "" && !objectName.MatchString(e.Object):
			return nil, fmt.Errorf("line %d: object %q", len(m.Entries)+1, e.Object)
		}
		for p := filepath.Dir(e.Path); p != "."; p = filepath.Dir(p) {
			if links[p] {
				return nil, fmt.Errorf("line %d: the path %q leads over a link", len(m.Entries)+1, e.Path)
			}
		}
		if e.Type == typeLink {
			links[e.Path] = true
		}
		last = e.Path
		m.Entries = append(m.Entries, e)
	}
	return m, sc.Err()
}

// Mark says that a generation is whole.
type Mark struct {
	Version    int       `json:"version"`
	Generation string    `json:"generation"`
	Time       time.Time `json:"time"`
	Files      int       `json:"files"`
	Bytes      int64     `json:"bytes"`
	Copied     int64     `json:"copied_bytes"`
	Manifest   string    `json:"manifest_sha256"`
	Sources    []string  `json:"sources,omitempty"`
	Objects    string    `json:"objects_sha256,omitempty"` // of the list of objects; version 2, which is encrypted
}

// Sealed reports that the generation is encrypted.
func (m *Mark) Sealed() bool { return m.Version == 2 }

func (m *Mark) write(p string) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(p, append(b, '\n'), 0o600)
}

// ReadMark reads a mark; name is the generation it should be of.
func ReadMark(b []byte, name string) (*Mark, error) {
	var m Mark
	if len(b) > maxLine {
		return nil, errors.New("the mark is too long")
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("the mark is damaged: %w", err)
	}
	switch {
	case m.Version < 1 || m.Version > 2:
		return nil, fmt.Errorf("the mark is of version %d: a newer firestorm wrote it", m.Version)
	case m.Generation != name || !genName.MatchString(name) || len(m.Manifest) != 64 || m.Sealed() && len(m.Objects) != 64:
		return nil, errors.New("the mark is not that of this generation")
	}
	return &m, nil
}
