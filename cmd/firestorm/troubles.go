//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"firestorm/internal/output"
	"firestorm/internal/sensor"
	"firestorm/internal/state"
)

// troubles says when something begins to go wrong while the sensor watches, and when it works again. The status file is not
// healthy as long as any of them lasts.
type troubles struct {
	a    *app
	eve  *eveOutput
	far  *far
	mem  *memory
	was  []sensor.Trouble // that were said
	more []sensor.Trouble // that last as long as the watch
}

// status adds the troubles of outputs and of the state to those of s, and says what is new. It is called about each second.
func (t *troubles) status(s *sensor.Status) {
	all := slices.Concat(t.more, s.Troubles)
	if t.mem != nil {
		if err, since := t.mem.Err(); err != nil {
			all = append(all, sensor.Trouble{What: "state", Why: fmt.Sprintf("nothing is kept since %s: %s", since.UTC().Format("15:04:05Z"), short(err))})
		}
	}
	counts := t.far.counts()
	if t.eve != nil {
		counts = append(counts, t.eve.runner.Counts()...)
	}
	for _, c := range counts {
		why := cmp.Or(c.Health.Err, "it does not work")
		if lost := c.Dropped + c.Failed + c.Health.Lost; lost > 0 {
			why += fmt.Sprintf("; %d records were given up", lost)
		}
		if c.Err != nil && c.Health.Err == "" {
			why = short(c.Err)
		}
		if !c.Health.Up || c.Err != nil {
			all = append(all, sensor.Trouble{What: outputName(c.Name), Why: why})
		}
	}
	for _, n := range t.far.notes() {
		fmt.Fprintln(t.a.stderr, "firestorm: "+printable(n))
	}
	is := func(list []sensor.Trouble, what string) bool {
		return slices.ContainsFunc(list, func(x sensor.Trouble) bool { return x.What == what })
	}
	for _, x := range all {
		if !is(t.was, x.What) {
			fmt.Fprintf(t.a.stderr, "firestorm: trouble, %s: %s\n", printable(x.What), printable(x.Why))
		}
	}
	for _, x := range t.was {
		if !is(all, x.What) {
			fmt.Fprintf(t.a.stderr, "firestorm: no more trouble, %s\n", printable(x.What))
		}
	}
	t.was, s.Troubles = all, all
}

// rulesRefused says when rules do not run: of a whole set some few never do, and the report tells of those; when it is most of
// them, somebody takes the network for watched by them that is not.
func rulesRefused(r *rulesRead) []sensor.Trouble {
	if r == nil || len(r.problems) == 0 || 2*r.set.Len() > r.active {
		return nil
	}
	p := &r.problems[0]
	return []sensor.Trouble{{What: "rules", Why: fmt.Sprintf("%d of %d rules run; the first that is refused: %s:%d: %s (firestorm rules check says all)", r.set.Len(), r.active, p.File, p.Line, p.Reason)}}
}

// outputName is an output as a person calls it.
func outputName(name string) string {
	if name == "sqlite" {
		return "store"
	}
	return "output " + name
}

// short is an error without what stands before its cause where that is the disk.
func short(err error) string {
	for _, e := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EIO, syscall.EDQUOT} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	return err.Error()
}

// counts are those of all outputs.
func (x *far) counts() []output.Count {
	if x == nil {
		return nil
	}
	return append(x.runner.Counts(), x.store.Counts()...)
}

// noted are outputs that have something to say about how they were opened.
type noted interface{ Notes() []string }

// notes are what the outputs had to say since they were asked last.
func (x *far) notes() (out []string) {
	if x == nil || x.noted == nil {
		return nil
	}
	all := x.noted.Notes()
	out = all[min(x.heard, len(all)):]
	x.heard = len(all)
	return out
}

// withoutState decides whether a watch goes on where its state cannot be used: a disk that is full or read-only is said, and the
// sensor watches; whoever starts it twice, or with a state of a newer version, must know.
func withoutState(err error) (sensor.Trouble, bool) {
	var newer *state.Newer
	if errors.Is(err, state.ErrBusy) || errors.As(err, &newer) || errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return sensor.Trouble{}, false
	}
	return sensor.Trouble{What: "state", Why: "nothing is remembered, and nothing will be: " + short(err)}, true
}
