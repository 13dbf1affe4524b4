package sensor_test

import (
	"context"
	"path/filepath"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/sensor"
)

// flowEnds sums up what flow events say at the end of connections.
type flowEnds struct{ packets, payload, n uint64 }

func (x *flowEnds) Event(e event.Event) error {
	if f, ok := e.(*event.Flow); ok && f.What == event.Ended {
		x.n++
		x.packets += f.Sides[0].Packets + f.Sides[1].Packets
		x.payload += f.Sides[0].Payload + f.Sides[1].Payload
	}
	return nil
}

// TestStreamDepth: past the depth data goes by unread, counted; connections are followed to their end all the same.
func TestStreamDepth(t *testing.T) {
	run := func(depth uint64, workers int) (*sensor.Result, flowEnds) {
		src, err := capture.OpenFile(filepath.Join("../../testdata/captures", "clean-wan", "inside.pcap"), capture.FileOptions{Poison: true})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		var ends flowEnds
		r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, StreamDepth: depth, Sinks: []sensor.EventSink{&ends},
			OnStatus:  func(*sensor.Status) {},
			Analyzers: []analyzer.Def{protocol(false)}, Detectors: []detect.Def{{Name: "listener", Wants: detect.Wants{Named: []string{"speech"}}, New: func(*detect.Scope) detect.Detector { return &listener{} }}}})
		if err != nil {
			t.Fatal(err)
		}
		return r, ends
	}
	all, allEnds := run(0, 1)
	cut, cutEnds := run(4096, 1)
	two, _ := run(4096, 2)
	if allEnds != cutEnds || all.Flow != cut.Flow || cutEnds.n == 0 {
		t.Errorf("connections: %+v, with a depth %+v", allEnds, cutEnds)
	}
	if all.Protocols.Passed != 0 || cut.Protocols.Passed == 0 || cut.Protocols.PassedBytes == 0 || cut.Streams.Depth == 0 {
		t.Errorf("unread: %d packets without a depth, %d with; %d directions reached it", all.Protocols.Passed, cut.Protocols.Passed, cut.Streams.Depth)
	}
	if d := all.Streams.Delivered - cut.Streams.Delivered; all.Streams.Delivered <= cut.Streams.Delivered || cut.Protocols.PassedBytes > d {
		t.Errorf("delivered %d and %d, unread %d bytes", all.Streams.Delivered, cut.Streams.Delivered, cut.Protocols.PassedBytes)
	}
	if two.Protocols.Passed != cut.Protocols.Passed || two.Protocols.PassedBytes != cut.Protocols.PassedBytes {
		t.Errorf("two workers: %d, one: %d", two.Protocols.Passed, cut.Protocols.Passed)
	}
}
