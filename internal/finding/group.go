package finding

import (
	"sort"

	"firestorm/internal/packet"
)

func (g *group) sortKept() {
	sort.SliceStable(g.Kept, func(i, j int) bool { return g.Kept[i].First.Time < g.Kept[j].First.Time })
}

// occurrence tells the instances of a group apart.
type occurrence struct {
	flow        uint64
	first, last packet.Time
}

// remaining is the group without the instances that another finding speaks of. It is false when nothing is left.
func (g *group) remaining() (Group, bool) {
	gone := map[occurrence]int{}
	r := g.Group
	for i := range g.briefs {
		if b := &g.briefs[i]; b.absorbed {
			r.Count--
			gone[occurrence{b.raw, b.first, b.last}]++
		}
	}
	if len(gone) == 0 {
		return r, true
	}
	r.Kept = nil
	for _, k := range g.Kept {
		o := occurrence{k.FlowID, k.First.Time, k.Last.Time}
		if gone[o] > 0 {
			gone[o]--
			continue
		}
		r.Kept = append(r.Kept, k)
	}
	if r.Count <= 0 || len(r.Kept) == 0 {
		return r, false
	}
	r.First, r.Last = r.Kept[0].First, r.Kept[0].Last
	for _, k := range r.Kept {
		if k.First.Time < r.First.Time {
			r.First = k.First
		}
		if k.Last.Time > r.Last.Time {
			r.Last = k.Last
		}
	}
	return r, true
}

// canonical gives each instance the flow that stands for its connection at all vantages. It is asked for at the
// decision: two flows may be known as one connection only after the first of them was reported.
func (e *Engine) canonical(due []*group) {
	if e.o.Same == nil {
		return
	}
	for _, g := range due {
		for i := range g.briefs {
			g.briefs[i].flow = e.o.Same(g.briefs[i].raw)
		}
	}
}

// twinned reports whether an instance happened to a flow that another stands for.
func twinned(due []*group) bool {
	for _, g := range due {
		for i := range g.briefs {
			if g.briefs[i].flow != g.briefs[i].raw {
				return true
			}
		}
	}
	return false
}

// voice is one flow of a connection seen at several vantages, with how sure the finding about it is.
type voice struct {
	raw  uint64
	conf Confidence
}

// foldTwins marks instances of code c that another vantage of the same connection reported too, so that one occurrence
// makes one finding: the surer of the two speaks, of equals the one that stands for both.
func (e *Engine) foldTwins(c *Code, due []*group) {
	if !twinned(due) {
		return
	}
	best := map[uint64]voice{}
	hear := func(g *group, conf Confidence) {
		for i := range g.briefs {
			b := &g.briefs[i]
			if b.flow == 0 || b.absorbed {
				continue
			}
			v, known := best[b.flow]
			if !known || conf > v.conf || conf == v.conf && b.raw == b.flow {
				best[b.flow] = voice{b.raw, conf}
			}
		}
	}
	for _, g := range e.list { // released earlier: what has been said is not said again
		if g.Code == c && g.finding != nil && !g.due {
			hear(g, Certain+1)
		}
	}
	for _, g := range due {
		g.sortKept()
		g.Decided = e.now
		conf := Confidence(0) // its detector would drop it: any other vantage speaks rather
		if rest, any := g.remaining(); any {
			if f, err := e.build(rest); f != nil && err == nil {
				conf = f.Confidence
			}
		}
		hear(g, conf)
	}
	for _, g := range due {
		for i := range g.briefs {
			b := &g.briefs[i]
			if v, known := best[b.flow]; known && !b.absorbed && v.raw != b.raw {
				b.absorbed = true
				e.Counts.Folded++
			}
		}
	}
}
