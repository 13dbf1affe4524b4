package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/detect/signature"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
)

// rulesRead are rules with what was wrong in their files.
type rulesRead struct {
	set      *rules.Set
	active   int // rules that are not commented out
	problems []lang.Problem
	// barren are the files that have rules of which none runs.
	barren []string
	newest time.Time // when the newest of their files was changed; zero: not known
}

// loadRules reads files and folders of rules. Beside them, classification.config and threshold.config are taken where there
// are such.
func (a *app) loadRules(names []string, vars lang.Vars, settings *suricata, more ...func(*rules.Options)) (*rulesRead, error) {
	var files []string
	opt := rules.Options{ReadList: readList, Vars: vars, Classifications: lang.StandardClassifications(), References: map[string]string{}}
	for _, f := range more {
		f(&opt)
	}
	for _, n := range names {
		in, err := ruleFiles(n)
		if err != nil {
			return nil, err
		}
		files = append(files, in...)
	}
	bad, err := settings.rules(&opt)
	if err != nil {
		return nil, err
	}
	r := &rulesRead{problems: bad}
	var list []*lang.Rule
	seen, runs := map[string]bool{}, map[string]int{}
	for _, name := range files {
		text, err := a.readRules(name)
		if err != nil {
			return nil, openFailure(name, err)
		}
		if st, err := os.Stat(name); err == nil && st.ModTime().After(r.newest) {
			r.newest = st.ModTime()
		}
		got, bad, err := lang.Parse(name, bytes.NewReader(text))
		if err != nil {
			return nil, &failure{code: exitEngine, what: "the rules cannot be read", why: err.Error(), err: err}
		}
		list = append(list, got...)
		r.problems = append(r.problems, bad...)
		r.active += len(got) + len(bad)
		if runs[name] = len(got); len(got)+len(bad) == 0 {
			delete(runs, name)
		}
		dir := filepath.Dir(name)
		if name == "-" || seen[dir] {
			continue
		}
		seen[dir] = true
		bad, err = readBeside(dir, &opt)
		if err != nil {
			return nil, err
		}
		r.problems = append(r.problems, bad...)
	}
	list, doubles := lang.Unique(list)
	r.problems = append(r.problems, doubles...)
	set, bad := rules.Compile(list, opt)
	r.set = set
	r.problems = append(r.problems, bad...)
	for _, p := range bad {
		runs[p.File]--
	}
	for _, name := range files {
		if n, any := runs[name]; any && n <= 0 {
			r.barren = append(r.barren, name)
		}
	}
	sort.SliceStable(r.problems, func(i, j int) bool {
		x, y := &r.problems[i], &r.problems[j]
		return cmp.Or(strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line)) < 0
	})
	return r, nil
}

// readList opens a list that a rule names: beside the rule's file, unless its path is absolute.
func readList(rules, name string) (io.ReadCloser, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(rules), name)
	}
	return os.Open(name)
}

// readBeside reads the files of a set that stand beside its rules.
func readBeside(dir string, opt *rules.Options) (bad []lang.Problem, err error) {
	for _, f := range []struct {
		name string
		read fileReader
	}{{"classification.config", classifications(opt)}, {"reference.config", references(opt)}, {"threshold.config", thresholds(opt)}} {
		some, err := readConfig(filepath.Join(dir, f.name), f.read)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		bad = append(bad, some...)
	}
	return bad, nil
}

// fileReader reads one of the files that belong to a rule set.
type fileReader func(name string, r io.Reader) ([]lang.Problem, error)

func classifications(opt *rules.Options) fileReader {
	return func(name string, r io.Reader) ([]lang.Problem, error) {
		kinds, bad, err := lang.Classifications(name, r)
		maps.Copy(opt.Classifications, kinds)
		return bad, err
	}
}

func references(opt *rules.Options) fileReader {
	return func(name string, r io.Reader) ([]lang.Problem, error) {
		links, bad, err := lang.References(name, r)
		maps.Copy(opt.References, links)
		return bad, err
	}
}

func thresholds(opt *rules.Options) fileReader {
	return func(name string, r io.Reader) ([]lang.Problem, error) {
		lines, bad, err := lang.Thresholds(name, r)
		opt.Thresholds = append(opt.Thresholds, lines...)
		return bad, err
	}
}

func readConfig(path string, read fileReader) ([]lang.Problem, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openFailure(path, err)
	}
	defer f.Close()
	bad, err := read(path, f)
	if err != nil {
		return nil, openFailure(path, err)
	}
	return bad, nil
}

// readRules reads a rule file, - for standard input.
func (a *app) readRules(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(name)
}

// ruleFiles are the rule files that a name stands for: itself, or all *.rules of a folder.
func ruleFiles(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, openFailure(name, err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != name && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir // what rules update tries, and its copies
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".rules") {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("no *.rules file in it")
	}
	if err != nil {
		return nil, openFailure(name, err)
	}
	return files, nil
}

func (a *app) rulesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "rules",
		Short: "check, list, explain, test and update rules of Suricata's language",
		Long: `Work with rules of Suricata's language. read --rules FILE runs them.

  firestorm rules check FILE|DIR...      which rules do not run, and why
  firestorm rules coverage FILE|DIR...   how many run, and the reasons of the others
  firestorm rules list FILE|DIR...       all of them, with their state and place
  firestorm rules explain SID FILE|DIR   one in plain words
  firestorm rules test FILE CAPTURE      alerts of each, and why the others are silent
  firestorm rules profile DIR CAPTURE    what each costs
  firestorm rules update DIR --source .. new sets, tried before they replace the old

A rule that cannot be run is refused with its file and line, the option at fault
and the reason; the others load, unless read is told --strict.
classification.config, reference.config and threshold.config are read where
they stand beside the rules.

--suricata-settings FILE takes from a suricata.yaml: vars, classification-file,
reference-config-file, threshold-file, reputation-categories-file,
default-reputation-path, reputation-files, action-order, packet-alert-max,
host-os-policy, stream (midstream, inline, checksum-validation,
reassembly.depth), defrag.timeout,
flow-timeouts, decoder.vxlan, whether each of app-layer.protocols is on, how tls handles
encryption, how much of contents http inspects, what smtp takes apart, and
which records the eve-log outputs want, with which MACs, fields of HTTP,
certificates and kinds of SMB, datasets; SURICATA_EVE_DNS_VERSION (2 or 3)
chooses the form of DNS records as it does there. What else stands there means nothing
here; read -v lists it. Findings are written as EVE alerts only where the types
of an eve-log name "finding".

` + exitHelp(),
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON, strict bool
	var settingsFile string
	load := func(names []string) (*rulesRead, error) {
		settings, err := a.readSettings(settingsFile)
		if err != nil {
			return nil, err
		}
		return a.loadRules(names, settings.vars(), settings, func(o *rules.Options) { o.Keep = true })
	}
	check := &cobra.Command{
		Use:     "check FILE|DIR...",
		Short:   "say which rules do not run, and why",
		Example: "  firestorm rules check /etc/suricata/rules\n  firestorm rules check local.rules --strict",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := load(args)
			if err != nil {
				return err
			}
			return a.reportRules(r, asJSON, strict)
		},
	}
	check.Flags().BoolVar(&asJSON, "json", false, "JSON instead of text: one refused rule a line, then a summary")
	check.Flags().BoolVar(&strict, "strict", false, "exit 5 when any rule is refused")
	coverage := &cobra.Command{
		Use:   "coverage FILE|DIR...",
		Short: "count the rules that run, and those that do not by reason",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := load(args)
			if err != nil {
				return err
			}
			return a.writeCoverage(r)
		},
	}
	for _, verb := range []*cobra.Command{check, coverage} {
		verb.Flags().StringVar(&settingsFile, "suricata-settings", "", "take variables, protocols and classes from `FILE`, a suricata.yaml or the same as JSON")
	}
	list, explain := a.rulesListCommand(load), a.rulesExplainCommand(load)
	for _, verb := range []*cobra.Command{list, explain} {
		verb.Flags().StringVar(&settingsFile, "suricata-settings", "", "take variables, protocols and classes from `FILE`, a suricata.yaml or the same as JSON")
	}
	c.AddCommand(check, coverage, list, explain, a.rulesTestCommand(), a.rulesProfileCommand(), a.rulesUpdateCommand())
	return c
}

// refusedRule is a refused rule as JSON.
type refusedRule struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	SID    uint32 `json:"sid,omitempty"`
	Option string `json:"option,omitempty"`
	Reason string `json:"reason"`
}

// approximateRule is a rule that does not run quite as Suricata has it, as JSON.
type approximateRule struct {
	File        string `json:"file"`
	Line        int    `json:"line"`
	SID         uint32 `json:"sid,omitempty"`
	Approximate string `json:"approximate"`
}

func (a *app) reportRules(r *rulesRead, asJSON, strict bool) error {
	for _, p := range r.problems {
		var err error
		if asJSON {
			err = a.writeJSON(refusedRule{p.File, p.Line, p.SID, p.Option, p.Reason})
		} else {
			_, err = fmt.Fprintln(a.stdout, problemText(p))
		}
		if err != nil {
			return err
		}
	}
	for _, p := range r.set.Approximate() {
		var err error
		if asJSON {
			err = a.writeJSON(approximateRule{p.File, p.Line, p.SID, p.Reason})
		} else {
			_, err = fmt.Fprintf(a.stdout, "%s (runs approximately)\n", problemText(p))
		}
		if err != nil {
			return err
		}
	}
	var err error
	if asJSON {
		err = a.writeJSON(struct {
			Type        string `json:"type"`
			Rules       int    `json:"rules"`
			Run         int    `json:"run"`
			Approximate int    `json:"approximate"`
			Refused     int    `json:"refused"`
		}{"summary", r.active, r.set.Len(), len(r.set.Approximate()), len(r.problems)})
	} else {
		_, err = fmt.Fprintln(a.stdout, r.summary())
	}
	if err == nil && strict && len(r.problems) > 0 {
		return &failure{code: exitEngine, what: r.summary()}
	}
	return err
}

// summary is a line about the set.
func (r *rulesRead) summary() string {
	some := ""
	if n := len(r.set.Approximate()); n > 0 {
		some = fmt.Sprintf(" (%d approximately)", n)
	}
	if len(r.problems) == 0 {
		return fmt.Sprintf("%d rules, all run%s", r.set.Len(), some)
	}
	verb := "are"
	if r.active == r.set.Len() { // what cannot be read stands in the files beside the rules
		lines := "1 line beside them cannot be read"
		if n := len(r.problems); n > 1 {
			lines = fmt.Sprintf("%d lines beside them cannot be read", n)
		}
		return fmt.Sprintf("%d rules, all run%s; %s", r.set.Len(), some, lines)
	}
	if len(r.problems) == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d rules run%s, %d %s refused", r.set.Len(), r.active, some, len(r.problems), verb)
}

// problemText is a refused rule on one line.
func problemText(p lang.Problem) string {
	s := fmt.Sprintf("%s:%d: ", p.File, p.Line)
	if p.SID != 0 {
		s += fmt.Sprintf("sid %d: ", p.SID)
	}
	if p.Option != "" {
		s += p.Option + ": "
	}
	return s + p.Reason
}

// writeCoverage counts the refused rules by option and reason, the commonest first.
func (a *app) writeCoverage(r *rulesRead) error {
	share := 100.0
	if r.active > 0 {
		share = 100 * float64(r.set.Len()) / float64(r.active)
	}
	if _, err := fmt.Fprintf(a.stdout, "%d of %d rules run (%.2f %%)\n", r.set.Len(), r.active, share); err != nil {
		return err
	}
	if list := r.set.Approximate(); len(list) > 0 {
		if _, err := fmt.Fprintf(a.stdout, "%d of them approximately:\n", len(list)); err != nil {
			return err
		}
		if err := a.writeReasons(list); err != nil {
			return err
		}
		if len(r.problems) > 0 {
			if _, err := fmt.Fprintf(a.stdout, "%d skipped:\n", len(r.problems)); err != nil {
				return err
			}
		}
	}
	return a.writeReasons(r.problems)
}

// writeReasons counts problems by option and reason.
func (a *app) writeReasons(list []lang.Problem) error {
	type row struct {
		what string
		n    int
		at   lang.Problem
	}
	at := map[string]int{}
	var rows []row
	for _, p := range list {
		k := p.Reason
		if p.Option != "" {
			k = p.Option + ": " + p.Reason
		}
		i, ok := at[k]
		if !ok {
			i = len(rows)
			at[k] = i
			rows = append(rows, row{k, 0, p})
		}
		rows[i].n++
	}
	sort.SliceStable(rows, func(i, j int) bool {
		x, y := &rows[i], &rows[j]
		return y.n < x.n
	})
	for _, x := range rows {
		if _, err := fmt.Fprintf(a.stdout, "%6d  %s (first: %s:%d)\n", x.n, x.what, x.at.File, x.at.Line); err != nil {
			return err
		}
	}
	return nil
}

// ruleSet loads the rules of --rules; nil when none were given.
func (a *app) ruleSet(o *readOptions, settings *suricata) (*rulesRead, error) {
	if len(o.Rules) == 0 {
		return nil, nil
	}
	vars := settings.vars()
	if o.HomeNetGiven {
		var nets []string
		for _, n := range o.HomeNet {
			nets = append(nets, n.String())
		}
		vars.Addrs["HOME_NET"] = "[" + strings.Join(nets, ",") + "]"
	}
	r, err := a.loadRules(o.Rules, vars, settings, func(x *rules.Options) { x.Keep, x.Texts, x.Lists.Dir = o.KeepRules, o.EVE.Alert.RuleText, o.OutDir })
	if err == nil && o.Strict && len(r.problems) > 0 {
		for _, p := range r.problems {
			fmt.Fprintln(a.stderr, printable(problemText(p)))
		}
		return nil, &failure{code: exitUsage, what: r.summary(), why: "with --strict, no rule runs where one is refused",
			try: "firestorm rules check " + shellWord(o.Rules[0])}
	}
	return r, err
}

// ruleHits are the rows of the report.
func ruleHits(h *signature.Hits) []report.RuleHit {
	var rows []report.RuleHit
	for _, x := range h.List() {
		rows = append(rows, report.RuleHit{GID: x.Rule.GID, SID: x.Rule.SID, Rev: x.Rule.Rev, Msg: x.Rule.Msg, Category: x.Rule.Category, Severity: x.Rule.Severity,
			From: x.From, To: x.To, Proto: packet.ProtoName(x.Proto), Port: x.Port, Count: x.Count, Conversations: x.Conversations, First: x.First, Last: x.Last})
	}
	return rows
}

// ruleWarnings say what rules did not get to see, or did not tell.
func ruleWarnings(res *sensor.Result, h *signature.Hits) []string {
	var out []string
	for _, x := range []struct {
		n    uint64
		text string
	}{
		{res.Rules.Forgotten, "rules did not see %d bytes of streams, for lack of room"},
		{res.Rules.Apart, "rules looked at %d bytes of streams without what came before or after them, for lack of room"},
		{res.Rules.BeyondDepth, "rules did not look at %d bytes of streams that lie beyond their first MiB, as Suricata does not"},
		{res.Rules.GivenUp, "rules gave up %d times: a rule took too many steps on a buffer, and what it would have found is not known"},
		{res.Rules.TooMany, "%d matches of rules were left out: more than fifteen on one packet"},
		{res.RulesFull, "%d matches of rules were shown without regard to their threshold: there was no room left to count them"},
		{res.Rules.Unkept, "%d bits of hosts or values of lists that rules set were not kept, for lack of room: what asks for them is not reliable"},
		{h.Lost, "%d matches of rules found no row in this report; EVE has them"},
	} {
		if x.n > 0 {
			out = append(out, fmt.Sprintf(x.text, x.n))
		}
	}
	return out
}
