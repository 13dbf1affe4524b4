package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/rules/lang"
	ruleset "firestorm/internal/rules/update"
)

// listedRule is a rule as rules list shows it.
type listedRule struct {
	SID       uint32 `json:"sid"`
	GID       uint32 `json:"gid"`
	Rev       uint32 `json:"rev"`
	State     string `json:"state"` // runs, quiet, refused, off
	Msg       string `json:"msg"`
	Classtype string `json:"classtype,omitempty"`
	Protocol  string `json:"protocol,omitempty"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Reason    string `json:"reason,omitempty"` // why it is refused
}

// ruleStates are the states of rules in lists.
var ruleStates = []string{"runs", "quiet", "refused", "off"}

// ruleFilter is what rules list is asked for; empty parts ask for nothing.
type ruleFilter struct {
	words     []string
	classtype string
	state     string
	sids      []sidRange
}

type sidRange struct{ from, to uint64 }

func (f *ruleFilter) wants(r *listedRule) bool {
	for _, w := range f.words {
		if !strings.Contains(strings.ToLower(r.Msg+" "+r.File), strings.ToLower(w)) {
			return false
		}
	}
	if f.classtype != "" && !strings.EqualFold(f.classtype, r.Classtype) || f.state != "" && f.state != r.State {
		return false
	}
	return len(f.sids) == 0 || slices.ContainsFunc(f.sids, func(s sidRange) bool { return uint64(r.SID) >= s.from && uint64(r.SID) <= s.to })
}

// sidRanges reads 2100498 and 2000000-2000099.
func sidRanges(list []string) (out []sidRange, err error) {
	for _, s := range list {
		a, b, span := strings.Cut(s, "-")
		if !span {
			b = a
		}
		from, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 32)
		to, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 32)
		if err1 != nil || err2 != nil || to < from {
			return nil, usagef("--sid 2100498,2000000-2000099", "--sid: %q is neither a number nor a range", s)
		}
		out = append(out, sidRange{from, to})
	}
	return out, nil
}

func (a *app) rulesListCommand(load func([]string) (*rulesRead, error)) *cobra.Command {
	var f ruleFilter
	var sids []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list FILE|DIR...",
		Short: "list rules with their state and where they stand",
		Long: `List rules with their state and where they stand.

States: runs; quiet (it runs, but passes packets or only remembers, and never
alerts); refused (rules check says why); off (it is commented out). The last line
says how old the set is.`,
		Example: `  firestorm rules list /etc/firestorm/rules --word trojan
  firestorm rules list local.rules --state refused
  firestorm rules list rules --sid 2000000-2000099 --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var err error
			if f.sids, err = sidRanges(sids); err != nil {
				return err
			}
			if f.state != "" {
				if err := oneOf("--state", f.state, ruleStates...); err != nil {
					return err
				}
			}
			r, err := load(args)
			if err != nil {
				return err
			}
			rows, err := a.listRules(r, args)
			if err != nil {
				return err
			}
			return a.writeRules(r, rows, &f, args, asJSON)
		},
	}
	c.Flags().StringArrayVar(&f.words, "word", nil, "only rules whose message or file has `WORD` in it (may be given more than once)")
	c.Flags().StringVar(&f.classtype, "classtype", "", "only rules of `CLASS`")
	c.Flags().StringSliceVar(&sids, "sid", nil, "only these `SIDS`, separated by commas; 5-9 is a range")
	c.Flags().StringVar(&f.state, "state", "", "only rules in `STATE`: "+strings.Join(ruleStates, ", "))
	c.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one rule a line, then a summary")
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(ruleStates, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// listRules are all rules of the files: those that run, are refused, or are off.
func (a *app) listRules(r *rulesRead, names []string) (rows []listedRule, err error) {
	for _, x := range r.set.Rules() {
		state := "runs"
		if !x.Alerts {
			state = "quiet"
		}
		rows = append(rows, listedRule{x.SID, x.GID, x.Rev, state, x.Msg, x.Classtype, x.Protocol, x.File, x.Line, ""})
	}
	refused := map[lang.Place]int{}
	for _, p := range r.problems {
		if !strings.HasSuffix(p.File, ".rules") && p.SID == 0 {
			continue // a line of another file
		}
		reason := p.Reason
		if p.Option != "" {
			reason = p.Option + ": " + reason
		}
		refused[p.Place] = len(rows)
		rows = append(rows, listedRule{SID: p.SID, GID: 1, State: "refused", File: p.File, Line: p.Line, Reason: reason})
	}
	for _, n := range names {
		files, err := ruleFiles(n)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if name == "-" {
				continue // standard input is read once
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, openFailure(name, err)
			}
			for _, x := range ruleset.Commented(name, text) {
				class, _ := x.Get("classtype")
				rows = append(rows, listedRule{x.SID, x.GID, x.Rev, "off", x.Msg, class, x.Protocol, x.File, x.Line, ""})
			}
			if len(refused) == 0 {
				continue
			}
			list, _, _ := lang.Parse(name, bytes.NewReader(text)) // from memory: it cannot fail
			for _, x := range list {
				if i, ok := refused[x.Place]; ok {
					class, _ := x.Get("classtype")
					w := &rows[i]
					w.GID, w.Rev, w.Msg, w.Classtype, w.Protocol = x.GID, x.Rev, x.Msg, class, x.Protocol
				}
			}
		}
	}
	sort.SliceStable(rows, func(i, j int) bool {
		x, y := &rows[i], &rows[j]
		return cmp.Or(strings.Compare(x.File, y.File), x.Line-y.Line) < 0
	})
	return rows, nil
}

func (a *app) writeRules(r *rulesRead, rows []listedRule, f *ruleFilter, names []string, asJSON bool) error {
	n := 0
	for i := range rows {
		x := &rows[i]
		if !f.wants(x) {
			continue
		}
		n++
		var err error
		if asJSON {
			err = a.writeJSON(x)
		} else {
			line := fmt.Sprintf("%10d  %-7s  %s  (%s:%d)", x.SID, x.State, printable(x.Msg), printable(x.File), x.Line)
			if x.Reason != "" {
				line += "  " + printable(x.Reason)
			}
			_, err = fmt.Fprintln(a.stdout, line)
		}
		if err != nil {
			return err
		}
	}
	old := setAge(names, time.Now())
	if asJSON {
		return a.writeJSON(struct {
			Type   string `json:"type"`
			Listed int    `json:"listed"`
			Rules  int    `json:"rules"`
			Run    int    `json:"run"`
			AsOf   string `json:"as_of,omitempty"` // how old the set is
		}{"summary", n, len(rows), r.set.Len(), old.when()})
	}
	_, err := fmt.Fprintf(a.stdout, "%d of %d rules listed; %s%s\n", n, len(rows), r.summary(), old.words())
	return err
}

// age is how old a set of rules is.
type age struct {
	at      time.Time // zero: not known
	updated bool      // rules update says so; else the newest file does
	now     time.Time
}

// setAge finds out how old the rules in files and folders are: the youngest of them counts.
func setAge(names []string, now time.Time) age {
	a := age{now: now}
	for _, n := range names {
		if s, err := ruleset.ReadState(n); err == nil && s.Checked.After(a.at) {
			a.at, a.updated = s.Checked, true
		}
	}
	if a.updated {
		return a
	}
	for _, n := range names {
		// What cannot be read tells no age.
		_ = filepath.WalkDir(n, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != n && !strings.HasSuffix(path, ".rules") {
				return nil
			}
			if i, err := d.Info(); err == nil && i.ModTime().After(a.at) {
				a.at = i.ModTime()
			}
			return nil
		})
	}
	return a
}

func (a age) when() string {
	if a.at.IsZero() {
		return ""
	}
	return a.at.UTC().Format(time.RFC3339)
}

func (a age) words() string {
	if a.at.IsZero() {
		return ""
	}
	what := "newest file"
	if a.updated {
		what = "last update"
	}
	return fmt.Sprintf("; %s %s ago (%s)", what, span(a.now.Sub(a.at)), a.when())
}

// span writes how long ago something was, as a person says it.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
