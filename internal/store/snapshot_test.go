//go:build linux

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// While another writes, each copy is whole: it has all findings that were there when it began, and opens as a store.
func TestSnapshotWhileWritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(t, s, found(closed, 0, 1))
	stop, done := make(chan bool), make(chan int)
	go func() {
		n := 1
		for ; n < 5000; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			if _, err := s.Put([]*Record{{Finding: found(closed, n, float64(n)), Begin: day(0), Now: day(float64(n))}}); err != nil {
				t.Error(err)
			}
		}
		done <- n
	}()
	before := int64(1)
	for range 3 {
		to := t.TempDir()
		if err := Snapshot(context.Background(), filepath.Join(dir, File), filepath.Join(to, File)); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(filepath.Join(to, "*-wal")); len(left) > 0 {
			t.Errorf("the copy has a log: %v", left)
		}
		c := open(t, to, Options{})
		if len(c.Notes()) > 0 {
			t.Errorf("%v", c.Notes())
		}
		z, err := c.Size()
		if err != nil || z.Findings < before {
			t.Errorf("%d findings after %d: %v", z.Findings, before, err)
		}
		now, err := s.Size()
		if err != nil {
			t.Fatal(err)
		}
		before = now.Findings
	}
	close(stop)
	if n := <-done; n < 3 {
		t.Errorf("%d were written meanwhile: the test shows nothing", n)
	}
}

func TestSnapshotRefuses(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	file, to := filepath.Join(dir, File), filepath.Join(dir, "copy")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Snapshot(ctx, file, to); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if err := os.WriteFile(to, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Snapshot(context.Background(), filepath.Join(dir, "none"), to); err == nil {
		t.Error("copied nothing")
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Snapshot(context.Background(), other, to+"2"); !errors.Is(err, ErrForeign) {
		t.Errorf("an empty file: %v", err)
	}
	if err := os.WriteFile(other, []byte("SQLite format 3\x00 and then nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Snapshot(context.Background(), other, to+"3"); !IsDamage(err) {
		t.Errorf("damage: %v", err)
	}
}
