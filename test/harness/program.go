package harness

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var program struct {
	sync.Once
	dir, path string
	err       error
}

// Program builds the program once for the tests of a package and returns its path. Cleanup removes it.
func Program(t testing.TB) string {
	t.Helper()
	program.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "firestorm-test-*"); program.err != nil {
			return
		}
		program.path = filepath.Join(program.dir, "firestorm")
		// As the Makefile builds it: with a C compiler about, Go would link the C library in, and the program would take 10 MB more.
		c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program.path, "./cmd/firestorm")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		c.Dir = Root()
		if out, err := c.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// Cleanup removes what Program built; TestMain of a package that uses it calls it at the end.
func Cleanup() {
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
}

// Read runs "firestorm read" and returns every form of its report and the EVE lines, one after the other.
func Read(t testing.TB, stdin io.Reader, args ...string) (string, int) {
	t.Helper()
	dir := t.TempDir()
	c := exec.Command(Program(t), append([]string{"read", "--outdir", dir}, args...)...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = stdin, &out, &errs
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	code := c.ProcessState.ExitCode()
	if code != 0 && code != 3 {
		t.Fatalf("%v: exit status %d: %s", args, code, errs.String())
	}
	all := out.String()
	for _, f := range []string{"report.txt", "findings.jsonl", "report.html", "report.md", "eve.json"} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		all += "\n=== " + f + "\n" + string(b)
	}
	return all, code
}
