package conventions

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxLines is where a file has outgrown one meaning.
const maxLines = 700

// unfinished finds marks of work put off. The words are put together here so that this file passes its own test.
var unfinished = regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}, "|") + `)\b`)

// textRule checks any text file; forbidden are paths of the machine.
func textRule(name, text string, forbidden []string) []string {
	var out []string
	if strings.HasSuffix(name, ".go") && strings.Count(text, "\n") > maxLines {
		out = append(out, fmt.Sprintf("%s: %d lines: split it by meaning (most: %d)", name, strings.Count(text, "\n"), maxLines))
	}
	if strings.HasPrefix(name, "testdata/") {
		return out // inputs of others
	}
	for i, line := range strings.Split(text, "\n") {
		if m := unfinished.FindString(line); m != "" {
			out = append(out, fmt.Sprintf("%s:%d: %s: finish it, or open an issue", name, i+1, m))
		}
		for _, f := range forbidden {
			if strings.Contains(line, f) {
				out = append(out, fmt.Sprintf("%s:%d: names a path of this machine", name, i+1))
			}
		}
	}
	return out
}

// machinePaths are the places of this checkout and of the home directory, where they are telling enough: a short one
// such as /src/ stands in honest texts too.
func machinePaths(t *testing.T) []string {
	top := filepath.ToSlash(root(t))
	var out []string
	for _, p := range []string{top, os.Getenv("HOME")} {
		if p == os.Getenv("HOME") && len(p) > 3 || strings.Count(p, "/") > 1 {
			out = append(out, p+"/")
		}
	}
	return out
}

func TestText(t *testing.T) {
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	paths := machinePaths(t)
	for _, name := range sortedKeys(all) {
		if name == "LICENSE" || strings.HasSuffix(name, ".sum") {
			continue
		}
		report(t, textRule(name, all[name], paths))
	}
}

func TestTextRuleCanFail(t *testing.T) {
	good := textRule("a.go", "package a\n", []string{"/srv/build/"})
	mustComplain(t, "length", textRule("a.go", strings.Repeat("//\n", maxLines+1), nil), good, "lines")
	mustComplain(t, "unfinished", textRule("a.go", "// TO"+"DO later\n", nil), good, "finish it")
	mustComplain(t, "path", textRule("README.md", "cd /srv/build/x\n", []string{"/srv/build/"}), good, "path of this machine")
}
