package scan

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// events reads the events of a capture in their order.
type events struct{ list []event.Event }

func (s *events) Event(e event.Event) error {
	s.list = append(s.list, event.Keep(e))
	return nil
}

func eventsOf(t testing.TB, file string) []event.Event {
	t.Helper()
	src, err := capture.OpenFile("../../../testdata/captures/"+file, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	s := &events{}
	if _, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: 1, Checksums: packet.ChecksumsAuto, Sinks: []sensor.EventSink{s}}); err != nil {
		t.Fatal(err)
	}
	return s.list
}

// told runs events through a detector that is saved and loaded into a new one at the given places, and returns what it
// reported.
func told(t testing.TB, list []event.Event, splits map[int]bool) []string {
	t.Helper()
	var out []string
	hosts := detect.NewHosts(1000)
	fresh := func() *detector {
		s := detect.NewScope(detect.NewLedger(1000), hosts, nil, detect.Limits{Entries: 1000}, func(i *finding.Instance) {
			out = append(out, fmt.Sprint(i.Code, i.Key, i.Client, i.First.Frame, i.Last.Frame, text(i.Data)))
		})
		return newDetector(s).(*detector)
	}
	d := fresh()
	now := packet.Time(0)
	for n, e := range list {
		if splits[n] {
			var b bytes.Buffer
			if err := d.Save(&b); err != nil {
				t.Fatal(err)
			}
			was := b.String()
			d = fresh()
			if err := d.Load(&b); err != nil {
				t.Fatal(err)
			}
			if err := d.Save(&b); err != nil || len(b.String()) != len(was) {
				t.Fatalf("saved again it is %d bytes, not %d", b.Len(), len(was))
			}
		}
		d.Handle(e)
		if at := e.Head().Seen.Time; at.Sub(now) >= detect.TickEvery {
			now = at
			d.Tick(now)
		}
	}
	d.End(now)
	return out
}

func text(x any) string {
	switch r := x.(type) {
	case *report:
		s := fmt.Sprint(r.code, r.how, r.in, r.known, len(r.news), r.used)
		for i := range r.parts {
			b := r.parts[i].bout
			s += fmt.Sprint(r.parts[i].source, r.parts[i].step, b.fails, b.opens, b.refused, b.silent, b.again, b.how, b.window, b.asks, b.opened, b.failed.n)
		}
		return s
	case *noise:
		return fmt.Sprint(r.strangers, r.knocks, r.opened, r.answers, r.searches, r.ports, r.asks)
	}
	return "?"
}

// A capture that is split at twenty places, with the memory saved and loaded in between, tells the same.
func TestKeeper(t *testing.T) {
	for _, file := range []string{"scan-syn/outside.pcap", "scan-connect/inside.pcap", "scan-decoys/outside.pcap", "scan-shared/outside.pcap", "scan-slow/inside.pcap",
		"scan-nothing/outside.pcap", "scan-monitor/inside.pcap"} {
		list := eventsOf(t, file)
		want := told(t, list, nil)
		splits := map[int]bool{}
		for i := range 20 {
			splits[len(list)*(i+1)/21] = true
		}
		got := told(t, list, splits)
		for i := range got { // what came before a split, an earlier run saw
			got[i] = strings.ReplaceAll(got[i], fmt.Sprintf(" %d}", packet.Earlier), " 0}")
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s, split:\n%q\nwhole:\n%q", file, got, want)
		}
		if file != "scan-monitor/inside.pcap" && len(want) == 0 {
			t.Errorf("%s: nothing was told", file)
		}
	}
}

// A damaged memory is refused, and leaves a detector that works.
func FuzzLoad(f *testing.F) {
	s := detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 20}, func(*finding.Instance) {})
	d := newDetector(s).(*detector)
	for _, e := range eventsOf(f, "scan-nothing/outside.pcap") {
		d.Handle(e)
	}
	var b bytes.Buffer
	if err := d.Save(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte{})
	list := eventsOf(f, "scan-shared/outside.pcap")
	f.Fuzz(func(t *testing.T, memory []byte) {
		d := newDetector(detect.NewScope(detect.NewLedger(100), detect.NewHosts(100), nil, detect.Limits{Entries: 20}, func(*finding.Instance) {})).(*detector)
		if err := d.Load(bytes.NewReader(memory)); err != nil && (d.sources.count() > 0 || d.bytes != 0 || d.oldest != nil) {
			t.Fatal("something stayed after a damaged memory")
		}
		for _, e := range list {
			d.Handle(e)
		}
		d.End(list[len(list)-1].Head().Seen.Time)
	})
}
