//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/store"
)

// A backup while findings are being written: the store in it opens, is not damaged, and has what was there when it began.
func TestBackupOfWrittenStore(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync is missing: apt-get install rsync")
	}
	dir := t.TempDir()
	in, dest, to := filepath.Join(dir, "store"), filepath.Join(dir, "dest"), filepath.Join(dir, "restored")
	s, err := store.Open(in, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	code := &finding.Code{ID: "tcp-closed-port", Kind: finding.Diagnosis, Severity: finding.Low}
	stop, done, first := make(chan bool), make(chan int64), make(chan bool)
	go func() {
		for n := int64(0); ; n++ {
			at := packet.Ref{Frame: 1, Time: packet.Time(time.Unix(1_790_000_000+n, 0).UnixNano())}
			f := &finding.Finding{ID: fmt.Sprintf("FS-%06d", n), Revision: 1, State: finding.Open, Code: code, Severity: finding.Low, Title: "t", Summary: "s", First: at, Last: at, Count: 1}
			if _, err := s.Put([]*store.Record{{Finding: f, Begin: at.Time, Now: at.Time}}); err != nil {
				t.Error(err)
			}
			if n == 10 {
				close(first)
			}
			select {
			case <-stop:
				done <- n
				return
			default:
			}
		}
	}()
	<-first
	r := runApp(nil, "backup", "run", dest, "--state", filepath.Join(dir, "state"), "--no-state", "--store", in)
	close(stop)
	written := <-done
	if r.code != 0 {
		t.Fatalf("%+v", r)
	}
	if r := runApp(nil, "backup", "restore", dest, "--to", to); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	c, err := store.Open(filepath.Join(to, in), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	z, err := c.Size()
	if err != nil || len(c.Notes()) > 0 || z.Findings < 10 || z.Findings > written+1 {
		t.Errorf("%d findings, %d were written: %v %v", z.Findings, written, err, c.Notes())
	}
}
