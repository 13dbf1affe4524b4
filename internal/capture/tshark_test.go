package capture_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// tsharkFrames lists time, captured and wire length of each frame as tshark sees them.
func tsharkFrames(t testing.TB, tshark, path string) (out []frame, stderr string) {
	t.Helper()
	cmd := exec.Command(tshark, "-r", path, "-n", "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len",
		"--disable-protocol", "ip", "--disable-protocol", "ipv6")
	var errs strings.Builder
	cmd.Stderr = &errs
	b, err := cmd.Output()
	if err != nil {
		t.Logf("%s: tshark: %v", path, err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 {
			t.Fatalf("%s: tshark prints %q", path, line)
		}
		sec, frac, _ := strings.Cut(f[0], ".")
		s, err1 := strconv.ParseInt(sec, 10, 64)
		ns, err2 := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		c, err3 := strconv.Atoi(f[1])
		l, err4 := strconv.Atoi(f[2])
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
			t.Fatalf("%s: tshark prints %q", path, line)
		}
		out = append(out, frame{packet.Time(s*1e9 + ns), c, l})
	}
	return out, errs.String()
}

// TestAgreesWithTshark compares conformance captures with tshark; FIRESTORM_THOROUGH=1 takes all of them.
func TestAgreesWithTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	n := 24 // starting tshark costs most; make test-long takes more
	if os.Getenv("FIRESTORM_LONG") != "" {
		n = 120
	}
	files := sample(conformanceFiles(t), n)
	total := 0
	for _, path := range files {
		s, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		got, end := readAll(t, s)
		odd := len(s.Stats().SkippedNotes) > 0
		s.Close()
		if odd {
			continue // e.g. microseconds past one second, which tshark prints as they stand
		}
		want, stderr := tsharkFrames(t, tshark, path)
		var broken *capture.Damaged
		if errors.As(end, &broken) {
			// Where a file breaks the readers may guess differently; up to there they must agree.
			n := min(len(got), len(want))
			got, want = got[:n], want[:n]
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d frames (%v), tshark %d (%s)", path, len(got), end, len(want), stderr)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: frame %d is %v, tshark %v", path, i+1, got[i], want[i])
				break
			}
		}
		total += len(got)
	}
	t.Logf("%d files, %d frames compared", len(files), total)
}

// TestAgreesWithCapinfos compares count, bytes and first and last time of all conformance captures.
func TestAgreesWithCapinfos(t *testing.T) {
	capinfos, err := exec.LookPath("capinfos")
	if err != nil {
		t.Skip("capinfos is not installed")
	}
	files := conformanceFiles(t)
	if testing.Short() {
		files = files[:min(len(files), 50)]
	}
	// It ends with an error when a file is damaged, and leaves that one out of the table.
	out, _ := exec.Command(capinfos, append([]string{"-T", "-r", "-M", "-S", "-c", "-d", "-a", "-e"}, files...)...).Output()
	table := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "\t")
		table[name] = rest
	}
	compared, odd := 0, 0
	for _, path := range files {
		s, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		frames, end := readAll(t, s)
		notes := s.Stats().SkippedNotes
		s.Close()
		want, ok := table[path]
		var broken *capture.Damaged
		if !ok || errors.As(end, &broken) || len(notes) > 0 {
			if !errors.As(end, &broken) && len(notes) == 0 {
				t.Errorf("%s: capinfos gives up, we find nothing wrong", path)
			}
			odd++
			continue
		}
		bytes := 0
		first, last := packet.Time(1<<63-1), packet.Time(-1<<63)
		for _, f := range frames {
			bytes += f.len
			first, last = min(first, f.time), max(last, f.time)
		}
		got := fmt.Sprintf("%d\t%d\t%s\t%s", len(frames), bytes, epoch(first), epoch(last))
		if len(frames) == 0 {
			got = "0\t0\tn/a\tn/a"
		}
		if got != want {
			t.Errorf("%s: %q, capinfos %q", path, got, want)
		}
		compared++
	}
	t.Logf("%d files compared, %d damaged or odd ones left out", compared, odd)
}

// epoch prints seconds with six places, as capinfos does for captures in microseconds.
func epoch(t packet.Time) string { return fmt.Sprintf("%d.%06d", t/1e9, t%1e9/1000) }
