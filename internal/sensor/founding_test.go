package sensor_test

import (
	"context"
	"path/filepath"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

func analyse(t testing.TB, workers int, seed uint64, files ...string) *sensor.Result {
	t.Helper()
	var srcs []capture.Source
	for _, f := range files {
		s, err := capture.OpenFile(filepath.Join("../../testdata/captures", f), capture.FileOptions{Poison: true})
		if err != nil {
			t.Fatal(err)
		}
		srcs = append(srcs, s)
	}
	src := srcs[0]
	if len(srcs) > 1 {
		src = capture.Merge(srcs...)
	}
	defer src.Close()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Seed: seed, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 {
		t.Fatalf("broken %v faulty %v", r.Broken, r.Engine.Faulty)
	}
	return r
}

// TestFounding: the founding capture gives exactly one finding, whatever the number of workers.
func TestFounding(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		r := analyse(t, workers, uint64(workers), "founding-timewait/founding.pcap")
		if len(r.Findings) != 1 {
			t.Fatalf("%d workers: %d findings", workers, len(r.Findings))
		}
		f := r.Findings[0]
		if f.Code.ID != "tcp-timewait-reuse" || f.Confidence != finding.Likely {
			t.Errorf("%s %s", f.Code.ID, f.Confidence)
		}

	}
}
