package capture_test

import (
	"errors"
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
	files := sample(conformanceFiles(t), 90)
	total := 0
	for _, path := range files {
		s, err := capture.OpenFile(path, capture.FileOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		got, end := readAll(t, s)
		s.Close()
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
