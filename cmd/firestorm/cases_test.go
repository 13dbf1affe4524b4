package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"firestorm/internal/standard"
)

var update = flag.Bool("update", false, "write the expected outputs of test/cases again")

// wholeCase is test/cases/<name>/case.yaml: a whole run and where its expected output stands.
type wholeCase struct {
	About    string   `yaml:"about"`
	Captures []string `yaml:"captures"` // below testdata/captures, or in the case's folder with "./"
	Args     []string `yaml:"args"`
	Exit     int      `yaml:"exit"`
	// Want maps a file of the case to the arguments that print it. Empty: want.txt, without more arguments.
	Want map[string][]string `yaml:"want"`
}

// TestCases runs every folder of test/cases, with several numbers of workers and hash seeds: the output is the same to
// the byte.
func TestCases(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(repository, "test", "cases", "*", "case.yaml"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases found: %v", err)
	}
	for _, f := range dirs {
		dir := filepath.Dir(f)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			c := readCase(t, dir)
			for _, name := range sortedNames(c.Want) {
				args := append(append([]string{"read"}, c.Args...), c.Want[name]...)
				for i, x := range args { // files of the case itself
					if strings.HasPrefix(x, "./") {
						args[i] = capturePath(dir, x)
					}
				}
				for _, p := range c.Captures {
					args = append(args, capturePath(dir, p))
				}
				compareRuns(t, c, filepath.Join(dir, name), args)
			}
		})
	}
}

func compareRuns(t *testing.T, c *wholeCase, golden string, args []string) {
	t.Helper()
	var first string
	for i, how := range [][]string{{"--workers", "1"}, {"--workers", "2"}, {"--workers", "8"}, {"--workers", "3", "--seed", "12345"}} {
		r := runApp(nil, append(args, how...)...)
		if r.code != c.Exit {
			t.Fatalf("%s: exit status %d, want %d\n%s", strings.Join(how, " "), r.code, c.Exit, r.stderr)
		}
		if i == 0 {
			first = r.stdout
			continue
		}
		if d := cmp.Diff(first, r.stdout); d != "" {
			t.Fatalf("%s changes the output (-1 worker +this):\n%s", strings.Join(how, " "), d)
		}
	}
	if *update {
		if err := os.WriteFile(golden, []byte(first), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v; make it with: go test ./cmd/firestorm -run TestCases -update", err)
	}
	if d := cmp.Diff(string(want), first); d != "" {
		t.Errorf("%s (-want +got):\n%s", golden, d)
	}
}

func readCase(t *testing.T, dir string) *wholeCase {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "case.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c wholeCase
	if err := yaml.UnmarshalWithOptions(b, &c, yaml.Strict()); err != nil {
		t.Fatalf("%s/case.yaml: %v", dir, err)
	}
	if c.About == "" || len(c.Captures) == 0 {
		t.Fatalf("%s/case.yaml: needs about and captures", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
		t.Errorf("%s: no README.md with the origin of the case", dir)
	}
	if len(c.Want) == 0 {
		c.Want = map[string][]string{"want.txt": nil}
	}
	return &c
}

func capturePath(dir, p string) string {
	if rest, ok := strings.CutPrefix(p, "./"); ok {
		return filepath.Join(dir, rest)
	}
	return filepath.Join(repository, "testdata", "captures", filepath.FromSlash(p))
}

func sortedNames(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// origin is testdata/captures/<name>/origin.json: what the capture was made to show.
type origin struct {
	Findings []struct {
		Code string `json:"code"`
		Role string `json:"role"`
	} `json:"findings"`
	Vantages []struct {
		File string `json:"file"`
	} `json:"vantages"`
}

// found is one line of read --json.
type found struct {
	Type       string `json:"type"`
	Code       string `json:"code"`
	Confidence string `json:"confidence"`
	Severity   string `json:"severity"`
	Title      string `json:"title"`
}

// onlyPossible are captures whose positive cannot be surer than possible, with the reason.
var onlyPossible = map[string]string{
	"ike-silent":          "nothing else of the gateway was answered meanwhile: off, filtered, and a gateway that ignores strangers look alike",
	"syn-silent-host":     "nobody else was answered meanwhile: off, hung and filtered look alike without a control group",
	"syn-silent-host-off": "nobody else was answered meanwhile: off, hung and filtered look alike without a control group",
}

// remedyBehind are remedied captures whose remedy stands between the places of capture: only the last one is behind it.
var remedyBehind = map[string]string{
	"syn-flood-remedied": "gw drops the forged requests: in front of it they are still there",
}

// TestCasesOfCaptures holds every capture of the repository against what its origin says it shows: a positive is found
// at likely or above at one of its places of capture at least, a near-miss, a remedied or a clean one at none.
func TestCasesOfCaptures(t *testing.T) {
	known := map[string]bool{}
	for _, d := range standard.Detectors {
		for _, c := range d.Codes {
			known[c.ID] = true
		}
	}
	files, err := filepath.Glob(filepath.Join(repository, "testdata", "captures", "*", "origin.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures with an origin.json: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var o origin
			if err := json.Unmarshal(b, &o); err != nil {
				t.Fatal(err)
			}
			checkOrigin(t, filepath.Dir(f), &o, known)
		})
	}
}

func checkOrigin(t *testing.T, dir string, o *origin, known map[string]bool) {
	sure := map[string]string{} // code → where and what
	_, weak := onlyPossible[filepath.Base(dir)]
	places := placesOf(o)
	if _, ok := remedyBehind[filepath.Base(dir)]; ok {
		places = [][]string{{o.Vantages[len(o.Vantages)-1].File}}
	}
	for _, files := range places {
		args := []string{"read", "--json", "--workers", "1"}
		for _, f := range files {
			args = append(args, filepath.Join(dir, f))
		}
		r := runApp(nil, args...)
		if r.code != exitOK {
			t.Fatalf("%s: exit status %d: %s", files, r.code, r.stderr)
		}
		dec := json.NewDecoder(strings.NewReader(r.stdout))
		for {
			var x found
			if err := dec.Decode(&x); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", files, err)
			}
			if x.Type == "finding" && (x.Confidence == "likely" || x.Confidence == "certain" || weak && x.Confidence == "possible") {
				sure[x.Code] = fmt.Sprintf("%s: %s, %s: %s", files, x.Severity, x.Confidence, x.Title)
			}
		}
	}
	// While the code that explains a capture is not in this build, the next best one may speak in its place.
	excused := false
	for _, claim := range o.Findings {
		excused = excused || claim.Role == "positive" && !known[claim.Code]
	}
	for _, claim := range o.Findings {
		switch {
		case claim.Role == "clean":
			for code, where := range sure {
				if !claimed(o, code) {
					t.Errorf("clean, but %s is found: %s", code, where)
				}
			}
		case !known[claim.Code]:
			t.Logf("%s: not in this build", claim.Code)
		case claim.Role == "positive" && sure[claim.Code] == "":
			t.Errorf("%s is not found at likely or above", claim.Code)
		case claim.Role != "positive" && sure[claim.Code] != "" && excused:
			t.Logf("%s (%s) is found, as the better explanation is not in this build: %s", claim.Code, claim.Role, sure[claim.Code])
		case claim.Role != "positive" && sure[claim.Code] != "":
			t.Errorf("%s (%s) is found: %s", claim.Code, claim.Role, sure[claim.Code])
		}
	}
}

// placesOf returns each place of capture by itself, and the first two together.
func placesOf(o *origin) [][]string {
	var each []string
	for _, v := range o.Vantages {
		if filepath.Ext(v.File) != ".txt" {
			each = append(each, v.File)
		}
	}
	var out [][]string
	for _, f := range each {
		out = append(out, []string{f})
	}
	if len(each) > 1 {
		out = append(out, each[:2])
	}
	return out
}

func claimed(o *origin, code string) bool {
	for _, f := range o.Findings {
		if f.Code == code && f.Role == "positive" {
			return true
		}
	}
	return false
}
