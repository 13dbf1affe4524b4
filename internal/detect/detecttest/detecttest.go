// Package detecttest runs captures through the whole sensor for the tests of detectors, as they are or damaged in a way
// that a gate should notice, and checks what was concluded. Only tests import it.
package detecttest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/hostconf"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/twin"
)

// Mutation makes a fault anew for each capture file: faults have state.
type Mutation func() capture.Fault

// Run analyses captures below testdata/captures (named "situation/file.pcap", or by absolute path) with all detectors
// of the program, each file changed by the mutations first. Two files are joined when they share packets, as the
// program does it. Run fails the test when a detector broke or a finding lacks a part that every finding owes.
func Run(t testing.TB, mutations []Mutation, files ...string) *sensor.Result {
	t.Helper()
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return Analyse(t, 2, names, func(i int) capture.Source { return open(t, mutations, files[i]) })
}

// RunWith does what Run does, with the configuration of hosts beside the captures: address to the text of a file, which
// is called conf-of-ADDRESS.
func RunWith(t testing.TB, conf map[string]string, files ...string) *sensor.Result {
	t.Helper()
	c := &hostconf.Context{}
	for addr, text := range conf {
		if err := c.Add(packet.MustAddr(addr), "conf-of-"+addr, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return analyse(t, c, 2, names, func(i int) capture.Source { return open(t, nil, files[i]) })
}

// Analyse does what Run does with captures from anywhere: open is called for each name by its index, once or twice. Any
// number of workers concludes the same.
func Analyse(t testing.TB, workers int, names []string, open func(file int) capture.Source) *sensor.Result {
	t.Helper()
	return analyse(t, nil, workers, names, open)
}

func analyse(t testing.TB, conf *hostconf.Context, workers int, names []string, open func(file int) capture.Source) *sensor.Result {
	t.Helper()
	opt := sensor.Options{Context: conf, Workers: workers, Seed: 1, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors, Names: names,
		LetGo: (*event.Flow).Nonsense}
	var shift time.Duration
	if len(names) == 2 {
		if opt.Join = join(t, names, open); opt.Join != nil {
			opt.Vantages = []uint16{0, 1}
			if o := opt.Join.Offset; o > 10*time.Millisecond || o < -10*time.Millisecond { // as cmd/firestorm does
				shift = -o
			}
		}
	}
	src := merged(len(names), shift, open)
	defer src.Close()
	opt.Source = src
	r, err := sensor.Run(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 {
		t.Fatalf("detectors that broke: %v; findings with a fault: %v", r.Broken, r.Engine.Faulty)
	}
	for _, f := range r.Findings {
		whole(t, f)
	}
	return r
}

// merged opens n captures as one source, the clock of the second one shifted.
func merged(n int, shift time.Duration, open func(file int) capture.Source) capture.Source {
	var srcs []capture.Source
	for i := range n {
		s := open(i)
		if i == 1 && shift != 0 {
			s = capture.WithFaults(s, moved(shift))
		}
		srcs = append(srcs, s)
	}
	if n == 1 {
		return srcs[0]
	}
	return capture.Merge(srcs...)
}

func open(t testing.TB, mutations []Mutation, file string) capture.Source {
	t.Helper()
	s, err := capture.OpenFile(Path(t, file), capture.FileOptions{Poison: true})
	if err != nil {
		t.Fatal(err)
	}
	var faults []capture.Fault
	for _, m := range mutations {
		faults = append(faults, m())
	}
	if len(faults) > 0 {
		s = capture.WithFaults(s, faults...)
	}
	return s
}

// join compares two captures packet by packet.
func join(t testing.TB, names []string, open func(file int) capture.Source) *twin.Join {
	t.Helper()
	src := merged(len(names), 0, open)
	defer src.Close()
	pass := twin.NewPass(twin.Options{MaxPackets: 500_000})
	var b packet.Batch
	for {
		err := src.Next(&b)
		for i := range b.Packets {
			p := &b.Packets[i]
			packet.Decode(p, nil)
			if p.Vantage > 1 {
				t.Fatalf("%v hold more than two wires", names)
			}
			pass.Add(int(p.Vantage), p)
		}
		b.Release()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if j, ok := pass.Solve(); ok {
		return j
	}
	return nil
}

// moved shifts a capture's clock.
func moved(by time.Duration) capture.Fault {
	return func(f *capture.Frame, out func(capture.Frame)) {
		if f == nil {
			return
		}
		g := *f
		g.Time = g.Time.Add(by)
		out(g)
	}
}

// Path finds a committed capture from wherever the test runs.
func Path(t testing.TB, name string) string {
	t.Helper()
	if filepath.IsAbs(name) {
		return name
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "captures", name)
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("the test does not run inside the module")
		}
		dir = up
	}
}

// whole checks what every finding owes its reader.
func whole(t testing.TB, f *finding.Finding) {
	t.Helper()
	for _, p := range []struct{ name, text string }{{"title", f.Title}, {"why", f.Why}, {"summary", f.Summary}, {"impact", f.Impact}, {"wrong-if", f.WrongIf}} {
		if p.text == "" {
			t.Errorf("%s %s has no %s", f.Code.ID, f.ID, p.name)
		}
		if strings.Contains(p.text, "%!") {
			t.Errorf("%s %s: %s is badly formatted: %s", f.Code.ID, f.ID, p.name, p.text)
		}
	}
	for _, x := range f.Facts {
		if strings.Contains(x.Text, "%!") || x.Text == "" {
			t.Errorf("%s %s: bad fact %q", f.Code.ID, f.ID, x.Text)
		}
	}
	if len(f.Evidence) == 0 {
		t.Errorf("%s %s shows no evidence", f.Code.ID, f.ID)
	}
	if f.Confidence >= finding.Likely && f.Severity > finding.Info && (len(f.Remedy) == 0 || f.Check == "") {
		t.Errorf("%s %s at %s offers no remedy or no check", f.Code.ID, f.ID, f.Confidence)
	}
	for _, s := range f.Remedy {
		if strings.Contains(s.Text, "%!") {
			t.Errorf("%s %s: bad remedy %q", f.Code.ID, f.ID, s.Text)
		}
		for _, c := range s.Run {
			if strings.Contains(c.Line, "%!") {
				t.Errorf("%s %s: bad command %q", f.Code.ID, f.ID, c.Line)
			}
		}
	}
}
