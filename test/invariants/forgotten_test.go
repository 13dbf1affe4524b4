package invariants

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

// tableless are the detectors that keep nothing that is bounded by Limits, with the reason.
var tableless = map[string]string{
	"arpodd":      "bounded by constants: a wire has few such machines",
	"duplicate":   "reads what ingest counted",
	"backupstale": "knows one backup",
	"nagle":       "a connection's waits are in its last event",
	"wscale":      "keeps connections of two captures only",
	"natports":    "keeps requests of two captures only",
	"outofwindow": "answers from what two captures show of a connection",
}

// unfilled are tables that the committed captures do not fill, with the reason.
var unfilled = map[string]string{
	"arpconflict shared addresses": "a constant bounds it", "arpconflict probed addresses": "a constant bounds it",
	"arpspoof questions": "a constant bounds it", "arpspoof shared addresses": "a constant bounds it", "arpspoof connections": "a constant bounds it",
	"arpwatch shared addresses": "a constant bounds it",
	"dhcpfaults networks":       "the table of machines is full before", "dnsfaults truncated answers": "the table of look-ups is full before",
	"nfsdenied pairs with stale handles": "one capture has them", "synsilent words of the firewall": "few captures come from a firewall's log", "synsilent clients": "the table of attempts is full before",
	"scan doors that were told of":  "sixteen at least",
	"asymmetric joined connections": "two captures only", "loss joined connections": "two captures only", "natports attempts": "two captures only", "wscale connections": "two captures only",
}

// collector keeps the events of a run.
type collector struct{ all []event.Event }

func (c *collector) Event(e event.Event) error { c.all = append(c.all, event.Keep(e)); return nil }

// TestForgetfulDetectors gives every detector the events of all captures, each at a place of its own, and tables of one entry: each of them that is
// bounded by Limits says by name that it forgot something, and what.
func TestForgetfulDetectors(t *testing.T) {
	scope := detect.NewScope(detect.NewLedger(10_000), detect.NewHosts(10_000), nil, detect.Limits{Entries: 1}, func(*finding.Instance) {})
	scope.Names, scope.Home = detect.NewNames(1000), detect.NewHome(nil)
	var detectors []detect.Detector
	for i := range standard.Detectors {
		detectors = append(detectors, standard.Detectors[i].New(scope))
	}
	names := harness.Captures(t)
	for i := range 2 * len(names) {
		ends := i >= len(names)
		for _, e := range eventsOf(t, names[i%len(names)], uint16(i%250)) {
			if f, ok := e.(*event.Flow); ok && f.What == event.Ended && !ends {
				continue // what a detector keeps of a connection until its end stays
			}
			scope.Now = e.Head().Seen.Time
			scope.Ledger.Handle(e)
			scope.Hosts.Handle(e)
			for _, d := range detectors {
				d.Handle(e)
			}
		}
	}
	for _, d := range detectors {
		d.End(scope.Now)
	}
	said := map[string]bool{}
	for _, f := range scope.Forgotten() {
		said[f.Detector], said[f.Detector+" "+f.What] = true, true
		if f.N == 0 || f.From > f.To {
			t.Errorf("%+v", f)
		}
	}
	for i := range standard.Detectors {
		if name := standard.Detectors[i].Name; said[name] == (tableless[name] != "") {
			t.Errorf("%s: forgot something and said so: %v; %s", name, said[name], tableless[name])
		}
	}
	for _, table := range tables(t) {
		if said[table] == (unfilled[table] != "") {
			t.Errorf("%s: forgot something and said so: %v; %s", table, said[table], unfilled[table])
		}
	}
}

func eventsOf(t *testing.T, name string, vantage uint16) []event.Event {
	t.Helper()
	src, err := harness.Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	c := &collector{}
	if _, err := sensor.Run(context.Background(), sensor.Options{Source: src, Vantages: []uint16{vantage, vantage, vantage, vantage}, Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Sinks: []sensor.EventSink{c}, WantAll: true}); err != nil {
		t.Fatal(err)
	}
	return c.all
}

var inSource = regexp.MustCompile(`(?:Forgot\(|Of\(s, )"([a-z]+)", "([a-z ]+)"`)

// tables lists what the source of the detectors names: a table that is named and never told of is not tested.
func tables(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(harness.Root(), "internal", "detect", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inSource.FindAllStringSubmatch(string(b), -1) {
			if dir := filepath.Base(filepath.Dir(f)); m[1] != dir && !strings.HasSuffix(f, "_test.go") {
				t.Errorf("%s speaks for detector %s", f, m[1])
			}
			out = append(out, m[1]+" "+m[2])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
