package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"firestorm/internal/state"
)

// stateDir is where memories are kept when the command line does not say: /var/lib for root, as the service has it, the
// user's own state folder otherwise (XDG Base Directory Specification).
func (a *app) stateDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/firestorm"
	}
	if d := a.getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "firestorm")
	}
	return filepath.Join(a.getenv("HOME"), ".local", "state", "firestorm")
}

// memory is the folder of memories of one run. Damaged ones are said, and the run goes on without them.
type memory struct {
	*state.Dir
	say io.Writer
	bg  *state.Background // of a run that goes on; nil: none yet
}

// background lets memories be kept while a run goes on.
func (m *memory) background() {
	if m != nil && m.bg == nil {
		m.bg = state.NewBackground(m.Dir.SaveAll, 0)
	}
}

// Ready implements sensor.Running.
func (m *memory) Ready() bool { return m.bg != nil && m.bg.Ready() }

// Keep implements sensor.Running.
func (m *memory) Keep(names []string, contents [][]byte) { m.bg.Keep(names, contents) }

// Err says why the last memories could not be kept, and since when.
func (m *memory) Err() (error, time.Time) {
	if m.bg == nil {
		return nil, time.Time{}
	}
	return m.bg.Err()
}

// Save implements sensor.State. It comes at the end of a run.
func (m *memory) Save(name string, write func(io.Writer) error) error {
	m.rest()
	return m.Dir.Save(name, write)
}

// SaveAll is Save for all memories of a run.
func (m *memory) SaveAll(names []string, contents [][]byte) error {
	m.rest()
	return m.Dir.SaveAll(names, contents)
}

// rest ends the background.
func (m *memory) rest() {
	if m.bg != nil {
		m.bg.Close()
		m.bg = nil
	}
}

// openMemory takes the folder dir; an empty one is none.
func (a *app) openMemory(dir string) (*memory, error) {
	if dir == "" {
		return nil, nil
	}
	d, err := state.Open(dir)
	if err != nil {
		f := &failure{code: exitEngine, what: "the state in " + dir + " cannot be used", why: err.Error(), err: err}
		switch {
		case errors.Is(err, state.ErrBusy):
			f.try = "wait until the other firestorm has ended, or name another folder with --state"
		case errors.Is(err, fs.ErrPermission):
			f.code, f.try = exitPermission, "name a folder of your own with --state"
		}
		return nil, f
	}
	return &memory{Dir: d, say: a.stderr}, nil
}

// Load gives what was kept to read. Of a damaged file nothing is remembered: it is put aside, and said.
func (m *memory) Load(name string, read func(io.Reader) error) (bool, error) {
	found, err := m.Dir.Load(name, read)
	var bad *state.Damaged
	if errors.As(err, &bad) && bad.Aside != "" {
		fmt.Fprintf(m.say, "firestorm: %s; it starts anew without it\n", printable(bad.Error()))
		return false, nil
	}
	return found, err
}

// close gives the folder back.
func (m *memory) close() {
	if m != nil {
		m.rest()
		m.Dir.Close()
	}
}
