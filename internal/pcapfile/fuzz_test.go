package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// fuzzRead reads b in two ways that must agree, and rewrites it.
func fuzzRead(t *testing.T, b []byte) {
	type sum struct {
		frames int
		bytes  int
		err    string
	}
	read := func(src io.Reader) (s sum) {
		pool := &Pool{Poison: true}
		r := NewReader(src, Options{Pool: pool, OnComment: func(Comment) {}, OnBlock: func(RawBlock) {}})
		var rec Record
		for {
			err := r.Next(&rec)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					s.err = err.Error()
				}
				break
			}
			if len(rec.Data) > MaxBlock || int(rec.Iface) >= len(r.Interfaces()) {
				t.Fatalf("record %+v", rec)
			}
			s.frames++
			s.bytes += len(rec.Data)
		}
		r.Close()
		if pool.Out() != 0 || len(r.Notes()) > MaxNotes {
			t.Fatalf("%d blocks out, %d notes", pool.Out(), len(r.Notes()))
		}
		return s
	}
	whole := read(bytes.NewReader(b))
	if parts := read(&slowReader{b}); parts != whole {
		t.Fatalf("read whole %+v, in parts %+v", whole, parts)
	}
	_ = Rewrite(io.Discard, bytes.NewReader(b), RewriteOptions{Edit: func(*Record) (bool, []string) { return true, []string{"c"} }})
}

// slowReader gives 13 bytes at a time.
type slowReader struct{ b []byte }

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 13)], s.b)
	s.b = s.b[n:]
	return n, nil
}

func FuzzPcap(f *testing.F) {
	for _, bo := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		rec := [5]any{1, 2, 3, 9, "abc"}
		f.Add(pcapBytes(bo, 0xa1b2c3d4, 2, 4, 99, 1, 0, rec, rec))
		f.Add(pcapBytes(bo, 0xa1b23c4d, 2, 3, 0, 1<<26|2<<28|1, 0, rec))
		f.Add(pcapBytes(bo, 0xa1b2cd34, 2, 4, 99, 113, 8, rec, rec))
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzzRead(t, b) })
}

func FuzzPcapng(f *testing.F) {
	f.Add(rich(littleNG()))
	f.Add(rich(bigNG()))
	g := littleNG().shb().idb(1, 64)
	f.Add(g.epb(0, 1<<63, "x").b)
	f.Fuzz(func(t *testing.T, b []byte) { fuzzRead(t, b) })
}
