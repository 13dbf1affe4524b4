package ipsec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"firestorm/internal/finding"
	"firestorm/internal/ipsecconf"
)

// Files is where texts come from; tests have their own.
type Files interface {
	// Read returns a file's text, at most ipsecconf.MaxSize and one byte, and its permission bits (0: none to speak of).
	Read(name string) (text []byte, mode fs.FileMode, err error)
	// Glob returns the names that match a pattern of include.
	Glob(pattern string) ([]string, error)
}

// Disk reads the files of this machine, and standard input as "-".
type Disk struct{ Stdin io.Reader }

// Read implements Files.
func (d Disk) Read(name string) ([]byte, fs.FileMode, error) {
	if name == "-" {
		b, err := io.ReadAll(io.LimitReader(d.Stdin, ipsecconf.MaxSize+1))
		return b, 0, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if st.IsDir() {
		return nil, 0, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	b, err := io.ReadAll(io.LimitReader(f, ipsecconf.MaxSize+1))
	return b, st.Mode().Perm(), err
}

// Glob implements Files.
func (Disk) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// loader gathers the files of one gateway.
type loader struct {
	files    Files
	opt      Options
	side     *Side
	sections []*ipsecconf.Section
	trees    []*ipsecconf.Node
	seen     map[string]bool
	version2 bool
	n        int
}

// Load reads files and directories of one gateway with all that they include. An error is an *ipsecconf.Error with file
// and line, or one of the system.
func Load(files Files, names []string, opt Options) (*Side, error) {
	l := &loader{files: files, opt: opt, side: &Side{}, seen: map[string]bool{}}
	for _, n := range names {
		if err := l.name(n); err != nil {
			return nil, err
		}
	}
	l.connections()
	return l.side, nil
}

// inside are the files that are looked for in a directory, as /etc has them.
var inside = []string{"ipsec.conf", "ipsec.secrets", "ipsec.d/*.conf", "ipsec.d/*.secrets", "swanctl.conf", "swanctl/swanctl.conf", "conf.d/*.conf", "swanctl/conf.d/*.conf", "*.facts"}

func (l *loader) name(name string) error {
	st, err := os.Stat(name)
	if _, disk := l.files.(Disk); !disk || name == "-" || err != nil || !st.IsDir() {
		return l.file(name, 0, true)
	}
	found := false
	for _, p := range inside {
		all, err := l.files.Glob(filepath.Join(globEscape(name), p))
		if err != nil {
			return err
		}
		for _, f := range all {
			found = true
			err := l.file(f, 0, false)
			if errors.Is(err, fs.ErrPermission) {
				l.note(Note{Code: "file-unread", Severity: finding.Medium, File: f, What: "may not be read by this user", Why: "what stands in it was not looked at here; of a file of keys, whether they are weak, shared or missing",
					Change: "run it as root"})
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	if !found {
		return &ipsecconf.Error{File: name, What: "holds no ipsec.conf, ipsec.secrets, swanctl.conf or *.facts"}
	}
	return nil
}

// globEscape takes the meaning from what a pattern would take for one.
func globEscape(name string) string {
	if filepath.Separator == '\\' {
		return name // there a pattern has no escapes
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// file reads one file. A file that a directory merely happens to hold may be of another sort.
func (l *loader) file(name string, depth int, asked bool) error {
	key := name
	if name != "-" {
		key = filepath.Clean(name)
	}
	if l.seen[key] {
		return nil
	}
	l.seen[key] = true
	if l.n++; l.n > ipsecconf.MaxFiles {
		return &ipsecconf.Error{File: name, What: fmt.Sprintf("is one file too many: %d are read at most", ipsecconf.MaxFiles)}
	}
	text, mode, err := l.files.Read(name)
	if err != nil {
		return err
	}
	if err := ipsecconf.Check(name, text); err != nil {
		return err
	}
	lines := ipsecconf.Split(text)
	kind := ipsecconf.KindOf(lines)
	if kind == ipsecconf.Unknown {
		kind = l.byName(name, lines)
	}
	var includes []ipsecconf.Include
	switch {
	case isFacts(lines):
		c, err := parseFacts(name, lines)
		if err != nil {
			return err
		}
		l.side.Conns = append(l.side.Conns, c...)
	case kind == ipsecconf.Conf:
		f, err := ipsecconf.ParseConf(name, text)
		if err != nil {
			return err
		}
		l.sections = append(l.sections, f.Sections...)
		includes = f.Includes
		for _, x := range lines {
			l.version2 = l.version2 || !x.Indented && strings.HasPrefix(x.Text, "version") && strings.Contains(x.Text, "2")
		}
	case kind == ipsecconf.Swanctl:
		root, err := ipsecconf.ParseTree(name, text)
		if err != nil {
			return err
		}
		l.trees = append(l.trees, root)
		includes = root.Includes
	case kind == ipsecconf.Secrets:
		es, in, err := ipsecconf.ParseSecrets(name, text)
		if err != nil {
			return err
		}
		l.side.HasSecrets = true
		l.side.Secrets = append(l.side.Secrets, es...)
		l.readable(name, mode)
		includes = in
	case len(lines) == 0 && depth > 0, !asked:
		return nil
	default:
		return &ipsecconf.Error{File: name, What: "is neither ipsec.conf nor ipsec.secrets, swanctl.conf or a file of facts (firestorm lint ipsec --help)"}
	}
	l.side.Files = append(l.side.Files, name)
	for _, in := range includes {
		if err := l.include(in, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// byName takes a file without marks for what its name says: one that only includes others, or only has comments.
func (l *loader) byName(name string, lines []ipsecconf.Line) ipsecconf.Kind {
	if len(lines) > 0 && !slices.ContainsFunc(lines, func(x ipsecconf.Line) bool { return strings.HasPrefix(x.Text, "include") }) {
		return ipsecconf.Unknown
	}
	switch base := filepath.Base(name); {
	case strings.HasSuffix(base, ".secrets"):
		return ipsecconf.Secrets
	case base == "swanctl.conf":
		return ipsecconf.Swanctl
	case base == "ipsec.conf":
		return ipsecconf.Conf
	}
	return ipsecconf.Unknown
}

// readable complains about keys that others on the machine can read.
func (l *loader) readable(name string, mode fs.FileMode) {
	if mode&0o044 != 0 {
		l.note(Note{Code: "secrets-readable", Severity: finding.High, File: name, What: fmt.Sprintf("others on this machine may read the keys (mode %#o)", mode),
			Why: "whoever reads a pre-shared key can pose as either gateway", Change: "chmod 600 " + name})
	}
}

func (l *loader) note(n Note) {
	n.Level = n.Severity.String()
	if len(l.side.Notes) < ipsecconf.MaxSections {
		l.side.Notes = append(l.side.Notes, n)
	}
}

func (l *loader) include(in ipsecconf.Include, depth int) error {
	pattern := in.Pattern
	if pattern == "" {
		return &ipsecconf.Error{File: in.File, Line: in.Line, What: "include without a name"}
	}
	if depth > ipsecconf.MaxDepth {
		return &ipsecconf.Error{File: in.File, Line: in.Line, What: "includes go too deep, or in a circle"}
	}
	if !filepath.IsAbs(pattern) && in.File != "-" {
		pattern = filepath.Join(filepath.Dir(in.File), pattern)
	}
	names, err := l.files.Glob(pattern)
	if err != nil {
		return &ipsecconf.Error{File: in.File, Line: in.Line, What: "include: the pattern is not well formed"}
	}
	if len(names) == 0 {
		sev, why := finding.Low, "a pattern without a match is no error for the daemon, but the connections in those files were not looked at here"
		if !strings.ContainsAny(pattern, "*?[") {
			sev, why = finding.Medium, "the daemon may refuse to start, and what stands in that file was not looked at here"
		}
		l.note(Note{Code: "include-missing", Severity: sev, File: in.File, Line: in.Line, What: "include finds no file: " + in.Pattern, Why: why,
			Change: "take the line away, or give the file as well"})
	}
	slices.Sort(names)
	for _, n := range names {
		if err := l.file(n, depth, false); err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				l.note(Note{Code: "include-missing", Severity: finding.Medium, File: in.File, Line: in.Line, What: "include cannot be read: " + n,
					Why: "what stands in that file was not looked at here", Change: "read it as root, or give a copy"})
				continue
			}
			return err
		}
	}
	return nil
}

// connections turns all that was read into connections.
func (l *loader) connections() {
	if len(l.sections) > 0 {
		f := l.opt.Flavour
		if f.Program == "" {
			f = guess(l.sections, l.version2)
		}
		l.side.Flavour = f
		l.conf(f)
	}
	if len(l.trees) > 0 {
		f := Flavour{StrongSwan, newest[StrongSwan], "swanctl.conf"}
		if l.opt.Flavour.Program == StrongSwan {
			f = l.opt.Flavour
		}
		l.side.Flavour = f
		l.swanctl(f)
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
