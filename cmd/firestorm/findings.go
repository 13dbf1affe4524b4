//go:build linux

package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/internal/store"
)

// systemStore is where the service keeps its findings.
const systemStore = "/var/lib/firestorm"

// storeFlag adds the flag with which read keeps findings.
func storeFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "store", "", "keep the findings in `DIR`, for firestorm findings")
}

// keepFindings puts the findings of a run into the store in dir.
func (a *app) keepFindings(dir string, res *sensor.Result, rep *report.Report) error {
	if dir == "" {
		return nil
	}
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		return storeFailure(dir, err)
	}
	defer s.Close()
	a.storeNotes(s)
	var rs []*store.Record
	for _, f := range res.Findings {
		r := &store.Record{Finding: f, Files: res.Files, Begin: res.First, Now: res.Last}
		for _, x := range f.Subjects {
			if rep.Names == nil {
				break
			}
			if n, ref, ok := rep.Names(x.Addr); ok {
				r.Names = append(r.Names, store.Name{Addr: x.Addr, Name: n, Ref: ref})
			}
		}
		rs = append(rs, r)
	}
	large := 0
	for some := range slices.Chunk(rs, store.MostAtOnce) {
		n, err := s.Put(some)
		if err != nil {
			return storeFailure(dir, err)
		}
		large += n
	}
	if large > 0 {
		fmt.Fprintf(a.stderr, "firestorm: %d findings are larger than the store takes, and are not in it\n", large)
	}
	return nil
}

// storeNotes says what happened when the store was opened.
func (a *app) storeNotes(s *store.Store) {
	for _, n := range s.Notes() {
		fmt.Fprintln(a.stderr, "firestorm: "+report.Visible(n))
	}
}

func storeFailure(dir string, err error) error {
	f := &failure{code: exitEngine, what: "the store in " + dir + " cannot be used", why: reason(err), err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.code, f.try = exitUsage, "firestorm read capture.pcap --store "+dir
	case errors.Is(err, fs.ErrPermission):
		f.code, f.try = exitPermission, "sudo firestorm findings ..."
	}
	return f
}

// findingsFlags are what the verbs of findings share.
type findingsFlags struct {
	dir, since, code, host, minSev, minConf string
	muted, all, unseen, json                bool
	limit                                   int
}

func (a *app) findingsCommand() *cobra.Command {
	w := &findingsFlags{}
	c := &cobra.Command{
		Use:   "findings list|show|mute|mutes|ack|export|prune",
		Short: "the findings that were kept: list, show, mute, acknowledge, export, prune",
		Long: `The findings that watch --store and read --store kept in a folder.

What is muted is hidden and goes on being counted; a mute can be undone. A running
watch --store takes up mutes within seconds.`,
		Example: `  firestorm findings list --store DIR --since 24h
  firestorm findings show FS-7k2m4x --store DIR
  firestorm findings mute 'tcp-closed-port 192.0.2.7 * 2026-12-31 the printer is off at night' --store DIR
  firestorm findings mute --undo 3 --store DIR`,
		GroupID: groupLook,
	}
	p := c.PersistentFlags()
	p.StringVar(&w.dir, "store", systemStore, "the store is in `DIR`")
	p.BoolVar(&w.json, "json", false, "JSON, one object a line")
	filter := func(f *pflag.FlagSet) {
		f.SortFlags = false
		f.StringVar(&w.since, "since", "", "seen last at or after `TIME`: RFC 3339, a date, or a span back such as 24h or 7d")
		f.StringVar(&w.code, "code", "", "of `CODE`; a * at its end stands for anything")
		f.StringVar(&w.host, "host", "", "with an end in `NET`, an address or a network")
		f.StringVar(&w.minSev, "min-severity", "", "from `LEVEL`: info, low, medium, high, critical")
		f.StringVar(&w.minConf, "min-confidence", "", "from `LEVEL`: cannot-tell, possible, likely, certain")
		f.BoolVar(&w.muted, "muted", false, "the muted ones")
		f.BoolVar(&w.all, "all", false, "muted or not")
		f.BoolVar(&w.unseen, "unseen", false, "only what has grown since it was acknowledged, or never was")
		f.IntVar(&w.limit, "limit", 100, "at most `N`, the newest")
	}
	sub := func(use, short string, args cobra.PositionalArgs, write bool, run func(s *store.Store, cmd *cobra.Command, args []string) error) *cobra.Command {
		x := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(filepath.Join(w.dir, store.File)); err != nil {
				return storeFailure(w.dir, err) // a verb that reads makes no store
			}
			s, err := store.Open(w.dir, store.Options{ReadOnly: !write})
			if err != nil {
				return storeFailure(w.dir, err)
			}
			defer s.Close()
			a.storeNotes(s)
			return run(s, cmd, args)
		}}
		c.AddCommand(x)
		return x
	}
	filter(sub("list", "one line for each finding, the newest first", cobra.NoArgs, false, func(s *store.Store, _ *cobra.Command, _ []string) error {
		return a.findingsList(s, w)
	}).Flags())
	sub("show ID", "a finding as read prints it, and how it grew", cobra.ExactArgs(1), false, func(s *store.Store, _ *cobra.Command, args []string) error {
		return a.findingsShow(s, w, args[0])
	})
	undo := int64(0)
	mute := sub("mute 'CODE|sid:N SOURCE DESTINATION UNTIL REASON'", "hide what a person has judged, or undo that", cobra.MaximumNArgs(1), true, func(s *store.Store, _ *cobra.Command, args []string) error {
		return a.findingsMute(s, args, undo)
	})
	mute.Flags().Int64Var(&undo, "undo", 0, "take back the mute with number `N`")
	mute.Long = "CODE is a finding's code, sid:N a rule, * everything; SOURCE and DESTINATION an address, a network, or *;\nUNTIL a date, an RFC 3339 time, or - for ever. The reason is the rest of the line."
	sub("mutes", "the mutes that hold, with what each hid", cobra.NoArgs, false, func(s *store.Store, _ *cobra.Command, _ []string) error {
		return a.findingsMutes(s, w)
	})
	note := ""
	ack := sub("ack ID", "acknowledge a finding: findings list --unseen leaves it out until it grows", cobra.ExactArgs(1), true, func(s *store.Store, _ *cobra.Command, args []string) error {
		if n, err := s.Ack(args[0], note); err != nil {
			return storeFailure(w.dir, err)
		} else if n == 0 {
			return noSuchFinding(w.dir, args[0])
		}
		return nil
	})
	ack.Flags().StringVar(&note, "note", "", "`TEXT` for who reads it later")
	format := "json"
	export := sub("export", "the findings as JSON lines, CSV or Markdown", cobra.NoArgs, false, func(s *store.Store, _ *cobra.Command, _ []string) error {
		return a.findingsExport(s, w, format)
	})
	filter(export.Flags())
	export.Flags().StringVar(&format, "format", "json", "`FORM`: json, csv, md")
	sub("prune", "keep the bounds in bytes and days now", cobra.NoArgs, true, func(s *store.Store, _ *cobra.Command, _ []string) error {
		n, err := s.Prune()
		if err != nil {
			return storeFailure(w.dir, err)
		}
		fmt.Fprintf(a.stdout, "%d findings let go\n", n)
		return nil
	})
	return c
}

func noSuchFinding(dir, id string) error {
	return &failure{code: exitUsage, what: "no finding " + strconv.Quote(id) + " is in " + dir, why: "it never was, or was let go", try: "firestorm findings list --all --store " + dir}
}

// filter reads the flags.
func (w *findingsFlags) filter() (f store.Filter, err error) {
	f = store.Filter{Code: w.code, Muted: w.muted, Any: w.all, Unseen: w.unseen, Limit: w.limit}
	if w.since != "" {
		if f.Since, err = sinceOf(w.since, time.Now()); err != nil {
			return f, usagef("--since 24h", "--since %s: %v", w.since, err)
		}
	}
	if w.host != "" {
		if f.Host, err = finding.ParseEnd(w.host); err != nil {
			return f, usagef("--host 192.0.2.0/24", "--host: %v", err)
		}
	}
	if w.minSev != "" {
		var ok bool
		if f.MinSeverity, ok = finding.ParseSeverity(w.minSev); !ok {
			return f, usagef("--min-severity medium", "--min-severity %s: info, low, medium, high or critical", w.minSev)
		}
	}
	if w.minConf != "" {
		var ok bool
		if f.MinConfidence, ok = finding.ParseConfidence(w.minConf); !ok {
			return f, usagef("--min-confidence likely", "--min-confidence %s: cannot-tell, possible, likely or certain", w.minConf)
		}
	}
	return f, nil
}

// sinceOf reads a time, or a span back from now.
func sinceOf(s string, now time.Time) (packet.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return packet.Time(now.AddDate(0, 0, -n).UnixNano()), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return packet.Time(now.Add(-d).UnixNano()), nil
	}
	return finding.ParseUntil(s)
}

func (a *app) findingsList(s *store.Store, w *findingsFlags) error {
	f, err := w.filter()
	if err != nil {
		return err
	}
	rows, more, err := s.List(f)
	if err != nil {
		return storeFailure(w.dir, err)
	}
	for i := range rows {
		r := &rows[i]
		last := r.Last.Std().UTC().Format(time.RFC3339)
		if w.json {
			b, err := json.Marshal(map[string]any{"id": r.ID, "code": r.Code, "title": strings.ToValidUTF8(r.Title, "\ufffd"), "severity": r.Severity.String(), "confidence": r.Confidence.String(),
				"count": r.Count, "revision": r.Revision, "last": last, "muted_by": strings.ToValidUTF8(r.MutedBy, "\ufffd"), "acknowledged": r.Acked > 0 && r.Acked >= r.Revision, "note": strings.ToValidUTF8(r.Note, "\ufffd")})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s\n", b)
			continue
		}
		mark := ""
		switch {
		case r.MutedBy != "":
			mark = "   muted: " + r.MutedBy
		case r.Acked > 0 && r.Acked >= r.Revision:
			mark = "   acknowledged" + cmp.Or(prefixed(": ", r.Note), "")
		}
		fmt.Fprintf(a.stdout, "%s  %-8s %s  %s%s\n", last, strings.ToUpper(r.Severity.String()), r.ID, event.Visible(r.Title), event.Visible(mark))
	}
	switch {
	case w.json:
	case len(rows) == 0:
		fmt.Fprintln(a.stdout, "no findings")
	case more:
		fmt.Fprintf(a.stdout, "there are more; --limit %d shows them\n", 10*w.limit)
	}
	held, err := s.Held("", packet.Addr{}, heldShown)
	if err != nil {
		return storeFailure(w.dir, err)
	}
	return a.sayHeld(held, w.json)
}

// heldShown is how many pairs of a code and a source a list tells of which rates held findings back.
const heldShown = 10

// sayHeld tells what rates held back.
func (a *app) sayHeld(held []store.Held, asJSON bool) error {
	for i := range held {
		h := &held[i]
		last := h.Last.Std().UTC().Format(time.RFC3339)
		if asJSON {
			b, err := json.Marshal(map[string]any{"type": "held_back", "code": h.Code, "source": addrText(h.Source), "count": h.N, "first": h.First.Std().UTC().Format(time.RFC3339), "last": last})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s\n", b)
			continue
		}
		from := ""
		if !h.Source.IsZero() {
			from = " from " + h.Source.String()
		}
		fmt.Fprintf(a.stdout, "%s  held back by a rate: %s of %s%s; findings list --muted shows them\n", last, detect.Plural(int(h.N), "finding", "findings"), h.Code, from)
	}
	return nil
}

func prefixed(with, s string) string {
	if s == "" {
		return ""
	}
	return with + s
}

// allCodes are the codes that this program knows.
func allCodes() map[string]*finding.Code {
	codes := map[string]*finding.Code{}
	for _, d := range standard.Detectors {
		for _, c := range d.Codes {
			codes[c.ID] = c
		}
	}
	return codes
}

// reportOf is the report around a finding that was kept.
func reportOf(r *store.Record) *report.Report {
	rep := &report.Report{Names: func(x packet.Addr) (string, packet.Ref, bool) {
		for _, n := range r.Names {
			if n.Addr == x {
				return n.Name, n.Ref, true
			}
		}
		return "", packet.Ref{}, false
	}}
	for _, name := range r.Files {
		rep.Files = append(rep.Files, report.File{Name: name, Packets: 1, From: r.Begin, To: r.Now})
	}
	return rep
}

func (a *app) findingsShow(s *store.Store, w *findingsFlags, id string) error {
	found := false
	unread, err := s.Records(store.Filter{ID: id, Any: true}, allCodes(), func(r *store.Record, row *store.Row) error {
		found = true
		rep := reportOf(r)
		if w.json {
			_, err := a.stdout.Write(append(report.AppendFinding(nil, rep, r.Finding), '\n'))
			return err
		}
		if err := report.WriteFinding(a.stdout, rep, r.Finding, report.Options{Verbose: true, MinConfidence: finding.CannotTell, Width: a.width(a.stdout), Color: a.useColor(a.stdout)}); err != nil {
			return err
		}
		held, err := s.Held(row.Code, row.Source, 1)
		if err == nil {
			err = a.sayHeld(held, false)
		}
		if err != nil {
			return err
		}
		revs, err := s.Revisions(id)
		if err != nil || len(revs) < 2 {
			return err
		}
		fmt.Fprintln(a.stdout, "how it grew")
		for _, v := range revs {
			fmt.Fprintf(a.stdout, "  %s  %d times  %s, %s\n", v.At.Std().UTC().Format(time.RFC3339), v.Count, v.Severity, v.Confidence)
		}
		return nil
	})
	if err != nil {
		return storeFailure(w.dir, err)
	}
	a.sayUnread(unread)
	if !found {
		return noSuchFinding(w.dir, id)
	}
	return nil
}

func (a *app) findingsMute(s *store.Store, args []string, undo int64) error {
	if undo != 0 {
		n, err := s.UndoMute(undo)
		if err != nil {
			return &failure{code: exitUsage, what: fmt.Sprintf("mute %d cannot be undone", undo), why: err.Error(), err: err, try: "firestorm findings mutes"}
		}
		fmt.Fprintf(a.stdout, "mute %d is undone; %d findings are shown again\n", undo, n)
		return nil
	}
	if len(args) != 1 {
		return usagef("firestorm findings mute 'tcp-closed-port 192.0.2.7 * - the printer is off at night'", "nothing says what to mute")
	}
	m, err := finding.ParseMute(args[0])
	if err == nil && m.Code != "" && m.Code != "*" && allCodes()[m.Code] == nil {
		err = fmt.Errorf("there is no code %q", m.Code)
	}
	if err != nil {
		return usagef("firestorm findings mute 'tcp-closed-port 192.0.2.7 * - the printer is off at night'", "%v", err)
	}
	n, hidden, err := s.AddMute(m)
	if err != nil {
		return &failure{code: exitEngine, what: "the mute cannot be kept", why: err.Error(), err: err}
	}
	fmt.Fprintf(a.stdout, "mute %d holds; it hides %d findings that were kept, and goes on counting\n", n, hidden)
	return nil
}

func (a *app) findingsMutes(s *store.Store, w *findingsFlags) error {
	ms, unread, err := s.Mutes(false)
	if err != nil {
		return storeFailure(w.dir, err)
	}
	for _, m := range ms {
		if w.json {
			b, err := json.Marshal(map[string]any{"number": m.Number, "mute": m.String(), "made": m.Made.Format(time.RFC3339), "hidden": m.Hidden})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s\n", b)
			continue
		}
		fmt.Fprintf(a.stdout, "%d  hid %d  %s\n", m.Number, m.Hidden, event.Visible(m.String()))
	}
	if unread > 0 {
		fmt.Fprintf(a.stderr, "firestorm: %d mutes were written by another version and cannot be read\n", unread)
	}
	if len(ms) == 0 && !w.json {
		fmt.Fprintln(a.stdout, "no mutes")
	}
	return nil
}

func (a *app) findingsExport(s *store.Store, w *findingsFlags, format string) error {
	f, err := w.filter()
	if err != nil {
		return err
	}
	var give func(r *store.Record, row *store.Row) error
	end := func() error { return nil }
	switch format {
	case "json":
		give = func(r *store.Record, _ *store.Row) error {
			_, err := a.stdout.Write(append(report.AppendFinding(nil, reportOf(r), r.Finding), '\n'))
			return err
		}
	case "csv":
		c := csv.NewWriter(a.stdout)
		c.Write([]string{"last", "id", "code", "severity", "confidence", "count", "source", "destination", "title", "muted_by", "note"})
		give = func(_ *store.Record, r *store.Row) error {
			row := []string{r.Last.Std().UTC().Format(time.RFC3339), r.ID, r.Code, r.Severity.String(), r.Confidence.String(), strconv.FormatInt(r.Count, 10),
				addrText(r.Source), addrText(r.Destination), r.Title, r.MutedBy, r.Note}
			for i := range row {
				row[i] = csvCell(row[i])
			}
			return c.Write(row)
		}
		end = func() error { c.Flush(); return c.Error() }
	case "md":
		give = func(r *store.Record, _ *store.Row) error {
			rep := reportOf(r)
			rep.Findings = []*finding.Finding{r.Finding}
			return report.WriteMarkdown(a.stdout, rep, report.Options{MinConfidence: finding.CannotTell})
		}
	default:
		return usagef("--format csv", "--format %s: json, csv or md", format)
	}
	unread, err := s.Records(f, allCodes(), give)
	if err != nil {
		return storeFailure(w.dir, err)
	}
	a.sayUnread(unread)
	return end()
}

// sayUnread tells of findings that are in the store and cannot be read.
func (a *app) sayUnread(n int) {
	if n > 0 {
		fmt.Fprintf(a.stderr, "firestorm: %d findings cannot be read: another version wrote them, or they are damaged\n", n)
	}
}

func addrText(x packet.Addr) string {
	if x.IsZero() {
		return ""
	}
	return x.String()
}

// csvCell is text for a spreadsheet, which must not take what a packet said for a formula, nor anything for a control.
func csvCell(s string) string {
	s = event.Visible(s)
	if t := strings.TrimLeft(s, " \u00a0"); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return "'" + s
	}
	return s
}
