package output

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/internal/finding"
)

// stuck is an output whose receiver takes nothing until its context ends.
type stuck struct{ ctx context.Context }

func (s *stuck) Finding(*finding.Finding) error { <-s.ctx.Done(); return errors.New("gone") }

type stuckOutput struct {
	recorder
	stuck
}

func (s *stuckOutput) Finding(f *finding.Finding) error { return s.stuck.Finding(f) }

// A receiver that hangs stops neither the caller nor the end of the program, and what it did not get is counted.
func TestLiveRunnerEndsThoughAReceiverHangs(t *testing.T) {
	r := NewRunner(true)
	r.Add(Def{Name: "stuck", Blocking: true}, &stuckOutput{stuck: stuck{r.Context()}})
	good := &recorder{}
	r.Add(Def{Name: "good", Blocking: true}, good)
	start := time.Now()
	const n = liveFindings + 500
	for range n {
		r.Finding(&finding.Finding{ID: "FS-1"})
		time.Sleep(10 * time.Microsecond)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("findings waited %s", d)
	}
	start = time.Now()
	_ = r.Close()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the end took %s", d)
	}
	c := r.Counts()
	if c[0].Dropped == 0 || c[0].Dropped+c[0].Failed != n {
		t.Errorf("stuck: %+v", c[0])
	}
	if c[1].Written+c[1].Dropped != n || c[1].Written < liveFindings {
		t.Errorf("good: %+v", c[1])
	}
}

// deaf is an output that listens to nobody.
type deaf struct{ recorder }

func (d *deaf) Finding(*finding.Finding) error { select {} }

// An output that does not even end when it is told to is left behind, and said.
func TestLiveRunnerLeavesADeafOutputBehind(t *testing.T) {
	r := NewRunner(true)
	r.Add(Def{Name: "deaf", Blocking: true}, &deaf{})
	r.Finding(&finding.Finding{ID: "FS-1"})
	done := make(chan error, 1)
	go func() { done <- r.Close() }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "output deaf: did not end in time") {
			t.Errorf("%v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the program does not end")
	}
}

// Where there is no time, nobody is waited for, however many do not listen.
func TestLiveRunnerHastens(t *testing.T) {
	r := NewRunner(true)
	for range 4 {
		r.Add(Def{Name: "deaf", Blocking: true}, &deaf{})
	}
	r.Finding(&finding.Finding{ID: "FS-1"})
	time.AfterFunc(100*time.Millisecond, r.Hasten)
	begin := time.Now()
	err := r.Close()
	if d := time.Since(begin); err == nil || d > 100*time.Millisecond+2*giveUp {
		t.Errorf("the end took %v: %v", d, err)
	}
	r = NewRunner(true)
	r.Add(Def{Name: "stuck", Blocking: true}, &stuckOutput{stuck: stuck{r.Context()}})
	r.Finding(&finding.Finding{ID: "FS-1"})
	r.Hasten()
	begin = time.Now()
	_ = r.Close()
	if d := time.Since(begin); d > giveUp {
		t.Errorf("the end took %v after there was no time any more", d)
	}
}

func TestRetry(t *testing.T) {
	fast := Backoff{First: time.Millisecond, Most: 4 * time.Millisecond, Within: time.Second}
	d := Delivery{Backoff: fast}
	n := 0
	if err := d.Do(context.Background(), func() error {
		if n++; n < 4 {
			return errors.New("away")
		}
		return nil
	}); err != nil || n != 4 || d.Health() != (Health{Up: true, Retried: 3}) {
		t.Errorf("%v after %d tries: %+v", err, n, d.Health())
	}
	n = 0
	_ = d.Do(context.Background(), func() error { n++; return &Permanent{errors.New("no")} })
	if h := d.Health(); n != 1 || h.Lost != 1 || h.Up || h.Err != "no" {
		t.Errorf("a refusal: %d tries, %+v", n, h)
	}
	d.Backoff.Within = 20 * time.Millisecond
	if err := d.Do(context.Background(), func() error { return errors.New("away") }); err == nil || d.Health().Lost != 2 {
		t.Errorf("it never gives up: %v, %+v", err, d.Health())
	}
}

func TestSinkFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "eve.json")
	s, err := OpenSink(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(x string) { _, _ = s.Write([]byte(x)) }
	read := func(n string) string { b, _ := os.ReadFile(n); return string(b) }
	write("one\ntw")
	if got := read(name); got != "one\n" {
		t.Errorf("half a line is there: %q", got)
	}
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	write("o\nthree\n")
	if read(name+".1") != "one\n" || read(name) != "two\nthree\n" {
		t.Errorf("after a rotation: %q and %q", read(name+".1"), read(name))
	}
	_ = s.Close()
	if _, err := os.Stat("/dev/full"); err == nil {
		full, err := OpenSink("/dev/full", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = full.Write([]byte("a\nb\n"))
		if h := full.Health(); h.Lost != 2 || h.Up || !strings.Contains(h.Err, "no space") {
			t.Errorf("a full disk: %+v", h)
		}
		// A line finds room: the disk is no better for it, until nothing was lost for a while.
		if full.file, err = openAppend(name); err != nil {
			t.Fatal(err)
		}
		_, _ = full.Write([]byte("c\n"))
		if h := full.Health(); h.Lost != 2 || h.Up || !strings.Contains(h.Err, "no space") {
			t.Errorf("a line found room: %+v", h)
		}
		full.sick = full.sick.Add(-sinkSick)
		full.publish()
		if h := full.Health(); !h.Up || h.Err != "" {
			t.Errorf("a while later: %+v", h)
		}
	}
}

// A receiver on a unix socket that comes late, goes, and comes back gets whole lines, and what it missed is counted.
func TestSinkSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := OpenSink("unix:"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Write([]byte("lost\n"))
	if h := s.Health(); h.Lost != 1 || h.Up {
		t.Errorf("nobody is there: %+v", h)
	}
	for round := range 2 {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 100)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			got <- line
			_ = c.Close()
		}()
		end := time.Now().Add(5 * time.Second)
		for line := ""; line == ""; {
			_, _ = s.Write([]byte("here\n"))
			select {
			case line = <-got:
				if line != "here\n" {
					t.Errorf("round %d: %q", round, line)
				}
			case <-time.After(50 * time.Millisecond):
				if time.Now().After(end) {
					t.Fatalf("round %d: nothing came: %+v", round, s.Health())
				}
			}
		}
		_ = l.Close()
	}
}

func TestLoopbackHost(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1:9": true, "localhost": true, "[::1]:80": true, "::1": true, "LOCALHOST:1": true,
		"evil.example": false, "evil.example:9": false, "10.0.0.1:9": false, "": false, "127.0.0.1.evil.example": false} {
		if LoopbackHost(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}
