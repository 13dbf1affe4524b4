package finding

import (
	"slices"
	"sort"
	"time"

	"firestorm/internal/packet"
)

const (
	// closeAfter is how long nothing must have been reported of a finding before it may be let go for lack of room.
	closeAfter = time.Hour
	// roomEvery is how often that is looked at.
	roomEvery = time.Minute
)

// makeRoom lets go of the oldest findings of a run without an end once half of the room is taken, so that it always has
// room for new ones. What happens again after that is a new finding.
func (e *Engine) makeRoom() {
	left := len(e.list)
	full := func(part int) bool { return left > e.o.MaxGroups/part || e.held > e.o.MaxInstances/part }
	if !full(2) || e.roomMade != 0 && e.now.Sub(e.roomMade) < roomEvery && e.now >= e.roomMade {
		return
	}
	e.roomMade = e.now
	var old []*group
	for _, g := range e.list {
		if !g.dirty && e.now.Sub(g.Last.Time) >= closeAfter {
			old = append(old, g)
		}
	}
	sort.SliceStable(old, func(i, j int) bool { return old[i].Last.Time < old[j].Last.Time })
	gone := map[*group]bool{}
	for _, g := range old {
		if !full(4) {
			break
		}
		gone[g] = true
		e.held -= len(g.briefs)
		delete(e.groups, groupKey{g.Code.ID, g.Key})
		if g.finding != nil {
			f := *g.finding
			f.State = Closed
			e.closed = append(e.closed, &f)
			e.Counts.Closed++
		}
		left--
	}
	e.list = slices.DeleteFunc(e.list, func(g *group) bool { return gone[g] })
}

// Closed returns the findings that were let go since it was asked last, as they were told last.
func (e *Engine) Closed() []*Finding {
	c := e.closed
	e.closed = nil
	return c
}

// room is what makeRoom remembers.
type room struct {
	roomMade packet.Time
	closed   []*Finding
}
