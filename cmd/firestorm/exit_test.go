package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// TestErrorsAreInert: a name with line breaks, escapes and marks that turn the direction of text makes neither a line of its own nor
// a command to the terminal, and what is to be tried names the file.
func TestErrorsAreInert(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a\nfirestorm: forged \x1b[31m\u202e\u2028\xff'\\b")
	for _, args := range [][]string{{"read", name}, {"read", name + "/x"}, {"rules", "check", name}, {"config", "check", name}, {"findings", "list", "--store", name}, {"nosuch\nfirestorm: forged \x1b[31m"}, {"read", "-f", "nosuch\nfirestorm: forged", name}} {
		r := runApp(nil, args...)
		if r.code == exitOK || strings.Contains(r.stderr, "\nfirestorm: forged") || calm(r.stderr, "\n") != "" {
			t.Errorf("%q: status %d, %s\n%q", args[0], r.code, calm(r.stderr, "\n"), r.stderr)
		}
	}
	for _, s := range []string{"plain", "two words", "it's", name, "\xff'\\\n\x1b"} {
		out, err := exec.Command("bash", "-c", "printf %s "+shellWord(s)).Output()
		if err != nil {
			t.Skip("program \"bash\" is missing; try: apt-get install bash")
		}
		if string(out) != s || calm(shellWord(s), "") != "" {
			t.Errorf("%q is quoted as %q, which is %q", s, shellWord(s), out)
		}
	}
	if got, want := printable(errors.Join(errors.New("one"), errors.New("two")).Error()+"\n"), "one; two"; got != want {
		t.Errorf("%q", got)
	}
}
