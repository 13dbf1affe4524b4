package sensor_test

import (
	"context"
	"os"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// TestProf runs one capture with every detector and nothing around it, for a profile.
func TestProf(t *testing.T) {
	f := os.Getenv("PROF")
	if f == "" {
		t.Skip("runs a capture for a profile: PROF=/path/to.pcap go test -run TestProf -cpuprofile cpu.out")
	}
	s, err := capture.OpenFile(f, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: s, Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Counts.Packets, r.Summary.Events)
}
