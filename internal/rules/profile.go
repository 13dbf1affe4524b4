package rules

import (
	"cmp"
	"slices"
	"sort"
)

// Profile is what each rule of a set cost. One belongs to one Engine; Costs puts those of all shards together.
type Profile struct {
	set   *Set
	now   func() int64 // nanoseconds; nil: time is not taken
	rows  []Cost
	at    int // the rule being gone through, -1: none
	since int64
	steps uint64
	hits  int
}

// Cost is what one rule cost.
type Cost struct {
	GID, SID, Rev uint32
	Msg           string
	Candidates    uint64 // times it was gone through, since what it is found by was there
	Full          uint64 // of them, times its contents were looked for
	Matches       uint64
	Steps         uint64 // of looking for contents
	Nanos         int64
}

// NewProfile returns an empty profile of s. now tells the time in nanoseconds; nil: only steps are counted.
func NewProfile(s *Set, now func() int64) *Profile {
	p := &Profile{set: s, now: now, rows: make([]Cost, len(s.sigs)), at: -1}
	for i, g := range s.sigs {
		p.rows[i] = Cost{GID: g.info.GID, SID: g.info.SID, Rev: g.info.Rev, Msg: g.info.Msg}
	}
	return p
}

// Profile makes e report to p.
func (e *Engine) Profile(p *Profile) { e.profile = p }

// begin says that a rule is gone through from now on.
func (p *Profile) begin(e *Engine, s *sig) {
	p.end(e)
	p.at, p.steps, p.hits = s.number, e.x.m.total, len(e.hits)
	if p.now != nil {
		p.since = p.now()
	}
}

// end says that this is over.
func (p *Profile) end(e *Engine) {
	if p.at < 0 {
		return
	}
	c := &p.rows[p.at]
	if p.now != nil {
		c.Nanos += p.now() - p.since
	}
	c.Candidates++
	if n := e.x.m.total - p.steps; n > 0 {
		c.Full++
		c.Steps += n
	}
	if len(e.hits) > p.hits {
		c.Matches++
	}
	p.at = -1
}

// Costs sums profiles of one set, the dearest rule first: by time where it was taken, else by steps. Rules that were never
// gone through are left out.
func Costs(list []*Profile) []Cost {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list[0].rows)
	for _, p := range list[1:] {
		for i := range p.rows {
			a, b := &out[i], &p.rows[i]
			a.Candidates += b.Candidates
			a.Full += b.Full
			a.Matches += b.Matches
			a.Steps += b.Steps
			a.Nanos += b.Nanos
		}
	}
	out = slices.DeleteFunc(out, func(c Cost) bool { return c.Candidates == 0 })
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(cmp.Compare(b.Nanos, a.Nanos), cmp.Compare(b.Steps, a.Steps), cmp.Compare(b.Candidates, a.Candidates), cmp.Compare(a.SID, b.SID)) < 0
	})
	return out
}
