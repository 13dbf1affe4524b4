//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"firestorm/internal/finding"
	"firestorm/internal/health"
	"firestorm/internal/store"
)

// topFlags are what top is told.
type topFlags struct {
	store, status, config string
	once, json            bool
}

func (a *app) topCommand() *cobra.Command {
	w := &topFlags{}
	c := &cobra.Command{
		Use:   "top",
		Short: "how a running watch does, second by second: rates, drops, blind interfaces, talkers, findings",
		Long: `How a running watch does, second by second: rates, drops, blind interfaces, the
busiest hosts, the newest findings. It reads the watch's status file and store, and
changes nothing. Without a terminal, or with --once, it prints what there is and ends.

Keys: q ends, ? lists the keys, the arrows move through the findings, the space bar
holds the screen still.`,
		Example: `  sudo firestorm watch eth0 --status /run/firestorm/status.json --store /var/lib/firestorm
  firestorm top --status /run/firestorm/status.json --store /var/lib/firestorm
  firestorm top --json | jq .mood`,
		Args:    cobra.NoArgs,
		GroupID: groupLook,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.top(cmd.Context(), w)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&w.status, "status", "", "the status of the watch is in `FILE` (default: what the configuration says)")
	f.StringVar(&w.store, "store", systemStore, "the store is in `DIR`")
	f.StringVar(&w.config, "config", "", "take the name of the status file from `FILE` (default: "+systemConfig+" where it is there)")
	f.BoolVar(&w.once, "once", false, "print once and end")
	f.BoolVar(&w.json, "json", false, "the same as one JSON object")
	return c
}

func (a *app) top(ctx context.Context, w *topFlags) error {
	var err error
	if w.status, err = a.statusName(w.status, w.config); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(w.store, store.File)); w.status == "" && errors.Is(err, fs.ErrNotExist) {
		return usagef("firestorm watch eth0 --status status.json --store DIR, then firestorm top --status status.json --store DIR", "there is nothing to show: no status file is named, and %s holds no store", w.store)
	}
	switch {
	case w.json:
		b, err := json.MarshalIndent(w.gather(time.Now()).json(), "", "  ")
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(append(b, '\n'))
		return err
	case w.once, !a.isTerminal(a.stdout), !a.isTerminal(a.stdin):
		v := topView{data: w.gather(time.Now()), width: 100, color: a.useColor(a.stdout)}
		if n := a.width(a.stdout); n > 0 {
			v.width = n
		}
		_, err := fmt.Fprint(a.stdout, v.text())
		return err
	}
	return a.topScreen(ctx, w)
}

// topRows bounds the findings that are read each second.
const topRows = 100

// topData is what is shown of one moment.
type topData struct {
	At     time.Time
	Health health.Judgement
	Rows   []store.Row // the newest first, at most topRows
	Shown  [finding.Critical + 1]int64
	Muted  int64
	// NoStore says why there are no findings to show; empty: they are read.
	NoStore string
}

// gather reads the status and the store. Both are bounded, the store in time as well.
func (w *topFlags) gather(now time.Time) *topData {
	d := &topData{At: now, Health: health.Look(w.status, now)}
	if err := d.read(w.store); errors.Is(err, fs.ErrNotExist) {
		d.NoStore = "there is no store in " + w.store
	} else if err != nil {
		d.NoStore = "the store in " + w.store + " cannot be read: " + reason(err)
	}
	return d
}

func (d *topData) read(dir string) error {
	s, err := store.Open(dir, store.Options{ReadOnly: true}) // each time: the file may have been replaced
	if err != nil {
		return err
	}
	defer s.Close()
	if d.Rows, _, err = s.List(store.Filter{Limit: topRows}); err != nil {
		return err
	}
	if d.Shown, err = s.Tally(store.Filter{}); err != nil {
		return err
	}
	muted, err := s.Tally(store.Filter{Muted: true})
	for _, n := range muted {
		d.Muted += n
	}
	return err
}

// json is what --json prints: the status file as it is, what it means, and the newest findings.
func (d *topData) json() any {
	type row struct {
		ID         string `json:"id"`
		Code       string `json:"code"`
		Severity   string `json:"severity"`
		Confidence string `json:"confidence"`
		Count      int64  `json:"count"`
		Last       string `json:"last"`
		Title      string `json:"title"`
	}
	v := struct {
		Time     string       `json:"time"`
		Mood     string       `json:"mood"` // well, uneasy, blind, unknown
		Word     string       `json:"word"`
		Text     []string     `json:"text"`
		Status   *health.File `json:"status,omitempty"`
		Store    string       `json:"store_error,omitempty"`
		Muted    int64        `json:"muted"`
		Findings []row        `json:"findings"`
	}{Time: d.At.UTC().Format(time.RFC3339), Mood: d.Health.Mood.String(), Word: d.Health.Word, Text: d.Health.Text, Status: d.Health.File, Store: d.NoStore, Muted: d.Muted, Findings: []row{}}
	for i := range d.Rows {
		r := &d.Rows[i]
		v.Findings = append(v.Findings, row{r.ID, r.Code, r.Severity.String(), r.Confidence.String(), r.Count, r.Last.Std().UTC().Format(time.RFC3339), r.Title})
	}
	return v
}
