//go:build linux

package main

import (
	"path/filepath"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/sensor"
)

// lookForBackups is how often the note of the last backup is read.
const lookForBackups = time.Minute

// watchBackups lets the sensor know of the last backup, where somebody wants to: a goroutine of its own reads the note, a
// slow disk holds up nobody. The returned function ends it.
func (a *app) watchBackups(w *watchFlags, opt *sensor.Options) (stop func()) {
	if w.backupAge <= 0 {
		return func() {}
	}
	dir := w.backupIn
	if dir == "" {
		dir = a.stateDir()
	}
	m := &detect.Machine{}
	opt.Machine = m
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(lookForBackups)
		defer t.Stop()
		for {
			m.SetBackup(backupNow(filepath.Join(dir, "backup"), w.backupIn, w.backupAge))
			select {
			case <-done:
				return
			case <-t.C:
			}
		}
	}()
	return func() { close(done) }
}
