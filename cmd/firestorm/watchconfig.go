//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"firestorm/internal/config"
	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
)

// fill takes from the configuration what the command line does not say. given reports whether a flag was given.
func (w *watchFlags) fill(c *config.Config, given func(flag string) bool) {
	text := func(flag string, at *string, v string) {
		if !given(flag) && v != "" {
			*at = v
		}
	}
	list := func(flag string, at *[]string, v []string) {
		if !given(flag) {
			*at = v
		}
	}
	if len(w.interfaces)+len(w.taps) == 0 {
		w.interfaces, w.taps = c.Capture.Interfaces, c.Capture.Taps
	}
	text("filter", &w.filter, c.Capture.Filter)
	text("checksums", &w.checksums, c.Capture.Checksums)
	text("ring", &w.ring, config.FormatSize(c.Capture.Ring))
	if !given("rings") {
		w.rings = c.Capture.Rings
	}
	text("max-memory", &w.memory, config.FormatSize(c.Analysis.MaxMemory))
	w.tracked = w.tracked || c.Capture.Conntrack && !given("conntrack")
	text("stream-depth", &w.depth, config.FormatSize(c.Analysis.StreamDepth))
	if !given("workers") {
		w.workers = c.Analysis.Workers
	}
	if nets := c.Network.HomeNet; !given("home-net") && len(nets) > 0 {
		w.homeNet = nil
		for _, n := range nets {
			w.homeNet = append(w.homeNet, n.String())
		}
	}
	list("rules", &w.rules, c.Rules.Files)
	text("suricata-settings", &w.settings, c.Rules.Settings)
	w.strict = w.strict || c.Rules.Strict
	if v := c.Findings.MinConfidence; v != config.Default().Findings.MinConfidence {
		text("min-confidence", &w.minConf, v) // the default shows possible ones too, in short: saying it would not
	}
	text("mutes", &w.mutes, c.Findings.MutesFile)
	for _, m := range c.Findings.Mutes {
		w.mutesToo = append(w.mutesToo, fmt.Sprintf("%s %s %s %s %s", m.Code, m.Source, m.Destination, cmp.Or(m.Until, "-"), m.Reason))
	}
	text("eve", &w.eve, c.Outputs.EVE)
	list("syslog", &w.far.syslog, c.Outputs.Syslog)
	list("webhook", &w.far.webhook, c.Outputs.Webhook)
	w.far.mail = c.Mail
	mode := w.far.blocking.Mode
	if w.far.blocking = c.Blocking; given("block") {
		w.far.blocking.Mode = mode
	}
	text("metrics", &w.far.metrics, c.Outputs.Metrics)
	w.far.metricsRemote = w.far.metricsRemote || c.Outputs.MetricsRemote
	text("state", &w.state, c.Service.StateDir)
	text("status", &w.status, c.Service.Status)
	w.every = c.Service.StatusOf
	text("spool", &w.spool.dir, c.Evidence.Spool)
	text("spool-size", &w.spool.size, config.FormatSize(c.Evidence.SpoolSize))
	text("spool-file-size", &w.spool.fileSize, config.FormatSize(c.Evidence.FileSize))
	if !given("spool-minutes") {
		w.spool.minutes = c.Evidence.Minutes
	}
	list("spool-encrypt-to", &w.spool.sealTo, c.Evidence.EncryptTo)
	if !given("backup-max-age") {
		w.backupAge = c.Backup.MaxAge
	}
	w.backupIn = cmp.Or(c.Backup.State, w.state)
}

// statusFile is the file that says how the sensor does. It is written by a goroutine of its own: a slow disk holds up
// nobody who reads packets.
type statusFile struct {
	name  string
	every time.Duration
	next  packet.Time
	news  chan sensor.Status
	done  chan struct{}
	// about does not change: it is set before the first status.
	about  health.File
	places []string       // names of the vantages
	latest *sensor.Status // heard, not on its way to be written
	rules  atomic.Pointer[health.Rules]
	// Of the goroutine, until done:
	before *sensor.Status // what was written last
	err    error
}

// describe says what the watch was started with, and what confines it; now is the hour.
func (f *statusFile) describe(n *analysis, ring int, confined string, now time.Time) {
	if f == nil {
		return
	}
	f.places = n.opt.Names
	f.about.PID, f.about.MaxMemory, f.about.Ring, f.about.Sandbox = os.Getpid(), n.opt.MaxMemory, int64(ring), confined
	f.ruled(n.rules(), now)
}

// ruled says with which rules the sensor goes on from now, the hour, on.
func (f *statusFile) ruled(r *rulesRead, now time.Time) {
	if f == nil {
		return
	}
	s := r.status()
	if s != nil {
		s.Loaded = now.UTC().Truncate(time.Second)
	}
	f.rules.Store(s)
}

// newStatusFile returns nil where nobody wants the file.
func newStatusFile(name string, every time.Duration) *statusFile {
	if name == "" {
		return nil
	}
	f := &statusFile{name: name, every: every, news: make(chan sensor.Status, 1), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for s := range f.news {
			if err := f.write(&s, false); err != nil && f.err == nil {
				f.err = err
			}
		}
		if f.latest != nil {
			f.before = f.latest
		}
		if f.before != nil { // who reads it later must not take it for a sensor that runs
			f.err = cmp.Or(f.err, f.write(f.before, true))
		}
	}()
	return f
}

// status is called about each second. Where the last one is still being written, this one is left out.
func (f *statusFile) status(s *sensor.Status) {
	if f == nil {
		return
	}
	c := *s
	f.latest = &c
	if s.Now < f.next && f.next.Sub(s.Now) <= f.every {
		return
	}
	select {
	case f.news <- c:
		f.next, f.latest = s.Now.Add(f.every), nil
	default:
	}
}

// write makes the file of s. ended: it is the last one.
func (f *statusFile) write(s *sensor.Status, ended bool) error {
	at := func(t packet.Time) (x time.Time) {
		if t != 0 {
			x = t.Std().UTC().Truncate(time.Second)
		}
		return x
	}
	v := &health.File{Version: health.Version, Time: at(s.Now), Began: at(s.Begin), Ended: ended, Every: int((f.every + time.Second - 1) / time.Second), Program: version,
		Healthy: s.Lost == 0 && !ended, Packets: s.Packets, Bytes: s.Bytes, Lost: s.Lost, HandedOver: s.HandedOver, Undecoded: s.Undecoded, Behind: s.Behind, Rounds: s.Rounds, Muted: s.Muted,
		NotUsed: map[string]uint64{}, Findings: map[string]uint64{}, Interfaces: []health.Interface{},
		PID: f.about.PID, MaxMemory: f.about.MaxMemory, Ring: f.about.Ring, Sandbox: f.about.Sandbox, ClockJumps: &s.Jumps, Rules: f.rules.Load(), NotRead: health.Unread{Packets: s.Passed, Bytes: s.PassedBytes}}
	for _, n := range s.NotUsed {
		v.NotUsed[n.What] = n.N
	}
	for k, n := range s.Findings {
		if n > 0 {
			v.Findings[finding.Severity(k).String()] = n
		}
	}
	for _, l := range s.Links {
		v.Healthy = v.Healthy && l.Blind == 0
		x := health.Interface{Name: l.Name, Packets: l.Packets, Lost: l.Lost, Last: at(l.Last), BlindSince: at(l.Blind), Why: l.Why}
		if len(l.Rings) > 1 {
			for _, r := range l.Rings {
				x.Rings = append(x.Rings, health.RingOf(r))
			}
		}
		v.Interfaces = append(v.Interfaces, x)
	}
	for i, x := range s.Sides {
		name := strconv.Itoa(i)
		if i < len(f.places) {
			name = f.places[i]
		}
		v.OneSided = append(v.OneSided, health.Sides{Place: name, TCP: x.TCP, OneSided: x.OneSided})
	}
	if s.Tracked {
		v.Conntrack = &health.Conntrack{Events: s.TrackedEvents, Lost: s.TrackedLost}
		v.Healthy = v.Healthy && s.TrackedLost == 0
	}
	for _, t := range s.Troubles {
		v.Healthy = false
		v.Troubles = append(v.Troubles, health.Trouble{What: strings.ToValidUTF8(t.What, "\ufffd"), Why: strings.ToValidUTF8(t.Why, "\ufffd")})
	}
	if b := f.before; b != nil && s.Now > b.Now && s.Packets >= b.Packets && s.Bytes >= b.Bytes && s.Lost >= b.Lost {
		d := s.Now.Sub(b.Now).Seconds()
		v.Rate = &health.Rate{Seconds: math.Round(d*10) / 10, Packets: rated(s.Packets-b.Packets, d), Bytes: rated(s.Bytes-b.Bytes, d), Lost: rated(s.Lost-b.Lost, d)}
		for _, h := range s.Busy {
			if len(v.Talkers) < health.MaxTalkers {
				v.Talkers = append(v.Talkers, health.Talker{Address: h.Addr.String(), Bytes: math.Round(h.Bytes)})
			}
		}
	}
	f.before = s
	return health.Write(f.name, v)
}

// rated is n in d seconds, for each second; never 0 for something.
func rated(n uint64, d float64) float64 {
	if n == 0 {
		return 0
	}
	return max(math.Round(float64(n)/d*10)/10, .1)
}

// end says that the file could not be written.
func (f *statusFile) end() []string {
	if f == nil {
		return nil
	}
	close(f.news)
	select {
	case <-f.done:
	case <-time.After(time.Second):
		return []string{"the status could not be written in time"}
	}
	if f.err == nil {
		return nil
	}
	return []string{"the status could not be written: " + f.err.Error()}
}

// status says which rules run; nil: none were asked for.
func (r *rulesRead) status() *health.Rules {
	if r == nil {
		return nil
	}
	return &health.Rules{Active: r.set.Len(), Refused: len(r.problems), Newest: r.newest.UTC().Truncate(time.Second)}
}
