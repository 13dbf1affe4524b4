package capture_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// TestRotation: packets written into file after file come in order, each once, whether files have new names or a ring of
// names is used again; a file that is still written is waited for.
func TestRotation(t *testing.T) {
	for _, ring := range []int{100, 3} {
		dir := t.TempDir()
		stamp := time.Now().Add(-time.Hour)
		var want, got int64
		name := func(k int) string { return filepath.Join(dir, fmt.Sprintf("cap-%02d.pcap", k%ring)) }
		put := func(k, n int, add bool) {
			var us []int64
			for range n {
				us = append(us, want)
				want++
			}
			b := pcapOf(t, us...)
			flag := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
			if add {
				b, flag = b[24:], os.O_APPEND|os.O_WRONLY
			}
			f, err := os.OpenFile(name(k), flag, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(b); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			stamp = stamp.Add(time.Second)
			if err := os.Chtimes(name(k), stamp, stamp); err != nil {
				t.Fatal(err)
			}
		}
		put(0, 3, false)
		put(1, 2, false)
		src, err := capture.OpenRotation(filepath.Join(dir, "cap-*.pcap"), capture.FileOptions{Poison: true})
		if err != nil {
			t.Fatal(err)
		}
		drain := func() {
			t.Helper()
			var b packet.Batch
			for {
				err := src.Next(&b)
				for i := range b.Packets {
					if p := &b.Packets[i]; int64(p.Time)/1000 != got || p.Frame != uint64(got+1) || p.Source != 0 {
						t.Fatalf("ring of %d: packet %d at %d, frame %d, source %d", ring, got+1, int64(p.Time)/1000, p.Frame, p.Source)
					}
					got++
				}
				b.Release()
				if errors.Is(err, capture.ErrIdle) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		drain()
		for k := 2; k < 12; k++ {
			put(k, 4, false)
			drain()
			put(k, 2, true)
			drain()
		}
		if got != want || len(capture.Interfaces(src)) != 1 {
			t.Errorf("ring of %d: %d packets of %d, %d interfaces", ring, got, want, len(capture.Interfaces(src)))
		}
		_ = src.Close()
	}
	if _, err := capture.OpenRotation(filepath.Join(t.TempDir(), "x*"), capture.FileOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if dir := t.TempDir(); !capture.Rotation(dir) || !capture.Rotation("a*") || capture.Rotation("a.pcap") {
		t.Error("what is a rotation")
	}
}
