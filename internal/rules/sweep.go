package rules

import (
	"sync"
	"sync/atomic"

	"firestorm/internal/rules/mpm"
)

// sweep is all that the payloads of one kind are searched for: those that travel one way from or to a port and whose connection
// speaks a protocol. With it each byte is gone over once, where the searches of the rules for all ports and for few, of those
// of no protocol and of one, went over it four times and more (2026-11-30).
type sweep struct {
	start openings
	head  search
	free  search
}

// sweeps are those of one group of rules.
type sweeps struct {
	mu   sync.Mutex
	made atomic.Pointer[[]madeSweep]
}

// madeSweep is a sweep with what it is for.
type madeSweep struct {
	app     string
	settled bool
	*sweep
}

// mostSweeps bounds the sweeps of a set of rules, each of which takes up to a few hundred KiB. Beyond them a payload is searched
// for the rules of each kind in turn.
const mostSweeps = 128

// sweep is what a payload is searched for that groups are about, nil where there is no room for one.
func (s *Set) sweep(groups *[2]*group, app string, settled bool) *sweep {
	of := &groups[1].sweeps
	if made := of.made.Load(); made != nil {
		for i := range *made {
			if m := &(*made)[i]; m.settled == settled && m.app == app {
				return m.sweep
			}
		}
	}
	if s.swept.Load() >= mostSweeps {
		return nil
	}
	return s.newSweep(groups, app, settled)
}

// newSweep makes one. Protocols that no rule names share that of none, so that there are not more of them than of those that
// rules name.
func (s *Set) newSweep(groups *[2]*group, app string, settled bool) *sweep {
	of := &groups[1].sweeps
	of.mu.Lock()
	defer of.mu.Unlock()
	var made []madeSweep
	if m := of.made.Load(); m != nil {
		made = *m
	}
	like := app
	if !settled || !groups[0].free.names(app) && !groups[1].free.names(app) {
		like = ""
	}
	w := (*sweep)(nil)
	for i := range made {
		if made[i].settled == settled && made[i].app == app {
			return made[i].sweep
		}
		if made[i].settled == settled && made[i].app == like {
			w = made[i].sweep
		}
	}
	if w == nil {
		if s.swept.Add(1) > mostSweeps {
			s.swept.Add(-1)
			return nil
		}
		w = &sweep{}
		for _, g := range groups {
			w.start.addAll(&g.start)
			w.head.addAll(&g.head)
			for _, a := range g.free.all {
				if a.serves(app, settled) {
					w.free.addAll(&a.search)
				}
			}
		}
		w.head.build(s.rare)
		w.free.build(s.rare)
		if like != app {
			made = append(made[:len(made):len(made)], madeSweep{like, settled, w})
		}
	}
	made = append(made[:len(made):len(made)], madeSweep{app, settled, w})
	of.made.Store(&made)
	return w
}

// addAll adds the rules of another search.
func (l *search) addAll(o *search) {
	n := uint32(len(l.sigs))
	for _, p := range o.patterns {
		p.ID += n
		l.patterns = append(l.patterns, p)
	}
	l.sigs, l.how = append(l.sigs, o.sigs...), append(l.how, o.how...)
}

// build makes the search's set.
func (l *search) build(rare *mpm.Rarity) {
	l.once.Do(func() { l.set, _ = mpm.Build(l.patterns, mpm.Options{Rarity: rare}) })
}

// serves reports whether the rules may fit a connection that speaks app; while that is not settled, all may.
func (a *appSearch) serves(app string, settled bool) bool {
	return !settled || a.app == "" || speaks(a.app, app)
}

// names reports whether there are rules of a protocol that app is.
func (l *byApp) names(app string) bool {
	for _, a := range l.all {
		if a.app != "" && speaks(a.app, app) {
			return true
		}
	}
	return false
}
