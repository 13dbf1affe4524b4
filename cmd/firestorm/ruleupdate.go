package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/rules"
	ruleset "firestorm/internal/rules/update"
)

// rawUpdate is the command line of rules update.
type rawUpdate struct {
	sources, params, local, ignore []string
	index                          string
	enable, disable, modify, drop  string
	check, dryRun, asJSON          bool
	maxLoss                        int
	timeout                        time.Duration
}

func (a *app) rulesUpdateCommand() *cobra.Command {
	r := &rawUpdate{}
	c := &cobra.Command{
		Use:   "update DIR",
		Short: "take rule sets from their sources, try them, and replace the old set",
		Long: `Take rule sets from files, bundles and web servers, switch rules on and off, try the
result, and put it in the place of the old set in DIR, whole or not at all. All rules
become one file, DIR/suricata.rules; of equal gid and sid the highest revision stays.

Sources: --source NAME is one of the index (--index FILE, in the shape of
suricata-update's index.yaml; without it, DIR/sources.yaml); --source https://… is an
address; --local takes rule files, folders of them, and bundles (tar.gz) from this
machine, without a network. What a source wants beside, such as a code, is given by
--param NAME=VALUE, or NAME=@FILE to keep it out of the list of processes; it is never
printed or stored.

enable.conf, disable.conf, modify.conf and drop.conf are read from DIR where they stand
there, with suricata-update's words: SID, GID:SID, re:EXPRESSION, group:FILE,
filename:PATTERN, metadata: KEY VALUE, *. First rules are switched off, then on, then
changed, then dropped; rules that set the flowbits of others are switched on, quietly.

The new set is compiled first. Where more than --max-loss of a hundred rules that ran
would run no more, or none runs, the old set stays and the exit status is 5.`,
		Example: `  firestorm rules update /etc/firestorm/rules --source et/open
  firestorm rules update /etc/firestorm/rules --local emerging.rules.tar.gz --dry-run
  firestorm rules update /etc/firestorm/rules --check`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.check {
				return a.checkUpdate(args[0], r.asJSON)
			}
			return a.updateRules(cmd.Context(), args[0], r)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringArrayVar(&r.sources, "source", nil, "take rules from `NAME` of the index, or from an address (may be given more than once)")
	f.StringVar(&r.index, "index", "", "`FILE` lists the sources, in the shape of suricata-update's index.yaml")
	f.StringArrayVar(&r.params, "param", nil, "`NAME=VALUE` goes into the addresses of sources; VALUE may be @FILE")
	f.StringArrayVar(&r.local, "local", nil, "take rules from `FILE|DIR` of this machine: rules, a folder of them, a tar.gz (may be given more than once)")
	f.StringSliceVar(&r.ignore, "ignore", []string{"*deleted.rules"}, "leave out files of sources by `PATTERNS`")
	f.StringVar(&r.disable, "disable-conf", "", "`FILE` says which rules are switched off (default: disable.conf in DIR)")
	f.StringVar(&r.enable, "enable-conf", "", "`FILE` says which rules are switched on (default: enable.conf in DIR)")
	f.StringVar(&r.modify, "modify-conf", "", "`FILE` changes rules (default: modify.conf in DIR)")
	f.StringVar(&r.drop, "drop-conf", "", "`FILE` says which rules become drop rules (default: drop.conf in DIR)")
	f.IntVar(&r.maxLoss, "max-loss", 20, "keep the old set when more than `N` of a hundred rules that run would be lost")
	f.DurationVar(&r.timeout, "timeout", 30*time.Second, "how long to wait for a server's answer to begin, `SPAN`")
	f.BoolVar(&r.dryRun, "dry-run", false, "say what would change, and leave the set as it is")
	f.BoolVar(&r.check, "check", false, "say how old the set in DIR is, and where it comes from; ask nobody")
	f.BoolVar(&r.asJSON, "json", false, "JSON instead of text")
	return c
}

// checkUpdate says how old a set is.
func (a *app) checkUpdate(dir string, asJSON bool) error {
	s, err := ruleset.ReadState(dir)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("firestorm rules update "+shellWord(dir)+" --source et/open", "%s was never updated: it has no %s", dir, ruleset.StateFile)
	}
	if err != nil {
		return &failure{code: exitEngine, what: "the state of the set cannot be read", why: err.Error(), err: err}
	}
	now := time.Now()
	if asJSON {
		return a.writeJSON(struct {
			*ruleset.State
			Age float64 `json:"age_s"`
		}{s, now.Sub(s.Checked).Seconds()})
	}
	if _, err := fmt.Fprintf(a.stdout, "%s: %d of %d rules run\nlast update %s ago (%s), last change %s ago (%s)\n", dir, s.Run, s.Rules,
		span(now.Sub(s.Checked)), s.Checked.UTC().Format(time.RFC3339), span(now.Sub(s.Changed)), s.Changed.UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	for _, x := range s.From {
		if _, err := fmt.Fprintf(a.stdout, "  from %s: %d rules\n", printable(x.Name), x.Rules); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) updateRules(ctx context.Context, dir string, r *rawUpdate) error {
	o := ruleset.Options{Dir: dir, Local: r.local, Ignore: r.ignore, Now: time.Now().UTC().Truncate(time.Second), Agent: "firestorm/" + version, Timeout: r.timeout,
		DryRun: r.dryRun, MaxLoss: r.maxLoss, Judge: a.judgeRules, Params: map[string]string{}}
	if !r.asJSON {
		o.Log = func(line string) { fmt.Fprintln(a.stderr, printable(line)) }
	}
	for _, p := range r.params {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return usagef("--param secret-code=@code.txt", "--param wants NAME=VALUE")
		}
		if file, ok := strings.CutPrefix(value, "@"); ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return openFailure(file, err)
			}
			value = strings.TrimSpace(string(b))
		}
		o.Params[name] = value
	}
	if err := r.pick(&o); err != nil {
		return err
	}
	if err := r.confs(&o); err != nil {
		return err
	}
	res, err := ruleset.Run(ctx, o)
	switch {
	case interrupted(ctx):
		return status(exitInterrupted)
	case ruleset.IsWorse(err):
		return &failure{code: exitEngine, what: "the rules were not updated", why: err.Error(), try: "firestorm rules update " + shellWord(dir) + " … --dry-run   (a larger --max-loss takes it)", err: err}
	case err != nil:
		f := &failure{code: exitEngine, what: "the rules were not updated", why: err.Error(), err: err}
		if errors.Is(err, os.ErrPermission) {
			f.code = exitPermission
		}
		return f
	}
	return a.sayUpdate(dir, res, r)
}

// pick finds the sources that were named.
func (r *rawUpdate) pick(o *ruleset.Options) error {
	if len(r.sources)+len(r.local) == 0 {
		return usagef("firestorm rules update "+shellWord(o.Dir)+" --source et/open   or   --local emerging.rules.tar.gz", "rules update needs a source")
	}
	var index []ruleset.Source
	for _, name := range r.sources {
		if strings.Contains(name, "://") {
			no := false
			o.Sources = append(o.Sources, ruleset.Source{Name: ruleset.Redact(name), URL: name, Checksum: &no})
			continue
		}
		if index == nil {
			file := r.index
			if file == "" {
				file = filepath.Join(o.Dir, "sources.yaml")
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return openFailure(file, err)
			}
			if index, err = ruleset.ReadIndex(text); err != nil {
				return &failure{code: exitUsage, what: "the sources in " + file + " cannot be used", why: err.Error(), err: err}
			}
		}
		found := false
		var names []string
		for _, s := range index {
			names = append(names, s.Name)
			if s.Name == name {
				if s.Obsolete != "" {
					return usagef("firestorm rules update --help", "the source %s is obsolete: %s", name, s.Obsolete)
				}
				o.Sources, found = append(o.Sources, s), true
			}
		}
		if !found {
			return usagef("--source "+strings.Join(names, "\n--source "), "there is no source %q", name)
		}
	}
	return nil
}

// confs reads the files that switch rules on and off: those that were named, else those in the folder of rules.
func (r *rawUpdate) confs(o *ruleset.Options) error {
	matchers := func(to *[]ruleset.Matcher) func(string, io.Reader) error {
		return func(name string, f io.Reader) (err error) { *to, err = ruleset.ReadMatchers(name, f); return err }
	}
	for _, x := range []struct {
		name, usual string
		read        func(string, io.Reader) error
	}{
		{r.disable, "disable.conf", matchers(&o.Conf.Disable)}, {r.enable, "enable.conf", matchers(&o.Conf.Enable)}, {r.drop, "drop.conf", matchers(&o.Conf.Drop)},
		{r.modify, "modify.conf", func(name string, f io.Reader) (err error) {
			o.Conf.Modify, err = ruleset.ReadChanges(name, f)
			return err
		}},
	} {
		name := x.name
		if name == "" {
			name = filepath.Join(o.Dir, x.usual)
		}
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) && x.name == "" {
			continue
		}
		if err != nil {
			return openFailure(name, err)
		}
		err = x.read(name, f)
		f.Close()
		if err != nil {
			return &failure{code: exitUsage, what: "the rules were not updated", why: err.Error(), try: "a line such as:  2100498   or   group:emerging-icmp.rules   or   re:trojan", err: err}
		}
	}
	return nil
}

// judgeRules compiles the rules of a folder or file.
func (a *app) judgeRules(name string) (on, run int, err error) {
	r, err := a.loadRules([]string{name}, rules.DefaultVars(), nil, false)
	if err != nil {
		return 0, 0, err
	}
	return r.active, r.set.Len(), nil
}

func (a *app) sayUpdate(dir string, res *ruleset.Result, r *rawUpdate) error {
	if r.asJSON {
		return a.writeJSON(struct {
			ruleset.State
			Written   bool `json:"written"`
			Added     int  `json:"added"`
			Removed   int  `json:"removed"`
			Changed   int  `json:"changed_rules"`
			Disabled  int  `json:"disabled"`
			Enabled   int  `json:"enabled"`
			Modified  int  `json:"modified"`
			Dropped   int  `json:"dropped"`
			Flowbits  int  `json:"enabled_for_flowbits"`
			Broken    int  `json:"broken"`
			RunBefore int  `json:"run_before"`
		}{res.State, res.Written, res.Added, res.Removed, res.Changed, res.Did.Disabled, res.Did.Enabled, res.Did.Modified, res.Did.Dropped, res.Did.Flowbits, len(res.Broken), res.RunBefore})
	}
	for _, p := range res.Broken[:min(len(res.Broken), 20)] {
		fmt.Fprintln(a.stderr, printable(problemText(p)))
	}
	if n := len(res.Broken) - 20; n > 0 {
		fmt.Fprintf(a.stderr, "and %d broken rules more\n", n)
	}
	head := "updated"
	switch {
	case !res.Written:
		head = "not written (--dry-run)"
	case res.Same:
		head = "nothing new"
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %s; %d of %d rules run (%d before); %d added, %d removed, %d changed; disabled %d, enabled %d, modified %d, dropped %d, for flowbits %d\n",
		dir, head, res.Run, res.Rules, res.RunBefore, res.Added, res.Removed, res.Changed, res.Did.Disabled, res.Did.Enabled, res.Did.Modified, res.Did.Dropped, res.Did.Flowbits)
	return err
}
