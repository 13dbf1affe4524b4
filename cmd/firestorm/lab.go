package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// situation is a folder of the testbed's captures, as its origin.json describes it.
type situation struct {
	Name      string `json:"name"`
	Script    string `json:"script"`
	Shows     string `json:"shows"`
	Synthetic bool   `json:"synthetic"`
	Findings  []struct {
		Code string `json:"code"`
		Role string `json:"role"`
	} `json:"findings"`
	Vantages []struct {
		File string `json:"file"`
	} `json:"vantages"`
}

func (s *situation) is(code, role string) bool {
	return slices.ContainsFunc(s.Findings, func(f struct {
		Code string `json:"code"`
		Role string `json:"role"`
	}) bool {
		return f.Code == code && f.Role == role
	})
}

// experiment is a fault that can be made here, and the same network after the remedy; fixed is nil where none is
// scripted.
type experiment struct {
	code         string
	fault, fixed *situation
}

func (a *app) labCommand() *cobra.Command {
	var dir, keep string
	c := &cobra.Command{
		Use:   "lab [CODE]",
		Short: "rebuild a fault with real programs, show the finding, apply the remedy, show it gone",
		Long: `Rebuild a fault in network namespaces with real programs, show the finding, apply
its remedy, and show that it is gone. Without a code: list what can be rebuilt.

It needs root on Linux, a copy of the source (its folder testbed has the
scripts) and the Debian packages that testbed/packages.txt names. Nothing
leaves the namespaces, and all of them are gone when it ends.`,
		Example: "  sudo firestorm lab tcp-timewait-reuse",
		GroupID: groupLook,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, err := findTestbed(dir)
			if err != nil {
				return err
			}
			all, err := experiments(root)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.listExperiments(all)
			}
			i := slices.IndexFunc(all, func(e experiment) bool { return e.code == args[0] })
			if i < 0 {
				return usagef("firestorm lab", "no script of %s makes %q with real programs", filepath.Join(root, "testbed"), args[0])
			}
			return a.experiment(cmd.Context(), root, keep, all[i])
		},
	}
	c.Flags().StringVar(&dir, "source", "", "look for the testbed in `DIR` (default: this directory and those above)")
	c.Flags().StringVar(&keep, "save", "", "keep the captures and what really happened in `DIR`")
	return c
}

// findTestbed returns the source tree that holds the scripts.
func findTestbed(dir string) (string, error) {
	has := func(d string) bool {
		_, err := os.Stat(filepath.Join(d, "testbed", "run"))
		return err == nil
	}
	if dir == "" {
		at, err := os.Getwd()
		for err == nil && !has(at) && filepath.Dir(at) != at {
			at = filepath.Dir(at)
		}
		dir = at
	}
	if !has(dir) {
		return "", &failure{code: exitUsage, what: "the lab's scripts are not here", why: "no folder testbed in this directory or above",
			try: "firestorm lab --source DIR, with DIR a copy of Firestorm's source"}
	}
	return dir, nil
}

// experiments pairs the captures that show a code with those of the same script that show it remedied.
func experiments(root string) ([]experiment, error) {
	files, err := filepath.Glob(filepath.Join(root, "testdata", "captures", "*", "origin.json"))
	if err != nil {
		return nil, err
	}
	var all []situation
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, openFailure(name, err)
		}
		var s situation
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, &failure{code: exitEngine, what: name + " cannot be read", why: err.Error(), err: err}
		}
		if !s.Synthetic {
			all = append(all, s)
		}
	}
	var out []experiment
	for _, c := range codes() {
		var best experiment
		for i := range all {
			if !all[i].is(c.ID, "positive") {
				continue
			}
			e := experiment{c.ID, &all[i], nil}
			for k := range all {
				if all[k].Script == all[i].Script && all[k].is(c.ID, "remedied") {
					e.fixed = &all[k]
				}
			}
			if best.fault == nil || best.fixed == nil && e.fixed != nil {
				best = e
			}
		}
		if best.fault != nil {
			out = append(out, best)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		x, y := &out[i], &out[j]
		return x.code < y.code
	})
	return out, nil
}

func (a *app) listExperiments(all []experiment) error {
	for _, e := range all {
		with := "no scripted remedy"
		if e.fixed != nil {
			with = "with its remedy"
		}
		if _, err := fmt.Fprintf(a.stdout, "%-28s %s\n", e.code, with); err != nil {
			return err
		}
	}
	return nil
}

// experiment makes the fault, tells it, makes the same network with the remedy and tells what became of the fault. The
// exit status says whether both went as promised.
func (a *app) experiment(ctx context.Context, root, keep string, e experiment) error {
	if runtime.GOOS != "linux" {
		return &failure{code: exitPermission, what: "the lab needs Linux", why: "it builds networks from its namespaces"}
	}
	if os.Geteuid() != 0 {
		return &failure{code: exitPermission, what: "the lab needs root", why: "network namespaces and packet capture", try: "sudo firestorm lab " + e.code}
	}
	if keep == "" {
		tmp, err := os.MkdirTemp("", "firestorm-lab-")
		if err != nil {
			return writeFailure("the captures", err)
		}
		defer os.RemoveAll(tmp)
		keep = tmp
	} else if err := os.MkdirAll(keep, 0o755); err != nil {
		return writeFailure(keep, err)
	}
	a.say("1/%d  the fault: %s\n", e.steps(), e.fault.Shows)
	found, err := a.stage(ctx, root, keep, e.fault, e.code, true)
	if err != nil {
		return err
	}
	if found == 0 {
		a.say("\n%s was not found this time: real programs do not fail on command. The captures tell more (--save).\n", e.code)
		return status(exitFindings)
	}
	if e.fixed == nil {
		a.say("\nThe remedy of %s is not scripted: it needs hands.\n", e.code)
		return nil
	}
	a.say("\n2/2  the remedy: %s\n", e.fixed.Shows)
	found, err = a.stage(ctx, root, keep, e.fixed, e.code, false)
	if err != nil {
		return err
	}
	if found > 0 {
		a.say("\n%s is still there after the remedy.\n", e.code)
		return status(exitFindings)
	}
	a.say("      %s is gone.\n", e.code)
	return nil
}

func (e *experiment) steps() int {
	if e.fixed == nil {
		return 1
	}
	return 2
}

// say writes for the person who watches; what cannot be written there cannot be said anywhere.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// stage runs a script and returns how many findings of code its captures hold that are likely or certain. With
// tell it prints them.
func (a *app) stage(ctx context.Context, root, keep string, s *situation, code string, tell bool) (int, error) {
	cmd := exec.CommandContext(ctx, "bash", filepath.Join(root, "testbed", "run"), s.Name)
	cmd.Env = append(os.Environ(), "FST_CAPTURES="+keep)
	cmd.Stderr = a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // the script takes its namespaces down
	out, err := cmd.Output()
	if interrupted(ctx) {
		return 0, status(exitInterrupted)
	}
	if err != nil || !strings.Contains(string(out), "made 1,") {
		return 0, &failure{code: exitEngine, what: "the situation " + s.Name + " could not be made", why: "the lines above say why",
			try: "apt-get install $(cat " + filepath.Join(root, "testbed", "packages.txt") + ")", err: err}
	}
	n := 0
	for _, v := range s.Vantages {
		rep, err := a.reportOf(ctx, filepath.Join(keep, s.Name, v.File))
		if err != nil {
			return 0, err
		}
		rep.Findings = slices.DeleteFunc(rep.Findings, func(f *finding.Finding) bool { return f.Code.ID != code || f.Confidence < finding.Likely })
		a.say("      %s: %d packets, %s of this kind\n", v.File, packets(rep), detect.Plural(len(rep.Findings), "finding", "findings"))
		if tell && n == 0 && len(rep.Findings) > 0 {
			a.say("\n")
			if err := report.WriteText(a.stdout, rep, report.Options{Width: a.width(a.stdout), Color: a.useColor(a.stdout)}); err != nil {
				return 0, err
			}
			a.say("\n")
		}
		n += len(rep.Findings)
	}
	return n, nil
}

func packets(r *report.Report) (n uint64) {
	for _, f := range r.Files {
		n += f.Packets
	}
	return n
}

// reportOf analyses one capture with everything at its default.
func (a *app) reportOf(ctx context.Context, name string) (*report.Report, error) {
	r := rawRead{files: []string{name}, checksums: "auto", format: "text", formatIn: "pcap", progress: "never", failOn: "none", memory: defaultMemory}
	o, err := r.check()
	if err != nil {
		return nil, err
	}
	in, err := a.openInput(o, 0)
	if err != nil {
		return nil, err
	}
	res, err := sensor.Run(ctx, sensor.Options{Source: in, MaxMemory: o.MaxMemory, Analyzers: standard.Analyzers, Detectors: standard.Detectors, Checksums: checksumModes[o.Checksums]})
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	return buildReport(in, o, res), nil
}
