package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// example is a command of a page with what its output has to hold.
type example struct {
	file string
	line int
	cmd  string
	want []string
	exit int
}

// examples takes the commands out of a page: those of console blocks to run, those of sh blocks to check.
func examples(t *testing.T, name string) (run, check []example) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block := ""
	for i, l := range strings.Split(string(b), "\n") {
		at := example{file: filepath.Base(name), line: i + 1}
		switch {
		case strings.HasPrefix(l, "```"):
			block = strings.TrimPrefix(l, "```")
		case block == "console" && strings.HasPrefix(l, "$ "):
			at.cmd = strings.TrimPrefix(l, "$ ")
			run = append(run, at)
		case block == "console" && strings.HasPrefix(l, "exit "):
			if _, err := fmt.Sscanf(l, "exit %d", &run[len(run)-1].exit); err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
		case block == "console" && l != "":
			run[len(run)-1].want = append(run[len(run)-1].want, l)
		case block == "sh" && strings.Contains(l, "firestorm "):
			at.cmd = l
			check = append(check, at)
		}
	}
	return run, check
}

// holds says which line is not in the output, in order; empty: all are.
func holds(out string, want []string) string {
	for _, w := range want {
		for _, part := range strings.Split(w, "…") {
			i := strings.Index(out, part)
			if i < 0 {
				return w
			}
			out = out[i+len(part):]
		}
	}
	return ""
}

var docPages = []string{"verbs.md", "getting-started.md", "operating.md"}

// What the pages show is what happens.
func TestDocs(t *testing.T) {
	_, noRsync := exec.LookPath("rsync")
	top, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"rpcinfo.txt": "   program vers proto   port  service\n    100000    2   tcp    111  portmapper\n    100003    3   tcp   2049  nfs\n    100005    3   tcp  44411  mountd\n",
		"vsftpd.conf": "listen=YES\nssl_enable=YES\n",
		"good.conf":   "listen=YES\npasv_min_port=61000\npasv_max_port=61100\nssl_enable=YES\n",
		"local.rules": "alert http any any -> any any (msg:\"maintenance\"; http.stat_code; content:\"200\"; sid:1000001; rev:1;)\n",
		"files/a":     "a\n",
	}
	for _, p := range []string{"", "a", "b", "c"} {
		files["access.log"] += "192.0.2.1 - - [29/Nov/2026:10:00:00 +0000] \"GET /" + p + " HTTP/1.1\" 200 421 \"-\" \"Googlebot\"\n"
	}
	files["access.log"] += "192.0.2.1 - - [29/Nov/2026:09:00:00 +0000] \"GET /a HTTP/1.1\" 200 9000 \"-\" \"Firefox\"\n"
	for _, page := range docPages {
		run, check := examples(t, filepath.Join(top, "docs", page))
		t.Run(page, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range files {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(filepath.Join(top, "testdata", "captures"), "captures"); err != nil {
				t.Fatal(err)
			}
			for _, e := range run {
				args := words(e.cmd)
				if len(args) < 2 || args[0] != "firestorm" {
					t.Errorf("%s:%d: %q is no command of ours", e.file, e.line, e.cmd)
					continue
				}
				if args[1] == "backup" && noRsync != nil {
					continue
				}
				r := runApp(strings.NewReader(""), args[1:]...)
				if r.code != e.exit {
					t.Errorf("%s:%d: %s: exit status %d, not %d\n%s%s", e.file, e.line, e.cmd, r.code, e.exit, r.stdout, r.stderr)
				} else if l := holds(r.stdout, e.want); l != "" {
					t.Errorf("%s:%d: %s does not print %q:\n%s%s", e.file, e.line, e.cmd, l, r.stdout, r.stderr)
				}
			}
			for _, e := range check {
				cmd := e.cmd[strings.Index(e.cmd, "firestorm "):]
				if why := fits(cmd); why != "" {
					t.Errorf("%s:%d: %s: %s", e.file, e.line, cmd, why)
				}
			}
		})
	}
}

// Every verb has its part in verbs.md, with an example.
func TestDocsOfVerbs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(repository, "docs", "verbs.md"))
	if err != nil {
		t.Fatal(err)
	}
	a := &app{getenv: func(string) string { return "" }}
	var named []string
	for _, part := range strings.Split(string(b), "\n## ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		named = append(named, name)
		if !strings.Contains(rest, "firestorm ") || !strings.Contains(rest, "```") {
			t.Errorf("verbs.md: %s has no example", name)
		}
	}
	for _, c := range a.root().Commands() {
		if c.IsAvailableCommand() && !slices.Contains(named, c.Name()) {
			t.Errorf("verbs.md has no part about %q", c.Name())
		}
	}
}

func TestHoldsCanFail(t *testing.T) {
	if holds("a 12 b\nc", []string{"a … b", "c"}) != "" || holds("c\na", []string{"a", "c"}) == "" || holds("", []string{"x"}) == "" {
		t.Error("holds does not look in order")
	}
}
