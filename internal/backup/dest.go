package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
)

// Dest is where generations are kept.
type Dest struct {
	text string // as rsync takes it, without a slash at its end
	path string // of a local folder; empty: it is on another machine
	ssh  string // the remote shell with its options; empty: ssh

	locks []*os.File // that children inherit
}

// nameTime is how the time stands in the name of a generation.
const nameTime = "20060102T150405Z"

var genName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

// ParseDest reads a destination: a folder, HOST:PATH or USER@HOST:PATH over ssh, rsync://HOST/MODULE/PATH or
// HOST::MODULE/PATH for an rsync daemon. ssh is the remote shell with its options, such as "ssh -p 2222 -i key".
func ParseDest(s, ssh string) (Dest, error) {
	d := Dest{ssh: ssh}
	switch {
	case s == "" || strings.HasPrefix(s, "-") || strings.ContainsAny(s, "\x00\n"):
		return d, fmt.Errorf("%q is no destination", s)
	case strings.HasPrefix(s, "rsync://"):
		host, rest, ok := strings.Cut(strings.TrimPrefix(s, "rsync://"), "/")
		if host == "" || !ok || strings.Trim(rest, "/") == "" {
			return d, fmt.Errorf("%q names no module: rsync://HOST/MODULE/PATH", s)
		}
		d.text = strings.TrimRight(s, "/")
	case remote(s):
		host, path, _ := strings.Cut(s, ":")
		if host == "" || strings.Trim(path, ":/") == "" {
			return d, fmt.Errorf("%q names no folder", s)
		}
		d.text = strings.TrimRight(s, "/")
	default:
		p, err := filepath.Abs(s)
		if err != nil {
			return d, err
		}
		if p == "/" {
			return d, errors.New("the root folder is no place for a backup")
		}
		d.text, d.path = p, p
	}
	return d, nil
}

// remote reports whether rsync takes s for a place on another machine: a colon before the first slash.
func remote(s string) bool {
	i := strings.IndexByte(s, ':')
	return i > 0 && !strings.Contains(s[:i], "/")
}

// String is the destination as rsync takes it.
func (d Dest) String() string { return d.text }

func (d Dest) local() string { return d.path }

func (d Dest) join(parts ...string) string { return d.text + "/" + strings.Join(parts, "/") }

// empty makes an empty folder with these folders in it.
func empty(tmp string, inside ...string) (string, error) {
	dir, err := os.MkdirTemp(tmp, "empty-")
	if err != nil {
		return "", err
	}
	for _, p := range inside {
		if err := os.MkdirAll(filepath.Join(dir, p), 0o700); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// create makes the destination if it is not there; it also proves that it can be reached.
func (d Dest) create(ctx context.Context, tmp string) error {
	if d.path != "" {
		return os.MkdirAll(d.path, 0o700)
	}
	dir, err := empty(tmp)
	if err != nil {
		return err
	}
	_, err = d.rsync(ctx, "-d", "--mkpath", dir+"/", d.text+"/")
	return err
}

// Catalogue is what a destination holds.
type Catalogue struct {
	Good  []Mark   // generations that count, oldest first
	Begun []string // names of those that were begun and never finished
	Bad   []string // marks that cannot be read, with the reason
}

var errNoDest = errors.New("there is no backup")

// catalogue asks the destination what it holds.
func (d Dest) catalogue(ctx context.Context, tmp string) (*Catalogue, error) {
	dir, err := empty(tmp)
	if err != nil {
		return nil, err
	}
	if d.path != "" {
		if _, err := os.Stat(d.path); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w in %s", errNoDest, d.path)
		}
	}
	_, err = d.rsync(ctx, "-r", "--include=/done/", "--include=/done/*.json", "--include=/gen-*/", "--exclude=*", d.text+"/", dir+"/")
	var x *Error
	if errors.As(err, &x) && x.Code == 23 && strings.Contains(x.Text, "No such file") {
		return nil, fmt.Errorf("%w at %s", errNoDest, d.text)
	}
	if err != nil {
		return nil, err
	}
	c := &Catalogue{}
	good := map[string]bool{}
	marks, err := filepath.Glob(filepath.Join(dir, "done", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, p := range marks {
		name := strings.TrimSuffix(filepath.Base(p), ".json")
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		m, err := ReadMark(b, name)
		if err != nil {
			c.Bad = append(c.Bad, name+": "+err.Error())
			good[name] = true // it is left alone
			continue
		}
		good[name] = true
		c.Good = append(c.Good, *m)
	}
	sort.SliceStable(c.Good, func(i, j int) bool {
		a, b := &c.Good[i], &c.Good[j]
		return a.Generation < b.Generation
	})
	gens, err := filepath.Glob(filepath.Join(dir, "gen-*"))
	if err != nil {
		return nil, err
	}
	for _, g := range gens {
		if name := strings.TrimPrefix(filepath.Base(g), "gen-"); genName.MatchString(name) && !good[name] {
			c.Begun = append(c.Begun, name)
		}
	}
	slices.Sort(c.Begun)
	return c, nil
}

// after returns a time for the name of the next generation: names are in the order in which generations were made, also
// within a second, and where the clock was set back.
func (c *Catalogue) after(now time.Time) time.Time {
	names := slices.Clone(c.Begun)
	for i := range c.Good {
		names = append(names, c.Good[i].Generation)
	}
	for _, n := range names {
		if t, err := time.Parse(nameTime, n[:len(nameTime)]); err == nil && !now.After(t) {
			now = t.Add(time.Second)
		}
	}
	return now
}

// bases are the generations to link to: the last that counts, and what was begun after it.
func (c *Catalogue) bases() []string {
	var out []string
	if n := len(c.Good); n > 0 {
		out = append(out, c.Good[n-1].Generation)
	}
	for i := len(c.Begun) - 1; i >= 0 && len(out) < 4; i-- {
		out = append(out, c.Begun[i])
	}
	return out
}

// remove takes a generation away: first its mark, so that it counts no longer, then its files.
func (d Dest) remove(ctx context.Context, tmp, name string) error {
	if !genName.MatchString(name) {
		return fmt.Errorf("%q is no generation", name)
	}
	if d.path != "" {
		done := filepath.Join(d.path, "done")
		for _, p := range []string{filepath.Join(done, name+".json"), filepath.Join(done, name+".manifest"), filepath.Join(done, name+".objects")} {
			if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return os.RemoveAll(filepath.Join(d.path, "gen-"+name))
	}
	dir, err := empty(tmp, "done")
	if err != nil {
		return err
	}
	for _, only := range [][]string{{"--include=/done/", "--include=/done/" + name + ".json"}, {"--include=/done/", "--include=/done/" + name + ".manifest", "--include=/done/" + name + ".objects"}, {"--include=/gen-" + name + "/", "--include=/gen-" + name + "/**"}} {
		args := append([]string{"-r", "--delete"}, only...)
		if _, err := d.rsync(ctx, append(args, "--exclude=*", dir+"/", d.text+"/")...); err != nil {
			return err
		}
	}
	return nil
}

// removeFiles takes single files out of a generation that does not count yet.
func (d Dest) removeFiles(ctx context.Context, tmp, name string, paths map[string]bool) error {
	return d.removePaths(ctx, tmp, paths, "gen-"+name, "tree")
}

// removePaths takes files below a folder of the destination away.
func (d Dest) removePaths(ctx context.Context, tmp string, paths map[string]bool, folder ...string) error {
	list := filepath.Join(tmp, "gone")
	var all []string
	for p := range paths {
		all = append(all, p)
	}
	slices.Sort(all)
	if err := os.WriteFile(list, []byte(strings.Join(all, "\x00")), 0o600); err != nil {
		return err
	}
	dir, err := empty(tmp)
	if err != nil {
		return err
	}
	_, err = d.rsync(ctx, "-lptgo", "--from0", "--files-from="+list, "--no-implied-dirs", "--delete-missing-args", "--force", dir, d.join(folder...)+"/")
	var x *Error
	if errors.As(err, &x) && x.Code == 24 {
		return nil // that all of them are missing is what this is for
	}
	return err
}
