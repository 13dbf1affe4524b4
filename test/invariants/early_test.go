package invariants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

// TestEarly: whoever watches is told of a search while it goes on, of nothing else sooner than it is sure, and hears the
// same at the end as somebody who reads the whole.
func TestEarly(t *testing.T) {
	// What each capture, followed by packets for 150 s, tells before the ten minutes of rest that end a search.
	want := map[string]string{
		"scan-syn/outside.pcap": "scan-ports", "scan-connect/inside.pcap": "scan-ports", "scan-masscan/inside.pcap": "", // 64 machines
		"scan-stealth/inside.pcap": "", "scan-decoys/outside.pcap": "", "scan-shared/outside.pcap": "", // few doors, or several names: its rest says more
		"scan-monitor/inside.pcap": "", "scan-outage/inside.pcap": "", "scan-nothing/outside.pcap": "", "clean-monitor/lan.pcap": "",
	}
	seen := 0
	for _, f := range harness.Captures(t) {
		code, ok := want[harness.Name(f)]
		if !ok {
			continue
		}
		seen++
		frames, ifaces := harness.Frames(t, f)
		frames = slices.Grow(slices.Clip(frames), 9)[: len(frames) : len(frames)+9]
		for last := frames[len(frames)-1]; len(frames) < cap(frames); frames = append(frames, last) {
			last.Time = last.Time.Add(5 * time.Second)
		}
		run := func(early bool) (string, []string) {
			var told []string
			o := sensor.Options{Source: capture.NewMemory(frames, ifaces...), Workers: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors, Early: early,
				OnFindings: func(d sensor.Decided) {
					for _, f := range d.Findings {
						if strings.HasPrefix(f.Code.ID, "scan-") {
							told = append(told, f.Code.ID)
						}
					}
				}}
			r, err := sensor.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, f := range r.Findings {
				g := *f
				g.Revision, g.State, g.ID = 0, "", "" // a finding that was told keeps the name it was told by
				fmt.Fprintf(&text, "%s\n", report.AppendFinding(nil, &report.Report{}, &g))
			}
			return text.String(), told
		}
		plain, none := run(false)
		early, told := run(true)
		if len(none) > 0 {
			t.Errorf("%s: told %v though nobody asked", harness.Name(f), none)
		}
		if got := strings.Join(told, " "); got != code {
			t.Errorf("%s: told early %q, want %q", harness.Name(f), got, code)
		}
		if diff := harness.Diff(plain, early); diff != "" {
			t.Errorf("%s: at the end: %s", harness.Name(f), diff)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d captures are there", seen, len(want))
	}
}
