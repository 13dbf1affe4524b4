package update

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"firestorm/internal/rules/lang"
)

// RulesFile is the file that an update writes; the classification.config and reference.config of the sources stand beside it.
const RulesFile = "suricata.rules"

// CacheDir is the folder of copies in the folder of rules. Only its owner may read it.
const CacheDir = ".sources"

// Options says what to update, and from what.
type Options struct {
	Dir     string            // folder of rules
	Sources []Source          // http and https
	Params  map[string]string // for their addresses
	Local   []string          // files, bundles, folders
	Ignore  []string          // files of sources that are left out, as patterns; nil: *deleted.rules
	Conf    Conf
	Now     time.Time
	Agent   string        // how to name oneself to servers
	Timeout time.Duration // of an answer to begin; 0: 30 s
	DryRun  bool          // nothing is written but copies of sources
	// MaxLoss is how many of a hundred rules that run may be lost against the set that is there; more keeps the old set.
	MaxLoss int
	// Judge says how many rules of a folder that are on there are, and how many of them run.
	Judge func(dir string) (on, run int, err error)
	// Log is told what is done, a line each, without secrets; nil: nobody is.
	Log func(line string)
}

// Result is what an update did, or would have done.
type Result struct {
	State            // as it stands now
	Was       *State // as it was; nil: there was none
	Did       did
	Added     int
	Removed   int
	Changed   int
	Same      bool // there was nothing new
	Broken    []lang.Problem
	Written   bool
	RunBefore int // rules of the old set that run
}

// errWorse is why a new set was not taken.
type errWorse struct{ was, now, most int }

func (e *errWorse) Error() string {
	if e.now == 0 {
		return "no rule of the new set runs; the old one stays"
	}
	return fmt.Sprintf("%d rules of the new set run, %d of the old one do: more than %d of a hundred would be lost; the old one stays", e.now, e.was, e.most)
}

// IsWorse reports that an update was given up since the new set is worse than the old one.
func IsWorse(err error) bool {
	var w *errWorse
	return errors.As(err, &w)
}

// Run updates a folder of rules. With an error the old rules stand as they did.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Ignore == nil {
		o.Ignore = []string{"*deleted.rules"}
	}
	if len(o.Sources)+len(o.Local) == 0 {
		return nil, errors.New("no source is given")
	}
	res := &Result{}
	if was, err := ReadState(o.Dir); err == nil {
		res.Was = was
	}
	files, from, err := o.collect(ctx, res.Was)
	if err != nil {
		return nil, err
	}
	var all []*entry
	for i := range files {
		if !strings.HasSuffix(files[i].name, ".rules") {
			continue
		}
		some, bad := parse(files[i].name, files[i].text)
		all, res.Broken = append(all, some...), append(res.Broken, bad...)
	}
	if len(all) == 0 {
		return nil, errors.New("the sources have no rules")
	}
	all = merge(all)
	if res.Did, err = o.Conf.apply(all); err != nil {
		return nil, err
	}
	old, _ := os.ReadFile(filepath.Join(o.Dir, RulesFile)) // none: all rules are new
	text := render(all)
	res.compare(old, all)
	res.Same = bytes.Equal(old, text)
	res.State = State{Checked: o.Now, Changed: o.Now, From: from}
	if res.Same && res.Was != nil {
		res.State.Changed = res.Was.Changed
	}
	return res, o.swap(res, text, files)
}

// collect reads all sources.
func (o *Options) collect(ctx context.Context, was *State) (files []file, from []FromSource, err error) {
	add := func(name string, fs []file, g *got) {
		fs = without(fs, o.Ignore)
		s := FromSource{Name: name}
		if g != nil {
			s.ETag, s.Key, s.Fresh = g.etag, g.key, g.fresh
		}
		for i := range fs {
			if strings.HasSuffix(fs[i].name, ".rules") {
				list, _ := parse(fs[i].name, fs[i].text)
				s.Rules += len(list)
			}
		}
		files, from = append(files, fs...), append(from, s)
		o.Log(fmt.Sprintf("%s: %d rules in %d files", name, s.Rules, len(fs)))
	}
	f := newFetcher(filepath.Join(o.Dir, CacheDir), o.Agent, o.Timeout)
	for i := range o.Sources {
		s := &o.Sources[i]
		address, err := s.At(o.Params)
		if err != nil {
			return nil, nil, err
		}
		etag := ""
		if was != nil {
			for _, x := range was.From {
				if x.Name == s.Name && x.Key == keyOf(address) {
					etag = x.ETag
				}
			}
		}
		o.Log(s.Name + ": " + Redact(address))
		g, err := f.get(ctx, address, etag, s.Checksum == nil || *s.Checksum)
		if err != nil {
			return nil, nil, fmt.Errorf("the source %s: %w", s.Name, err)
		}
		if !g.fresh {
			o.Log(s.Name + ": not changed since the last update")
		}
		name := path.Base(s.URL)
		if name == "" || name == "/" {
			name = s.Name
		}
		fs, err := unpack(name, g.body)
		if err != nil {
			return nil, nil, fmt.Errorf("the source %s: %w", s.Name, err)
		}
		add(s.Name, fs, g)
	}
	for _, name := range o.Local {
		fs, err := local(name)
		if err != nil {
			return nil, nil, err
		}
		add(name, fs, nil)
	}
	return files, from, nil
}

// render is the rule file: rules by gid and sid, so that the same rules give the same bytes.
func render(all []*entry) []byte {
	list := slices.Clone(all)
	slices.SortStableFunc(list, func(a, b *entry) int {
		if a.key() < b.key() {
			return -1
		}
		return 1
	})
	var b bytes.Buffer
	for _, e := range list {
		b.WriteString(e.line())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// compare counts the rules that are on in one set only, or are others there.
func (r *Result) compare(old []byte, all []*entry) {
	before := map[uint64]string{}
	list, _ := parse(RulesFile, old)
	for _, e := range list {
		if e.on {
			before[e.key()] = e.line()
		}
	}
	for _, e := range all {
		if !e.on {
			continue
		}
		was, ok := before[e.key()]
		switch {
		case !ok:
			r.Added++
		case was != e.line():
			r.Changed++
		}
		delete(before, e.key())
	}
	r.Removed = len(before)
}

// swap tries the new set in a folder of its own, and puts it in the place of the old one. The rule file goes last: until
// then the old rules stand with classes and references that the new ones share.
func (o *Options) swap(r *Result, text []byte, files []file) error {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	trial, err := os.MkdirTemp(o.Dir, ".trial-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(trial)
	configs := map[string][]byte{}
	for i := range files {
		if base := path.Base(files[i].name); !strings.HasSuffix(base, ".rules") {
			if _, taken := configs[base]; !taken { // the first source says it
				configs[base] = files[i].text
			}
		}
	}
	names := make([]string, 0, len(configs))
	for name := range configs {
		names = append(names, name)
		if err := os.WriteFile(filepath.Join(trial, name), configs[name], 0o644); err != nil {
			return err
		}
	}
	slices.Sort(names)
	if err := os.WriteFile(filepath.Join(trial, RulesFile), text, 0o644); err != nil {
		return err
	}
	if r.Rules, r.Run, err = o.Judge(trial); err != nil {
		return fmt.Errorf("the new set cannot be tried: %w", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, RulesFile)); err == nil {
		if _, r.RunBefore, err = o.Judge(filepath.Join(o.Dir, RulesFile)); err != nil {
			return fmt.Errorf("the old set cannot be tried: %w", err)
		}
	}
	if r.Run == 0 || r.RunBefore > 0 && (r.RunBefore-r.Run)*100 > o.MaxLoss*r.RunBefore {
		return &errWorse{r.RunBefore, r.Run, o.MaxLoss}
	}
	if o.DryRun {
		return nil
	}
	for _, name := range names {
		if err := replace(filepath.Join(o.Dir, name), configs[name]); err != nil {
			return err
		}
	}
	if !r.Same {
		if err := replace(filepath.Join(o.Dir, RulesFile), text); err != nil {
			return err
		}
	}
	r.Written = true
	state, err := json.MarshalIndent(&r.State, "", " ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(o.Dir, StateFile), append(state, '\n'))
}
