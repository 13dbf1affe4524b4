//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firestorm/internal/config"
	"firestorm/internal/finding"
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
	text("state", &w.state, c.Service.StateDir)
	text("status", &w.status, c.Service.Status)
	w.every = c.Service.StatusOf
}

// statusFile is the file that says how the sensor does. It is written by a goroutine of its own: a slow disk holds up
// nobody who reads packets.
type statusFile struct {
	name  string
	every time.Duration
	next  packet.Time
	news  chan sensor.Status
	done  chan struct{}
	err   error // of the goroutine, until done
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
			if err := f.write(&s); err != nil && f.err == nil {
				f.err = err
			}
		}
	}()
	return f
}

// status is called about each second. Where the last one is still being written, this one is left out.
func (f *statusFile) status(s *sensor.Status) {
	if f == nil || s.Now < f.next && f.next.Sub(s.Now) <= f.every {
		return
	}
	select {
	case f.news <- *s:
		f.next = s.Now.Add(f.every)
	default:
	}
}

// write replaces the file at once: who reads it sees all of one moment.
func (f *statusFile) write(s *sensor.Status) error {
	at := func(t packet.Time) string {
		if t == 0 {
			return ""
		}
		return t.Std().UTC().Format(time.RFC3339)
	}
	type link struct {
		Name       string `json:"name"`
		Packets    uint64 `json:"packets"`
		Lost       uint64 `json:"lost"`
		Last       string `json:"last,omitempty"`
		BlindSince string `json:"blind_since,omitempty"`
		Why        string `json:"why,omitempty"`
	}
	type unread struct {
		Packets uint64 `json:"packets"`
		Bytes   uint64 `json:"bytes"`
	}
	type conntrack struct {
		Events uint64 `json:"events"`
		Lost   uint64 `json:"lost"`
	}
	v := struct {
		Version   int               `json:"version"`
		Time      string            `json:"time"`
		Healthy   bool              `json:"healthy"` // every interface is up, and nothing was lost
		Packets   uint64            `json:"packets"`
		Bytes     uint64            `json:"bytes"`
		Lost      uint64            `json:"lost"`
		Undecoded uint64            `json:"undecoded"`
		NotUsed   map[string]uint64 `json:"not_used,omitempty"`
		Unread    unread            `json:"data_not_read"`
		Behind    int               `json:"rounds_behind"`
		Findings  map[string]uint64 `json:"findings,omitempty"`
		Muted     uint64            `json:"muted"`
		Links     []link            `json:"interfaces"`
		Conntrack *conntrack        `json:"conntrack,omitempty"`
	}{Version: 1, Time: at(s.Now), Healthy: s.Lost == 0, Packets: s.Packets, Bytes: s.Bytes, Lost: s.Lost, Undecoded: s.Undecoded,
		Unread: unread{s.Passed, s.PassedBytes}, Behind: s.Behind, Muted: s.Muted, NotUsed: map[string]uint64{}, Findings: map[string]uint64{}}
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
		v.Links = append(v.Links, link{l.Name, l.Packets, l.Lost, at(l.Last), at(l.Blind), l.Why})
	}
	if s.Tracked {
		v.Conntrack = &conntrack{s.TrackedEvents, s.TrackedLost}
		v.Healthy = v.Healthy && s.TrackedLost == 0
	}
	b, err := json.MarshalIndent(&v, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.name), ".status-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(b, '\n'))
	err = cmp.Or(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.name)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
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
