package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"firestorm/internal/doctor"
)

// Exit statuses: a problem is 1, a missing permission alone 4, and --strict takes nothing that is not good.
func TestDoctorStatus(t *testing.T) {
	ok, warn := doctor.Check{}, doctor.Check{Level: doctor.Warning}
	unknown, bad := doctor.Check{Level: doctor.Unknown}, doctor.Check{Level: doctor.Problem}
	denied, deniedBad := doctor.Check{Level: doctor.Unknown, NotPermitted: true}, doctor.Check{Level: doctor.Problem, NotPermitted: true}
	for _, tc := range []struct {
		cs           []doctor.Check
		want, strict int
	}{
		{[]doctor.Check{ok}, 0, 0}, {[]doctor.Check{ok, warn}, 0, 1}, {[]doctor.Check{ok, unknown}, 0, 1}, {[]doctor.Check{ok, bad}, 1, 1},
		{[]doctor.Check{ok, denied}, 4, 4}, {[]doctor.Check{deniedBad}, 4, 4}, {[]doctor.Check{deniedBad, warn}, 4, 1}, {[]doctor.Check{deniedBad, bad}, 1, 1},
	} {
		a := &app{}
		if got, strict := a.finish(doctorStatus(tc.cs, false)), a.finish(doctorStatus(tc.cs, true)); got != tc.want || strict != tc.strict {
			t.Errorf("%+v: %d and %d, want %d and %d", tc.cs, got, strict, tc.want, tc.strict)
		}
	}
}

// What does not go together is refused before anything is sent.
func TestDoctorUsage(t *testing.T) {
	for _, tc := range []struct{ args, says string }{
		{"doctor --inject --on lo", "Say --yes when that may be"},
		{"doctor --inject lo", "named with --on"},
		{"doctor --inject --yes", "belong to --on"},
		{"doctor --inject --store x", "belong to --on"},
		{"doctor --inject --listen 5s", "goes with"},
		{"doctor --inject --within 1ms", "between 1s and 10m"},
		{"doctor --on lo", "belong to --inject"},
		{"doctor --within 5s", "belong to --inject"},
		{"doctor lo --listen 1h", "between 1s and 10m"},
		{"doctor --listen 5s", "needs an interface"},
		{"doctor --config /not/there", "cannot be read"},
	} {
		r := runApp(nil, strings.Fields(tc.args)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, tc.says) || r.stdout != "" {
			t.Errorf("%s: status %d, %q", tc.args, r.code, r.stderr)
		}
	}
}

// The known faults are found, by the real capture and engine, and a rule of the configuration runs beside the known one.
func TestDoctorInject(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace; try: sudo make test")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"f.yaml": "rules:\n  files: [own.rules]\n", "own.rules": `alert tcp any any -> any 80 (msg:"web"; flow:established,to_server; content:"GET"; sid:1000001; rev:1;)` + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runApp(nil, "doctor", "--inject", "--config", filepath.Join(dir, "f.yaml"))
	for _, want := range []string{"0 dropped by the kernel\n", "ok       fault arp-ip-conflict: found", "ok       fault tcp-closed-port: found", "ok       fault policy-plaintext-login: found", "1000001 web", "no finding but those", "0 problems, 0 warnings, 0 unknown, 6 ok"} {
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("status %d, no %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
}

// A running watch is asked by its status file: which interface it sees, and that it runs. When it ended, that is said.
func TestDoctorOfWatch(t *testing.T) {
	ownNetwork(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "status.json")
	if r := runApp(nil, "watch", "lo", "--duration", "1200ms", "--ring", "4M", "--status", file, "-q"); r.code != 0 {
		t.Fatalf("%d %s", r.code, r.stderr)
	}
	type out struct {
		Counts doctor.Counts
		Checks []struct{ Check, Subject, Level, What string }
	}
	look := func() (string, out) {
		t.Helper()
		r := runApp(nil, "doctor", "--status", file, "--json")
		var v out
		if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
			t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
		}
		for _, c := range v.Checks {
			if c.Check == "watch" {
				return c.Level + " " + c.What, v
			}
		}
		t.Fatalf("%s", r.stdout)
		return "", v
	}
	said, v := look()
	if !strings.HasPrefix(said, "ok it runs") {
		t.Error(said)
	}
	listens := ""
	for _, c := range v.Checks {
		if c.Check == "listening" {
			listens = c.Level
		}
	}
	if listens != "problem" { // it has ended, but a moment ago
		t.Errorf("listening: %q", listens)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if said, _ = look(); !strings.HasPrefix(said, "problem the status was last written 60 minutes ago") {
		t.Error(said)
	}
}

// Without the capability: status 4 where nothing else is wrong, and what could not be done is said.
func TestDoctorNotPermitted(t *testing.T) {
	ownNetwork(t)
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&hdr, &none[0]); err != nil { // of this thread alone
		t.Fatal(err)
	}
	r := runApp(nil, "doctor", "lo")
	for _, want := range []string{"problem  permission: this user may not capture", "sudo setcap cap_net_raw=ep ", "unknown  flowtables", "sudo firestorm doctor"} {
		if r.code != exitPermission || !strings.Contains(r.stdout, want) {
			t.Errorf("status %d, no %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if r := runApp(nil, "doctor", "--inject", "--on", "lo", "--yes"); r.code != exitPermission || !strings.Contains(r.stdout, "unknown  inject on lo: the known traffic could not be made") {
		t.Errorf("status %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// Every command of ours that doctor prints is one that there is. They are taken from its source: names stand for X.
func TestDoctorCommandsFit(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository, "internal", "doctor", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	joined, open := regexp.MustCompile(`" ?\+ ?[^"]*? ?\+ ?"`), regexp.MustCompile(`(firestorm [^"]*)" ?\+ ?[^",}]*`)
	command := regexp.MustCompile(`["\x60](?:sudo )?(firestorm (?:watch|doctor|rules|findings|explain|read)[^"\x60]*)`)
	n := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(open.ReplaceAllString(joined.ReplaceAllString(string(b), "X"), "${1}X\""), -1) {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			line, _, _ := strings.Cut(m[1], "   #")
			line = strings.NewReplacer("%dM", "64M", "%s", "X", "… ", "").Replace(line)
			n++
			if why := fits(line); why != "" {
				t.Errorf("%s: %q: %s", filepath.Base(name), line, why)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d commands were found", n)
	}
}
