package ipsecconf

import (
	"slices"
	"strings"
)

// Section is one "conn NAME" or "config setup" of ipsec.conf.
type Section struct {
	Kind  string // conn, config, ca
	Name  string
	File  string
	Line  int
	Keys  map[string]Setting // by name in lower case; of several the last
	Also  []Also
	Twice []Twice // settings said more than once
}

// Also is a section that another takes in.
type Also struct {
	Name string
	Flip bool // alsoflip: left and right exchanged
	Line int
}

// Twice is a setting that stands more than once in one section.
type Twice struct {
	Key         string
	First, Last int // lines
}

// Include is another file, by its name or pattern, that a file asks for.
type Include struct {
	Pattern string
	File    string
	Line    int
}

// File is what one ipsec.conf holds.
type File struct {
	Sections []*Section
	Includes []Include
}

// hidden are settings whose value is a key: of manual keying, and of those who write one where none belongs.
var hidden = []string{"espenckey", "espauthkey", "ahkey", "leftespenckey", "rightespenckey", "leftespauthkey", "rightespauthkey", "psk", "secret", "password"}

// ParseConf reads one ipsec.conf. Keys of manual keying are not kept.
func ParseConf(file string, text []byte) (*File, error) {
	out := &File{}
	var cur *Section
	sections := 0
	for _, l := range Split(text) {
		if !l.Indented {
			word, name, _ := strings.Cut(strings.Replace(l.Text, "\t", " ", 1), " ")
			if i := strings.Index(name, " #"); i >= 0 {
				name = name[:i]
			}
			name = Bare(name)
			cur = nil
			switch word {
			case "conn":
				if name == "" {
					return nil, &Error{file, l.N, "conn without a name"}
				}
				if sections++; sections > MaxSections {
					return nil, &Error{file, l.N, "too many connections"}
				}
				cur = &Section{Kind: word, Name: name, File: file, Line: l.N, Keys: map[string]Setting{}}
			case "config", "ca":
				cur = &Section{Kind: word, Name: name, File: file, Line: l.N, Keys: map[string]Setting{}}
			case "include":
				if len(out.Includes) < MaxFiles {
					out.Includes = append(out.Includes, Include{name, file, l.N})
				}
				continue
			case "version":
				continue
			default:
				return nil, &Error{file, l.N, "a line that begins at the margin is a section (conn NAME), an include or a comment"}
			}
			out.Sections = append(out.Sections, cur)
			continue
		}
		if cur == nil {
			continue
		}
		if err := cur.setting(l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Section) setting(l Line) error {
	k, v, ok := strings.Cut(l.Text, "=")
	k = strings.ToLower(strings.TrimSpace(k))
	if !ok || k == "" || strings.ContainsAny(k, " \t\"") {
		return &Error{s.File, l.N, "is no setting (KEY=VALUE)"}
	}
	if len(k) > MaxText {
		k = k[:MaxText]
	}
	if i := strings.Index(v, " #"); i >= 0 && !strings.HasPrefix(strings.TrimSpace(v), `"`) {
		v = v[:i]
	} else if i := strings.Index(v, "\t#"); i >= 0 {
		v = v[:i]
	}
	if strings.HasPrefix(k, "x-") || strings.HasPrefix(k, "x_") {
		return nil // for the reader alone (FreeS/WAN)
	}
	if k == "also" || k == "alsoflip" {
		if len(s.Also) >= MaxValues {
			return &Error{s.File, l.N, "too many also="}
		}
		s.Also = append(s.Also, Also{Bare(v), k == "alsoflip", l.N})
		return nil
	}
	v = strings.TrimSpace(v)
	if len(v) > MaxValues*MaxText {
		return &Error{s.File, l.N, "is too long"}
	}
	if slices.Contains(hidden, k) {
		v = "(hidden)"
	}
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		v = v[1 : len(v)-1]
	}
	if old, ok := s.Keys[k]; ok && len(s.Twice) < MaxValues {
		s.Twice = append(s.Twice, Twice{k, old.Line, l.N})
	}
	s.Keys[k] = Setting{v, s.File, l.N}
	return nil
}

// Config is several files put together.
type Config struct {
	Sections []*Section
	by       map[string]*Section
}

// NewConfig joins sections; of two conns with one name the later counts for also=.
func NewConfig(sections []*Section) *Config {
	c := &Config{Sections: sections, by: map[string]*Section{}}
	for _, s := range sections {
		if s.Kind == "conn" {
			c.by[s.Name] = s
		}
	}
	return c
}

// Conn returns the conn of a name, nil if there is none.
func (c *Config) Conn(name string) *Section { return c.by[name] }

// Resolve returns the settings of a conn with those of the sections that it takes in, and of %default. missing are
// names that also= asks for and nobody has; circular reports sections that take in each other.
func (c *Config) Resolve(s *Section) (keys map[string]Setting, missing []Also, circular bool) {
	keys = map[string]Setting{}
	if d := c.by["%default"]; d != nil && d != s {
		for k, v := range d.Keys {
			keys[k] = v
		}
	}
	r := &resolver{c: c, keys: map[string]Setting{}}
	r.take(s, false, nil)
	for k, v := range r.keys {
		keys[k] = v
	}
	return keys, r.missing, r.circular
}

// resolver gathers settings; steps bounds sections that are taken in over and over by many ways.
type resolver struct {
	c        *Config
	keys     map[string]Setting
	missing  []Also
	circular bool
	steps    int
}

func (r *resolver) take(s *Section, flip bool, path []*Section) {
	if slices.Contains(path, s) {
		r.circular = true
		return
	}
	if r.steps++; r.steps > MaxSections || len(path) > MaxDepth {
		return
	}
	for k, v := range s.Keys {
		if flip {
			k = Flipped(k)
		}
		if _, ok := r.keys[k]; !ok {
			r.keys[k] = v
		}
	}
	path = append(path[:len(path):len(path)], s)
	for _, a := range s.Also {
		o := r.c.by[a.Name]
		if o == nil {
			if len(r.missing) < MaxValues {
				r.missing = append(r.missing, a)
			}
			continue
		}
		r.take(o, flip != a.Flip, path)
	}
}

// Flipped is the setting of the other end: leftid for rightid.
func Flipped(key string) string {
	if rest, ok := strings.CutPrefix(key, "left"); ok {
		return "right" + rest
	}
	if rest, ok := strings.CutPrefix(key, "right"); ok {
		return "left" + rest
	}
	return key
}
