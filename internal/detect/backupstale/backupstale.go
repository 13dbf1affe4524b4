// Package backupstale says that backups of the sensor's own state have stopped. It reads no packet: what it knows is
// detect.Machine, which a running watch fills.
package backupstale

import (
	"fmt"
	"strings"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// Stale is the code.
const Stale = "backup-stale"

const (
	// again is how often a backup that is too old is counted once more.
	again = 24 * time.Hour
	// ahead is how far the note may lie in the future: clocks differ, and are set.
	ahead = 5 * time.Minute
)

// Code is the finding, for who says it without a watch.
var Code = &finding.Code{ID: Stale, Title: "backups have stopped", Kind: finding.Policy, Severity: finding.Medium, Tier: 1,
	References: []string{"rsync(1)", "cron(8)", "systemd.timer(5)"},
	About: "The last good backup of the sensor's state is older than it may be, or there is none. It is raised by a watch with " +
		"--backup-max-age (backup.max-age in the configuration), which looks each minute at the note that \"firestorm backup run\" leaves, and by \"firestorm backup status\". " +
		"A run that failed leaves no note, so that a job which fails each night is found as one that never ran.",
	Reproduce: "firestorm backup status --max-age 1s --state DIR, after a backup; internal/detect/backupstale"}

// Def is the detector's entry for internal/standard.
var Def = detect.Def{Name: "backupstale", Codes: []*finding.Code{Code},
	Wants: detect.Wants{Kinds: []event.Kind{event.KindCapture}}, // none: the clock is enough
	New:   func(s *detect.Scope) detect.Detector { return &detector{scope: s} },
}

type detector struct {
	scope *detect.Scope
	gen   string // what was told of last
	said  packet.Time
}

// Handle sees nothing of use.
func (d *detector) Handle(event.Event) {}

// Tick looks at what the machine says.
func (d *detector) Tick(now packet.Time) {
	b := d.scope.Machine.Backup()
	if b == nil || !IsStale(b, now) {
		return
	}
	if d.said != 0 && d.gen == b.Generation && now.Sub(d.said) < again {
		return
	}
	d.gen, d.said = b.Generation, now
	first := packet.Ref{Time: b.At.Add(b.MaxAge)} // the same after a restart, and so is the finding's name
	if b.Generation == "" || first.Time > now {
		first.Time = now
	}
	d.scope.Report(&finding.Instance{Code: Stale, Key: b.Generation, First: first, Last: packet.Ref{Time: now}, Data: &view{*b, now}})
}

// End decides nothing.
func (d *detector) End(packet.Time) {}

// view is the backup as it was at a moment.
type view struct {
	detect.Backup
	now packet.Time
}

// Compose writes the finding.
func (d *detector) Compose(g *finding.Group, b *finding.Builder) bool {
	v := g.Kept[len(g.Kept)-1].Data.(*view)
	Compose(&v.Backup, v.now, b)
	return true
}

// IsStale reports whether a backup is missing, too old, or said to be of a time to come.
func IsStale(b *detect.Backup, now packet.Time) bool {
	age := now.Sub(b.At)
	return b.Generation == "" || b.Unreadable != "" || age > b.MaxAge || age < -ahead
}

// Compose writes what is to be said of a backup that is stale.
func Compose(s *detect.Backup, now packet.Time, b *finding.Builder) {
	age := now.Sub(s.At).Round(time.Second)
	switch {
	case s.Unreadable != "":
		b.Title("it is not known when this sensor was last backed up: the note of it cannot be read")
		b.Why("%s", s.Unreadable)
		b.Fact(nil, "the note of the last backup: %s", s.Unreadable)
	case s.Generation == "":
		b.Title("this sensor was never backed up")
		b.Why("no backup was ever finished from here")
		b.Fact(nil, "there is no note of a backup that was finished")
	case age < -ahead:
		b.Title("the last backup of this sensor is said to be of a time to come")
		b.Why("the clock was wrong when it was made, or is wrong now")
		b.Fact(nil, "generation %s is of %s, to %q", s.Generation, date(s.At), s.Destination)
		b.Fact(nil, "it is %s now", date(now))
	default:
		b.Title("this sensor was last backed up %s ago, wanted is every %s", Age(age), Age(s.MaxAge))
		b.Why("no backup was finished since %s: the job does not run any more, or fails each time", date(s.At))
		b.Fact(nil, "generation %s is of %s, to %q", s.Generation, date(s.At), s.Destination)
	}
	b.Summary("What the sensor remembers (who is on the wire, findings, mutes) is lost with its disk when there is no recent copy elsewhere.")
	b.Impact("a broken disk would take all that was learned since the last backup")
	b.Fact(nil, "wanted is one that is not older than %s", Age(s.MaxAge))
	b.WrongIf("backups are made by other means, or from another machine")
	l := b.Remedy(finding.AtSensor, "make one now, and see what it says; then look why the job did not")
	l.Run("", "firestorm backup run %s", s.Again)
	b.Remedy(finding.AtSensor, "once a day from a timer or cron").Run("Linux", "systemctl list-timers --all; journalctl -b -g 'firestorm.*backup'")
	check := "firestorm backup status --max-age " + short(s.MaxAge)
	if s.State != "" {
		check += " --state " + s.State
	}
	b.Check(check, "on the sensor; exit status 0: it is recent enough")
}

func date(t packet.Time) string { return t.Std().UTC().Format(time.RFC3339) }

// short leaves out units that are zero: 26h, not 26h0m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if t, ok := strings.CutSuffix(s, zero); ok {
			s = t + zero[:1]
		}
	}
	return s
}

// Age writes a time in the two largest units that say something.
func Age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		days := d / (24 * time.Hour)
		return fmt.Sprintf("%d days", days)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}
