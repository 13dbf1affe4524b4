package lang

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// parseYAML turns a text into nodes. Tags are kept but mean nothing, anchors and merge keys work, of two equal keys the
// last stands, and of several documents the first.
func parseYAML(text string) (root *node, err error) {
	if tooNested(text) {
		return nil, fmt.Errorf("values stand more than %d deep inside each other", maxNesting)
	}
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("the YAML cannot be read: %v", p)
		}
	}()
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, errors.New("the YAML cannot be read: " + oneLine(err.Error()))
	}
	y := yamlReader{anchors: map[string]*node{}}
	for _, d := range file.Docs {
		if d == nil || d.Body == nil || d.Body.Type() == ast.DirectiveType {
			continue
		}
		root, err = y.node(d.Body, 0)
		if err != nil || root.kind != null {
			return root, err
		}
	}
	return &node{}, nil
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// tooNested counts brackets, and the signs in a row that nest without them ("- - - x", "&a &b x", "!x !y z"), before the
// parser, which is recursive, sees them.
func tooNested(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			if depth++; depth > maxNesting {
				return true
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	for line := range strings.Lines(text) {
		run := 0
		for w := range strings.FieldsSeq(line) {
			switch {
			case w == "-" || w == "?" || w[len(w)-1] == ':' || strings.IndexByte("&!*", w[0]) >= 0 && w[len(w)-1] != ',':
				if run++; run > maxNesting {
					return true
				}
			default:
				run = 0
			}
		}
	}
	return false
}

type yamlReader struct{ anchors map[string]*node }

var errNested = fmt.Errorf("values stand more than %d deep inside each other", maxNesting)

func (y *yamlReader) node(n ast.Node, depth int) (*node, error) {
	if depth > maxNesting {
		return nil, errNested
	}
	out := &node{}
	if n == nil {
		return out, nil
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		out.line = t.Position.Line
	}
	switch n := n.(type) {
	case *ast.NullNode, *ast.CommentGroupNode, *ast.CommentNode:
	case *ast.MappingNode:
		out.kind = mapping
		for _, v := range n.Values {
			if err := y.pair(out, v, depth); err != nil {
				return nil, err
			}
		}
	case *ast.MappingValueNode:
		out.kind = mapping
		if err := y.pair(out, n, depth); err != nil {
			return nil, err
		}
	case *ast.SequenceNode:
		out.kind = list
		for _, v := range n.Values {
			item, err := y.node(v, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
	case *ast.TagNode:
		inner, err := y.node(n.Value, depth+1)
		if err != nil {
			return nil, err
		}
		inner.tag = n.Start.Value
		return inner, nil
	case *ast.AnchorNode:
		inner, err := y.node(n.Value, depth+1)
		if err == nil && n.Name != nil {
			y.anchors[n.Name.GetToken().Value] = inner
		}
		return inner, err
	case *ast.AliasNode:
		if n.Value == nil {
			return out, nil
		}
		if known := y.anchors[n.Value.GetToken().Value]; known != nil {
			return known, nil
		}
		return nil, fmt.Errorf("line %d: the anchor %s is not known", out.line, quote(n.Value.GetToken().Value))
	case *ast.StringNode:
		out.kind, out.text = scalar, n.Value
	case *ast.LiteralNode:
		out.kind = scalar
		if n.Value != nil {
			out.text = n.Value.Value
		}
	default:
		if t := n.GetToken(); t != nil {
			out.kind, out.text = scalar, t.Value
		}
	}
	return out, nil
}

func (y *yamlReader) pair(out *node, p *ast.MappingValueNode, depth int) error {
	v, err := y.node(p.Value, depth+1)
	if err != nil {
		return err
	}
	if p.Key == nil {
		return nil
	}
	if p.Key.IsMergeKey() {
		merge(out, v)
		return nil
	}
	key, err := y.node(p.Key, depth+1)
	if err != nil {
		return err
	}
	out.set(key.text, v)
	return nil
}

// merge gives out the keys of v, a mapping or a list of such, that it has not.
func merge(out, v *node) {
	for _, item := range v.items {
		if item.kind == mapping {
			merge(out, item)
		}
	}
	for _, k := range v.keys {
		if _, has := out.value[k]; !has {
			out.set(k, v.value[k])
		}
	}
}
