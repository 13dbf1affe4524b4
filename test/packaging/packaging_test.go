//go:build linux

// Package packaging holds what a package installs against the program that it installs. The package itself is tested by
// scripts/package-test.sh.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"firestorm/internal/config"
	"firestorm/internal/state"
	"firestorm/internal/store"
	"firestorm/test/harness"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(harness.Root(), "packaging", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestConfiguration: what the package puts to /etc is right, and stands where the units look for it.
func TestConfiguration(t *testing.T) {
	c, err := config.Parse("firestorm.yaml", []byte(read(t, "firestorm.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if c.Service.StateDir != "/var/lib/firestorm" || !strings.HasPrefix(c.Service.Status, "/run/firestorm/") {
		t.Errorf("the service would keep nothing: %+v", c.Service)
	}
	for _, f := range []string{"systemd/firestorm.service", "run/run"} {
		if s := read(t, f); !strings.Contains(s, "/usr/bin/firestorm watch --config /etc/firestorm/firestorm.yaml\n") {
			t.Errorf("%s does not run the sensor with its configuration", f)
		}
	}
}

// TestForms: the package refuses to go back as soon as this program could not read what is there.
func TestForms(t *testing.T) {
	s := read(t, "scripts/preinstall")
	for name, want := range map[string]int{"state": state.Version, "store": store.Version} {
		m := regexp.MustCompile(`(?m)^` + name + `=(\d+) `).FindStringSubmatch(s)
		if m == nil || m[1] != strconv.Itoa(want) {
			t.Errorf("packaging/scripts/preinstall has %s=%v, the program's form is %d", name, m, want)
		}
	}
}

// TestPreinstall runs the check on files of this form and of the next.
func TestPreinstall(t *testing.T) {
	dir := t.TempDir()
	script := strings.Replace(read(t, "scripts/preinstall"), "dir=/var/lib/firestorm\n", "dir='"+dir+"'\n", 1)
	if !strings.Contains(script, dir) {
		t.Fatal("the script does not name the folder")
	}
	snapshot := func(form int) []byte {
		return []byte(fmt.Sprintf("FSTSTATE%c%c%c%c and more", 0, 0, form>>8, form&255))
	}
	database := func(form int) []byte {
		b := make([]byte, 100)
		copy(b, "SQLite format 3\x00")
		b[62], b[63] = byte(form>>8), byte(form)
		copy(b[68:], "Fstm")
		return b
	}
	other := database(9)
	copy(other[68:], "none")
	for _, c := range []struct {
		name, file string
		body       []byte
		refused    bool
	}{
		{"nothing there", "", nil, false},
		{"snapshot", "neighbours.state", snapshot(state.Version), false},
		{"newer snapshot", "neighbours.state", snapshot(state.Version + 1), true},
		{"much newer snapshot", "scans.state", snapshot(state.Version + 256), true},
		{"snapshot cut off", "neighbours.state", snapshot(state.Version + 1)[:10], false}, // the program puts it aside
		{"no snapshot", "x.state", []byte("FSTSTATUS and more, and more"), false},
		{"store", store.File, database(store.Version), false},
		{"newer store", store.File, database(store.Version + 1), true},
		{"newer store below", "store/" + store.File, database(store.Version + 256), true},
		{"another program's", store.File, other, false},
		{"empty store", store.File, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file != "" {
				f := filepath.Join(dir, filepath.FromSlash(c.file))
				if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f, c.body, 0o644); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(f)
			}
			for _, how := range []string{"upgrade", "2"} { // dpkg's word and rpm's
				out, err := exec.Command("sh", "-c", script, "preinst", how, "1.0").CombinedOutput()
				said := strings.Contains(string(out), "was written by a newer version") && strings.Contains(string(out), "mv "+dir)
				if (err != nil) != c.refused || said != c.refused {
					t.Errorf("%s: %v\n%s", how, err, out)
				}
			}
			if out, err := exec.Command("sh", "-c", script, "preinst", "abort-upgrade", "1.0").CombinedOutput(); err != nil {
				t.Errorf("the way back is barred: %v\n%s", err, out)
			}
		})
	}
}

const systemd = "systemd-analyze is not here; enable: make deps"

// TestUnits: systemd understands the units.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(systemd)
	}
	dir := t.TempDir()
	for _, u := range []string{"firestorm.service", "firestorm-backup.service", "firestorm-backup.timer"} {
		s := read(t, "systemd/"+u)
		// The program and its user are not installed here.
		s = strings.NewReplacer("=/usr/bin/firestorm ", "=/bin/true ", "User=firestorm\n", "User=daemon\n", "Group=firestorm\n", "", "man:", "http://").Replace(s)
		if err := os.WriteFile(filepath.Join(dir, u), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []string{"firestorm.service", "firestorm-backup.timer", "firestorm-backup.service"} {
		cmd := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, u))
		cmd.Env = append(os.Environ(), "SYSTEMD_LOG_LEVEL=notice")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", u, err, out)
		}
		for line := range strings.Lines(string(out)) {
			// systemd 252 does not know notify-reload and stays with notify: that is meant.
			if strings.Contains(line, dir) && !strings.Contains(line, "notify-reload") || strings.HasPrefix(line, "firestorm") {
				t.Errorf("%s", line)
			}
		}
	}
}

// TestExposure: what systemd thinks of the rights that the services have.
func TestExposure(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(systemd)
	}
	score := func(unit string) float64 {
		out, err := exec.Command(analyze, "security", "--offline=true", unit).CombinedOutput()
		m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
		if err != nil || m == nil {
			t.Fatalf("%s: %v\n%s", unit, err, out)
		}
		v, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, u := range []string{"firestorm.service", "firestorm-backup.service"} {
		if s := score(filepath.Join(harness.Root(), "packaging", "systemd", u)); s > 2 {
			t.Errorf("%s: %.1f, more than 2.0", u, s)
		}
	}
	// A unit that may do everything scores badly, so the measure measures.
	open := filepath.Join(t.TempDir(), "open.service")
	if err := os.WriteFile(open, []byte("[Service]\nExecStart=/bin/true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := score(open); s < 9 {
		t.Errorf("a unit without any protection scores %.1f", s)
	}
}

// TestScripts: the shell understands what packages run.
func TestScripts(t *testing.T) {
	for _, f := range []string{"scripts/preinstall", "scripts/postinstall", "scripts/preremove", "scripts/postremove", "run/run", "run/log/run"} {
		if out, err := exec.Command("sh", "-n", filepath.Join(harness.Root(), "packaging", filepath.FromSlash(f))).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", f, err, out)
		}
	}
}
