// Package harness runs captures through the whole sensor, with every detector, and turns the result into text that two
// runs can be compared by. The packages of tests beside it share it; nothing else imports it.
package harness

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// Patience is how long one capture may keep the sensor busy.
const Patience = 10 * time.Second

// Long reports whether the long tier runs: FIRESTORM_LONG is set.
func Long() bool { return os.Getenv("FIRESTORM_LONG") != "" }

// Root is the top of the repository: the folder of go.mod above the one that the test runs in.
func Root() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			panic("harness: no go.mod above the working folder")
		}
		dir = up
	}
}

// Captures lists the committed captures, in order of name.
func Captures(t testing.TB) []string {
	t.Helper()
	out := walk(filepath.Join(Root(), "testdata", "captures"))
	if len(out) == 0 {
		t.Fatal("no captures in testdata/captures")
	}
	return out
}

// Conformance lists the captures of the conformance set; it skips the test when the set is not there.
func Conformance(t testing.TB) []string {
	t.Helper()
	shared := os.Getenv("FIRESTORM_SHARED")
	if shared == "" {
		shared = filepath.Join(Root(), "..", "shared")
	}
	out := walk(filepath.Join(shared, "conformance"))
	if len(out) == 0 {
		t.Skip("no conformance captures: set FIRESTORM_SHARED to the folder that holds conformance/")
	}
	return out
}

func walk(dir string) []string {
	var out []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			switch filepath.Ext(p) {
			case ".pcap", ".pcapng", ".cap", ".trace":
				out = append(out, p)
			}
		}
		return nil
	})
	return out
}

// Name is the last two elements of a path: enough to find the capture again.
func Name(p string) string { return filepath.Base(filepath.Dir(p)) + "/" + filepath.Base(p) }

// Sample takes n of list, spread by the seed; all of them when n is 0 or the list is shorter.
func Sample(list []string, n int, seed uint64) []string {
	if n == 0 || n >= len(list) {
		return list
	}
	step := len(list) / n
	var out []string
	for i := int(seed % uint64(step)); i < len(list) && len(out) < n; i += step {
		out = append(out, list[i])
	}
	return out
}

// Options of a run. The zero value is one worker with default settings.
type Options struct {
	Workers   int
	Seed      uint64
	MaxMemory int64
	NoEvents  bool // leave events out of Outcome.Text: they are many
	Limit     time.Duration
	// Nonsense makes of each snapshot that nobody keeps what has no parts and no meaning: who remembers one shows.
	Nonsense bool
}

// Outcome is what a run gave.
type Outcome struct {
	*sensor.Result
	Text string // findings as JSON, every event as EVE, all counts: equal for equal runs
	Took time.Duration
}

// events writes every event it sees, also those that EVE has no record for.
type events struct {
	eve event.EVE
	buf []byte
	off bool
}

func (s *events) Event(e event.Event) error {
	if s.off {
		return nil
	}
	h := e.Head()
	s.buf = fmt.Appendf(s.buf, "%d.%d %v ", h.Ordinal, h.Sub, h.Seen)
	s.buf = e.AppendEVE(s.buf, &s.eve)
	s.buf = append(s.buf, '\n')
	return nil
}

// Run analyses src with every detector and closes it. A panic or a hang fails the test.
func Run(t testing.TB, name string, src capture.Source, o Options) *Outcome {
	t.Helper()
	defer src.Close()
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Limit == 0 {
		o.Limit = Patience
	}
	sink := &events{eve: event.EVE{Version: 8}, off: o.NoEvents}
	type answer struct {
		r   *sensor.Result
		err error
	}
	done := make(chan answer, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	began := time.Now()
	go func() {
		defer func() {
			if p := recover(); p != nil {
				b := make([]byte, 4096)
				done <- answer{nil, fmt.Errorf("panic: %v\n%s", p, b[:runtime.Stack(b, false)])}
			}
		}()
		opt := sensor.Options{Source: src, Workers: o.Workers, Seed: o.Seed, MaxMemory: o.MaxMemory, Checksums: packet.ChecksumsAuto,
			Analyzers: standard.Analyzers, Detectors: standard.Detectors, Sinks: []sensor.EventSink{sink}, WantAll: !o.NoEvents}
		if o.Nonsense {
			opt.LetGo = (*event.Flow).Nonsense
		}
		r, err := sensor.Run(ctx, opt)
		done <- answer{r, err}
	}()
	var a answer
	select {
	case a = <-done:
	case <-time.After(o.Limit):
		b := make([]byte, 1<<16)
		t.Fatalf("%s: still busy after %s\n%s", name, o.Limit, b[:runtime.Stack(b, true)])
	}
	if a.err != nil {
		t.Fatalf("%s: %v", name, a.err)
	}
	return &Outcome{a.r, text(a.r, sink.buf), time.Since(began)}
}

// text puts everything that a user could see of a result into one text.
func text(r *sensor.Result, events []byte) string {
	var b strings.Builder
	rep := &report.Report{Findings: r.Findings}
	for _, f := range r.Findings {
		b.Write(report.AppendFinding(nil, rep, f))
		b.WriteByte('\n')
	}
	st := r.Flow
	st.FlowBytes, st.TombstoneBytes, st.IndexBytes, st.DetailBytes = 0, 0, 0, 0 // memory depends on the order of growth
	fmt.Fprintf(&b, "counts %+v\nflow %+v\nengine %+v\nsummary %+v\ngates %+v\nfrom %v to %v\n",
		r.Counts, st, r.Engine, r.Summary, r.Gates, r.First, r.Last)
	fmt.Fprintf(&b, "protocols %+v\nstreams %+v\n", r.Protocols, r.Streams)
	for _, f := range r.Forgotten {
		fmt.Fprintf(&b, "forgotten %s %s %d %v %v\n", f.Detector, f.What, f.N, f.From, f.To)
	}
	for _, s := range r.Ledger.Services() {
		fmt.Fprintf(&b, "service %+v\n", s)
	}
	b.Write(events)
	return b.String()
}

// Codes lists findings as "code confidence", in order, those of any confidence from least on.
func (o *Outcome) Codes(least string) []string {
	var out []string
	for _, f := range o.Findings {
		if least == "" || f.Confidence.String() == "certain" || f.Confidence.String() == least {
			out = append(out, f.Code.ID+" "+f.Confidence.String())
		}
	}
	return out
}

// Whole checks what holds for every input: nothing broke, and every packet is accounted for.
func Whole(t testing.TB, name string, o *Outcome) {
	t.Helper()
	if len(o.Broken) > 0 || len(o.Engine.Faulty) > 0 {
		t.Errorf("%s: detectors that broke: %v; findings with a fault: %v", name, o.Broken, o.Engine.Faulty)
	}
	if a := o.Account; !a.Adds() || a.Read != o.Source.Received {
		t.Errorf("%s: the account does not add up: the source gave %d packets; %s", name, o.Source.Received, a)
	}
}

// Diff shows the first line in which two texts differ; empty when they are equal.
func Diff(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n want %.600s\n got  %.600s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// Open opens a capture file; one that cannot be begun returns its error.
func Open(name string, poison bool) (capture.Source, error) {
	return capture.OpenFile(name, capture.FileOptions{Poison: poison})
}

// Frames reads a capture into memory, up to its damage if it has any.
func Frames(t testing.TB, name string) ([]capture.Frame, []capture.Interface) {
	t.Helper()
	s, err := Open(name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fs, _ := capture.ReadAll(s)
	return fs, capture.Interfaces(s)
}

// Span is the first and last time of frames.
func Span(fs []capture.Frame) (from, to packet.Time) {
	for i := range fs {
		if i == 0 || fs[i].Time < from {
			from = fs[i].Time
		}
		if i == 0 || fs[i].Time > to {
			to = fs[i].Time
		}
	}
	return from, to
}
