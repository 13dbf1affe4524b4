package sensor_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// troubled runs packets as live ones and returns the troubles that the status told, each once, and those it told last.
func troubled(t *testing.T, ps []packet.Packet) (all, last []string, findings []said) {
	t.Helper()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: &slice{ps}, Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors,
		OnFindings: func(sensor.Decided) {}, OnStatus: func(s *sensor.Status) {
			last = nil
			for _, x := range s.Troubles {
				last = append(last, x.What)
				if !slices.Contains(all, x.What) {
					all = append(all, x.What)
				}
				if !strings.ContainsAny(x.Why, "0123456789") {
					t.Errorf("%s: no number in %q", x.What, x.Why)
				}
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	return all, last, saidIn(r)
}

// longer repeats a capture at intervals of twenty minutes.
func longer(ps []packet.Packet, times int) (out []packet.Packet) {
	for i := range times {
		for _, p := range ps {
			p.Time = p.Time.Add(time.Duration(i) * 20 * time.Minute)
			p.Frame += uint64(i) << 32
			out = append(out, p)
		}
	}
	return out
}

// TestTroubles: what makes a sensor blind, or see double, is told by the status, and nothing else is. What is found is the same
// where everything comes twice.
func TestTroubles(t *testing.T) {
	const name = "clean-routed/inside.pcap"
	whole := func() []packet.Packet { return longer(frames(t, name), 2) }
	if all, _, _ := troubled(t, whole()); len(all) > 0 {
		t.Errorf("nothing is wrong: %v", all)
	}
	twice := func(name string) (out []packet.Packet) {
		for _, p := range frames(t, name) {
			out = append(out, p, p)
		}
		return out
	}
	if _, last, _ := troubled(t, longer(twice(name), 2)); !slices.Contains(last, "mirror sends twice") {
		t.Errorf("everything twice: %v", last)
	}
	_, _, want := troubled(t, frames(t, "closed-port/inside.pcap"))
	_, _, got := troubled(t, twice("closed-port/inside.pcap"))
	if !slices.ContainsFunc(got, func(s said) bool { return s.Code == "duplicate-on-wire" }) {
		t.Error("that everything comes twice is no finding")
	}
	got = slices.DeleteFunc(got, func(s said) bool { return s.Code == "duplicate-on-wire" })
	same := func(a, b said) bool {
		return a.Code == b.Code && a.Title == b.Title && a.Confidence == b.Confidence && a.Count == b.Count
	}
	if len(want) == 0 || !slices.EqualFunc(want, got, same) {
		t.Errorf("everything twice: found %v, once %v", got, want)
	}
	one := slices.DeleteFunc(whole(), func(p packet.Packet) bool {
		packet.Decode(&p, nil)
		return p.Proto == packet.ProtoTCP && p.SrcPort < 1024
	})
	if all, _, _ := troubled(t, one); !slices.Contains(all, "one-sided capture") {
		t.Errorf("one direction: %v", all)
	}
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		ps := whole()
		for i := len(ps) / 2; i < len(ps); i++ {
			ps[i].Time = ps[i].Time.Add(by)
		}
		if all, _, _ := troubled(t, ps); !slices.Contains(all, "clock was set") {
			t.Errorf("clock set by %v: %v", by, all)
		}
	}
}
