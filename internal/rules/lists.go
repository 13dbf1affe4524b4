package rules

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// ListOptions are what settings say of the lists that rules ask about (dataset, datarep).
type ListOptions struct {
	// Dir is the folder in which the files of save and state lie; empty: a state is read from beside its rules, and nothing is
	// written.
	Dir string
	// AnyPath lets rules name files of save and state by whole paths and above Dir, NoWrite refuses rules that name any:
	// datasets.rules.allow-absolute-filenames and allow-write of Suricata.
	AnyPath, NoWrite bool
	Memcap           int64  // bytes, of a list that says nothing else; 0: 16 MiB
	Places           uint32 // hashsize, of a list that says nothing else; 0: 4 096
	// MostPlaces bounds the places of one list, AllPlaces those of all together; 0: 262 144 and 67 108 864, as Suricata has it.
	MostPlaces, AllPlaces uint32
	Defined               []ListDef
	From                  string // the file that defines them
}

// ListDef is a list that settings define: rules ask about it by its name. Its files may be anywhere.
type ListDef struct {
	Name, Type string
	// Load, State and Save are files; a relative one of Load is that as the program sees it.
	Load, State, Save string
	Memcap, Places    string // as written
}

// options are those of a rule that would define the list.
func (d *ListDef) options() (out []string) {
	for _, o := range [][2]string{{"type", d.Type}, {"load", d.Load}, {"state", d.State}, {"save", d.Save}, {"memcap", d.Memcap}, {"hashsize", d.Places}} {
		if o[1] != "" {
			out = append(out, o[0]+" "+o[1])
		}
	}
	return out
}

// What a list takes of its memcap, as Suricata counts it: so much for each place, and room for a thousand values that is there
// from the start; then so much for each value. The bytes of a text come on top.
const (
	perPlace   = 64
	perValue   = 104
	valuesMade = 1000
)

// cost is what the n-th value of a list takes, from 0 on.
func cost(n int, v string, e entry) int64 {
	c := int64(len(v) + len(e.context))
	if n >= valuesMade {
		c += perValue
	}
	return c
}

// kept judges the name of a file of save or state. It returns where it lies; empty: it is not kept here.
func (o *ListOptions) kept(name string, defined bool) (string, error) {
	if !defined {
		switch {
		case o.NoWrite:
			return "", fmt.Errorf("the settings let no rule write a list (datasets.rules.allow-write)")
		case !o.AnyPath && (filepath.IsAbs(name) || !filepath.IsLocal(name)):
			return "", fmt.Errorf("a rule may not name a file by its whole path, or above its folder (datasets.rules.allow-absolute-filenames)")
		}
	}
	if filepath.IsAbs(name) || o.Dir == "" {
		return name, nil
	}
	return filepath.Join(o.Dir, name), nil
}

// List is a list to be written at the end of a run.
type List struct {
	File  string // where it belongs
	Local string // the same from the folder of lists on; empty: it lies elsewhere, as settings allow
	set   *dataset
	now   *changedSet
}

// writes reports that a list is to be written.
func (s *Set) writes() bool {
	for _, d := range s.sets {
		if d.file != "" && d.broken == nil {
			return true
		}
	}
	return false
}

// Lists are those that rules have kept in files (save and state), by their names, as they are now.
func (l *Limiter) Lists() (out []List) {
	for _, d := range l.set.sets {
		if d.file != "" && d.broken == nil {
			out = append(out, List{d.file, d.local, d, l.lates.sets[d]})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].set.name < out[j].set.name })
	return out
}

// Write writes the values of the list as its files have them, a line each, in order.
func (x *List) Write(w io.Writer) error {
	var lines []string
	line := func(v string) {
		text := x.set.kind.text(v)
		if x.set.rep {
			text += "," + strconv.Itoa(int(x.set.has[v].rep))
		}
		lines = append(lines, text)
	}
	for v := range x.set.has {
		if x.now == nil || !x.now.removed[v] {
			line(v)
		}
	}
	if x.now != nil {
		for v := range x.now.added {
			line(v)
		}
	}
	sort.Strings(lines)
	b := bufio.NewWriter(w)
	for _, t := range lines {
		b.WriteString(t)
		b.WriteByte('\n')
	}
	return b.Flush()
}

// text is a value as files have it.
func (k setKind) text(v string) string {
	switch k {
	case setString:
		return base64.StdEncoding.EncodeToString([]byte(v))
	case setMD5, setSHA256:
		return hex.EncodeToString([]byte(v))
	}
	a, _ := netip.AddrFromSlice([]byte(v))
	return a.String()
}

// SaveLists writes lists to their files, each whole or not at all. What lies in dir stays in it, whatever links say.
func SaveLists(dir string, lists []List) error {
	var root *os.Root
	for i := range lists {
		x := &lists[i]
		if x.Local == "" {
			if err := replaceFile(x.File, x.Write); err != nil {
				return err
			}
			continue
		}
		if root == nil {
			var err error
			if root, err = os.OpenRoot(dir); err != nil {
				return err
			}
			defer root.Close()
		}
		if err := x.within(root); err != nil {
			return fmt.Errorf("%s: %w", x.File, err)
		}
	}
	return nil
}

func (x *List) within(root *os.Root) error {
	if d := filepath.Dir(x.Local); d != "." {
		if err := root.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	temp := x.Local + ".new"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err = x.Write(f); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err != nil {
		root.Remove(temp)
		return err
	}
	return root.Rename(temp, x.Local)
}

func replaceFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".list-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already where all went well
	if err = write(f); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err == nil {
		err = os.Chmod(f.Name(), fs.FileMode(0o644))
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

// below is the longest of the domains above a name that the list has, itself included, with and without the dot before it.
func (d *dataset) below(v string) (string, bool) {
	for {
		if _, ok := d.has[v]; ok {
			return v, true
		}
		i := strings.IndexByte(v, '.')
		if i < 0 {
			return "", false
		}
		if i == 0 {
			v = v[1:]
		} else {
			v = v[i:]
		}
	}
}
