package sensor_test

import (
	"context"
	"slices"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// tally notes the order in which flows begin and end.
type tally struct {
	started, ended int
	order          []uint64
}

func (s *tally) Event(e event.Event) error {
	if f, ok := e.(*event.Flow); ok {
		switch f.What {
		case event.Started:
			s.started++
		case event.Ended:
			s.ended++
		}
		s.order = append(s.order, f.Head().FlowID<<4|uint64(f.What))
	}
	return nil
}

// Each flow that began ends, and the events come in the same order, whether one worker closes the shards at the end of
// the input or another goroutine closes them ahead of the border.
func TestEveryFlowEnds(t *testing.T) {
	var want []uint64
	for _, workers := range []int{1, 2, 8} {
		src, err := capture.OpenFile("../../testdata/captures/syn-flood/inside.pcap", capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := &tally{}
		if _, err = sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Checksums: packet.ChecksumsAuto, Sinks: []sensor.EventSink{s}}); err != nil {
			t.Fatal(err)
		}
		src.Close()
		if s.started < 3000 || s.started != s.ended {
			t.Errorf("%d workers: %d flows began, %d ended", workers, s.started, s.ended)
		}
		if want == nil {
			want = s.order
		} else if !slices.Equal(want, s.order) {
			t.Errorf("%d workers: another order than with one", workers)
		}
	}
}

// brittle fails outside of Handle.
type brittle struct{ tick, end bool }

func (brittle) Handle(event.Event) {}
func (b brittle) Tick(packet.Time) {
	if b.tick {
		panic("tick")
	}
}
func (b brittle) End(packet.Time) {
	if b.end {
		panic("end")
	}
}
func (brittle) Compose(*finding.Group, *finding.Builder) bool { return false }

// A detector that fails in Tick or End is switched off and named; the run goes on.
func TestPanicOutsideHandle(t *testing.T) {
	for name, b := range map[string]brittle{"tick": {tick: true}, "end": {end: true}} {
		src, err := capture.OpenFile("../../testdata/captures/clean-wan/inside.pcap", capture.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1,
			Detectors: []detect.Def{{Name: "brittle", New: func(*detect.Scope) detect.Detector { return b }}}})
		src.Close()
		if err != nil || len(r.Broken) != 1 || r.Broken[0] != "brittle: "+name {
			t.Errorf("%s: %v, broken %v", name, err, r.Broken)
		}
	}
}
