package detect

import (
	"sync/atomic"
	"time"

	"firestorm/internal/packet"
)

// Machine is what the machine that watches says of itself, for the few findings that are not about packets. Who looks
// sets it, in whatever goroutine; detectors read what was set last. A nil Machine says nothing: captures are read anywhere.
type Machine struct{ backup atomic.Pointer[Backup] }

// Backup is what is known of the machine's last good backup.
type Backup struct {
	Generation  string      // its name; empty: none was ever finished
	At          packet.Time // when it was begun
	Destination string      // where it lies, as text
	MaxAge      time.Duration
	Unreadable  string // why the note of it cannot be read; empty: it can
	Again       string // arguments that would make the next one, pasteable
	State       string // argument of --state where the note of it lies, pasteable; empty: where the program looks by itself
}

// SetBackup says what is known now.
func (m *Machine) SetBackup(b Backup) { m.backup.Store(&b) }

// Backup is what was said last; nil: nothing.
func (m *Machine) Backup() *Backup {
	if m == nil {
		return nil
	}
	return m.backup.Load()
}
