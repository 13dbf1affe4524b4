package conventions

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// docRule wants a comment on every exported identifier: its own, its group's, or on its line. An exported method of an
// unexported type needs none.
func docRule(s *source) []string {
	if s.test || strings.HasPrefix(s.path, "testbed/") {
		return nil
	}
	var out []string
	miss := func(n ast.Node, what string) {
		out = append(out, fmt.Sprintf("%s:%d: exported %s has no comment", s.path, s.fset.Position(n.Pos()).Line, what))
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
				miss(d, d.Name.Name)
			}
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				specs(d, miss)
			}
		}
	}
	return out
}

func specs(d *ast.GenDecl, miss func(ast.Node, string)) {
	for _, sp := range d.Specs {
		switch sp := sp.(type) {
		case *ast.TypeSpec:
			if sp.Name.IsExported() && sp.Doc == nil && sp.Comment == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				miss(sp, sp.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range sp.Names {
				if n.IsExported() && sp.Doc == nil && sp.Comment == nil && d.Doc == nil {
					miss(sp, n.Name)
				}
			}
		}
	}
}

func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

func TestDocComments(t *testing.T) {
	hasDoc, pkgs := map[string]bool{}, map[string]bool{}
	for _, s := range goSources(t) {
		report(t, docRule(s))
		if !s.test {
			pkgs[s.pkg] = true
			hasDoc[s.pkg] = hasDoc[s.pkg] || s.file.Doc != nil
		}
	}
	for _, p := range sortedKeys(pkgs) {
		if !hasDoc[p] {
			t.Errorf("%s: no package comment", p)
		}
	}
}

func TestDocRuleCanFail(t *testing.T) {
	in := func(body string) []string { return docRule(parse(t, "internal/x/a.go", "package x\n"+body)) }
	mustComplain(t, "function", in("func A() {}"), in("// A does.\nfunc A() {}"), "exported A")
	mustComplain(t, "method", in("// T is.\ntype T int\nfunc (t *T) B() {}"), in("type t int\nfunc (t *t) B() {}"), "exported B")
	mustComplain(t, "constant", in("const C = 1"), in("// Numbers.\nconst (\nC = 1\nD = 2\n)"), "exported C")
	mustComplain(t, "type", in("type T int"), in("// T is.\ntype T int"), "exported T")
}
