package capture_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// drain reads until the source is idle and returns frame numbers and first bytes.
func drain(t *testing.T, s capture.Source) (frames []uint64, data []byte) {
	t.Helper()
	var b packet.Batch
	for {
		err := s.Next(&b)
		for _, p := range b.Packets {
			frames = append(frames, p.Frame)
			data = append(data, p.Data[0])
		}
		b.Release()
		if errors.Is(err, capture.ErrIdle) {
			return frames, data
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFollow(t *testing.T) {
	whole := pcapOf(t, 1, 2, 3, 4)
	path := filepath.Join(t.TempDir(), "live.pcap")
	put := func(b []byte, flag int) {
		t.Helper()
		f, err := os.OpenFile(path, flag|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(s capture.Source, frames []uint64, data string) {
		t.Helper()
		f, d := drain(t, s)
		if string(d) != data || len(f) != len(frames) {
			t.Fatalf("frames %v %q, want %v %q", f, d, frames, data)
		}
		for i := range f {
			if f[i] != frames[i] {
				t.Fatalf("frames %v, want %v", f, frames)
			}
		}
	}
	put(nil, os.O_TRUNC)
	s := mustOpen(t, path, capture.FileOptions{Follow: true, Poison: true})
	expect(s, nil, "")
	put(whole[:11], os.O_APPEND)
	expect(s, nil, "")
	put(whole[11:24+17+5], os.O_APPEND)
	expect(s, []uint64{1}, "\x00")
	put(whole[24+17+5:24+34+3], os.O_APPEND)
	expect(s, []uint64{2}, "\x01")
	expect(s, nil, "")

	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed here")
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	expect(s, nil, "") // nothing under the name for a moment
	put(whole, os.O_TRUNC)
	expect(s, []uint64{3, 4, 5, 6}, "\x00\x01\x02\x03")
	st := s.Stats()
	if len(st.SkippedNotes) != 1 || !strings.Contains(st.SkippedNotes[0].What, "the last 3 bytes of the old one") || st.Skipped != 1 {
		t.Errorf("%+v", st)
	}
	put(whole[:24+17], os.O_TRUNC)
	expect(s, []uint64{7}, "\x00")
	st = s.Stats()
	if len(st.SkippedNotes) != 2 || !strings.Contains(st.SkippedNotes[1].What, "was truncated from 92 to 41 bytes") || st.Received != 7 {
		t.Errorf("%+v", st)
	}
	if got := capture.Interfaces(s); len(got) != 1 {
		t.Error(got)
	}
}
