package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"
)

func exitText(err error) string {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return strconv.Itoa(e.ExitCode())
	}
	return err.Error()
}

func TestFailureText(t *testing.T) {
	f := &failure{code: exitDamaged, what: "cannot read a\x1b[31m.pcap", why: "bad", try: "file a"}
	var errs result
	errs = runApp(nil, "nosuchverb")
	if errs.code != exitUsage || errs.stdout != "" {
		t.Errorf("unknown verb: status %d, stdout %q", errs.code, errs.stdout)
	}
	if got, want := printable(f.Error()), "cannot read a?[31m.pcap: bad"; got != want {
		t.Errorf("printable = %q, want %q", got, want)
	}
}
