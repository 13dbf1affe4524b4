package mail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// mostEntries bounds a day's mail; what is beyond is counted by severity. maxFile bounds what is read of its file, bytes.
const (
	mostEntries = 300
	maxFile     = 4 << 20
)

// saveEvery is how often what waits is written to disk, at most.
const saveEvery = 5 * time.Second

// digestFile is where what waits for the day's mail is kept, in Setup.Dir.
const digestFile = "mail-digest.json"

// digest is what waits for the day's mail. It travels over restarts as JSON.
type digest struct {
	Sent    time.Time // when the last one went; zero: none yet
	Held    int       // severe ones that came too fast for a mail of their own
	More    map[string]int
	Entries []entry // in the order they came

	changed bool
}

// entry is one finding, as short as a person can use it. Texts are raw.
type entry struct {
	ID, Code, Title      string
	Severity, Confidence uint8
	Count                int
	Last                 time.Time
}

func entryOf(f *finding.Finding) entry {
	title := f.Title
	if title == "" {
		title = f.Code.Title
	}
	if len(title) > 600 {
		title = strings.ToValidUTF8(title[:600], "") + "…"
	}
	return entry{ID: f.ID, Code: f.Code.ID, Title: title, Severity: uint8(f.Severity), Confidence: uint8(f.Confidence), Count: f.Count, Last: f.Last.Time.Std()}
}

// line writes the entry as one line of safe text.
func (e *entry) line() string {
	s := fmt.Sprintf("%-8s %s  %s", strings.ToUpper(severityName(e.Severity)), event.Visible(e.ID), event.Visible(e.Title))
	if e.Count > 1 {
		s += fmt.Sprintf("  (%d times)", e.Count)
	}
	return s
}

// severityName reads a number that may come from a file.
func severityName(n uint8) string {
	if n < uint8(finding.Info) || n > uint8(finding.Critical) {
		return finding.Info.String()
	}
	return finding.Severity(n).String()
}

// add keeps a finding, in the place of an earlier revision of it.
func (d *digest) add(e entry) {
	d.changed = true
	if i := d.find(e.ID); i >= 0 {
		d.Entries[i] = e
		return
	}
	if len(d.Entries) == mostEntries {
		// The mildest gives way, the newest of these.
		worst := len(d.Entries) - 1
		for i := range d.Entries {
			if d.Entries[i].Severity < d.Entries[worst].Severity {
				worst = i
			}
		}
		gone := e
		if d.Entries[worst].Severity < e.Severity {
			gone = d.Entries[worst]
			d.Entries = append(slices.Delete(d.Entries, worst, worst+1), e)
		}
		if d.More == nil {
			d.More = map[string]int{}
		}
		d.More[severityName(gone.Severity)]++
		return
	}
	d.Entries = append(d.Entries, e)
}

func (d *digest) find(id string) int {
	return slices.IndexFunc(d.Entries, func(e entry) bool { return e.ID == id })
}

// drop takes a finding out.
func (d *digest) drop(id string) {
	if i := d.find(id); i >= 0 {
		d.Entries, d.changed = slices.Delete(d.Entries, i, i+1), true
	}
}

func (d *digest) empty() bool { return len(d.Entries) == 0 && len(d.More) == 0 }

func (d *digest) clear() { d.Entries, d.More, d.Held, d.changed = nil, nil, 0, true }

// counts says how many there are of each severity, the worst first.
func (d *digest) counts() string {
	n := maps.Clone(d.More)
	if n == nil {
		n = map[string]int{}
	}
	for i := range d.Entries {
		n[severityName(d.Entries[i].Severity)]++
	}
	var parts []string
	for s := finding.Critical; s >= finding.Info; s-- {
		if c := n[s.String()]; c > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c, s))
		}
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

func (d *digest) subject() string { return "the day: " + d.counts() }

// text is the day's mail: what the sensor could not see first, then the findings, the worst first.
func (d *digest) text(first string, perHour int) string {
	var b strings.Builder
	if first != "" {
		b.WriteString(strings.TrimLeft(first, "\n") + "\n")
	}
	if !d.empty() {
		fmt.Fprintf(&b, "Since the last of these mails: %s.\n\n", d.counts())
	}
	list := slices.Clone(d.Entries)
	sort.SliceStable(list, func(i, j int) bool {
		a, c := &list[i], &list[j]
		return c.Severity < a.Severity
	})
	for i := range list {
		e := &list[i]
		fmt.Fprintf(&b, "%s\n         last %s, %s\n", e.line(), e.Last.UTC().Format(time.RFC3339), confidenceName(e.Confidence))
	}
	if len(d.More) > 0 {
		var parts []string
		for s := finding.Critical; s >= finding.Info; s-- {
			if c := d.More[s.String()]; c > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", c, s))
			}
		}
		fmt.Fprintf(&b, "\nAnd more than one mail holds: %s.\n", strings.Join(parts, ", "))
	}
	if d.Held > 0 {
		fmt.Fprintf(&b, "\n%d of them had no mail of their own: they came faster than %d an hour.\n", d.Held, perHour)
	}
	if !d.empty() {
		b.WriteString("\nfirestorm findings show ID says all of one: why, what was ruled out, what to do.\n")
	}
	return b.String()
}

func confidenceName(n uint8) string {
	if n < uint8(finding.CannotTell) || n > uint8(finding.Certain) {
		return finding.CannotTell.String()
	}
	return finding.Confidence(n).String()
}

// blindNow says what is blind at this moment.
func (p *Output) blindNow() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(p.blind)) {
		a := p.blind[k]
		fmt.Fprintf(&b, "%s is %s\n", p.o.Host, event.Visible(a.Sentence()))
	}
	return b.String()
}

// load takes up what an earlier run left. A file that is damaged is put aside: mail must not keep the sensor from starting.
func (d *digest) load(dir string) error {
	if dir == "" {
		return nil
	}
	name := filepath.Join(dir, digestFile)
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b := []byte(nil)
	if st.Size() <= maxFile {
		if b, err = os.ReadFile(name); err != nil {
			return err
		}
	}
	if json.Unmarshal(b, d) != nil || len(d.Entries) > mostEntries {
		*d = digest{}
		return os.Rename(name, name+".damaged")
	}
	return nil
}

// save replaces the file at once.
func (d *digest) save(dir string) error {
	d.changed = false
	if dir == "" {
		return nil
	}
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".mail-")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, digestFile))
	}
	if err != nil {
		os.Remove(tmp.Name())
		d.changed = true
	}
	return err
}

var _ output.Ticker = (*Output)(nil)
var _ output.Alarmer = (*Output)(nil)
