package service

import (
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager that takes news.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return c
}

// heard is the next news within a time; empty: none came.
func heard(t *testing.T, c *net.UnixConn, within time.Duration) string {
	t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(within))
	n, err := c.Read(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// TestNotify: what a manager hears over the life of a sensor.
func TestNotify(t *testing.T) {
	c := manager(t)
	n := SystemNotifier()
	defer n.Close()
	n.Progress(1, "eth0: 5 packets\nREADY=0")
	got := []string{heard(t, c, time.Second), heard(t, c, time.Second)}
	if s := strings.Join(got, "|"); !strings.Contains(s, "READY=1\nSTATUS=eth0: 5 packets READY=0") || !strings.Contains(s, "WATCHDOG=1") {
		t.Errorf("at the begin: %q", got)
	}
	var before, after unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
	n.Reloading()
	s := heard(t, c, time.Second)
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
	m := regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=(\d+)\n?$`).FindStringSubmatch(s)
	if m == nil {
		t.Fatalf("reloading: %q", s)
	}
	if at, _ := strconv.ParseInt(m[1], 10, 64); at < before.Nano()/1000 || at > after.Nano()/1000 {
		t.Errorf("the time is %d, not between %d and %d", at, before.Nano()/1000, after.Nano()/1000)
	}
	n.Reloaded("3 rules")
	if s := heard(t, c, time.Second); s != "READY=1\nSTATUS=3 rules" {
		t.Errorf("reloaded: %q", s)
	}
	n.Stopping("ends")
	n.Close()
	if s := heard(t, c, time.Second); s != "STOPPING=1\nSTATUS=ends" {
		t.Errorf("stopping: %q", s)
	}
	n.Progress(9, "too late") // after the end nothing is said, and nothing breaks
	if s := heard(t, c, 50*time.Millisecond); strings.Contains(s, "late") {
		t.Errorf("after the end: %q", s)
	}
}

// TestWatchdogNeedsProgress: an engine that calls but does not get on feeds the watchdog no more, and one that gets on
// again does. There is no timer that would do so by itself.
func TestWatchdogNeedsProgress(t *testing.T) {
	c := manager(t)
	n := SystemNotifier()
	defer n.Close()
	beats := func(within time.Duration) (k int) {
		for end := time.Now().Add(within); time.Now().Before(end); {
			if heard(t, c, time.Until(end)) == "WATCHDOG=1" {
				k++
			}
		}
		return k
	}
	for i := range 3 {
		n.Progress(uint64(i), "fine")
		if k := beats(60 * time.Millisecond); k != 1 {
			t.Fatalf("call %d: %d beats", i, k)
		}
	}
	for range 5 {
		n.Progress(2, "fine")
	}
	if k := beats(150 * time.Millisecond); k != 0 {
		t.Errorf("%d beats of an engine that is stuck", k)
	}
	n.Progress(3, "fine")
	if k := beats(60 * time.Millisecond); k != 1 {
		t.Errorf("%d beats of an engine that gets on again", k)
	}
}

// TestNoManager: without one, and with one that is gone, nothing fails or waits.
func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if n := SystemNotifier(); n != nil {
		t.Error("a manager where none is")
	}
	var none *Notifier
	none.Progress(1, "")
	none.Reloading()
	none.Reloaded("")
	none.Stopping("")
	none.Close()
	stuck := NewNotifier(func(string) error { select {} })
	begin := time.Now()
	for i := range 1000 {
		stuck.Progress(uint64(i), strconv.Itoa(i))
	}
	stuck.Close()
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("a manager that hangs holds the sensor up for %v", d)
	}
}
