package sensor_test

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// A detector that says what it wants must not miss what it needs: called for every event, it finds the same.
func TestWants(t *testing.T) {
	all := append([]detect.Def(nil), standard.Detectors...)
	for i := range all {
		all[i].Wants = detect.Wants{}
	}
	files, _ := filepath.Glob("../../testdata/captures/*/inside.pcap")
	if len(files) < 20 {
		t.Fatalf("%d captures", len(files))
	}
	for i, f := range files {
		if testing.Short() && i%4 != 0 {
			continue
		}
		var got [2][]*finding.Finding
		for n, d := range [][]detect.Def{standard.Detectors, all} {
			src, err := capture.OpenFile(f, capture.FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: packet.ChecksumsAll, Analyzers: standard.Analyzers, Detectors: d})
			if err != nil {
				t.Fatal(err)
			}
			got[n] = r.Findings
		}
		if !reflect.DeepEqual(got[0], got[1]) {
			t.Errorf("%s: %d findings, %d when called for every event", f, len(got[0]), len(got[1]))
		}
	}
}

// frail panics at the third event that it is called for.
type frail struct{ n int }

func (f *frail) Handle(event.Event) {
	if f.n++; f.n == 3 {
		panic("third event")
	}
}
func (*frail) Tick(packet.Time)                              {}
func (*frail) End(packet.Time)                               {}
func (*frail) Compose(*finding.Group, *finding.Builder) bool { return false }

// counter counts what it is called for.
type counter struct {
	frail
	seen uint64
}

func (c *counter) Handle(event.Event) { c.seen++ }

func TestPanicStaysWithItsDetector(t *testing.T) {
	f := "../../testdata/captures/clean-wan/inside.pcap"
	src, err := capture.OpenFile(f, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	bad, before, behind := &frail{}, &counter{}, &counter{}
	def := func(name string, d detect.Detector) detect.Def {
		return detect.Def{Name: name, New: func(*detect.Scope) detect.Detector { return d }}
	}
	r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: packet.ChecksumsAll,
		Detectors: []detect.Def{def("before", before), def("bad", bad), def("behind", behind)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) != 1 || bad.n != 3 {
		t.Errorf("broken %v after %d events", r.Broken, bad.n)
	}
	if before.seen != r.Summary.Events || behind.seen != r.Summary.Events || behind.seen < 4 {
		t.Errorf("of %d events one before saw %d, one behind %d", r.Summary.Events, before.seen, behind.seen)
	}
}

// odd keeps the anomalies that it is shown.
type odd struct {
	frail
	codes []string
}

func (o *odd) Handle(e event.Event) {
	if a, ok := e.(*event.Anomaly); ok {
		o.codes = append(o.codes, a.Code.String())
	}
}

// What decoding finds odd becomes events where a detector names their kind, and only there.
func TestAnomaliesReachWhoWantsThem(t *testing.T) {
	frame := packettest.TCP{Src: "10.0.0.1:5", Dst: "10.0.0.2:6", Flags: packet.SYN, Options: []byte{2, 3, 5, 1}}.Frame()
	for want, w := range map[int]detect.Wants{
		1: {Kinds: []event.Kind{event.KindAnomaly}},
		0: {TCP: []event.What{event.Ended}},
	} {
		o := &odd{}
		r, err := sensor.Run(context.Background(), sensor.Options{Source: &slice{[]packet.Packet{*packettest.At(frame, 1, 1)}}, Workers: 1,
			Detectors: []detect.Def{{Name: "odd", Wants: w, New: func(*detect.Scope) detect.Detector { return o }}}})
		if err != nil || r.Counts.Packets != 1 {
			t.Fatal(err)
		}
		if len(o.codes) != want {
			t.Errorf("%v, want %d", o.codes, want)
		}
	}
}
