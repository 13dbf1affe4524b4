package conventions

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// kindOfRoom is a family of folders that are made alike: one folder and one line in internal/standard.
type kindOfRoom struct {
	parent   string
	files    []string // "%" is the folder's name
	sections []string // of its README.md; "a|b" is either
}

var kinds = []kindOfRoom{
	{"internal/analyzer", []string{"message.go", "%.go", "event.go", "README.md"},
		[]string{"What it reads", "Events", "Limits", "Captures"}},
	{"internal/detect", []string{"%.go", "README.md"},
		[]string{"What it answers", "What it looks at|How it decides", "What fools it|What it is not", "Captures"}},
	{"internal/output", []string{"%.go", "README.md"},
		[]string{"What it writes", "What it may block or drop"}},
}

// parsers are the packages that read bytes of others and so need a fuzz target, beside every analyzer.
var parsers = []string{"internal/pcapfile", "internal/packet", "internal/filter", "internal/defrag", "internal/stream",
	"internal/rules", "internal/rules/*", "internal/finding", "internal/capture", "internal/config", "internal/ipsecconf", "internal/lint/*", "internal/rpcfw", "internal/maintenance", "internal/backup", "internal/hostconf", "internal/doctor"}

// fileExceptions are files that a folder need not have, with the reason.
var fileExceptions = map[string]string{
	"internal/analyzer/ndp/event.go": "its event stands in package event: hosts, neighbours and detectors that know no protocol read it",
}

// roomRule checks one folder, given the names in it and the text of its README.
func roomRule(k kindOfRoom, dir string, names map[string]bool, readme string) []string {
	name := path.Base(dir)
	var out []string
	if strings.ContainsAny(name, "-_") {
		out = append(out, dir+": a folder is named as its package: no hyphens, no underscores")
	}
	for _, f := range k.files {
		f = strings.ReplaceAll(f, "%", name)
		if _, excused := fileExceptions[dir+"/"+f]; !names[f] && !excused {
			out = append(out, fmt.Sprintf("%s: has no %s", dir, f))
		}
	}
	tests := 0
	for n := range names {
		if strings.HasSuffix(n, "_test.go") {
			tests++
		}
	}
	if tests == 0 {
		out = append(out, dir+": has no tests")
	}
	if names["README.md"] {
		for _, sec := range k.sections {
			if !slices.ContainsFunc(strings.Split(sec, "|"), func(h string) bool { return hasSection(readme, h) }) {
				out = append(out, fmt.Sprintf("%s/README.md: has no section %q", dir, "## "+sec))
			}
		}
	}
	return out
}

// hasSection reports whether text has the heading with something below it.
func hasSection(text, heading string) bool {
	_, rest, ok := strings.Cut("\n"+text, "\n## "+heading+"\n")
	if !ok {
		return false
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return strings.TrimSpace(body) != ""
}

// fuzzRule says which parser packages have no fuzz target; fuzzed holds the packages that have one.
func fuzzRule(packages, fuzzed map[string]bool) []string {
	var out []string
	for _, p := range sortedKeys(packages) {
		if (allowed(strings.Join(parsers, " "), p) || strings.HasPrefix(p, "internal/analyzer/") && !strings.HasSuffix(p, "test")) && !fuzzed[p] {
			out = append(out, p+": reads bytes of others and has no fuzz target (func FuzzXxx(f *testing.F))")
		}
	}
	return out
}

func TestRooms(t *testing.T) {
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	folders := map[string]map[string]bool{}
	for p := range all {
		d := path.Dir(p)
		if folders[d] == nil {
			folders[d] = map[string]bool{}
		}
		folders[d][path.Base(p)] = true
	}
	for _, k := range kinds {
		for _, d := range sortedKeys(folders) {
			if path.Dir(d) == k.parent && path.Base(d) != "testdata" && !strings.HasSuffix(d, "test") {
				report(t, roomRule(k, d, folders[d], all[d+"/README.md"]))
			}
		}
	}
}

func TestFuzzTargets(t *testing.T) {
	packages, fuzzed := map[string]bool{}, map[string]bool{}
	for _, s := range goSources(t) {
		if !s.test {
			packages[s.pkg] = true
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") {
				fuzzed[s.pkg] = true
			}
		}
	}
	report(t, fuzzRule(packages, fuzzed))
}

func TestRoomRulesCanFail(t *testing.T) {
	det := kinds[1]
	readme := "# x\n\n## What it answers\na\n\n## What it looks at\nb\n\n## What fools it\nc\n\n## Captures\nd\n"
	whole := map[string]bool{"x.go": true, "README.md": true, "x_test.go": true}
	good := roomRule(det, "internal/detect/x", whole, readme)
	mustComplain(t, "file", roomRule(det, "internal/detect/x", map[string]bool{"README.md": true}, readme), good, "has no x.go")
	mustComplain(t, "tests", roomRule(det, "internal/detect/x", map[string]bool{"x.go": true, "README.md": true}, readme), good, "has no tests")
	mustComplain(t, "section", roomRule(det, "internal/detect/x", whole, strings.Replace(readme, "## Captures\nd", "## Captures", 1)), good, "Captures")
	mustComplain(t, "name", roomRule(det, "internal/detect/a-b", whole, readme), good, "no hyphens")
	p := map[string]bool{"internal/pcapfile": true, "internal/analyzer/dns": true, "internal/report": true}
	mustComplain(t, "fuzz", fuzzRule(p, map[string]bool{"internal/pcapfile": true}),
		fuzzRule(p, map[string]bool{"internal/pcapfile": true, "internal/analyzer/dns": true}), "internal/analyzer/dns")
}
