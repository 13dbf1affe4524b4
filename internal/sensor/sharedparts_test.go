package sensor_test

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// eveSink writes each event as EVE and forgets it.
type eveSink struct{ buf []byte }

func (s *eveSink) Event(e event.Event) error {
	s.buf = e.AppendEVE(s.buf[:0], &event.EVE{Version: 8})
	return nil
}

// TestSharedPartsStayZero: the parts that healthy flows share are zero after whole runs with every analyzer and detector.
// A write to one of them would put facts of one connection into all others.
func TestSharedPartsStayZero(t *testing.T) {
	files, _ := filepath.Glob("../../testdata/captures/*/inside.pcap")
	if len(files) == 0 {
		t.Skip("no captures below testdata/captures")
	}
	for _, f := range files {
		s, err := capture.OpenFile(f, capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = sensor.Run(context.Background(), sensor.Options{Source: s, Workers: 1, Checksums: packet.ChecksumsAuto,
			Analyzers: standard.Analyzers, Detectors: standard.Detectors, Sinks: []sensor.EventSink{&eveSink{}}}); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		x := event.NewSnapshot(event.Head{})
		for _, p := range []any{x.FlowRare, x.FlowTalk, x.Sides[0].SideRare, x.Sides[0].SideTalk, x.Sides[1].SideRare, x.Sides[1].SideTalk} {
			if !reflect.ValueOf(p).Elem().IsZero() {
				t.Fatalf("%s: written to a shared part: %+v", f, p)
			}
		}
	}
}
