package sensor_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// patient waits a moment when a followed file has nothing new.
type patient struct{ capture.Source }

func (p patient) Next(b *packet.Batch) error {
	err := p.Source.Next(b)
	if errors.Is(err, capture.ErrIdle) {
		time.Sleep(time.Millisecond)
	}
	return err
}

// said is what a finding tells a person, without what its life adds.
type said struct {
	ID, Code, Title, Confidence string
	Count                       int
	Explains                    []string
}

func saidIn(r *sensor.Result) (out []said) {
	for _, f := range r.Findings {
		s := said{f.ID, f.Code.ID, f.Title, f.Confidence.String(), f.Count, nil}
		for _, x := range f.Explains {
			s.Explains = append(s.Explains, x.Code)
		}
		out = append(out, s)
	}
	return out
}

// TestFindingsWhileFollowing: a file grows, and its finding arrives while it does, once. The end says the same as a
// reading of the whole file.
func TestFindingsWhileFollowing(t *testing.T) {
	founding, err := os.ReadFile("../../testdata/captures/founding-timewait/founding.pcap")
	if err != nil {
		t.Fatal(err)
	}
	if binary.LittleEndian.Uint32(founding) != 0xa1b2c3d4 {
		t.Fatal("the founding capture is no little-endian pcap any more")
	}
	first := binary.LittleEndian.Uint32(founding[24:])
	later := func(seconds uint32) []byte { // an unrelated packet, so many seconds after the first
		frame := packettest.UDP{Src: "192.168.9.9:5000", Dst: "192.168.9.1:5001"}.Frame()
		b := binary.LittleEndian.AppendUint32(nil, first+seconds)
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
		return append(b, frame...)
	}
	for _, workers := range []int{1, 3} {
		name := filepath.Join(t.TempDir(), "growing.pcap")
		file, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		write := func(b []byte) {
			t.Helper()
			if _, err := file.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		write(founding)
		src, err := capture.OpenFile(name, capture.FileOptions{Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		heard := make(chan said, 100)
		opt := sensor.Options{Source: patient{src}, Workers: workers, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors}
		opt.OnFindings = func(d sensor.Decided) {
			for _, f := range d.Findings {
				heard <- said{ID: f.ID, Code: f.Code.ID, Title: f.Title, Confidence: f.Confidence.String(), Count: f.Count}
			}
		}
		type outcome struct {
			r   *sensor.Result
			err error
		}
		done := make(chan outcome, 1)
		go func() {
			r, err := sensor.Run(ctx, opt)
			done <- outcome{r, err}
		}()
		select {
		case s := <-heard:
			t.Fatalf("%d workers: %s before its time", workers, s.Title)
		case <-time.After(100 * time.Millisecond):
		}
		var extra []byte
		for s := uint32(100); s < 700; s += 5 {
			extra = append(extra, later(s)...)
		}
		write(extra)
		var got said
		select {
		case got = <-heard:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d workers: no finding while the file grows", workers)
		}
		if got.Code != "tcp-timewait-reuse" {
			t.Errorf("%d workers: first came %s", workers, got.Code)
		}
		time.Sleep(50 * time.Millisecond) // the rest of what was written
		stop()
		live := <-done
		if live.err != nil || !live.r.Interrupted {
			t.Fatalf("%d workers: %v", workers, live.err)
		}
		if n := len(heard); n != 0 {
			t.Errorf("%d workers: %d more findings, first %v", workers, n, <-heard)
		}
		_ = src.Close()
		_ = file.Close()

		whole, err := capture.OpenFile(name, capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		opt.Source, opt.OnFindings = whole, nil
		r, err := sensor.Run(context.Background(), opt)
		_ = whole.Close()
		if err != nil {
			t.Fatal(err)
		}
		same := func(a, b said) bool {
			return a.ID == b.ID && a.Title == b.Title && a.Confidence == b.Confidence && a.Count == b.Count && slices.Equal(a.Explains, b.Explains)
		}
		if a, b := saidIn(live.r), saidIn(r); !slices.EqualFunc(a, b, same) {
			t.Errorf("%d workers: followed %v\nread at once %v", workers, a, b)
		}
	}
}
