// Package backup keeps generations of folders at another place, with the program rsync: the sensor's memories, store and
// evidence, and whatever else is named.
//
// A generation is a folder of its own, in which files that did not change are hard links to those of the one before. It
// counts once its mark is there: a small file, written last, that carries the checksum of the manifest, which carries
// those of all files. Nothing that interrupts a run can spoil an older generation: files are never written in place, and
// a generation that was begun is never gone on with, only its finished files are linked to.
//
// At the destination:
//
//	gen-NAME/tree/...     the files, by their absolute paths
//	done/NAME.manifest    one JSON object for each file
//	done/NAME.json        the mark
//
// An encrypted generation looks otherwise: see sealed.go.
package backup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"firestorm/internal/seal"
)

// Options of a run.
type Options struct {
	Sources []string // absolute paths of folders or files
	Dest    Dest
	Work    string // folder for the lock, the last success and copies of files that change while they are read
	Keep    Keep
	DryRun  bool
	Now     func() time.Time
	Say     func(format string, a ...any) // what happens; may be nil
	// Live copies the database at from, which others may be writing, to the new file to, as it is at one moment. It
	// reports false where from is none that it knows: that is copied as any file. May be nil.
	Live  func(ctx context.Context, from, to string) (bool, error)
	Again string           // arguments that would make the same backup, for the note of it
	Seal  *seal.Recipients // who can read it; nil: who can read the destination
}

// Result is what a run did.
type Result struct {
	Generation string    `json:"generation"`
	Time       time.Time `json:"time"`
	Files      int       `json:"files"` // regular files in it
	Bytes      int64     `json:"bytes"` // their sizes
	Copied     int       `json:"copied"`
	CopiedSize int64     `json:"copied_bytes"`
	Unstable   int       `json:"changed_while_read"` // files of which a copy was taken first
	Live       int       `json:"databases"`          // of which a copy of one moment was taken
	Skipped    int       `json:"skipped"`            // sockets, devices, pipes
	Pruned     []string  `json:"pruned,omitempty"`
	Warnings   []string  `json:"warnings,omitempty"`
	DryRun     bool      `json:"dry_run,omitempty"`
}

// ErrBusy is returned when another run holds the lock.
var ErrBusy = errors.New("another backup is running")

// Run makes a generation. After an error all generations that counted before count still.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := findRsync(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Work, 0o700); err != nil {
		return nil, err
	}
	held, err := lock(filepath.Join(o.Work, "backup.lock"))
	if err != nil {
		return nil, err
	}
	defer held.Close()
	o.Dest.locks = append(o.Dest.locks, held) // children hold them too, so that none outlives the lock
	if p := o.Dest.local(); p != "" && !o.DryRun {
		if err := os.MkdirAll(p, 0o700); err != nil {
			return nil, err
		}
		there, err := lock(filepath.Join(p, "backup.lock")) // another machine, or another user, may back up to it
		if err != nil {
			return nil, err
		}
		defer there.Close()
		o.Dest.locks = append(o.Dest.locks, there)
	}
	tmp, err := os.MkdirTemp(o.Work, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	r := &run{Options: o, tmp: tmp, res: &Result{Time: o.Now().UTC().Truncate(time.Second), DryRun: o.DryRun}}
	if r.Say == nil {
		r.Say = func(string, ...any) {}
	}
	if err := r.sweep(); err != nil {
		return nil, err
	}
	return r.res, r.all(ctx)
}

type run struct {
	Options
	tmp     string
	res     *Result
	have    *Catalogue
	base    []string // generations to link to
	m       *Manifest
	objects []object // of an encrypted generation
}

// sweep removes what runs that were killed left in the work folder; the lock says that none is running.
func (r *run) sweep() error {
	old, err := filepath.Glob(filepath.Join(r.Work, "run-*"))
	if err != nil {
		return err
	}
	for _, d := range old {
		if d != r.tmp {
			if err := os.RemoveAll(d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) all(ctx context.Context) error {
	if !r.DryRun {
		if err := r.Dest.create(ctx, r.tmp); err != nil {
			return err
		}
	}
	var err error
	if r.have, err = r.Dest.catalogue(ctx, r.tmp); err != nil && !(r.DryRun && errors.Is(err, errNoDest)) {
		return err
	}
	if r.have == nil {
		r.have = &Catalogue{}
	}
	for i := range r.have.Good {
		if m := &r.have.Good[i]; r.Seal == nil && m.Sealed() {
			return ErrSealed
		} else if r.Seal != nil && !m.Sealed() {
			r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("generation %s is not encrypted, and stays as long as it is kept", m.Generation))
		}
	}
	skip := []string{r.Work}
	if p := r.Dest.local(); p != "" {
		skip = append(skip, p)
	}
	if r.m, err = scan(ctx, r.Sources, skip); err != nil {
		return err
	}
	r.res.Skipped = r.m.skipped
	if err := r.live(ctx); err != nil {
		return err
	}
	r.res.Generation = name(r.have.after(r.res.Time))
	how := r.copy
	if r.Seal != nil {
		how = r.sealed
	}
	if err := how(ctx); err != nil {
		r.clear(err)
		return err
	}
	for i := range r.m.Entries {
		if e := &r.m.Entries[i]; e.Type == typeFile {
			r.res.Files++
			r.res.Bytes += e.Size
		}
	}
	if r.DryRun {
		return nil
	}
	if err := r.mark(ctx); err != nil {
		r.clear(err)
		return err
	}
	if err := writeLast(r.Work, &Last{Dest: r.Dest.String(), Result: *r.res, Again: r.Again}); err != nil {
		return err
	}
	r.prune(ctx)
	return nil
}

// name makes the name of a generation: its time, and something that no other has.
func name(t time.Time) string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return t.UTC().Format(nameTime) + "-" + hex.EncodeToString(b[:])
}

// clear frees the place that a generation took which did not fit. After other failures it stays: the next run links to
// what was copied.
func (r *run) clear(err error) {
	if !errors.Is(err, ErrFull) || r.DryRun {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if r.Seal != nil {
		if err := r.collect(ctx, r.have); err != nil {
			r.Say("what did not fit could not be removed again: %s", err)
		}
		return
	}
	if err := r.Dest.remove(ctx, r.tmp, r.res.Generation); err != nil {
		r.Say("what did not fit could not be removed again: %s", err)
	}
}

// copy transfers all, then again, from copies, what changed while it was read.
func (r *run) copy(ctx context.Context) error {
	past, err := r.bases(ctx)
	if err != nil {
		return err
	}
	if !r.DryRun {
		if err := r.announce(ctx); err != nil {
			return err
		}
	}
	stage := filepath.Join(r.tmp, "stage")
	here, live := r.m.pathsFrom()
	if err := r.transfer(ctx, "/", here); err != nil {
		return err
	}
	if len(live) > 0 {
		if err := r.transfer(ctx, stage, live, "--no-implied-dirs"); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	liveToo, again := split(r.m.disguised(past), live)
	for _, x := range []struct {
		root  string
		paths []string
	}{{"/", again}, {stage, liveToo}} {
		if len(x.paths) > 0 {
			if err := r.transfer(ctx, x.root, x.paths, "--ignore-times", "--no-implied-dirs"); err != nil {
				return err
			}
		}
	}
	changed, err := r.m.changed()
	if err != nil {
		return err
	}
	if len(changed) == 0 {
		return nil
	}
	r.res.Unstable = len(changed)
	var staged []string
	gone := map[string]bool{}
	for _, i := range changed {
		e := &r.m.Entries[i]
		switch err := e.stage(stage); {
		case errors.Is(err, os.ErrNotExist):
			gone[e.Path] = true
		case err != nil:
			return err
		default:
			staged = append(staged, e.Path)
		}
	}
	if err := r.m.folderModes(stage); err != nil {
		return err
	}
	r.m.drop(gone)
	if len(gone) > 0 { // copied or not, before they went: they are no part of the generation
		if err := r.Dest.removeFiles(ctx, r.tmp, r.res.Generation, gone); err != nil {
			return err
		}
	}
	if len(staged) > 0 {
		return r.transfer(ctx, stage, staged, "--ignore-times", "--no-implied-dirs")
	}
	return nil
}

// bases chooses the generations to link to, those of which the manifest is there, and returns their manifests.
func (r *run) bases(ctx context.Context) ([]*Manifest, error) {
	var out []*Manifest
	for _, g := range r.have.bases() {
		dir, err := empty(r.tmp)
		if err != nil {
			return nil, err
		}
		m, err := r.Dest.manifest(ctx, dir, g, "", nil)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			r.Say("generation %s is not linked to: %s", g, err)
			continue
		}
		r.base = append(r.base, g)
		out = append(out, m)
	}
	return out, nil
}

// announce writes the manifest as it is to be, before any file: should this run not end, the next knows what the files
// are that it finds.
func (r *run) announce(ctx context.Context) error {
	dir, err := empty(r.tmp)
	if err != nil {
		return err
	}
	p := filepath.Join(dir, r.res.Generation+".manifest")
	if _, err := r.m.write(p); err != nil {
		return err
	}
	_, err = r.Dest.rsync(ctx, "-t", "--mkpath", p, r.Dest.join("done")+"/")
	return err
}

// transfer runs rsync for paths below root.
func (r *run) transfer(ctx context.Context, root string, paths []string, more ...string) error {
	list := filepath.Join(r.tmp, "files")
	if err := os.WriteFile(list, []byte(strings.Join(paths, "\x00")), 0o600); err != nil {
		return err
	}
	args := []string{"-lptgo", "--numeric-ids", "--from0", "--files-from=" + list, "--stats", "--mkpath", "--ignore-missing-args",
		"--modify-window=-1"} // times are compared to the nanosecond
	if r.Dest.local() != "" {
		args = append(args, "--fsync") // what is marked as done is on the disk
	}
	gen, bases := r.res.Generation, r.base
	if r.DryRun {
		args = append(args, "--dry-run")
		if len(bases) > 0 { // a folder that is not made cannot be linked from: the last one is what to compare with
			gen, bases = bases[0], nil
		}
	}
	for _, g := range bases {
		args = append(args, "--link-dest=../../gen-"+g+"/tree")
	}
	args = append(append(args, more...), root, r.Dest.join("gen-"+gen, "tree")+"/")
	out, err := r.Dest.rsync(ctx, args...)
	if err != nil && r.Dest.local() != "" && full(r.Dest.local()) {
		return fmt.Errorf("%w: %w", ErrFull, err) // rsync may break off before it says why
	}
	var x *Error
	if errors.As(err, &x) && x.Code == 24 {
		err = nil // files vanished: what is missing is seen afterwards
	}
	if err != nil {
		return err
	}
	n, size := stats(out)
	r.res.Copied += n
	r.res.CopiedSize += size
	return nil
}

// mark writes the manifest, and then the mark that makes the generation count.
func (r *run) mark(ctx context.Context) error {
	dir := filepath.Join(r.tmp, "mark")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	man, mark := filepath.Join(dir, r.res.Generation+".manifest"), filepath.Join(dir, r.res.Generation+".json")
	sum, err := r.m.write(man)
	if err != nil {
		return err
	}
	files := []string{man}
	m := Mark{Version: 1, Generation: r.res.Generation, Time: r.res.Time, Files: r.res.Files, Bytes: r.res.Bytes, Copied: r.res.CopiedSize, Manifest: sum, Sources: r.Sources}
	if r.Seal != nil {
		objects := filepath.Join(dir, r.res.Generation+".objects")
		m.Version, m.Sources = 2, nil
		if m.Manifest, m.Objects, err = r.sealManifest(man, objects); err != nil {
			return err
		}
		files = append(files, objects)
	}
	if err := m.write(mark); err != nil {
		return err
	}
	for _, f := range append(files, mark) {
		if _, err := r.Dest.rsync(ctx, "-t", "--ignore-times", "--mkpath", f, r.Dest.join("done")+"/"); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the generations that nothing keeps, and those that were begun and never finished. That it cannot is a
// warning: the backup itself is good.
func (r *run) prune(ctx context.Context) {
	good := append(slices.Clone(r.have.Good), Mark{Generation: r.res.Generation, Time: r.res.Time})
	for _, g := range append(r.Keep.drop(good), r.have.Begun...) {
		if err := r.Dest.remove(ctx, r.tmp, g); err != nil {
			r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("generation %s cannot be removed: %s", g, err))
			return
		}
		r.res.Pruned = append(r.res.Pruned, g)
	}
	if r.Seal == nil {
		return
	}
	now, err := r.Dest.catalogue(ctx, r.tmp)
	if err == nil {
		err = r.collect(ctx, now)
	}
	if err != nil {
		r.res.Warnings = append(r.res.Warnings, fmt.Sprintf("what no generation needs cannot be removed: %s", err))
	}
}
