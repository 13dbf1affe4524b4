package sensor

import (
	"errors"
	"fmt"
	"io"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// State keeps what detectors remember from run to run, under their names; internal/state is one.
type State interface {
	// Load gives what was kept to read; false: nothing was. An error ends the run before it begins.
	Load(name string, read func(io.Reader) error) (bool, error)
	// Save replaces what was kept; an interruption leaves the old or the new.
	Save(name string, write func(io.Writer) error) error
}

// keepEvery is how often, in packet time, memories are kept while an input has no end yet.
const keepEvery = 5 * time.Minute

// recall gives detectors with a memory what they kept.
func (b *border) recall(s State) error {
	if b.state = s; s == nil {
		return nil
	}
	for _, g := range b.detectors {
		if k, ok := g.d.(detect.Keeper); ok {
			if _, err := s.Load(g.def.Name, k.Load); err != nil {
				return fmt.Errorf("memory of %s: %w", g.def.Name, err)
			}
		}
	}
	return nil
}

// rememberNow keeps the memories of a run that goes on.
func (b *border) rememberNow(now packet.Time) {
	if b.state == nil || b.kept != 0 && now.Sub(b.kept) < keepEvery {
		return
	}
	if b.kept != 0 {
		_ = b.remember() // the end tries again, and says so
	}
	b.kept = now
}

// remember keeps the memories. That of a detector which broke is not trusted: the old one stays.
func (b *border) remember() error {
	if b.state == nil {
		return nil
	}
	var errs []error
	for _, g := range b.detectors {
		k, ok := g.d.(detect.Keeper)
		if !ok || g.broke != "" {
			continue
		}
		if err := b.state.Save(g.def.Name, k.Save); err != nil {
			errs = append(errs, fmt.Errorf("memory of %s: %w", g.def.Name, err))
		}
	}
	return errors.Join(errs...)
}
