package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/rules"
	"firestorm/internal/sensor"
)

// runRead analyses the captures of o and writes what was found. What was found is written whatever happens to the
// input; the exit status says what happened.
func (a *app) runRead(ctx context.Context, o *readOptions) error {
	if o.OutDir != "" {
		if err := os.MkdirAll(o.OutDir, 0o755); err != nil {
			return writeFailure(o.OutDir, err)
		}
	}
	kept, err := a.openSpool(o)
	if err != nil {
		return err
	}
	defer kept.Close()
	in, twins, err := a.openCompared(ctx, o)
	if err != nil {
		return err
	}
	defer in.Close()
	n, err := a.newAnalysis(o, in)
	if err != nil {
		return err
	}
	defer n.close()
	n.opt.Source = &idler{in, ctx.Done()}
	if twins != nil && twins.join != nil {
		n.opt.Join, n.opt.Vantages = twins.join, twins.vantages
	}
	live := a.follow(o, in.files[0], n, o.Follow)
	res, rep, err := n.run(ctx)
	if err != nil {
		return err
	}
	if twins != nil && twins.join != nil {
		rep.Notes = append(rep.Notes, twins.note)
	} else if twins != nil {
		rep.Warnings = append(rep.Warnings, twins.note)
	}
	if n := kept.note(); n != "" {
		rep.Warnings = append(rep.Warnings, n)
	}
	if err := errors.Join(live.failed(), n.eve.finish(live.unsaid(res.Findings)), a.writeReports(o, rep, live), a.writeEvidence(o, rep, res, twins.shift(), kept), a.keepFindings(o.StoreIn, res, rep), saveLists(o, res)); err != nil {
		return err
	}
	return a.verdict(ctx, o, in, res)
}

// saveLists writes the lists that rules keep in files (dataset: save, state) into --outdir; without that they are not written.
func saveLists(o *readOptions, res *sensor.Result) error {
	if o.OutDir == "" {
		return nil
	}
	if err := rules.SaveLists(o.OutDir, res.Lists); err != nil {
		return writeFailure(o.OutDir, err)
	}
	return nil
}

var checksumModes = map[string]packet.Checksums{
	"auto": packet.ChecksumsAuto, "none": packet.ChecksumsNone, "all": packet.ChecksumsAll,
}

func vantageNames(in *input) []string {
	var names []string
	for _, i := range in.Interfaces() {
		for int(i.Vantage) >= len(names) {
			names = append(names, "")
		}
		if names[i.Vantage] == "" {
			names[i.Vantage] = filepath.Base(i.Name)
		}
	}
	return names
}

func (a *app) readMutes(name string, more []string) (*finding.Mutes, error) {
	if name == "" && len(more) == 0 {
		return nil, nil
	}
	text := strings.NewReader(strings.Join(more, "\n"))
	var all io.Reader = text
	if name != "" {
		f, err := os.Open(name)
		if err != nil {
			return nil, openFailure(name, err)
		}
		defer f.Close()
		all = io.MultiReader(f, strings.NewReader("\n"), text)
	}
	m, err := finding.ReadMutes(cmp.Or(name, "configuration"), all)
	if err != nil {
		return nil, &failure{code: exitUsage, what: "the mutes cannot be used", why: err.Error(),
			try: "a line such as:  tcp-closed-port  192.0.2.7  *  2026-12-31  printer is switched off at night", err: err}
	}
	return m, nil
}

// writer renders one form of the report.
type writer func(io.Writer, *report.Report, report.Options) error

// forms are the reports that --format and --outdir write, in the order of --outdir.
var forms = []struct {
	name, file string
	write      writer
}{
	{"text", "report.txt", report.WriteText},
	{"json", "findings.jsonl", report.WriteJSON},
	{"html", "report.html", report.WriteHTML},
	{"md", "report.md", report.WriteMarkdown},
}

// writeReports writes the report to standard output, or beside it, and into --outdir.
func (a *app) writeReports(o *readOptions, rep *report.Report, live *follower) error {
	ro := report.Options{Verbose: o.Verbose > 0, MinConfidence: o.MinConfidence}
	if o.OutDir != "" {
		for _, f := range forms {
			if err := writeFile(filepath.Join(o.OutDir, f.file), func(w io.Writer) error { return f.write(w, rep, ro) }); err != nil {
				return err
			}
		}
	}
	out := a.reportTo(o)
	if o.Format == "text" {
		ro.Width, ro.Color = a.width(out), a.useColor(out)
	}
	if o.Quiet && o.Format == "text" && len(rep.Findings) == 0 {
		return nil // cron sends mail for every line
	}
	for _, f := range forms {
		if f.name != o.Format {
			continue
		}
		w := bufio.NewWriter(out)
		write := f.write
		if live != nil && f.name == "json" {
			write = live.finishJSON
		}
		if err := write(w, rep, ro); err != nil {
			return writeFailure("standard output", err)
		}
		if err := w.Flush(); err != nil {
			return writeFailure("standard output", err)
		}
	}
	return nil
}

// reportTo is where the report goes: standard output, or beside it when data goes there.
func (a *app) reportTo(o *readOptions) io.Writer {
	if o.ReportOnStderr() {
		return a.stderr
	}
	return a.stdout
}

// writeFile writes name whole or, on failure, not at all.
func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return writeFailure(name, err)
	}
	w := bufio.NewWriter(f)
	err = errors.Join(write(w), w.Flush(), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return writeFailure(name, err)
	}
	return nil
}

func writeFailure(name string, err error) error {
	var pe *os.PathError
	why := err.Error()
	if errors.As(err, &pe) {
		why = pe.Err.Error()
	}
	f := &failure{code: exitEngine, what: "cannot write " + name, why: why, err: err}
	if errors.Is(err, os.ErrPermission) {
		f.code, f.try = exitPermission, "write to a directory of your own"
	} else if errors.Is(err, os.ErrNotExist) {
		f.code, f.try = exitUsage, "mkdir -p "+shellWord(filepath.Dir(name))
	}
	return f
}

// verdict turns what happened into an exit status. Findings at --fail-on come first: a script asked for them.
func (a *app) verdict(ctx context.Context, o *readOptions, in *input, res *sensor.Result) error {
	for _, b := range res.Broken {
		fmt.Fprintf(a.stderr, "firestorm: a detector failed and was switched off: %s\n", printable(b))
	}
	if len(res.Engine.Faulty) > 0 {
		fmt.Fprintf(a.stderr, "firestorm: findings without a complete argument were left out: %s\n", strings.Join(res.Engine.Faulty, "; "))
	}
	if res.StateErr != nil {
		return &failure{code: exitEngine, what: "what was learned could not be kept", why: res.StateErr.Error(), err: res.StateErr}
	}
	if res.OutputErr != nil {
		return &failure{code: exitEngine, what: "an output failed", why: res.OutputErr.Error(), err: res.OutputErr}
	}
	if interrupted(ctx) || res.Interrupted {
		return status(exitInterrupted)
	}
	if len(res.Broken) > 0 || len(res.Engine.Faulty) > 0 {
		return status(exitEngine)
	}
	if o.FailOn != 0 {
		floor := max(o.MinConfidence, finding.Likely)
		if o.MinConfidence != 0 {
			floor = o.MinConfidence
		}
		for _, f := range res.Findings {
			if f.MutedBy == "" && f.Severity >= o.FailOn && f.Confidence >= floor {
				return status(exitFindings)
			}
		}
	}
	return a.sayDamage(in, res)
}

// sayDamage names what could not be read to its end.
func (a *app) sayDamage(in *input, res *sensor.Result) error {
	bad := in.damaged
	if res.Damaged != nil {
		bad = append(bad, res.Damaged)
	}
	if len(bad) == 0 {
		return nil
	}
	for _, err := range bad {
		fmt.Fprintf(a.stderr, "firestorm: %s\n", printable(err.Error()))
		var d *capture.Damaged
		if errors.As(err, &d) {
			fmt.Fprintln(a.stderr, "  why   the file was cut short or changed; everything before that place is in the report")
		}
	}
	return status(exitDamaged)
}
