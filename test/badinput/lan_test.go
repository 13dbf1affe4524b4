package badinput

import (
	"context"
	"slices"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

// lan are the detectors that look at who is on the wire.
var lan = []string{"arpconflict", "arpodd", "arpscan", "arpspoof", "arpwatch", "rarogue", "vrrp"}

// TestMacof: a million frames (a fifth of that outside the long tier) from cards that do not exist cost the sensor no more than twice what they cost without the
// detectors that look at cards, and make one finding.
func TestMacof(t *testing.T) {
	n := 1_000_000
	if !harness.Long() {
		n /= 5
	}
	run := func(defs []detect.Def) (time.Duration, *sensor.Result) {
		t.Helper()
		began := time.Now()
		r, err := sensor.Run(context.Background(), sensor.Options{Source: macof(n), Workers: 1, Seed: 1, Analyzers: standard.Analyzers, Detectors: defs})
		if err != nil {
			t.Fatal(err)
		}
		return time.Since(began), r
	}
	without := slices.DeleteFunc(slices.Clone(standard.Detectors), func(d detect.Def) bool { return slices.Contains(lan, d.Name) })
	if len(standard.Detectors)-len(without) != len(lan) {
		t.Fatalf("%d of %d detectors left out", len(standard.Detectors)-len(without), len(lan))
	}
	for range 3 { // the machine may be busy: one fair round of three is enough
		base, _ := run(without)
		all, r := run(standard.Detectors)
		t.Logf("%d frames: %v without the detectors of the LAN, %v with them", n, base.Round(time.Millisecond), all.Round(time.Millisecond))
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code.ID)
		}
		if !slices.Contains(codes, "mac-flood") || slices.Contains(codes, "mac-source-illegal") {
			t.Fatalf("found %v", codes)
		}
		if all <= 2*base {
			return
		}
	}
	t.Error("three times, the detectors of the LAN took longer than all the rest")
}
