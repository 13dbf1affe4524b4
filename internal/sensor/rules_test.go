package sensor_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// alertLog writes down each alert in the order of its coming.
type alertLog struct{ lines []string }

func (l *alertLog) Event(e event.Event) error {
	if a, ok := e.(*event.Alert); ok {
		h := a.Head()
		l.lines = append(l.lines, fmt.Sprint(a.Rule.SID, h.Seen.Frame, h.Ordinal, h.Sub, h.FlowID, a.Dir, a.AppProto))
	}
	return nil
}

// TestAlertsAndWorkers: rules alert the same, in the same order, whatever the number of workers and the seed; what thresholds
// keep back, and what was too much for one packet, is counted the same.
func TestAlertsAndWorkers(t *testing.T) {
	text := []string{`alert http any any -> any any (http.method; content:"GET"; sid:1;)`,
		`alert tcp any any -> any any (flow:to_client; content:"503"; threshold:type limit, track by_dst, count 2, seconds 60; sid:2;)`,
		`alert tcp any any -> any any (content:"shop"; nocase; flowbits:set,a; sid:3;)`, `alert tcp any any -> any any (flowbits:isset,a; flags:FA; sid:4;)`,
		// What is wider than a pair of hosts is decided behind the border: one client sets what the other's requests ask for.
		`alert tcp 10.1.0.11 any -> any any (content:"GET"; xbits:set,asked,track ip_dst,expire 600; noalert; sid:5;)`,
		`alert tcp 10.1.0.12 any -> any any (content:"GET"; xbits:isset,asked,track ip_dst; sid:6;)`}
	for i := range 20 {
		text = append(text, fmt.Sprintf(`alert tcp any any -> any any (content:"HTTP/1"; sid:%d;)`, 100+i))
	}
	list, bad, err := lang.Parse("x", strings.NewReader(strings.Join(text, "\n")))
	if err != nil || len(bad) != 0 {
		t.Fatal(err, bad)
	}
	var first string
	for i, workers := range []int{1, 2, 8} {
		set, bad := rules.Compile(list, rules.Options{Vars: rules.DefaultVars()})
		if len(bad) != 0 {
			t.Fatal(bad)
		}
		src, err := capture.OpenFile(filepath.Join("../../testdata/captures", "maintenance-503", "inside.pcap"), capture.FileOptions{Poison: true})
		if err != nil {
			t.Fatal(err)
		}
		l := &alertLog{}
		r, err := sensor.Run(context.Background(), sensor.Options{Source: src, Workers: workers, Seed: uint64(i), Checksums: packet.ChecksumsAuto,
			Analyzers: standard.Analyzers, Rules: set, Sinks: []sensor.EventSink{l}})
		src.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(l.lines) < 50 || r.RulesHeld == 0 || r.Rules.TooMany == 0 || r.Rules.Alerts == 0 {
			t.Fatalf("%d alerts, %d held, %+v", len(l.lines), r.RulesHeld, r.Rules)
		}
		if !slices.ContainsFunc(l.lines, func(s string) bool { return strings.HasPrefix(s, "6 ") }) {
			t.Errorf("no alert of the other client: %v", l.lines)
		}
		got := strings.Join(l.lines, "\n") + fmt.Sprintf("\n%+v %d", r.Rules, r.RulesHeld)
		if i == 0 {
			first = got
		} else if got != first {
			t.Errorf("%d workers:\n%s\none:\n%s", workers, got, first)
		}
	}
}
