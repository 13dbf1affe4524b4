package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fault and its remedy come from one script, and every code that is listed has a capture of real programs.
func TestExperiments(t *testing.T) {
	all, err := experiments("../..")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range all {
		known[e.code] = true
		if e.fault == nil || e.fault.Synthetic || len(e.fault.Vantages) == 0 {
			t.Errorf("%s: %+v", e.code, e.fault)
		}
		if e.fixed != nil && e.fixed.Script != e.fault.Script {
			t.Errorf("%s: the fault is made by %s, the remedy by %s", e.code, e.fault.Script, e.fixed.Script)
		}
	}
	for _, code := range []string{"tcp-timewait-reuse", "tcp-closed-port", "pmtud-black-hole"} {
		if !known[code] {
			t.Errorf("%s cannot be rebuilt", code)
		}
	}
}

func TestLabRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"lab", "--source", dir}, exitUsage, "the lab's scripts are not here"},
		{[]string{"lab", "--source", "../..", "no-such-code"}, exitUsage, "makes \"no-such-code\""},
	} {
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
		if got := a.run(context.Background(), tc.args); got != tc.code || !strings.Contains(errs.String(), tc.says) {
			t.Errorf("%v: exit %d, %s", tc.args, got, errs.String())
		}
	}
}

// The script's failure is the user's to see: what could not be made, and what to install.
func TestLabScriptFails(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the lab refuses others before it runs a script")
	}
	root := t.TempDir()
	for name, text := range map[string]string{
		"testbed/run":                     "echo 'SKIP x: program missing' >&2; echo 'made 0, skipped 1, failed 0'",
		"testdata/captures/x/origin.json": `{"name":"x","script":"s","findings":[{"code":"tcp-closed-port","role":"positive"}],"vantages":[{"file":"a.pcap"}]}`,
	} {
		name = filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
	got := a.run(context.Background(), []string{"lab", "--source", root, "tcp-closed-port"})
	if got != exitEngine || !strings.Contains(errs.String(), "program missing") || !strings.Contains(errs.String(), "x could not be made") {
		t.Errorf("exit %d: %s", got, errs.String())
	}
}
