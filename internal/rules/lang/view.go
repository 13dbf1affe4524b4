package lang

import (
	"fmt"
	"slices"
	"strings"
)

// view is a node with the name it has for a reader, and where to complain. The node is nil where nothing is given.
type view struct {
	s    *settingsReader
	n    *node
	path string
}

// key goes to a key of a mapping and notes that somebody asked for it. "_" counts as "-", as in Suricata.
func (v view) key(name string) view {
	out := view{s: v.s, path: join(v.path, name)}
	if !v.given() {
		return out
	}
	if v.n.kind != mapping {
		v.blame()
		return out
	}
	out.n = v.n.value[name]
	if out.n == nil {
		for _, k := range v.n.keys {
			if strings.ReplaceAll(k, "_", "-") == name {
				out.n = v.n.value[k]
			}
		}
	}
	if out.n != nil {
		out.n.read = true
	}
	return out
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// given reports a value that is not null.
func (v view) given() bool { return v.n != nil && v.n.kind != null }

// done says that nothing below v needs to be asked for.
func (v view) done() {
	if v.n != nil {
		v.n.whole = true
	}
}

func (v view) bad(format string, args ...any) {
	p := Problem{Place: Place{File: v.s.name}, Option: v.path, Reason: fmt.Sprintf(format, args...)}
	if v.n != nil {
		p.Line = v.n.line
		if v.n.file != "" {
			p.File = v.n.file
		}
	}
	v.s.problems = append(v.s.problems, p)
}

// blame says once of a value that it is no mapping.
func (v view) blame() {
	if !v.n.blamed {
		v.n.blamed = true
		v.bad("names with values should stand here, such as enabled: yes")
	}
}

// words reads a list of words; a single word is a list of one.
func (v view) words(name string, to *[]string) {
	k := v.key(name)
	if !k.given() {
		return
	}
	k.done()
	if k.n.kind == scalar {
		w, _ := k.word()
		*to = strings.FieldsFunc(strings.Trim(w, "[]"), func(r rune) bool { return r == ',' || r == ' ' })
		return
	}
	out := []string{}
	for _, item := range k.list() {
		if w, ok := item.word(); ok {
			out = append(out, w)
		}
	}
	*to = out
}

// list gives the items of a list; of anything else, none.
func (v view) list() []view {
	if !v.given() {
		return nil
	}
	if v.n.kind != list {
		v.bad("a list should stand here")
		return nil
	}
	out := make([]view, 0, len(v.n.items))
	for _, item := range v.n.items {
		item.read = true
		out = append(out, view{v.s, item, v.path})
	}
	return out
}

// keys gives the values of a mapping with their names, in order; of anything else, none.
func (v view) keys() (names []string, values []view) {
	if !v.given() {
		return nil, nil
	}
	if v.n.kind != mapping {
		v.blame()
		return nil, nil
	}
	for _, k := range v.n.keys {
		v.n.value[k].read = true
		names = append(names, k)
		values = append(values, view{v.s, v.n.value[k], join(v.path, k)})
	}
	return names, values
}

// expression reads an address or port expression; a YAML list is one too.
func (v view) expression() (string, bool) {
	if v.given() && v.n.kind == list {
		v.done()
		var parts []string
		for _, item := range v.list() {
			e, ok := item.expression()
			if !ok {
				return "", false
			}
			parts = append(parts, e)
		}
		return "[" + strings.Join(parts, ",") + "]", true
	}
	return v.word()
}

func (v view) expr(name string, to *string) {
	if e, ok := v.key(name).expression(); ok {
		*to = e
	}
}

// ignored lists what nobody asked for below n.
func ignored(n *node, path string, seen map[*node]bool, out *[]string) {
	if n.whole || seen[n] {
		return
	}
	seen[n] = true
	for _, k := range n.keys {
		p := join(path, k)
		if v := n.value[k]; v.read {
			ignored(v, p, seen, out)
		} else {
			*out = append(*out, p)
		}
	}
	for _, item := range n.items {
		ignored(item, path, seen, out)
	}
}

func sortedUnique(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}
