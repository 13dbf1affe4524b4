package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrNoRsync means that the program is missing.
var ErrNoRsync = errors.New("the program rsync is missing")

// ErrFull means that the destination has no room.
var ErrFull = errors.New("the destination is full")

// Error is a run of rsync that failed.
type Error struct {
	Code int    // rsync's exit status; -1: it was killed
	Text string // the last lines that it wrote
}

// Error says why, in rsync's own words.
func (e *Error) Error() string {
	why := map[int]string{5: "the daemon refuses", 10: "the other machine cannot be reached", 11: "files cannot be written or read", 12: "the connection broke", 20: "it was stopped", 23: "some files could not be copied",
		24: "files vanished", 30: "the other machine does not answer", 35: "the daemon does not answer", 255: "ssh failed", -1: "rsync was killed"}[e.Code]
	if why == "" {
		why = "rsync failed"
	}
	if e.Text == "" {
		return fmt.Sprintf("%s (rsync %d)", why, e.Code)
	}
	return fmt.Sprintf("%s (rsync %d): %s", why, e.Code, e.Text)
}

// Is reports a full disk.
func (e *Error) Is(target error) bool {
	return target == ErrFull && (strings.Contains(e.Text, "No space left") || strings.Contains(e.Text, "quota exceeded"))
}

func findRsync() error {
	if _, err := exec.LookPath("rsync"); err != nil {
		return ErrNoRsync
	}
	return nil
}

// limits of what is kept of rsync's output in bytes.
const maxOutput = 1 << 20

// tail keeps the first and the newest bytes of what is written.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > maxOutput {
		t.b = append(t.b[:0], t.b[len(t.b)-maxOutput/2:]...)
	}
	return len(p), nil
}

// rsync runs the program and returns what it printed.
func (d Dest) rsync(ctx context.Context, args ...string) (string, error) {
	return d.rsyncTo(ctx, nil, args...)
}

// rsyncTo runs the program; what it prints goes to w, unless that is nil.
func (d Dest) rsyncTo(ctx context.Context, w io.Writer, args ...string) (string, error) {
	all := []string{"--timeout=120"}
	if d.path == "" && !strings.HasPrefix(d.text, "rsync://") && !strings.Contains(d.text, "::") {
		shell := d.ssh
		if shell == "" {
			shell = "ssh -o BatchMode=yes -o ConnectTimeout=20"
		}
		all = append(all, "-e", shell)
	} else if d.path == "" {
		all = append(all, "--contimeout=20")
	}
	c := exec.CommandContext(ctx, "rsync", append(all, args...)...)
	c.ExtraFiles = d.locks
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.WaitDelay = 5 * time.Second
	var out, errs tail
	c.Stdout, c.Stderr = &out, &errs
	if w != nil {
		c.Stdout = w
	}
	wait, err := start(c)
	if err != nil {
		return "", err
	}
	err = wait()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var x *exec.ExitError
	if errors.As(err, &x) {
		return string(out.b), &Error{Code: x.ExitCode(), Text: lastLines(errs.b)}
	}
	return string(out.b), err
}

// lastLines are the lines that say something, the newest four.
func lastLines(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(b, []byte("?")))), "\n")
	full := ""
	for _, l := range lines {
		if strings.Contains(l, "No space left") {
			full = l
		}
	}
	if len(lines) > 4 {
		lines = lines[len(lines)-4:]
		if full != "" && !strings.Contains(strings.Join(lines, "\n"), "No space left") {
			lines = append([]string{full}, lines...)
		}
	}
	return strings.Join(lines, "; ")
}

var (
	statFiles = regexp.MustCompile(`Number of regular files transferred: ([0-9,]+)`)
	statBytes = regexp.MustCompile(`Total transferred file size: ([0-9,]+)`)
)

// stats takes from rsync's summary how many files were copied, and how large they are.
func stats(out string) (files int, size int64) {
	num := func(re *regexp.Regexp) int64 {
		if m := re.FindStringSubmatch(out); m != nil {
			n, _ := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
			return n
		}
		return 0
	}
	return int(num(statFiles)), num(statBytes)
}
