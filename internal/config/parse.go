package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the most bytes of a file that are read.
const MaxSize = 1 << 20

// maxNesting is how deep values may stand inside each other: three levels mean something, the rest is for the message.
const maxNesting = 16

// maxEntries bounds lists.
const maxEntries = 4096

// Parse reads a file: text is what it holds, name stands in messages, and relative paths are meant from its folder. It
// finds all that is wrong, not only the first; the configuration is then nil and the error is Problems.
func Parse(name string, text []byte) (*Config, error) {
	r := &reader{file: name, c: Default()}
	r.read(text)
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b *Problem) int { return a.Line - b.Line })
		return nil, r.problems
	}
	return r.c, nil
}

type reader struct {
	file     string
	c        *Config
	problems Problems
}

// complain notes what is wrong at n.
func (r *reader) complain(n ast.Node, try, format string, args ...any) {
	p := &Problem{File: r.file, What: fmt.Sprintf(format, args...), Try: try}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

func (r *reader) read(text []byte) {
	if len(text) > MaxSize {
		r.complain(nil, "", "is longer than %s", FormatSize(MaxSize))
		return
	}
	if line := tooNested(string(text)); line > 0 {
		r.problems = append(r.problems, &Problem{File: r.file, Line: line, Column: 1, What: fmt.Sprintf("values stand more than %d deep inside each other", maxNesting)})
		return
	}
	// The parser has panicked on odd texts before; a file that makes it do so is one that cannot be read.
	defer func() {
		if p := recover(); p != nil {
			r.complain(nil, "", "is no YAML that can be read")
		}
	}()
	f, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.problems = append(r.problems, syntax(r.file, err))
		return
	}
	docs := 0
	for _, d := range f.Docs {
		if d == nil || d.Body == nil || d.Body.Type() == ast.NullType || d.Body.Type() == ast.CommentType {
			continue
		}
		if docs++; docs > 1 {
			r.complain(d.Body, "", "the file holds more than one document")
			return
		}
		r.mapping(d.Body, "the file", func(k ast.Node, name string, v ast.Node) {
			for i := range Sections {
				if s := &Sections[i]; s.Name == name {
					r.section(s, k, v)
					return
				}
			}
			r.complain(k, nearestSection(name), "there is no section %q", name)
		})
	}
}

// syntax turns the parser's message "[3:4] what" into a problem.
func syntax(file string, err error) *Problem {
	what, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	p := &Problem{File: file}
	if n, _ := fmt.Sscanf(what, "[%d:%d]", &p.Line, &p.Column); n == 2 {
		_, what, _ = strings.Cut(what, "] ")
	}
	p.What = "this is no YAML: " + what
	return p
}

// mapping calls f for each key of n, in the order of the file. Keys that stand twice are told once.
func (r *reader) mapping(n ast.Node, of string, f func(k ast.Node, name string, v ast.Node)) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.NullNode, nil:
		return
	default:
		r.complain(n, "", "%s holds keys, each with a value (key: value), not %s", of, shape(n))
		return
	}
	seen := map[string]int{}
	for _, p := range pairs {
		name, ok := scalar(p.Key)
		if !ok {
			r.complain(p.Key, "", "this is no name of a key")
			continue
		}
		if line, twice := seen[name]; twice {
			r.complain(p.Key, "", "%q stands twice, first on line %d", name, line)
			continue
		}
		if t := p.Key.GetToken(); t != nil && t.Position != nil {
			seen[name] = t.Position.Line
		} else {
			seen[name] = 0
		}
		f(p.Key, name, p.Value)
	}
}

func (r *reader) section(s *Section, k, v ast.Node) {
	target := s.at(r.c)
	r.mapping(v, s.Name, func(k ast.Node, name string, v ast.Node) { r.key(s.Name, s.Keys, target, k, name, v) })
}

// key reads the value of one key of a section or of an entry.
func (r *reader) key(where string, keys []Key, target any, at ast.Node, name string, v ast.Node) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		names := make([]string, len(keys))
		for i := range keys {
			names[i] = keys[i].Name
		}
		r.complain(at, nearest(name, names), "%s has no key %q", where, name)
		return
	}
	k := &keys[i]
	full := where + "." + name
	if k.Kind == Tables {
		r.tables(full, k, target, v)
		return
	}
	values, ok := r.scalars(full, k, v)
	if !ok {
		return
	}
	if k.Kind == Path || k.Kind == Paths {
		for i, p := range values {
			if p != "" && !filepath.IsAbs(p) && !(k.Socket && (p == "-" || strings.HasPrefix(p, "unix:") || strings.HasPrefix(p, "unixgram:"))) {
				values[i] = filepath.Join(filepath.Dir(r.file), p)
			}
		}
	}
	if err := k.set(target, values); err != nil {
		r.complain(v, "", "%s: %s", full, err)
	}
}

// scalars reads one value or a list of them.
func (r *reader) scalars(full string, k *Key, v ast.Node) ([]string, bool) {
	if l, ok := v.(*ast.SequenceNode); ok && k.Kind.isList() {
		if len(l.Values) > maxEntries {
			r.complain(v, "", "%s: more than %d entries", full, maxEntries)
			return nil, false
		}
		out := make([]string, 0, len(l.Values))
		for _, e := range l.Values {
			s, ok := scalar(e)
			if !ok {
				r.complain(e, "", "%s: an entry of a %s is one value, not %s", full, k.Kind, shape(e))
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	s, ok := scalar(v)
	switch {
	case !ok:
		r.complain(v, "", "%s wants a value (%s), not %s", full, k.Kind, shape(v))
		return nil, false
	case k.Kind.isList():
		return []string{s}, true // a list of one may be written without brackets
	}
	return []string{s}, true
}

// tables reads a list of entries.
func (r *reader) tables(full string, k *Key, target any, v ast.Node) {
	l, ok := v.(*ast.SequenceNode)
	if !ok {
		if _, null := v.(*ast.NullNode); !null && v != nil {
			r.complain(v, "", "%s is a list of entries (each begins with -), not %s", full, shape(v))
		}
		return
	}
	if len(l.Values) > maxEntries {
		r.complain(v, "", "%s: more than %d entries", full, maxEntries)
		return
	}
	for _, e := range l.Values {
		entry, has := k.grow(target), map[string]bool{}
		r.mapping(e, "an entry of "+full, func(at ast.Node, name string, v ast.Node) {
			if text, single := scalar(v); !single || text != "" {
				has[name] = true
			}
			r.key(full, k.Of, entry, at, name, v)
		})
		for i := range k.Of {
			if o := &k.Of[i]; o.Needed && !has[o.Name] {
				r.complain(e, "", "an entry of %s lacks %s", full, o.Name)
			}
		}
	}
}

// scalar is the text of a single value. Null is none.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.AnchorNode, *ast.AliasNode, *ast.TagNode,
		*ast.MergeKeyNode, *ast.CommentGroupNode, *ast.CommentNode:
		return "", false
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return "", false
		}
		return n.Value.Value, true
	default:
		t := n.GetToken()
		if t == nil {
			return "", false
		}
		return t.Value, true
	}
}

// shape names what a node is, for messages.
func shape(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor (&, *, <<), which mean nothing here"
	case *ast.TagNode:
		return "a tag (!), which means nothing here"
	}
	return "a single value"
}

// tooNested gives the line on which brackets, or signs in a row that nest without them ("- - - x"), stand too deep for
// the parser, which is recursive; 0: nowhere.
func tooNested(text string) int {
	depth, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		for i := 0; i < len(line); i++ {
			switch line[i] {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			}
		}
		run := 0
		for w := range strings.FieldsSeq(line) {
			if w == "-" || w == "?" || w[len(w)-1] == ':' || strings.IndexByte("&!*", w[0]) >= 0 {
				run++
			} else {
				run = 0
			}
			if run > maxNesting {
				return number
			}
		}
		if depth > maxNesting {
			return number
		}
	}
	return 0
}
