package conventions

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// ours lists who may write HTML as it is, and why that is safe.
var ours = map[string]string{
	"internal/report/page.go:(*htmlFinding).figure": "the drawing of svg.go, which escapes itself",
	"internal/report/page.go:(*htmlShare).row":      "a bar, into which a number goes",
}

// rawRule finds calls of markup.Ours by others.
func rawRule(s *source) []string {
	name := ""
	for _, i := range s.file.Imports {
		if i.Path.Value == `"`+module+`/internal/markup"` {
			name = "markup"
			if i.Name != nil {
				name = i.Name.Name
			}
		}
	}
	if s.test || name == "" {
		return nil
	}
	if name == "." {
		return []string{s.path + ": markup is imported by its name, so that Ours is seen"}
	}
	var out []string
	for _, d := range s.file.Decls {
		where := s.path + ":"
		if f, ok := d.(*ast.FuncDecl); ok {
			if f.Recv != nil {
				where += "(*" + receiver(f) + ")."
			}
			where += f.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			e, ok := n.(*ast.SelectorExpr)
			if !ok || e.Sel.Name != "Ours" {
				return true
			}
			if x, ok := e.X.(*ast.Ident); ok && x.Name == name && ours[where] == "" {
				out = append(out, fmt.Sprintf("%s:%d: writes HTML as it is: use markup.Text, or say in this test why it is safe", s.path, s.fset.Position(n.Pos()).Line))
			}
			return true
		})
	}
	return out
}

// templateRule keeps out what calls methods by their names: the linker then keeps every exported method of every type, which
// makes the program 2.4 MB larger (see ARCHITECTURE.md, Dependencies).
func templateRule(s *source) []string {
	if s.test || !strings.HasPrefix(s.pkg, "internal/") && s.pkg != "cmd/firestorm" {
		return nil
	}
	const why = ": with it the linker keeps every method of every type, and the program grows by 2.4 MB"
	var out []string
	imports := s.imports()
	for _, p := range []string{"html/template", "text/template"} {
		if line, ok := imports[p]; ok {
			out = append(out, fmt.Sprintf("%s:%d: imports %s%s", s.path, line, p, why))
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		e, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch e.Sel.Name {
		case "SetUsageTemplate", "SetHelpTemplate", "SetVersionTemplate", "MethodByName":
			out = append(out, fmt.Sprintf("%s:%d: calls %s%s", s.path, s.fset.Position(n.Pos()).Line, e.Sel.Name, why))
		}
		return true
	})
	return out
}

func TestMarkup(t *testing.T) {
	for _, s := range goSources(t) {
		report(t, rawRule(s))
		report(t, templateRule(s))
	}
}

func TestMarkupRulesCanFail(t *testing.T) {
	raw := func(path, imp, body string) []string {
		return rawRule(parse(t, path, "package x\nimport "+imp+" \"firestorm/internal/markup\"\n"+body))
	}
	const call = "func f() { _ = h.P(h.Ours(s)) }"
	mustComplain(t, "raw", raw("internal/web/html.go", "h", call), raw("internal/web/html.go", "h", "func f() { _ = h.P(h.Text(s)) }"), "html.go:3: writes HTML")
	mustComplain(t, "raw in a variable", raw("internal/web/html.go", "", "var f = markup.Ours"), raw("internal/web/html.go", "", "var f = other.Ours"), "writes HTML")
	mustComplain(t, "by no name", raw("internal/web/html.go", ".", ""), raw("internal/web/html_test.go", "h", call), "by its name")
	mustComplain(t, "another function", raw("internal/report/page.go", "h", "func (s *htmlShare) rows() { h.Ours(x) }"),
		raw("internal/report/page.go", "h", "func (s *htmlShare) row() { h.Ours(x) }"), "writes HTML")
	in := func(path, imp, body string) []string {
		return templateRule(parse(t, path, "package x\nimport _ \""+imp+"\"\n"+body))
	}
	mustComplain(t, "template", in("internal/web/a.go", "html/template", ""), in("internal/web/a.go", "html", ""), "html/template")
	mustComplain(t, "cobra's template", in("cmd/firestorm/a.go", "fmt", "func f() { c.SetHelpTemplate(x) }"), in("scripts/x/a.go", "text/template", ""), "SetHelpTemplate")
}
