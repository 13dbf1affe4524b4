package ipsecconf

import "strings"

// Node is a section of swanctl.conf, in the language of strongswan.conf.
type Node struct {
	Name     string
	File     string
	Line     int
	Refs     []string // sections after a colon, whose contents it takes in
	Settings []NodeSetting
	Sections []*Node
	Includes []Include
}

// NodeSetting is one KEY = VALUE. What stands below secrets { … } has no Value, only a Secret.
type NodeSetting struct {
	Key string
	Setting
	Secret Secret
}

// Get returns the last setting of a name.
func (n *Node) Get(key string) Setting {
	for i := len(n.Settings) - 1; i >= 0; i-- {
		if n.Settings[i].Key == key {
			return n.Settings[i].Setting
		}
	}
	return Setting{}
}

// Section returns the first section of a name, nil if there is none.
func (n *Node) Section(name string) *Node {
	for _, s := range n.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// ParseTree reads one swanctl.conf; the root has no name.
func ParseTree(file string, text []byte) (*Node, error) {
	t := &tokens{file: file, text: string(text), line: 1}
	root := &Node{File: file, Line: 1}
	return root, t.body(root, 0, false)
}

// tokens reads the braces and settings of strongswan.conf's language.
type tokens struct {
	file  string
	text  string
	at    int
	line  int
	conns int
}

// body reads what stands in a section up to its closing brace; the root ends with the file.
func (t *tokens) body(n *Node, depth int, secret bool) error {
	if depth > MaxDepth {
		return &Error{t.file, t.line, "is nested too deeply"}
	}
	for {
		word, err := t.next(secret)
		switch {
		case err != nil:
			return err
		case word.kind == closes && depth > 0, word.kind == ends && depth == 0:
			return nil
		case word.kind == closes:
			return &Error{t.file, t.line, "a closing brace too many"}
		case word.kind == ends && n.Name == "connections":
			return &Error{t.file, t.line, "ends within connections { … }"}
		case word.kind == ends:
			return &Error{t.file, t.line, "ends before its closing brace"}
		case word.kind == setting:
			n.Settings = append(n.Settings, NodeSetting{word.name, Setting{word.value, t.file, word.line}, word.secret})
		case word.kind == include:
			if len(n.Includes) < MaxFiles {
				n.Includes = append(n.Includes, Include{word.value, t.file, word.line})
			}
		case word.kind == section:
			if n.Name == "connections" {
				if t.conns++; t.conns > MaxSections {
					return &Error{t.file, t.line, "too many connections"}
				}
			}
			if n.Name == "children" && len(n.Sections) >= MaxValues {
				return &Error{t.file, t.line, "too many children"}
			}
			child := &Node{Name: word.name, File: t.file, Line: word.line, Refs: word.refs}
			n.Sections = append(n.Sections, child)
			if err := t.body(child, depth+1, secret || depth == 0 && word.name == "secrets"); err != nil {
				return err
			}
		}
	}
}

type wordKind uint8

const (
	ends wordKind = iota
	closes
	setting
	section
	include
)

type word struct {
	kind   wordKind
	name   string
	value  string
	secret Secret
	refs   []string
	line   int
}

func (t *tokens) next(secret bool) (word, error) {
	t.blank()
	if t.at >= len(t.text) {
		return word{kind: ends}, nil
	}
	if t.text[t.at] == '}' {
		t.at++
		return word{kind: closes}, nil
	}
	w := word{line: t.line}
	from := t.at
	for t.at < len(t.text) && !strings.ContainsRune("{}=\n#", rune(t.text[t.at])) {
		t.at++
	}
	w.name = Bare(t.text[from:t.at])
	if w.name == "" {
		return w, &Error{t.file, t.line, "a setting or section without a name"}
	}
	if f := strings.Fields(w.name); len(f) > 1 && f[0] == "include" {
		w.kind, w.value = include, Bare(strings.Join(f[1:], " "))
		return w, nil
	}
	t.blank()
	switch {
	case t.at < len(t.text) && t.text[t.at] == '{':
		t.at++
		w.kind = section
		if name, refs, ok := strings.Cut(w.name, ":"); ok {
			w.name, w.refs = strings.TrimSpace(name), List(refs)
		}
		if i := strings.IndexAny(w.name, " \t"); i > 0 {
			w.name = w.name[:i]
		}
		return w, nil
	case t.at < len(t.text) && t.text[t.at] == '=':
		t.at++
		w.kind = setting
		v := t.value()
		switch {
		case secret && strings.HasPrefix(w.name, "id"):
			w.value = v
		case secret:
			w.secret = NewSecret(v)
		default:
			w.value = v
		}
		return w, nil
	}
	return w, &Error{t.file, t.line, "neither a setting (KEY = VALUE) nor a section (NAME { … })"}
}

// value reads to the end of the line, or of the quotes.
func (t *tokens) value() string {
	for t.at < len(t.text) && (t.text[t.at] == ' ' || t.text[t.at] == '\t') {
		t.at++
	}
	from := t.at
	if t.at < len(t.text) && t.text[t.at] == '"' {
		for t.at++; t.at < len(t.text) && t.text[t.at] != '"'; t.at++ {
			if t.text[t.at] == '\n' {
				t.line++
			}
		}
		v := t.text[from+1 : t.at]
		t.at = min(t.at+1, len(t.text))
		return cut(v)
	}
	for t.at < len(t.text) && !strings.ContainsRune("\n#}", rune(t.text[t.at])) {
		t.at++
	}
	return cut(strings.TrimSpace(t.text[from:t.at]))
}

func cut(v string) string {
	if len(v) > 16*MaxText {
		v = v[:16*MaxText]
	}
	return v
}

// blank passes over blanks and comments.
func (t *tokens) blank() {
	for t.at < len(t.text) {
		switch t.text[t.at] {
		case '\n':
			t.line++
			t.at++
		case ' ', '\t', '\r':
			t.at++
		case '#':
			for t.at < len(t.text) && t.text[t.at] != '\n' {
				t.at++
			}
		default:
			return
		}
	}
}

// Resolve puts what a section refers to after its colon into it: settings and sections that it has not itself.
func (n *Node) Resolve(root *Node) *Node { return n.resolve(root, 0, new(int)) }

func (n *Node) resolve(root *Node, depth int, steps *int) *Node {
	if *steps++; depth > MaxDepth || *steps > MaxSections {
		return n
	}
	out := &Node{Name: n.Name, File: n.File, Line: n.Line, Includes: n.Includes}
	for _, r := range n.Refs {
		if o := root.find(r); o != nil && o != n {
			out.merge(o.resolve(root, depth+1, steps), 0)
		}
	}
	own := &Node{Settings: n.Settings}
	for _, s := range n.Sections {
		own.Sections = append(own.Sections, s.resolve(root, depth+1, steps))
	}
	out.merge(own, 0)
	return out
}

// find looks a section up by its full name, with dots between.
func (n *Node) find(path string) *Node {
	for _, name := range strings.Split(path, ".") {
		if n = n.Section(name); n == nil {
			return nil
		}
	}
	return n
}

// merge lays o over n.
func (n *Node) merge(o *Node, depth int) {
	if len(n.Settings) < MaxSections {
		n.Settings = append(n.Settings, o.Settings...)
	}
	for _, s := range o.Sections {
		old := n.Section(s.Name)
		if old == nil || depth > MaxDepth {
			if len(n.Sections) < MaxSections {
				n.Sections = append(n.Sections, s)
			}
			continue
		}
		both := &Node{Name: s.Name, File: s.File, Line: s.Line, Settings: old.Settings[:len(old.Settings):len(old.Settings)], Sections: old.Sections[:len(old.Sections):len(old.Sections)]}
		both.merge(s, depth+1)
		*old = *both
	}
}
