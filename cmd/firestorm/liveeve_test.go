//go:build linux

package main

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// TestLiveEVEWaitsForNobody: records reach a socket; a reader that takes nothing, and one that is not there, keep neither events
// nor the end waiting, and what they did not get is said.
func TestLiveEVEWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	one := &finding.Finding{ID: "FS-aaaaaa", Code: &finding.Code{ID: "arp-scan", Title: "t"}, Severity: finding.Low, Confidence: finding.Likely, Title: "one"}
	open := func(to string, stdout io.Writer) *eveOutput {
		t.Helper()
		a := &app{stdout: stdout, stderr: io.Discard, getenv: func(string) string { return "" }}
		e, err := a.openEVE(&readOptions{EVEFile: to, Live: true}, &input{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	// fill hands over more than queues and pipes hold, and returns how long that took.
	fill := func(e *eveOutput) time.Duration {
		begin := time.Now()
		for range 60_000 {
			_ = e.runner.Event(&event.Anomaly{})
		}
		return time.Since(begin)
	}

	l, err := net.Listen("unix", filepath.Join(dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lines := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s, _ := bufio.NewReader(c).ReadString('\n')
		lines <- s
	}()
	e := open("unix:"+filepath.Join(dir, "good"), nil)
	e.runner.Finding(one)
	select {
	case s := <-lines:
		if !strings.Contains(s, `"firestorm_id":["FS-aaaaaa"]`) {
			t.Errorf("got %s", s)
		}
	case <-time.After(5 * time.Second):
		t.Error("nothing came")
	}
	if w := e.endLive(nil); len(w) != 0 {
		t.Errorf("%q", w)
	}

	deaf, err := net.Listen("unix", filepath.Join(dir, "deaf")) // connections wait, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	r, w := io.Pipe() // nobody reads
	t.Cleanup(func() { r.Close() })
	for name, e := range map[string]*eveOutput{"deaf": open("unix:"+filepath.Join(dir, "deaf"), nil), "gone": open("unix:"+filepath.Join(dir, "gone"), nil), "-": open("-", w)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := fill(e); d > time.Second {
				t.Errorf("%s: events waited %v", name, d)
			}
			begin := time.Now()
			said := e.endLive([]*finding.Finding{one})
			if d := time.Since(begin); d > 5*time.Second || !strings.Contains(strings.Join(said, "\n"), "EVE: ") {
				t.Errorf("%s: the end took %v and said %q", name, d, said)
			}
		})
	}
}
