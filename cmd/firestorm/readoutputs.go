package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// maxSpool bounds what is kept of standard input for -w, bytes as they arrive.
const maxSpool = 4 << 30

// eveOutput is where EVE goes, fed while the analysis runs.
type eveOutput struct {
	runner *output.Runner
	name   string
	file   io.Closer    // nil: standard output
	sink   *output.Sink // of a live run, which waits for nobody; nil: not live
	// counters are what the stats record has beside, known at the end.
	counters func(add func(path string, n uint64))
}

// openEVE starts the EVE output, or returns nil when nobody wants it.
func (a *app) openEVE(o *readOptions, in *input, settings *suricata) (*eveOutput, error) {
	name := o.EVEFile
	if name == "" && o.Format == "eve" {
		name = "-"
	}
	if name == "" && o.OutDir != "" {
		name = filepath.Join(o.OutDir, "eve.json")
	}
	if name == "" {
		return nil, nil
	}
	e := &eveOutput{name: name, runner: output.NewRunner(o.Live)}
	w := a.stdout
	switch {
	case o.Live:
		var err error
		if e.sink, err = output.OpenSink(name, a.stdout); err != nil {
			return nil, writeFailure(name, err)
		}
		w = e.sink
	case name != "-":
		f, err := os.Create(name)
		if err != nil {
			return nil, writeFailure(name, err)
		}
		e.file, w = f, f
	}
	def := outputDef("eve")
	records := o.records(in)
	records.Inline = settings.inline()
	out, err := def.New(output.Setup{Out: w, MinConfidence: o.MinConfidence, Application: "firestorm " + version, Records: settings.records(), Live: o.Live,
		EVE: records, Counters: func(add func(string, uint64)) {
			if e.counters != nil {
				e.counters(add)
			}
		}})
	if err != nil {
		return nil, writeFailure(name, err)
	}
	e.runner.Add(def, out)
	return e, nil
}

// finish writes the findings and closes.
func (e *eveOutput) finish(fs []*finding.Finding) error {
	if e == nil {
		return nil
	}
	for _, f := range fs {
		e.runner.Finding(f)
	}
	err := e.runner.Close()
	if e.sink != nil {
		if h := e.sink.Health(); h.Lost > 0 {
			err = errors.Join(err, fmt.Errorf("%d lines were lost: %s", h.Lost, h.Err))
		}
	}
	if e.file != nil {
		err = errors.Join(err, e.file.Close())
	}
	if err != nil {
		return writeFailure(e.name, err)
	}
	return nil
}

// reopen begins the file anew under its name, as after a rotation.
func (e *eveOutput) reopen() error {
	if e == nil || e.sink == nil {
		return nil
	}
	if err := e.sink.Reopen(); err != nil {
		return writeFailure(e.name, err)
	}
	return nil
}

// hasten lets endLive wait for nobody any more.
func (e *eveOutput) hasten() {
	if e != nil {
		e.runner.Hasten()
	}
}

// endLive writes the findings and ends a live output, and says what did not come to its place: a receiver that is gone, or
// a disk that is full, is no reason to lose the report.
func (e *eveOutput) endLive(fs []*finding.Finding) (warnings []string) {
	if e == nil {
		return nil
	}
	for _, f := range fs {
		e.runner.Finding(f)
	}
	err := e.runner.Close()
	closed := make(chan error, 1)
	go func() { closed <- e.sink.Close() }() // it waits for a write that hangs
	select {
	case more := <-closed:
		err = errors.Join(err, more)
	case <-time.After(500 * time.Millisecond):
	}
	var lost, kept uint64
	why := ""
	for _, c := range e.runner.Counts() {
		lost, kept = lost+c.Dropped+c.Failed, kept+c.Written
	}
	if lost > 0 {
		warnings = append(warnings, fmt.Sprintf("EVE: %d of %d records were left out, because %s did not take them in time", lost, lost+kept, e.name))
	}
	if err == nil {
		h := e.sink.Health()
		if why = h.Err; h.Lost > 0 {
			warnings = append(warnings, fmt.Sprintf("EVE: %d lines did not come to %s: %s", h.Lost, e.name, cmp.Or(why, "it was away for a while")))
		}
		return warnings
	}
	return append(warnings, fmt.Sprintf("EVE: %s: %v", e.name, err))
}

// outputDef returns an output of the standard list; it is a fault of the program when it is not there.
func outputDef(name string) output.Def {
	for _, d := range standard.Outputs {
		if d.Name == name {
			return d
		}
	}
	panic("no output " + name)
}

// name returns what a source is called in outputs.
func (in *input) name(source uint16) string {
	if i := in.Interfaces(); int(source) < len(i) {
		return filepath.Base(i[source].Name)
	}
	return ""
}

// writeEvidence writes the packets that prove the findings: -w.
func (a *app) writeEvidence(o *readOptions, rep *report.Report, res *sensor.Result, shift time.Duration, sp *spool) error {
	name := o.WriteFile
	if name == "" && o.OutDir != "" {
		name = filepath.Join(o.OutDir, "case.pcapng")
	}
	if name == "" {
		return nil
	}
	again := *o
	if sp != nil {
		if err := sp.rewind(); err != nil {
			return writeFailure(name, err)
		}
	}
	b := *a
	if sp != nil {
		b.stdin = sp
	}
	in, err := b.openInput(&again, shift)
	if err != nil {
		return err
	}
	defer in.Close()
	ro := report.Options{MinConfidence: o.MinConfidence}
	setup := output.Setup{MinConfidence: o.MinConfidence, Application: "firestorm " + version, Fetch: evidence.SecondPass(in.Next),
		EVE:         event.EVE{File: in.name},
		FindingJSON: func(dst []byte, f *finding.Finding) []byte { return report.AppendFinding(dst, rep, f) },
		SummaryJSON: func(dst []byte) []byte { return report.AppendSummary(dst, rep, ro) }}
	write := func(w io.Writer) error {
		setup.Out = w
		out, err := outputDef("pcapng").New(setup)
		if err != nil {
			return err
		}
		for _, f := range res.Findings {
			if err := out.Finding(f); err != nil {
				return err
			}
		}
		return out.Close()
	}
	if name != "-" {
		return writeFile(name, write)
	}
	w := bufio.NewWriter(a.stdout)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return writeFailure("standard output", err)
	}
	return nil
}

// spool keeps what is read from standard input, so that -w can read it again. Past its limit it keeps no more, and the
// packets beyond are missing from what -w writes.
type spool struct {
	f    *os.File
	left int64
	over bool
}

// openSpool makes standard input readable twice when that is needed.
func (a *app) openSpool(o *readOptions) (*spool, error) {
	if o.WriteFile == "" && o.OutDir == "" {
		return nil, nil
	}
	for _, name := range o.Files {
		if name != "-" {
			continue
		}
		f, err := os.CreateTemp("", "firestorm-spool-*")
		if err != nil {
			return nil, writeFailure("a spool for standard input", err)
		}
		s := &spool{f: f, left: maxSpool}
		a.stdin = io.TeeReader(a.stdin, writerFunc(s.keep))
		return s, nil
	}
	return nil, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (s *spool) keep(b []byte) (int, error) {
	n := int(min(int64(len(b)), s.left))
	s.over = s.over || n < len(b)
	s.left -= int64(n)
	if _, err := s.f.Write(b[:n]); err != nil {
		// A full disk must not end the analysis: the report is worth more than the copy.
		s.left, s.over = 0, true
	}
	return len(b), nil
}

func (s *spool) rewind() error {
	_, err := s.f.Seek(0, io.SeekStart)
	return err
}

// Read implements io.Reader on what was kept.
func (s *spool) Read(b []byte) (int, error) { return s.f.Read(b) }

// Close removes the copy.
func (s *spool) Close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.f.Close(), os.Remove(s.f.Name()))
}

// note says what the spool could not keep; empty when it kept all.
func (s *spool) note() string {
	if s == nil || !s.over {
		return ""
	}
	return fmt.Sprintf("standard input was too long to be kept whole for -w (%s): later packets are missing there", report.Size(maxSpool))
}

// idler waits when a followed file has nothing new.
type idler struct {
	capture.Source
	done <-chan struct{}
}

// idleWait is how long a followed file is left alone when it has nothing new.
const idleWait = 100 * time.Millisecond

// Next implements capture.Source.
func (i *idler) Next(b *packet.Batch) error {
	err := i.Source.Next(b)
	if errors.Is(err, capture.ErrIdle) {
		select {
		case <-i.done:
		case <-time.After(idleWait):
		}
	}
	return err
}

// Interfaces implements capture.Lister.
func (i *idler) Interfaces() []capture.Interface { return capture.Interfaces(i.Source) }
