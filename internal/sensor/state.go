package sensor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// State keeps what is remembered from run to run, under names; internal/state is one.
type State interface {
	// Load gives what was kept to read; false: nothing was. An error ends the run before it begins.
	Load(name string, read func(io.Reader) error) (bool, error)
	// Save replaces what was kept; an interruption leaves the old or the new. A State that has SaveAll too, as that of
	// internal/state, is given all at once.
	Save(name string, write func(io.Writer) error) error
}

// Running is a State that takes memories while a run goes on, and keeps them without making anybody wait.
type Running interface {
	// Ready reports that what Keep took last is on the disk, and that there is time for more.
	Ready() bool
	// Keep takes the contents of memories until Ready is true again: then they are written over. They are to reach the disk in
	// this order.
	Keep(names []string, contents [][]byte)
}

const (
	// keepEvery is how often memories are kept while a run goes on, at most, in packet time. What keeps them takes its time too
	// (internal/state): a second or two, and where the disk is slow a little more than that takes. Less than five seconds are
	// lost when the process is killed.
	keepEvery = time.Second
	// mostKept bounds each memory, in bytes. All are bounded by tables that follow from the memory limit; this is what none
	// reaches.
	mostKept = 64 << 20
)

// memory is one thing that is kept.
type memory struct {
	name string
	detect.Keeper
	broken func() bool // it is not to be trusted: the old one stays; nil: never
}

// Names of the memories that are not a detector's.
const (
	memFindings    = "findings"
	memLedger      = "ledger"
	memNames       = "names"
	memRules       = "rules"
	memConnections = "connections"
)

// memories lists what is kept. What was told comes first: should the process end between two files, then a detector may
// report once more what is known to have been told, but nothing is taken for told that was not.
func (b *border) memories() (out []memory) {
	if b.goesOn {
		out = append(out, memory{memFindings, b.engine, nil}, memory{memLedger, b.ledger, nil}, memory{memNames, b.names, nil})
		if b.limiter != nil {
			out = append(out, memory{memRules, b.limiter, nil})
		}
	}
	for _, g := range b.detectors {
		if k, ok := g.d.(detect.Keeper); ok {
			out = append(out, memory{g.def.Name, k, func() bool { return g.broke != "" }})
		}
	}
	return out
}

// recall gives all that have a memory what they kept.
func (b *border) recall(s State) error {
	if b.state = s; s == nil {
		return nil
	}
	for _, m := range b.memories() {
		if _, err := s.Load(m.name, m.Load); err != nil {
			return fmt.Errorf("memory of %s: %w", m.name, err)
		}
	}
	if b.goesOn {
		if _, err := s.Load(memConnections, b.loadShards); err != nil {
			return fmt.Errorf("memory of %s: %w", memConnections, err)
		}
	}
	return nil
}

// rememberNow keeps the memories of a run that goes on, as they are at the end of round r.
func (b *border) rememberNow(r *round) {
	run, ok := b.state.(Running)
	if !ok || !r.keep {
		return
	}
	if r.final || b.events == b.keptEvents && !b.decidedOne || !run.Ready() {
		return
	}
	b.keptEvents, b.decidedOne = b.events, false
	names, contents, err := b.write(r)
	if b.keepErr = err; len(names) > 0 {
		run.Keep(names, contents)
	}
}

// write writes the memories as bytes.
func (b *border) write(r *round) (names []string, contents [][]byte, err error) {
	if b.kept == nil {
		b.kept = map[string]*bytes.Buffer{}
	}
	put := func(name string, write func(io.Writer) error) {
		w := b.kept[name]
		if w == nil {
			w = &bytes.Buffer{}
			b.kept[name] = w
		}
		w.Reset()
		if e := write(w); e != nil {
			err = errors.Join(err, fmt.Errorf("memory of %s: %w", name, e))
			return
		}
		if w.Len() > mostKept {
			err = errors.Join(err, fmt.Errorf("memory of %s: it takes %d bytes, more than %d, and is not kept", name, w.Len(), mostKept))
			return
		}
		if w.Len() < w.Cap()/4 { // it was much larger once
			delete(b.kept, name)
		}
		names, contents = append(names, name), append(contents, w.Bytes())
	}
	for _, m := range b.memories() {
		if m.broken == nil || !m.broken() {
			put(m.name, m.Save)
		}
	}
	if b.goesOn && r != nil {
		put(memConnections, func(w io.Writer) error { return saveShards(w, b.seed, r) })
	}
	return names, contents, err
}

// keepLast writes down the shards' memory before the end of the input closes what is open: the connections go on.
func (b *border) keepLast(r *round) {
	var w bytes.Buffer
	if saveShards(&w, b.seed, r) == nil {
		b.lastShards = w.Bytes()
	}
}

// remember keeps the memories at the end of a run. That of a detector which broke is not trusted: the old one stays.
func (b *border) remember() error {
	if b.state == nil {
		return nil
	}
	b.kept = nil // the last ones may still be on their way to the disk
	names, contents, err := b.write(nil)
	if b.lastShards != nil {
		names, contents = append(names, memConnections), append(contents, b.lastShards)
	}
	if all, ok := b.state.(interface {
		SaveAll(names []string, contents [][]byte) error
	}); ok { // at once: it takes a fraction of the time
		if e := all.SaveAll(names, contents); e != nil {
			err = errors.Join(err, fmt.Errorf("memories: %w", e))
		}
		return err
	}
	errs := []error{err}
	for i, name := range names {
		if err := b.state.Save(name, func(w io.Writer) error { _, err := w.Write(contents[i]); return err }); err != nil {
			errs = append(errs, fmt.Errorf("memory of %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// keepDue says whether the memories are to be kept at the end of a round, by the clock after it.
func (s *run) keepDue(now packet.Time) bool {
	if s.o.OnFindings == nil || s.o.State == nil {
		return false
	}
	if d := now.Sub(s.keptAt); s.keptAt != 0 && d >= 0 && d < keepEvery {
		return false
	}
	if run, ok := s.o.State.(Running); ok && !run.Ready() { // the next round asks again
		return false
	}
	s.keptAt = now
	return true
}
