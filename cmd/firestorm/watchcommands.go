//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"firestorm/internal/config"
	"firestorm/internal/finding"
	"firestorm/internal/sensor"
	"firestorm/internal/service"
	"firestorm/internal/standard"
)

// watchSignals are where commands come from; tests have others.
var watchSignals = service.Signals

// commander does what signals ask of a running watch, in a goroutine of its own: packets go on meanwhile.
type commander struct {
	a       *app
	w       *watchFlags
	o       *readOptions
	n       *analysis
	control *sensor.Control
	notify  *service.Notifier
	far     *far
	file    *statusFile
	conf    *config.Config // that holds

	mu   sync.Mutex
	last *sensor.Status
	note string // how the last reload went
}

// reloadable are the keys of the configuration whose changes hold at once; those of others wait for the next start.
var reloadable = []string{"rules.files", "rules.suricata-settings", "rules.strict", "findings.mutes", "findings.mutes-file"}

// run takes commands until ctx ends.
func (c *commander) run(ctx context.Context, commands <-chan service.Command) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-commands:
			switch x {
			case service.Reload:
				c.reload(ctx, true)
			case service.ReloadRules:
				c.reload(ctx, false)
			case service.Dump:
				c.dump(ctx)
			}
		}
	}
}

func (c *commander) say(format string, args ...any) {
	fmt.Fprintf(c.a.stderr, "firestorm: %s\n", printable(fmt.Sprintf(format, args...)))
}

// status remembers how the sensor does, and tells the service manager.
func (c *commander) status(s *sensor.Status) {
	k := *s
	k.NotUsed, k.Links = slices.Clone(s.NotUsed), slices.Clone(s.Links)
	c.mu.Lock()
	c.last = &k
	note := c.note
	c.mu.Unlock()
	c.notify.Progress(s.Done, statusLine(s)+note)
}

// statusLine is how the sensor does, as "systemctl status" shows it. It changes at most each minute while all is well.
func statusLine(s *sensor.Status) string {
	var blind []string
	for _, l := range s.Links {
		if l.Blind != 0 {
			blind = append(blind, l.Name+" is "+l.Why)
		}
	}
	if len(blind) > 0 {
		return "blind: " + strings.Join(blind, ", ")
	}
	n := uint64(0)
	for _, k := range s.Findings {
		n += k
	}
	text := fmt.Sprintf("%d findings", n)
	if n == 1 {
		text = "1 finding"
	}
	if s.Lost > 0 {
		text += fmt.Sprintf(", packets lost: %d", s.Lost)
	}
	return text
}

// reload reads again what may have changed; what cannot be used leaves the old as it was, and is said. all: not the rules
// alone.
func (c *commander) reload(ctx context.Context, all bool) {
	c.notify.Reloading()
	var good, bad []string
	o := c.o
	if all {
		if err := c.n.eve.reopen(); err != nil {
			bad = append(bad, err.Error())
		}
		fresh, conf, err := c.options()
		if err != nil {
			bad = append(bad, "the old configuration goes on: "+err.Error())
		} else {
			if keys := waiting(c.conf, conf); len(keys) > 0 {
				good = append(good, "from the next start on, not now: "+strings.Join(keys, ", "))
			}
			c.conf, o = conf, fresh
			if n, err := c.mutes(o); err != nil {
				bad = append(bad, "the old mutes go on: "+err.Error())
			} else {
				good = append(good, n)
			}
		}
	}
	if n, err := c.rules(ctx, o); err != nil {
		bad = append(bad, "the old rules go on: "+err.Error())
	} else if n != "" {
		good = append(good, n)
	}
	c.o = o
	for _, s := range bad {
		c.say("reload: %s", s)
	}
	if len(good) > 0 {
		c.say("reloaded: %s", strings.Join(good, "; "))
	}
	c.mu.Lock()
	c.note = ""
	if len(bad) > 0 {
		c.note = "; the last reload failed: " + strings.Join(bad, "; ")
	}
	note := c.note
	c.mu.Unlock()
	c.notify.Reloaded("reloaded" + note)
}

// options are those of a start now: the command line as it was, the configuration as it is.
func (c *commander) options() (*readOptions, *config.Config, error) {
	conf, _, err := c.a.loadConfig(c.w.config)
	if err != nil {
		return nil, nil, err
	}
	w := *c.w.plain
	w.fill(conf, c.w.given)
	o, _, err := w.check()
	if err != nil {
		return nil, nil, err
	}
	o.HomeNet, o.HomeNetGiven = c.o.HomeNet, c.o.HomeNetGiven // the engine's stays, and so the rules'
	return o, conf, nil
}

// waiting are the keys that differ and are not read while the sensor runs.
func waiting(old, now *config.Config) (keys []string) {
	var a, b map[string]map[string]any
	if json.Unmarshal(old.JSON(), &a) != nil || json.Unmarshal(now.JSON(), &b) != nil {
		return nil
	}
	for section, ks := range b {
		for k, v := range ks {
			if name := section + "." + k; !reflect.DeepEqual(v, a[section][k]) && !slices.Contains(reloadable, name) {
				keys = append(keys, name)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// mutes reads those of the configuration and its file; those of the store come by themselves.
func (c *commander) mutes(o *readOptions) (string, error) {
	m, err := c.a.readMutes(o.MutesFile, o.MutesToo)
	if err != nil {
		return "", err
	}
	if m == nil {
		m = &finding.Mutes{}
	}
	var codes []*finding.Code
	for i := range standard.Detectors {
		codes = append(codes, standard.Detectors[i].Codes...)
	}
	if err := m.Check(codes); err != nil {
		return "", err
	}
	c.n.opt.Mutes.SetFile(m)
	s := fmt.Sprintf("%d mutes", m.Len())
	if m.Len() == 1 {
		s = "1 mute"
	}
	if !c.n.opt.Mutes.SameRates(m) {
		s += " (rates change with the next start)"
	}
	return s, nil
}

// rules compiles the rules beside those that run, and has the sensor go on with them from one round of packets to the next.
func (c *commander) rules(ctx context.Context, o *readOptions) (string, error) {
	old := c.n.rules()
	if old == nil && len(o.Rules) == 0 {
		return "", nil
	}
	if old == nil {
		return "", sensor.ErrNoRules
	}
	if len(o.Rules) == 0 {
		return "", fmt.Errorf("none are named any more; the next start runs without")
	}
	end, err := c.control.Room(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	settings, err := c.a.readSettings(o.Settings)
	if err != nil {
		return "", err
	}
	r, err := c.a.ruleSet(o, settings)
	if err != nil {
		return "", err
	}
	if r.set.Len() == 0 {
		return "", fmt.Errorf("%s hold no rule that runs (firestorm rules check says why)", strings.Join(o.Rules, ", "))
	}
	for _, name := range r.barren {
		if !slices.Contains(old.barren, name) {
			return "", fmt.Errorf("none of the rules in %s runs (firestorm rules check says why)", name)
		}
	}
	if err := c.control.SetRules(ctx, r.set); err != nil {
		return "", err
	}
	c.n.setRules(r)
	c.file.ruled(r, time.Now())
	return r.summary(), nil
}

// dump says how everything is, for a person who looks for a fault.
func (c *commander) dump(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	k, err := c.control.Counts(ctx)
	c.mu.Lock()
	last, note := c.last, c.note
	c.mu.Unlock()
	var b strings.Builder
	d := &stateDump{w: &b}
	d.write(last, note, k, err, c.far, c.n)
	_, _ = c.a.stderr.Write([]byte(b.String()))
}
