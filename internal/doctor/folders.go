package doctor

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// folder is a place that the sensor writes to.
type folder struct {
	what, path, flag string
	file             bool // a file, whose folder counts when it is not there
}

func (r *run) places() (out []folder) {
	for _, f := range []folder{{"state", r.o.StateDir, "--state", false}, {"store", r.o.StoreDir, "--store", false}, {"status", r.o.StatusFile, "--status", true}} {
		if f.path != "" {
			out = append(out, f)
		}
	}
	for _, f := range r.o.LogFiles {
		out = append(out, folder{"log", f, "--eve", true})
	}
	return out
}

// folders says whether what the sensor writes to can be written, by whom, and whether there is room.
func (r *run) folders() {
	spaces := map[uint64]bool{}
	for _, f := range r.places() {
		at := r.folder(f)
		if at == "" {
			continue
		}
		s, err := r.sys.Space(at)
		switch {
		case err != nil:
			r.add(Check{Name: "disk", Subject: at, Level: Unknown, NotPermitted: notPermitted(err), What: "its free room is not known: " + reason(err), Why: diskWhy, Fix: []string{"df -h " + shell(at) + "; df -i " + shell(at)}})
		case !spaces[s.ID]:
			spaces[s.ID] = true
			r.disk(at, &s)
		}
	}
}

// folder judges one place, and returns the folder that holds it; empty: there is none.
func (r *run) folder(f folder) string {
	c := Check{Name: f.what, Subject: f.path, Why: "what cannot be written is not remembered after a restart"}
	st, err := r.sys.Stat(f.path)
	at := f.path
	if f.file {
		at = filepath.Dir(f.path)
	}
	if f.file && err != nil && isNone(err) {
		st, err = r.sys.Stat(at)
	}
	switch {
	case err != nil && isNone(err):
		c.Level, c.What = Problem, "it is not there"
		if f.file {
			c.What = "its folder is not there"
		}
		c.Fix = []string{"sudo install -d -m 0750 -o " + shell(r.user()) + " " + shell(at), "# the Debian package and the systemd unit make it for the user firestorm"}
		r.add(c)
		return ""
	case err != nil:
		c.Level, c.NotPermitted, c.What = Unknown, notPermitted(err), "it cannot be looked at: "+reason(err)
		c.Fix = []string{"sudo firestorm doctor"}
		r.add(c)
		return ""
	}
	who := fmt.Sprintf("owner %s:%s, mode %04o", st.Owner, st.Group, st.Mode.Perm())
	werr := r.sys.Writable(f.path)
	if f.file && werr != nil && isNone(werr) {
		werr = r.sys.Writable(at)
	}
	switch {
	case st.Mode.Perm()&0o002 != 0 && st.Mode&fs.ModeSticky == 0:
		c.Level, c.What = Problem, "everybody on this machine may change it ("+who+")"
		c.Fix = []string{"sudo chmod o-rwx " + shell(f.path)}
	case werr != nil && notPermitted(werr):
		c.What = "not by this user (" + who + ")"
		c.Level, c.NotPermitted = Warning, true
		c.Fix = []string{"run the watch as " + st.Owner + ", or: sudo chown -R " + shell(r.user()) + " " + shell(f.path), "sudo firestorm doctor   # then it is looked at as root"}
		if r.fresh() && f.what == "status" { // it is being written this minute
			c.Level, c.NotPermitted = OK, false
			c.What = "the watch writes it (" + who + ")"
		}
	case werr != nil:
		c.Level, c.What = Problem, "it cannot be written: "+reason(werr)+" ("+who+")"
		c.Fix = []string{"findmnt -T " + shell(at) + "   # ro among the options: mounted read-only; then look at: dmesg | tail"}
	default:
		c.What = "can be written (" + who + ")"
	}
	r.add(c)
	return at
}

const diskWhy = "on a full disk findings, memories and records are lost"

// Room from which on a disk is full soon, or as good as full.
const (
	lowRoom  = 1 << 30
	noRoom   = 128 << 20
	lowShare = 0.05
	noInodes = 1000
)

// disk judges the room of a file system.
func (r *run) disk(at string, s *Space) {
	c := Check{Name: "disk", Subject: at, Why: diskWhy, What: fmt.Sprintf("%s of %s free", size(s.Free), size(s.Total)),
		Fix: []string{"df -h " + shell(at) + "; df -i " + shell(at) + "; du -xh --max-depth=2 " + shell(at) + " | sort -h | tail", "firestorm findings prune --store " + shell(r.store(at))}}
	if s.Files > 0 {
		c.What += fmt.Sprintf(", room for %d more files", s.FilesFree)
	}
	switch {
	case s.Free < noRoom || s.Files > 0 && s.FilesFree < noInodes:
		c.Level = Problem
	case s.Free < lowRoom && float64(s.Free) < lowShare*float64(s.Total):
		c.Level = Warning
	}
	r.add(c)
}

func (r *run) store(at string) string {
	if r.o.StoreDir != "" {
		return r.o.StoreDir
	}
	return at
}

// secret words in the name of a file beside the configuration.
var secretWords = []string{"secret", "password", "passwd", "token", "credential"}

// maxBeside bounds how many files beside the configuration are looked at.
const maxBeside = 256

// secrets says whether files that may hold secrets can be read by everybody.
func (r *run) secrets() {
	if r.o.Config == "" {
		return
	}
	const why = "who reads a webhook's address or its Authorization can write in the sensor's name"
	dir := filepath.Dir(r.o.Config)
	names, err := r.sys.ReadDir(dir)
	if err != nil {
		r.add(Check{Name: "secrets", Subject: dir, Level: Unknown, NotPermitted: notPermitted(err), Why: why, What: "the folder of the configuration cannot be read: " + reason(err), Fix: []string{"sudo firestorm doctor"}})
		return
	}
	looked, open := 0, 0
	for _, n := range names[:min(len(names), maxBeside)] {
		path := filepath.Join(dir, n)
		config := path == filepath.Clean(r.o.Config)
		if config && r.o.Webhooks == 0 || !config && !secretName(n) {
			continue
		}
		st, err := r.sys.Stat(path)
		if err != nil || st.Mode.IsDir() {
			continue
		}
		looked++
		if st.Mode.Perm()&0o004 == 0 {
			continue
		}
		open++
		c := Check{Name: "secrets", Subject: path, Level: Problem, Why: why, What: fmt.Sprintf("everybody on this machine may read it (mode %04o)", st.Mode.Perm()), Fix: []string{"sudo chmod 0640 " + shell(path) + " && sudo chgrp firestorm " + shell(path)}}
		if config {
			c.Level = Warning
			c.What += ", and it names the address of a webhook"
		}
		r.add(c)
	}
	if open == 0 {
		r.add(Check{Name: "secrets", Subject: dir, Why: why, What: plural(looked, "file that may hold secrets is", "files that may hold secrets are") + " closed to others"})
	}
}

func secretName(n string) bool {
	low := strings.ToLower(n)
	if low == "environment" || strings.HasSuffix(low, ".env") || strings.HasSuffix(low, ".key") || strings.HasSuffix(low, ".pem") {
		return true
	}
	for _, w := range secretWords {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// maxLogs bounds how many old files of a log are counted.
const maxLogs = 10_000

// kept says what is kept, where, how much of it, and since when.
func (r *run) kept() {
	const why = "what is kept may have to be shown, given away or deleted: it should be known"
	if r.o.StoreDir != "" {
		c := Check{Name: "kept findings", Subject: r.o.StoreDir, Why: why}
		k, err := r.sys.Kept(r.o.StoreDir)
		switch {
		case err != nil && isNone(err):
			c.Level, c.What, c.Fix = Warning, "there is no store yet: no finding was ever kept", []string{"firestorm watch IFACE --store " + shell(r.o.StoreDir)}
		case err != nil:
			c.Level, c.NotPermitted, c.What, c.Fix = Unknown, notPermitted(err), "the store cannot be read: "+reason(err), []string{"sudo firestorm findings list --store " + shell(r.o.StoreDir)}
		default:
			c.What = fmt.Sprintf("%s, %s of at most %s", plural(int(k.Findings), "finding", "findings"), size(k.Bytes), size(k.MaxBytes))
			if !k.Oldest.IsZero() {
				c.What += ", the oldest of " + k.Oldest.UTC().Format("2006-01-02")
			}
			c.What += "; no payload, but for what their texts quote"
			if s, err := r.sys.Space(r.o.StoreDir); err == nil && int64(min(s.Free, 1<<62)) < k.MaxBytes-k.Bytes {
				c.Level = Warning
				c.What += fmt.Sprintf("; the disk has room for %s, the store may grow by %s", size(s.Free), size(k.MaxBytes-k.Bytes))
				c.Fix = []string{"firestorm findings prune --store " + shell(r.o.StoreDir) + "   # keeps the bounds now", "df -h " + shell(r.o.StoreDir)}
			}
		}
		r.add(c)
	}
	if r.o.StateDir != "" {
		r.keptFolder(Check{Name: "kept memory", Subject: r.o.StateDir, Why: why}, "addresses and cards seen on the wire, no payload")
	}
	for _, l := range r.o.LogFiles {
		c := Check{Name: "kept records", Subject: l, Why: why}
		st, err := r.sys.Stat(l)
		if err != nil {
			if !isNone(err) {
				c.Level, c.NotPermitted, c.What, c.Fix = Unknown, notPermitted(err), "it cannot be looked at: "+reason(err), []string{"sudo ls -l " + shell(l)}
				r.add(c)
			}
			continue
		}
		c.What = fmt.Sprintf("EVE records, %s; it grows until it is rotated", size(st.Size))
		if st.Mode.Perm()&0o004 != 0 {
			c.Level, c.What = Warning, c.What+fmt.Sprintf("; everybody on this machine may read it (mode %04o)", st.Mode.Perm())
			c.Fix = []string{"sudo chmod o-rwx " + shell(l)}
		}
		r.add(c)
	}
	if len(r.places()) == 0 {
		r.add(Check{Name: "kept", What: "nothing: no state, store or log was named", Why: why})
	}
}

// keptFolder sums up the files of a folder.
func (r *run) keptFolder(c Check, what string) {
	names, err := r.sys.ReadDir(c.Subject)
	if err != nil {
		if isNone(err) {
			return // said already
		}
		c.Level, c.NotPermitted, c.What, c.Fix = Unknown, notPermitted(err), "it cannot be looked at: "+reason(err), []string{"sudo ls -la " + shell(c.Subject)}
		r.add(c)
		return
	}
	var bytes int64
	files := 0
	for _, n := range names[:min(len(names), maxLogs)] {
		if st, err := r.sys.Stat(filepath.Join(c.Subject, n)); err == nil && st.Mode.IsRegular() {
			files++
			bytes += st.Size
		}
	}
	c.What = fmt.Sprintf("%s, %s: %s", plural(files, "file", "files"), size(bytes), what)
	r.add(c)
}
