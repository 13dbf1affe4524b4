package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// modulesOf lists, as go knows them, the modules whose packages firestorm is linked from.
func modulesOf(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Sum}}{{end}}{{end}}", "./cmd/firestorm")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	b, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	slices.Sort(lines)
	return slices.DeleteFunc(slices.Compact(lines), func(s string) bool { return s == "" })
}

// TestEveryModule: the bill has every module of the program and no other, each under terms that are known, with its text.
func TestEveryModule(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.2.3"}
	want := []string{"std 1.2.3"}
	for _, l := range modulesOf(t) {
		f := strings.Fields(l)
		m := &debug.Module{Path: f[0], Version: f[1]}
		if len(f) > 2 {
			m.Sum = f[2]
		}
		info.Deps = append(info.Deps, m)
		want = append(want, f[0]+" "+f[1])
	}
	if len(want) < 5 {
		t.Fatalf("only %d modules", len(want))
	}
	modules, err := linked([]*debug.BuildInfo{info, info})
	if err != nil {
		t.Fatal(err)
	}
	if err := find(modules); err != nil {
		t.Fatal(err)
	}
	if err := readLicenses(modules); err != nil {
		t.Fatal(err)
	}
	b, err := bom("0.1.0", time.Unix(1, 0).UTC(), modules)
	if err != nil {
		t.Fatal(err)
	}
	var got document
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, c := range got.Components {
		have = append(have, c.Name+" "+c.Version)
		if c.PURL == "" || c.Ref != c.PURL || c.Licenses[0].Expression == "" {
			t.Errorf("%+v", c)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("got  %q\nwant %q", have, want)
	}
	texts := string(licenseTexts(modules))
	for _, m := range modules {
		if len(m.files) == 0 || !strings.Contains(texts, "\n"+m.path+" "+m.version+" (") {
			t.Errorf("no text of %s", m.path)
		}
	}
	// The licences that ARCHITECTURE.md names are those that the files have.
	for path, id := range map[string]string{"github.com/spf13/cobra": "Apache-2.0", "github.com/goccy/go-yaml": "MIT", "golang.org/x/sys": "BSD-3-Clause", "modernc.org/sqlite": "BSD-3-Clause", std: "BSD-3-Clause"} {
		if i := slices.IndexFunc(modules, func(m *module) bool { return m.path == path }); i < 0 || modules[i].license != id {
			t.Errorf("%s is not under %s", path, id)
		}
	}
	// The same again is the same; another version is another document.
	again, _ := bom("0.1.0", time.Unix(1, 0).UTC(), modules)
	other, _ := bom("0.1.1", time.Unix(1, 0).UTC(), modules)
	serial := func(b []byte) (d document) { _ = json.Unmarshal(b, &d); return d }
	if string(again) != string(b) || serial(other).SerialNumber == got.SerialNumber {
		t.Error("the serial number does not follow what the bill says")
	}
}

// TestDisagreement: programs of two releases make no bill.
func TestDisagreement(t *testing.T) {
	a := &debug.BuildInfo{GoVersion: "go1.2.3", Deps: []*debug.Module{{Path: "x/y", Version: "v1.0.0"}}}
	b := &debug.BuildInfo{GoVersion: "go1.2.3", Deps: []*debug.Module{{Path: "x/y", Version: "v1.0.1"}}}
	if _, err := linked([]*debug.BuildInfo{a, b}); err == nil {
		t.Error("two versions of one module were taken for one")
	}
	if id := recognise([]byte("All rights reserved.")); id != "" {
		t.Errorf("no licence was taken for %s", id)
	}
}
