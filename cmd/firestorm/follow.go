package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"firestorm/internal/finding"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
)

// follower prints the findings of a growing file as they are decided. The report at the end says them all once more;
// forms for programs get there only what changed since.
type follower struct {
	a    *app
	o    *readOptions
	name string
	eve  *eveOutput
	bar  *progress
	said map[string]*told       // by finding id
	list []*told                // in the order they were told
	far  *far                   // outputs that hear as well; nil: none
	keep func(*finding.Finding) // keeps the packets of a finding; nil: nobody does
	err  error                  // of writing; the run goes on
}

// told is a finding as it was last told.
type told struct {
	finding finding.Finding
	final   bool // the report at the end has it
}

// growth is the factor by which a finding must have grown to be told again.
const growth = 4

// follow makes an analysis tell findings as they are decided, when its input, called name, has no end. It returns nil
// when it has.
func (a *app) follow(o *readOptions, name string, n *analysis, endless bool) *follower {
	if !endless {
		return nil
	}
	f := &follower{a: a, o: o, name: name, eve: n.eve, bar: n.bar, said: map[string]*told{}}
	n.opt.OnFindings = f.decided
	if !o.Quiet && a.isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "firestorm: following %s; Ctrl-C ends it with the whole report\n", printable(f.name))
	}
	return f
}

// news reports that x is worth telling, and remembers that it was told.
func (f *follower) news(x *finding.Finding) bool {
	if x.MutedBy != "" {
		return false
	}
	t := f.said[x.ID]
	if t == nil {
		t = &told{}
		f.said[x.ID] = t
		f.list = append(f.list, t)
	} else if y := &t.finding; y.Confidence == x.Confidence && y.Severity == x.Severity && x.Count < growth*y.Count {
		return false
	}
	t.finding = *x
	return true
}

// known reports that an earlier run told x as it is, or nearly so: who was told then is not told again. Who looks at this run is.
func known(x *finding.Finding) bool {
	e := x.Earlier
	return e != nil && e.Confidence == x.Confidence && e.Severity == x.Severity && x.Count < growth*e.Count
}

func (f *follower) decided(d sensor.Decided) {
	// The times of files belong to another goroutine while it reads: what is known here is enough for one finding.
	rep := &report.Report{Files: []report.File{{Name: f.name, Packets: 1, From: d.Begin, To: d.Now}}, Zone: f.o.zone()}
	f.far.times(d.Begin, d.Now)
	for _, x := range d.Closed {
		f.far.decided(x)
		delete(f.said, x.ID)
	}
	if len(d.Closed) > 0 {
		f.list = slices.DeleteFunc(f.list, func(t *told) bool { return f.said[t.finding.ID] != t })
	}
	for _, x := range d.Findings {
		c := *x // outputs keep it in their queues; the engine goes on with its own
		f.far.decided(&c)
		if f.keep != nil {
			f.keep(&c)
		}
		if !f.news(x) {
			continue
		}
		if f.eve != nil {
			f.eve.runner.Finding(&c)
		}
		if !known(x) {
			f.far.news(&c)
		}
		f.tell(rep, x)
	}
}

// untold returns the findings of fs that were never told.
func (f *follower) untold(fs []*finding.Finding) (out []*finding.Finding) {
	for _, x := range fs {
		if x.MutedBy == "" && f.said[x.ID] == nil {
			out = append(out, x)
		}
	}
	return out
}

func (f *follower) tell(rep *report.Report, x *finding.Finding) {
	var b bytes.Buffer
	out := f.a.reportTo(f.o)
	switch f.o.Format {
	case "json":
		b.Write(append(report.AppendFinding(nil, rep, x), '\n'))
	case "text":
		floor := f.o.MinConfidence
		if floor == 0 {
			floor = finding.Likely
		}
		if x.Confidence < floor {
			return
		}
		ro := report.Options{Verbose: f.o.Verbose > 0, MinConfidence: f.o.MinConfidence, Width: f.a.width(out), Color: f.a.useColor(out)}
		if err := report.WriteFinding(&b, rep, x, ro); err != nil {
			f.err = err
			return
		}
		b.WriteByte('\n')
	default:
		return // one document, written at the end
	}
	f.bar.aside(func() {
		if _, err := out.Write(b.Bytes()); err != nil && f.err == nil {
			f.err = writeFailure("standard output", err)
		}
	})
}

// rest returns the findings of fs that were not told as they are now, and those that were told and did not hold.
func (f *follower) rest(fs []*finding.Finding) (more, gone []*finding.Finding) {
	for _, x := range fs {
		t := f.said[x.ID]
		if t != nil {
			t.final = true
		}
		if t == nil || t.finding.Revision != x.Revision || t.finding.Count != x.Count || len(t.finding.Explains) != len(x.Explains) {
			more = append(more, x)
		}
	}
	for _, t := range f.list {
		if !t.final {
			x := t.finding
			x.State = finding.Absorbed
			gone = append(gone, &x)
		}
	}
	return more, gone
}

// failed returns the first error of writing.
func (f *follower) failed() error {
	if f == nil {
		return nil
	}
	return f.err
}

// unsaid returns the findings of fs that were not told as they are now; all of them when nothing was followed.
func (f *follower) unsaid(fs []*finding.Finding) []*finding.Finding {
	if f == nil {
		return fs
	}
	more, _ := f.rest(fs)
	return more
}

// finishJSON writes the end of the JSON lines: what changed since it was told, then the summary.
func (f *follower) finishJSON(w io.Writer, rep *report.Report, o report.Options) error {
	var b []byte
	more, gone := f.rest(append(append([]*finding.Finding(nil), rep.Findings...), rep.Muted...))
	for _, x := range append(more, gone...) {
		b = append(report.AppendFinding(b, rep, x), '\n')
	}
	b = append(report.AppendSummary(b, rep, o), '\n')
	_, err := w.Write(b)
	return err
}

// sourceNames are the names of the inputs as reports print them, by Packet.Source.
func sourceNames(in *input) []string {
	var rep report.Report
	for _, i := range in.Interfaces() {
		rep.Files = append(rep.Files, report.File{Name: i.Name})
	}
	var names []string
	for i := range rep.Files {
		names = append(names, rep.FileName(uint16(i)))
	}
	return names
}
