package sensor_test

import (
	"context"
	"path/filepath"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/stream"
)

// speech is what the protocol of this test emits: it calls the server by a name.
type speech struct{ head event.Head }

func (s *speech) Head() *event.Head                         { return &s.head }
func (s *speech) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
func (s *speech) EachName(f func(event.Name)) {
	f(event.Name{Addr: s.head.Server.Addr, Name: "named", From: event.NameHTTP})
}

// reader emits an event for each piece of data, or panics.
type reader struct {
	kind event.Kind
	fail bool
}

func (r *reader) Data(c *analyzer.Context, _ packet.Dir, _ []byte) {
	if r.fail {
		panic("frail")
	}
	if c.Wanted(r.kind) {
		c.Emit(&speech{c.Head(r.kind)})
	}
}
func (*reader) Gap(*analyzer.Context, packet.Dir, uint64)       {}
func (*reader) Close(*analyzer.Context, packet.Dir, stream.End) {}
func (*reader) Reset()                                          {}

func protocol(fail bool, names ...string) analyzer.Def {
	return analyzer.Def{Name: "speech", Over: []analyzer.Transport{analyzer.TCP}, Kinds: []string{"speech"}, Names: names,
		Probe:  func(packet.Dir, []byte) analyzer.Answer { return analyzer.Yes },
		Stream: func(o analyzer.Options) (analyzer.StreamAnalyzer, error) { return &reader{o.Kind("speech"), fail}, nil }}
}

// listener counts the events that it is called for.
type listener struct{ heard, other int }

func (l *listener) Handle(e event.Event) {
	if _, ok := e.(*speech); ok {
		l.heard++
	} else {
		l.other++
	}
}
func (*listener) Tick(packet.Time)                              {}
func (*listener) End(packet.Time)                               {}
func (*listener) Compose(*finding.Group, *finding.Builder) bool { return false }

func speak(t *testing.T, workers int, def analyzer.Def, wants detect.Wants) (*sensor.Result, *listener) {
	t.Helper()
	src, err := capture.OpenFile(filepath.Join("../../testdata/captures", "clean-wan", "inside.pcap"), capture.FileOptions{Poison: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	l := &listener{}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Checksums: packet.ChecksumsAuto,
		Analyzers: []analyzer.Def{def}, Detectors: []detect.Def{{Name: "listener", Wants: wants, New: func(*detect.Scope) detect.Detector { return l }}}})
	if err != nil {
		t.Fatal(err)
	}
	return r, l
}

// A protocol is read when a detector names one of its events, or when its events name addresses; else it rests.
func TestProtocolsAreReadWhenWanted(t *testing.T) {
	named := detect.Wants{Named: []string{"speech", "unknown"}}
	r, l := speak(t, 2, protocol(false), named)
	if l.heard == 0 || l.other != 0 || r.Protocols.Bound == 0 || r.Streams.Delivered == 0 {
		t.Errorf("named: %d events of it, %d others, %+v", l.heard, l.other, r.Protocols)
	}
	heard := l.heard
	if r, l = speak(t, 2, protocol(false), detect.Wants{TCP: []event.What{event.Started}}); l.heard != 0 || l.other == 0 || r.Streams.Opened != 0 {
		t.Errorf("not named: %d events of it, %d others, %d streams", l.heard, l.other, r.Streams.Opened)
	}
	if r, l = speak(t, 2, protocol(false, "speech"), detect.Wants{TCP: []event.What{event.Started}}); l.heard != 0 || r.Streams.Opened == 0 {
		t.Errorf("names addresses: %d events to the detector, %d streams", l.heard, r.Streams.Opened)
	}
	if n, ok := r.Names.Get(packet.MustAddr("10.2.0.2")); !ok || n.Name != "named" || n.Ref.IsZero() {
		t.Errorf("the name was not learned: %+v", n)
	}
	if _, l = speak(t, 1, protocol(false), detect.Wants{}); l.heard != heard || l.other == 0 {
		t.Errorf("all events: %d of it, want %d", l.heard, heard)
	}
}

// A reader that panics is taken off its conversation; which ones are said first does not depend on the workers.
func TestReaderFails(t *testing.T) {
	r, _ := speak(t, 1, protocol(true), detect.Wants{Named: []string{"speech"}})
	if r.Protocols.Panics == 0 || len(r.Failed) == 0 || r.Failed[0].Analyzer != "speech" || r.Failed[0].Value != "frail" || r.Failed[0].Seen.IsZero() {
		t.Fatalf("%+v, %+v", r.Protocols, r.Failed)
	}
	for _, workers := range []int{2, 8} {
		again, _ := speak(t, workers, protocol(true), detect.Wants{Named: []string{"speech"}})
		if again.Protocols.Panics != r.Protocols.Panics || len(again.Failed) != len(r.Failed) {
			t.Fatalf("%d workers: %+v", workers, again.Failed)
		}
		for i := range r.Failed {
			if again.Failed[i] != r.Failed[i] {
				t.Errorf("%d workers: %+v, want %+v", workers, again.Failed[i], r.Failed[i])
			}
		}
	}
}
