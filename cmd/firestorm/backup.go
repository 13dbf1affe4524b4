package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"firestorm/internal/backup"
	"firestorm/internal/detect"
	"firestorm/internal/detect/backupstale"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/report"
	"firestorm/internal/seal"
)

// backupRun is one run of the verb.
type backupRun struct {
	*app
	state, ssh, gen string
	json            bool
	sealTo, idFiles []string
}

func (a *app) backupCommand() *cobra.Command {
	b := &backupRun{app: a}
	c := &cobra.Command{
		Use:   "backup",
		Short: "keep generations of the sensor's state at another place, and prove that they restore",
		Long: `Keep generations of what the sensor remembers at another place, with the program rsync:
a folder, USER@HOST:PATH over ssh, or rsync://HOST/MODULE/PATH of an rsync daemon. Each
generation is whole; what did not change is a hard link to the one before, so that a
second run copies only changes.

A generation counts once all of it has arrived, with the checksum of every file. A run
that is interrupted, or finds the disk full, or loses the other machine, leaves the older
ones as they were; the next links to what had arrived. Files that change while they are
read are copied first. Each machine needs a destination of its own.

With --encrypt-to, contents, names and paths are encrypted to age recipients (age-keygen
makes one); reading needs their secret key, which belongs on another machine. Who sees the
destination then sees how many files there are, their sizes, and when a run was made. What
did not change is still not sent again, as long as this machine has its --state: which
contents lie in which object is remembered there. Encryption keeps others from reading; it
does not prove who wrote what lies there.

` + exitHelpOf("done", "status: the last backup is too old (backup-stale)", "verify, restore: something differs from what was backed up"),
		Example: `  firestorm backup run /mnt/backup/sensor1 --also /etc/firestorm
  firestorm backup run backup@192.0.2.30:sensor1
  firestorm backup run backup@192.0.2.30:sensor1 --encrypt-to recipients.txt
  firestorm backup list /mnt/backup/sensor1
  firestorm backup verify /mnt/backup/sensor1 --drill
  firestorm backup restore /mnt/backup/sensor1 --to /tmp/restored
  firestorm backup status --max-age 26h`,
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := c.PersistentFlags()
	f.StringVar(&b.state, "state", "", "the sensor's memory is in `DIR` (default: /var/lib/firestorm for root, else firestorm below $XDG_STATE_HOME)")
	f.StringVar(&b.ssh, "ssh", "", "the remote shell with its options, as `COMMAND`: 'ssh -p 2222 -i key'")
	f.BoolVar(&b.json, "json", false, "JSON instead of text")
	c.AddCommand(b.runCommand(), b.listCommand(), b.verifyCommand(), b.restoreCommand(), b.statusCommand())
	return c
}

// work is the folder for the lock and the note of the last success.
func (b *backupRun) work() string {
	if b.state == "" {
		b.state = b.stateDir()
	}
	return filepath.Join(b.state, "backup")
}

func (b *backupRun) dest(s string) (backup.Dest, error) {
	d, err := backup.ParseDest(s, b.ssh)
	if err != nil {
		return d, usagef("firestorm backup run /mnt/backup/sensor1", "%s", err)
	}
	return d, nil
}

func (b *backupRun) runCommand() *cobra.Command {
	var also []string
	keep := backup.DefaultKeep
	var dry, noState bool
	var storeIn string
	c := &cobra.Command{
		Use:   "run DEST",
		Short: "make a generation, then remove those that nothing keeps",
		Example: `  firestorm backup run /mnt/backup/sensor1 --also /etc/firestorm
  firestorm backup run rsync://192.0.2.30/backup/sensor1 --dry-run
  firestorm backup run backup@192.0.2.30:sensor1 --ssh 'ssh -i keys/backup' --keep-daily 30`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := b.dest(args[0])
			if err != nil {
				return err
			}
			o := backup.Options{Dest: d, Work: b.work(), Keep: keep, DryRun: dry, Now: time.Now, Live: liveStore,
				Say: func(format string, x ...any) { fmt.Fprintf(b.stderr, "firestorm: "+format+"\n", x...) }}
			if o.Work, err = filepath.Abs(o.Work); err != nil {
				return err
			}
			if !noState {
				also = append([]string{b.state}, also...)
			}
			if storeIn != "" {
				also = append(also, storeIn)
			}
			for _, s := range also {
				p, err := filepath.Abs(s)
				if err == nil {
					_, err = os.Stat(p)
				}
				if err != nil {
					return usagef("--also DIR, --state DIR, or --no-state", "%s cannot be backed up: %s", s, err)
				}
				o.Sources = append(o.Sources, p)
			}
			if o.Seal, err = seal.ParseRecipients(b.sealTo); err != nil {
				return usagef("--encrypt-to age1…   (or a file of recipients, one a line)", "--encrypt-to: %s", err)
			}
			o.Again = again(cmd.Flags(), args[0])
			if len(o.Sources) == 0 {
				return usagef("--also DIR", "there is nothing to back up")
			}
			r, err := backup.Run(cmd.Context(), o)
			if err != nil {
				return b.failed(cmd.Context(), err)
			}
			return b.writeResult(r, d)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&also, "also", nil, "back up `DIR` too (repeatable)")
	f.StringVar(&storeIn, "store", "", "back up the findings in `DIR` too, those of watch --store, with the packets kept beside them: a copy of one moment, while watch goes on writing")
	f.StringArrayVar(&b.sealTo, "encrypt-to", nil, "encrypt contents, names and paths to the age recipient `age1...|FILE` (may be given more than once); see backup --help")
	f.BoolVar(&noState, "no-state", false, "not the sensor's memory: only what --also names")
	f.BoolVar(&dry, "dry-run", false, "say what would be copied, and change nothing")
	f.IntVar(&keep.Last, "keep-last", keep.Last, "keep the newest `N` generations")
	f.IntVar(&keep.Daily, "keep-daily", keep.Daily, "keep the newest of each of the last `N` days")
	f.IntVar(&keep.Weekly, "keep-weekly", keep.Weekly, "keep the newest of each of the last `N` weeks")
	f.IntVar(&keep.Monthly, "keep-monthly", keep.Monthly, "keep the newest of each of the last `N` months")
	return c
}

func (b *backupRun) writeResult(r *backup.Result, d backup.Dest) error {
	if b.json {
		return b.writeJSON(r)
	}
	would := ""
	if r.DryRun {
		would = "would be "
	}
	b.say("generation %s %sat %s: %d files, %s; %scopied %d files, %s\n", r.Generation, would, printable(d.String()), r.Files, size(r.Bytes), would, r.Copied, size(r.CopiedSize))
	if r.Live > 0 {
		b.say("%d databases were copied as they were at one moment\n", r.Live)
	}
	if r.Unstable > 0 {
		b.say("%d files changed while they were read: a copy of each was taken first\n", r.Unstable)
	}
	if r.Skipped > 0 {
		b.say("%d sockets, pipes or devices were left out\n", r.Skipped)
	}
	if len(r.Pruned) > 0 {
		b.say("removed: %s\n", strings.Join(r.Pruned, " "))
	}
	for _, w := range r.Warnings {
		b.say("warning: %s\n", printable(w))
	}
	return nil
}

// again writes the arguments that were given, to paste; --state too, since the note lies there.
func again(f *pflag.FlagSet, dest string) string {
	out := []string{shellWord(dest)}
	f.Visit(func(x *pflag.Flag) {
		if x.Name == "dry-run" || x.Name == "json" {
			return
		}
		if l, ok := x.Value.(pflag.SliceValue); ok {
			for _, v := range l.GetSlice() {
				out = append(out, "--"+x.Name, shellWord(v))
			}
			return
		}
		if x.Value.Type() == "bool" {
			out = append(out, "--"+x.Name)
			return
		}
		out = append(out, "--"+x.Name, shellWord(x.Value.String()))
	})
	return strings.Join(out, " ")
}

// backupNow is what the note in the folder work says of the last backup.
// state is the folder that was named as --state; empty: none was.
func backupNow(work, state string, maxAge time.Duration) detect.Backup {
	b := detect.Backup{MaxAge: maxAge, Again: "/mnt/backup/$(hostname)"}
	if state != "" {
		b.State = shellWord(state)
		b.Again += " --state " + b.State
	}
	switch l, err := backup.LastGood(work); {
	case err != nil:
		b.Unreadable = err.Error()
	case l != nil:
		b.Generation, b.At, b.Destination = l.Result.Generation, packet.Time(l.Result.Time.UnixNano()), l.Dest
		b.Again = cmp.Or(l.Again, shellWord(l.Dest))
	}
	return b
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// failed says why a backup did not come about.
func (b *backupRun) failed(ctx context.Context, err error) error {
	f := &failure{code: exitEngine, what: "the backup failed", why: err.Error(), err: err}
	switch {
	case interrupted(ctx):
		return status(exitInterrupted)
	case errors.Is(err, backup.ErrNoRsync):
		f.what, f.why, f.try = "backups need the program rsync", "it is not in the PATH", "apt-get install rsync   (RHEL: dnf install rsync)"
	case errors.Is(err, backup.ErrBusy):
		f.what, f.why = "another backup is running", "it holds the lock in "+b.work()
	case errors.Is(err, backup.ErrFull):
		f.why, f.try = "the destination is full: "+err.Error(), "fewer generations: --keep-last 1 --keep-daily 3 --keep-weekly 0 --keep-monthly 0"
	case errors.Is(err, os.ErrPermission):
		f.code, f.try = exitPermission, "sudo firestorm backup run"
	case errors.Is(err, backup.ErrSealed):
		f.code, f.try = exitUsage, "--encrypt-to age1…, or another destination"
	case errors.Is(err, backup.ErrNeedIdentity), errors.Is(err, seal.ErrNoIdentity):
		f.code, f.what, f.try = exitUsage, "the generation cannot be read", "--identity FILE, the secret key that belongs to --encrypt-to"
	case errors.Is(err, backup.ErrNoGeneration):
		f.code, f.try = exitUsage, "firestorm backup list"
	}
	return f
}

func (b *backupRun) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list DEST",
		Short:   "list the generations of a destination",
		Example: "  firestorm backup list /mnt/backup/sensor1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := b.dest(args[0])
			if err != nil {
				return err
			}
			c, err := backup.List(cmd.Context(), d, "")
			if err != nil {
				return b.failed(cmd.Context(), err)
			}
			for i := range c.Good {
				g := &c.Good[i]
				if b.json {
					err = b.writeJSON(g)
				} else {
					_, err = fmt.Fprintf(b.stdout, "%s  %s  %d files, %s; %s were new\n", g.Generation, g.Time.Format(time.RFC3339), g.Files, size(g.Bytes), size(g.Copied))
				}
				if err != nil {
					return err
				}
			}
			if b.json {
				return nil
			}
			for _, g := range c.Begun {
				b.say("%s  was begun and not finished: it does not count, the next run removes it\n", g)
			}
			for _, g := range c.Bad {
				b.say("%s\n", printable(g))
			}
			if len(c.Good) == 0 {
				b.say("no generation was finished\n")
			}
			return nil
		},
	}
}

func (b *backupRun) verifyCommand() *cobra.Command {
	var drill bool
	c := &cobra.Command{
		Use:   "verify DEST",
		Short: "prove a generation: every file has the checksum that it had",
		Long: `Prove a generation: every file is there, with the contents, permissions and time that it
had. A local one is read where it is; one on another machine is restored to a temporary
folder, and so is a local one with --drill.

` + exitHelpOf("all is as it was", "", "something differs"),
		Example: "  firestorm backup verify /mnt/backup/sensor1 --drill",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := b.dest(args[0])
			if err != nil {
				return err
			}
			ids, err := b.identities()
			if err != nil {
				return err
			}
			r, err := backup.Verify(cmd.Context(), d, "", b.gen, drill, ids)
			return b.writeReport(cmd.Context(), r, err, "")
		},
	}
	c.Flags().StringVar(&b.gen, "generation", "", "check generation `NAME` (default: the newest)")
	b.identityFlag(c)
	c.Flags().BoolVar(&drill, "drill", false, "restore it to a temporary folder, and check that")
	return c
}

func (b *backupRun) restoreCommand() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "restore DEST --to DIR",
		Short: "write a generation into an empty folder, and check every file",
		Long: `Write a generation into a folder that is new or empty, and check every file. Files have
their absolute paths below it: /var/lib/firestorm becomes DIR/var/lib/firestorm. To put
them back, stop the service and move them.

` + exitHelpOf("restored, all is as it was", "", "something differs"),
		Example: "  firestorm backup restore /mnt/backup/sensor1 --to /tmp/restored",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := b.dest(args[0])
			if err != nil {
				return err
			}
			if to == "" {
				return usagef("--to /tmp/restored", "restore needs an empty folder")
			}
			ids, err := b.identities()
			if err != nil {
				return err
			}
			r, err := backup.Restore(cmd.Context(), d, "", b.gen, to, ids)
			return b.writeReport(cmd.Context(), r, err, to)
		},
	}
	c.Flags().StringVar(&b.gen, "generation", "", "restore generation `NAME` (default: the newest)")
	b.identityFlag(c)
	c.Flags().StringVar(&to, "to", "", "the folder `DIR`, new or empty")
	return c
}

func (b *backupRun) identityFlag(c *cobra.Command) {
	c.Flags().StringArrayVar(&b.idFiles, "identity", nil, "decrypt with the secret age key in `FILE` (may be given more than once)")
}

func (b *backupRun) identities() (*seal.Identities, error) {
	ids, err := seal.ReadIdentities(b.idFiles)
	if err != nil {
		return nil, usagef("--identity key.txt   (as age-keygen writes it)", "--identity: %s", err)
	}
	return ids, nil
}

func (b *backupRun) writeReport(ctx context.Context, r *backup.Report, err error, to string) error {
	if err != nil {
		return b.failed(ctx, err)
	}
	if b.json {
		if err := b.writeJSON(r); err != nil {
			return err
		}
	} else {
		how := "checked where it is"
		switch {
		case to != "":
			how = "restored to " + to
		case r.Drill:
			how = "restored and checked"
		}
		b.say("generation %s of %s: %s, %d files, %s\n", r.Mark.Generation, r.Mark.Time.Format(time.RFC3339), printable(how), r.Files, size(r.Bytes))
		for _, p := range r.Problems {
			b.say("WRONG  %s\n", printable(p))
		}
		switch {
		case r.OK() && r.Encrypted:
			b.say("every object is as it was sent; that it can be read was not tried: that needs --identity FILE\n")
		case r.OK():
			b.say("every file is as it was\n")
		default:
			b.say("%d files differ\n", r.Wrong)
		}
	}
	if !r.OK() {
		return status(exitDamaged)
	}
	return nil
}

func (b *backupRun) statusCommand() *cobra.Command {
	limit := 26 * time.Hour
	c := &cobra.Command{
		Use:   "status",
		Short: "say when the last good backup of this machine was, and whether that is too long ago",
		Long: `Say when the last good backup of this machine was. It is too old when it
is older than --max-age, or when there is none.

` + exitHelpOf("recent enough", "older than --max-age, or none (backup-stale)", ""),
		Example: "  firestorm backup status --max-age 26h",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if limit <= 0 {
				return usagef("--max-age 26h", "--max-age: nothing is older than %s", limit)
			}
			now := packet.Time(time.Now().UnixNano())
			named := b.state
			s := backupNow(b.work(), named, limit)
			if !backupstale.IsStale(&s, now) {
				if b.json {
					return b.writeJSON(backupStatus{At: s.At.Std(), Age: int64(now.Sub(s.At) / time.Second), Generation: s.Generation, Destination: s.Destination})
				}
				_, err := fmt.Fprintf(b.stdout, "the last good backup is %s old (%s, to %s)\n", backupstale.Age(now.Sub(s.At)), s.Generation, printable(s.Destination))
				return err
			}
			return b.writeStale(&s, now)
		},
	}
	c.Flags().DurationVar(&limit, "max-age", limit, "a backup older than this is too old")
	return c
}

// backupStatus is the status as JSON.
type backupStatus struct {
	Stale       bool      `json:"stale"`
	At          time.Time `json:"time,omitzero"`
	Age         int64     `json:"age_seconds,omitempty"`
	Generation  string    `json:"generation,omitempty"`
	Destination string    `json:"destination,omitempty"`
	Unreadable  string    `json:"unreadable,omitempty"`
	Finding     any       `json:"finding,omitempty"` // as watch --json has it
}

// writeStale writes the finding backup-stale.
func (b *backupRun) writeStale(s *detect.Backup, now packet.Time) error {
	g := finding.Group{Code: backupstale.Code, Count: 1, First: packet.Ref{Time: now}, Last: packet.Ref{Time: now}}
	if s.Generation != "" && s.At.Add(s.MaxAge) < now {
		g.First.Time = s.At.Add(s.MaxAge)
	}
	bl := finding.NewBuilder(&g)
	backupstale.Compose(s, now, bl)
	f, err := bl.Done()
	if err != nil {
		return &failure{code: exitEngine, what: "the finding cannot be written", why: err.Error(), err: err}
	}
	rep := &report.Report{Files: []report.File{{Name: "this machine", From: g.First.Time, To: now}}}
	if b.json {
		v := backupStatus{Stale: true, Generation: s.Generation, Destination: s.Destination, Unreadable: s.Unreadable, Finding: json.RawMessage(report.AppendFinding(nil, rep, f))}
		if s.Generation != "" {
			v.At, v.Age = s.At.Std(), int64(now.Sub(s.At)/time.Second)
		}
		err = b.writeJSON(v)
	} else {
		err = report.WriteFinding(b.stdout, rep, f, report.Options{Width: b.width(b.stdout), Color: b.useColor(b.stdout)})
	}
	if err != nil {
		return writeFailure("standard output", err)
	}
	return status(exitFindings)
}
