package main

import (
	"bufio"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/event"
	"firestorm/internal/rules"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// ruleRun runs rules over captures, and nothing else.
func (a *app) ruleRun(ctx context.Context, raw *rawRead, change func(o *sensor.Options)) (*rulesRead, *sensor.Result, error) {
	raw.format, raw.formatIn, raw.progress, raw.failOn, raw.memory = "text", "pcap", "never", "none", defaultMemory
	o, err := raw.check()
	if err != nil {
		return nil, nil, err
	}
	settings, err := a.readSettings(o.Settings)
	if err != nil {
		return nil, nil, err
	}
	r, err := a.ruleSet(o, settings, true)
	if err != nil {
		return nil, nil, err
	}
	in, err := a.openInput(o, 0)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	opt := sensor.Options{Source: in, Workers: 1, MaxMemory: o.MaxMemory, Analyzers: settings.analyzers(standard.Analyzers), Checksums: checksumModes[o.Checksums],
		Names: vantageNames(in), Files: sourceNames(in), HomeNet: o.HomeNet, Rules: r.set}
	settings.engine(&opt, o.ChecksumGiven)
	change(&opt)
	res, err := sensor.Run(ctx, opt)
	if err != nil {
		return nil, nil, &failure{code: exitEngine, what: "the analysis failed", why: err.Error(), err: err}
	}
	if err := a.sayDamage(in, res); err != nil {
		return r, res, err
	}
	if interrupted(ctx) {
		return r, res, status(exitInterrupted)
	}
	return r, res, nil
}

// ruleRunFlags are the flags that running rules over a capture has in common with read.
func ruleRunFlags(c *cobra.Command, raw *rawRead) {
	c.Flags().StringVarP(&raw.checksums, "checksums", "k", "auto", "`WHICH` checksums must be right: none, all, auto")
	c.Flags().StringVar(&raw.settings, "suricata-settings", "", "take variables, protocols and streams from `FILE`, a suricata.yaml or the same as JSON")
}

// shown counts the alerts that thresholds let through.
type shown struct {
	n           map[*event.RuleInfo]uint64
	first, last map[*event.RuleInfo]uint64 // frames
}

// Event implements sensor.EventSink.
func (s *shown) Event(e event.Event) error {
	if x, ok := e.(*event.Alert); ok {
		if s.n[x.Rule]++; s.n[x.Rule] == 1 {
			s.first[x.Rule] = x.Head().Seen.Frame
		}
		s.last[x.Rule] = x.Head().Seen.Frame
	}
	return nil
}

// testedRule is what became of a rule.
type testedRule struct {
	SID     uint32 `json:"sid"`
	GID     uint32 `json:"gid"`
	Rev     uint32 `json:"rev"`
	Msg     string `json:"msg"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Alerts  uint64 `json:"alerts"`
	First   uint64 `json:"first_frame,omitempty"`
	Last    uint64 `json:"last_frame,omitempty"`
	Held    uint64 `json:"held_back,omitempty"` // matches that a threshold or suppression kept back
	Quiet   uint64 `json:"quiet,omitempty"`     // matches that are no alerts: noalert, pass, too many on one packet
	Passed  uint64 `json:"passed,omitempty"`    // matches that a pass rule took
	Holds   string `json:"holds,omitempty"`     // the last check that held where it came furthest
	Fails   string `json:"fails,omitempty"`     // the first that did not
	Frame   uint64 `json:"frame,omitempty"`     // where
	Times   uint64 `json:"times,omitempty"`     // packets or transactions in which it came as far
	Refused string `json:"refused,omitempty"`
}

func (a *app) rulesTestCommand() *cobra.Command {
	raw := &rawRead{}
	var asJSON bool
	c := &cobra.Command{
		Use:   "test FILE|DIR CAPTURE...",
		Short: "run rules over a capture: alerts for each, and why the others are silent",
		Long: `Run rules over a capture: how many alerts each rule gives, and for those that give
none the furthest check they reached, and in which frame.

Every rule is gone through for every packet beside the usual way, which is slow: for
rules being written, not for whole sets. Exit status 1 when a rule gives no alert.`,
		Example: "  firestorm rules test local.rules attack.pcap",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw.rules, raw.files = args[:1], args[1:]
			raw.checksumsGiven = cmd.Flags().Changed("checksums")
			seen := &shown{map[*event.RuleInfo]uint64{}, map[*event.RuleInfo]uint64{}, map[*event.RuleInfo]uint64{}}
			r, res, err := a.ruleRun(cmd.Context(), raw, func(o *sensor.Options) { o.RulesTraced, o.Sinks = true, []sensor.EventSink{seen} })
			if res == nil {
				return err
			}
			silent, werr := a.writeTested(r, res.Reached, seen, asJSON)
			switch {
			case werr != nil:
				return werr
			case err == nil && silent > 0:
				return status(exitFindings)
			}
			return err
		},
	}
	ruleRunFlags(c, raw)
	c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one rule a line")
	return c
}

// writeTested writes what became of each rule, and returns how many gave no alert that should.
func (a *app) writeTested(r *rulesRead, reached []rules.Reached, seen *shown, asJSON bool) (silent int, err error) {
	byRule := map[[2]uint32]*event.RuleInfo{}
	for i := range seen.n {
		byRule[[2]uint32{i.GID, i.SID}] = i
	}
	w := bufio.NewWriter(a.stdout)
	write := func(t *testedRule) error {
		if asJSON {
			return a.writeJSON(t)
		}
		_, err := fmt.Fprintf(w, "%10d  %s\n            %s\n", t.SID, printable(t.Msg), printable(t.words()))
		return err
	}
	for _, x := range reached {
		t := &testedRule{SID: x.SID, GID: x.GID, Rev: x.Rev, Msg: x.Msg, File: x.File, Line: x.Line, Quiet: x.Quiet, Passed: x.Passed}
		if i := byRule[[2]uint32{x.GID, x.SID}]; i != nil {
			t.Alerts, t.First, t.Last = seen.n[i], seen.first[i], seen.last[i]
		}
		t.Held = x.Alerts - min(t.Alerts, x.Alerts)
		if x.Alerts+x.Quiet+x.Passed == 0 {
			t.Holds, t.Fails, t.Frame, t.Times = x.Held, x.Why, x.At.Frame, x.Times
		}
		if t.Alerts == 0 && t.Quiet == 0 {
			silent++
		}
		if err := write(t); err != nil {
			return silent, err
		}
	}
	for _, p := range r.problems {
		silent++
		if err := write(&testedRule{SID: p.SID, GID: 1, File: p.File, Line: p.Line, Refused: problemText(p)}); err != nil {
			return silent, err
		}
	}
	return silent, w.Flush()
}

// words says what became of the rule in a line.
func (t *testedRule) words() string {
	switch {
	case t.Refused != "":
		return "refused: " + t.Refused
	case t.Alerts == 1:
		return fmt.Sprintf("1 alert, frame %d%s", t.First, t.also())
	case t.Alerts > 0:
		return fmt.Sprintf("%d alerts, frames %d to %d%s", t.Alerts, t.First, t.Last, t.also())
	case t.Held+t.Quiet+t.Passed > 0:
		return "no alert" + t.also()
	case t.Frame == 0 && t.Fails == "":
		return "no alert: every check held, but never together"
	case t.Frame == 0:
		return "no alert: " + t.Fails
	case t.Fails == "":
		return fmt.Sprintf("no alert: every check held in frame %d, but never together", t.Frame)
	}
	s := "no alert: furthest in frame " + fmt.Sprint(t.Frame)
	if t.Times > 1 {
		s += fmt.Sprintf(" (and %d times more)", t.Times-1)
	}
	if t.Holds != "" {
		s += ": " + t.Holds + ";"
	} else {
		s += ":"
	}
	return s + " " + t.Fails
}

// also says what else became of its matches.
func (t *testedRule) also() (s string) {
	for _, x := range []struct {
		n    uint64
		text string
	}{{t.Held, "kept back by a threshold or suppression"}, {t.Quiet, "without an alert (noalert, pass, or too many on one packet)"}, {t.Passed, "taken by a pass rule"}} {
		if x.n > 0 {
			s += fmt.Sprintf("; %d matches %s", x.n, x.text)
		}
	}
	return s
}

// costRow is what a rule cost, as JSON.
type costRow struct {
	SID        uint32  `json:"sid"`
	GID        uint32  `json:"gid"`
	Rev        uint32  `json:"rev"`
	Msg        string  `json:"msg"`
	Candidates uint64  `json:"candidates"`
	Full       uint64  `json:"full_checks"`
	Matches    uint64  `json:"matches"`
	Steps      uint64  `json:"steps"`
	Micros     float64 `json:"us"`
	Share      float64 `json:"share"` // of the time of all rules, per cent
}

func (a *app) rulesProfileCommand() *cobra.Command {
	raw := &rawRead{}
	var asJSON bool
	top := 20
	c := &cobra.Command{
		Use:   "profile FILE|DIR CAPTURE...",
		Short: "say what each rule costs on a capture, the dearest first",
		Long: `Say what each rule costs on a capture, the dearest first.

  candidates   times the rule was gone through: what it is found by was there
  full checks  of them, times its contents were looked for
  matches      times all of it held
  steps        of looking for contents, the same on every machine
  time, share  measured here, with one worker; share is of all rules together`,
		Example: "  firestorm rules profile /etc/firestorm/rules busy.pcap --top 10",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw.rules, raw.files = args[:1], args[1:]
			raw.checksumsGiven = cmd.Flags().Changed("checksums")
			begin := time.Now()
			r, res, err := a.ruleRun(cmd.Context(), raw, func(o *sensor.Options) { o.RulesTimed = func() int64 { return int64(time.Since(begin)) } })
			if res == nil {
				return err
			}
			if werr := a.writeCosts(r, res.Costs, top, asJSON); werr != nil {
				return werr
			}
			return err
		},
	}
	ruleRunFlags(c, raw)
	c.Flags().IntVar(&top, "top", top, "show `N` rules, 0 for all")
	c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one rule a line")
	return c
}

func (a *app) writeCosts(r *rulesRead, costs []rules.Cost, top int, asJSON bool) error {
	var all int64
	for i := range costs {
		all += costs[i].Nanos
	}
	w := bufio.NewWriter(a.stdout)
	if !asJSON {
		fmt.Fprintf(w, "%10s %10s %11s %8s %10s %12s %7s  rule\n", "sid", "candidates", "full checks", "matches", "steps", "time", "share")
	}
	for i := range costs {
		if top > 0 && i == top {
			break
		}
		c := &costs[i]
		share := 0.0
		if all > 0 {
			share = 100 * float64(c.Nanos) / float64(all)
		}
		if asJSON {
			if err := a.writeJSON(costRow{c.SID, c.GID, c.Rev, c.Msg, c.Candidates, c.Full, c.Matches, c.Steps, float64(c.Nanos) / 1e3, share}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%10d %10d %11d %8d %10d %12s %6.1f%%  %s\n", c.SID, c.Candidates, c.Full, c.Matches, c.Steps,
			time.Duration(c.Nanos).Round(time.Microsecond/10), share, printable(c.Msg))
	}
	if !asJSON {
		fmt.Fprintf(w, "%d of %d rules were gone through, in %s together\n", len(costs), r.set.Len(), time.Duration(all).Round(time.Microsecond))
	}
	return w.Flush()
}
