//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/detect/bruteforce"
	"firestorm/internal/detect/plainlogin"
	"firestorm/internal/evidence"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/seal"
	"firestorm/internal/sensor"
	"firestorm/internal/service"
	ringspool "firestorm/internal/spool"
)

// spoolFlags say which packets stay on the disk.
type spoolFlags struct {
	dir, size, fileSize string
	minutes             int
	sealTo              []string
}

const (
	// packetsIn is the folder in a store where packets are kept when nothing else is said.
	packetsIn = "packets"
	// spoolEnd is how long the end of a watch waits for the disk.
	spoolEnd = time.Second
)

// keeper keeps packets of a watch. A nil one keeps none.
type keeper struct {
	w    *ringspool.Writer
	over bool
}

// openSpoolOf begins to keep packets, where the flags or a store ask for it. Where the disk takes none, the watch goes on without.
func (a *app) openSpoolOf(w *watchFlags, o *readOptions, live *capture.Live, t *troubles) (*keeper, error) {
	f := &w.spool
	so := ringspool.Options{Dir: f.dir, Application: "firestorm " + version, FileTime: time.Duration(f.minutes) * time.Minute}
	switch {
	case f.dir == "none", f.dir == "" && o.StoreIn == "":
		return nil, nil
	case f.dir == "":
		so.Dir, so.Headers = filepath.Join(o.StoreIn, packetsIn), true
	default:
		var err error
		if so.MaxBytes, err = parseSize(f.size); err != nil || so.MaxBytes < ringspool.MinBytes {
			return nil, usagef("--spool-size 10G", "--spool-size %s: 4M or more", f.size)
		}
		if so.FileBytes, err = parseSize(f.fileSize); err != nil || so.FileBytes <= 0 {
			return nil, usagef("--spool-file-size 64M", "--spool-file-size: %q is no size", f.fileSize)
		}
	}
	if f.minutes < 1 {
		return nil, usagef("--spool-minutes 60", "--spool-minutes %d: one or more", f.minutes)
	}
	var err error
	if so.Seal, err = seal.ParseRecipients(f.sealTo); err != nil {
		return nil, usagef("--spool-encrypt-to age1…   (or a file of recipients, one a line)", "--spool-encrypt-to: %s", err)
	}
	for _, i := range capture.Interfaces(live) {
		so.Interfaces = append(so.Interfaces, ringspool.Interface{Name: i.Name, Link: i.Link})
	}
	sw, err := ringspool.Open(so)
	switch {
	case errors.Is(err, ringspool.ErrBusy):
		return nil, &failure{code: exitEngine, what: "packets cannot be kept in " + so.Dir, why: err.Error(), try: "--spool DIR, another folder, or --spool none", err: err}
	case errors.Is(err, os.ErrPermission):
		return nil, &failure{code: exitPermission, what: "packets cannot be kept in " + so.Dir, why: err.Error(), try: "--spool DIR, a folder of your own, or --spool none", err: err}
	case service.TakesNone(err):
		t.more = append(t.more, sensor.Trouble{What: "packets", Why: "none are kept: " + short(err)})
		return nil, nil
	case err != nil:
		return nil, writeFailure(so.Dir, err)
	}
	return &keeper{w: sw}, nil
}

// packets keeps what was captured. It never waits.
func (k *keeper) packets(ps []packet.Packet, now func() packet.Time) {
	switch {
	case k == nil:
	case len(ps) > 0:
		k.w.Packets(ps)
	default:
		k.w.Idle(now())
	}
}

// withPasswords are the codes whose packets carry what nobody should keep: headers are enough to prove them.
var withPasswords = map[string]bool{plainlogin.Code: true, bruteforce.Code: true}

// finding keeps the packets of a finding whole.
func (k *keeper) finding(f *finding.Finding) {
	if k != nil {
		k.w.Proof(evidence.Wanted([]*finding.Finding{f}), withPasswords[f.Code.ID])
	}
}

// close writes what is left and says what was not kept.
func (k *keeper) close() (warnings []string) {
	if k == nil || k.over {
		return nil
	}
	k.over = true
	s := k.w.Close(spoolEnd)
	say := func(n uint64, why string) {
		if n > 0 {
			warnings = append(warnings, fmt.Sprintf("%d packets were analysed and not kept on the disk: %s", n, why))
		}
	}
	say(s.NoRoom, "the disk was slower than they came")
	say(s.NotWritten, s.Err)
	say(s.TooLong, "they are too long")
	say(s.OtherLink, "their interface changed its kind of link")
	if s.NoProof > 0 {
		warnings = append(warnings, fmt.Sprintf("%d packets of findings had left the memory before the findings were decided: what is kept of them are the headers, unless --spool keeps all", s.NoProof))
	}
	return warnings
}
