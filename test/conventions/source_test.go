// Package conventions holds the tests of the house rules: who may import whom, what every folder must have, what no
// file may contain. Each rule is a function from source to complaints, and each is shown to complain about a bad example.
package conventions

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the import path of this module.
const module = "firestorm"

// source is one parsed Go file.
type source struct {
	path string // relative to the repository, with slashes
	pkg  string // its folder
	test bool
	text string
	file *ast.File
	fset *token.FileSet
}

// root finds the repository's top from the place of the tests.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("no go.mod two folders up: %v", err)
	}
	return dir
}

func parse(t *testing.T, path, text string) *source {
	t.Helper()
	s, err := parseFile(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parseFile(path, text string) (*source, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return &source{path: path, pkg: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(path, "_test.go"),
		text: text, file: f, fset: fset}, nil
}

// files returns every file of the repository that belongs to it, by path. Captures and build results are left out.
var files = sync.OnceValues(func() (map[string]string, error) {
	top := filepath.Join("..", "..")
	out := map[string]string{}
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			switch {
			case rel == ".git", rel == "bin", rel == "dist", rel == "tmp", strings.HasSuffix(rel, "testdata/fuzz"):
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !textual(rel) {
			return nil
		}
		b, err := os.ReadFile(p)
		out[rel] = string(b)
		return err
	})
	return out, err
})

func textual(rel string) bool {
	switch filepath.Ext(rel) {
	case ".go", ".md", ".sh", ".py", ".yaml", ".yml", ".json", ".s", ".mod", ".txtar", ".txt", ".sum", ".nft", ".conf":
		return true
	}
	base := filepath.Base(rel)
	return base == "Makefile" || base == "run" || base == "check-manifest"
}

// goSources returns every Go file of this module by path; nested modules are left out.
func goSources(t *testing.T) []*source {
	t.Helper()
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	var nested []string
	for p := range all {
		if dir, ok := strings.CutSuffix(p, "/go.mod"); ok {
			nested = append(nested, dir+"/")
		}
	}
	var out []*source
	for _, p := range sortedKeys(all) {
		if !strings.HasSuffix(p, ".go") || hasAnyPrefix(p, nested) || strings.Contains(p, "/testdata/") {
			continue
		}
		out = append(out, parse(t, p, all[p]))
	}
	if len(out) == 0 {
		t.Fatal("no Go files found")
	}
	return out
}

// imports returns the import paths of s with the line each stands on.
func (s *source) imports() map[string]int {
	out := map[string]int{}
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			out[p] = s.fset.Position(i.Pos()).Line
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// report fails the test with every complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

// mustComplain proves that a rule can go red: it must say want about a bad example, and nothing about a good one.
func mustComplain(t *testing.T, name string, bad, good []string, want string) {
	t.Helper()
	if len(bad) == 0 || !strings.Contains(strings.Join(bad, "\n"), want) {
		t.Errorf("%s: a bad example gives %q, want a complaint with %q", name, bad, want)
	}
	if len(good) != 0 {
		t.Errorf("%s: a good example gives %q, want none", name, good)
	}
}
