package finding

import (
	"fmt"

	"firestorm/internal/packet"
)

// absorber answers, for one decision, which instances a more specific finding explains.
type absorber struct {
	e      *Engine
	byFlow map[uint64][]*group // released groups by the flows they speak of
	covers []*group
}

func (e *Engine) newAbsorber() *absorber {
	ab := &absorber{e: e, byFlow: map[uint64][]*group{}}
	for _, g := range e.list { // earlier releases explain later symptoms (live)
		if g.finding != nil && !g.due {
			ab.add(g)
		}
	}
	return ab
}

func (ab *absorber) add(g *group) {
	for i := range g.briefs {
		b := &g.briefs[i]
		if b.flow == 0 || b.absorbed {
			continue
		}
		l := ab.byFlow[b.flow]
		if len(l) == 0 || l[len(l)-1] != g {
			ab.byFlow[b.flow] = append(l, g)
		}
	}
	if len(g.covers) > 0 {
		ab.covers = append(ab.covers, g)
	}
}

// absorb marks the instances of g that a released finding of an absorbing code explains, and returns how many. A
// finding that is itself weak (below likely) does not hide a conclusion stronger than it.
func (ab *absorber) absorb(g *group, conf Confidence) int {
	n := 0
	for i := range g.briefs {
		b := &g.briefs[i]
		if b.absorbed {
			continue
		}
		by := ab.find(g, b, conf)
		if by == nil {
			continue
		}
		b.absorbed = true
		n++
		by.explain(g.Code, 1)
		for _, x := range g.Explained { // what it had explained moves along
			by.explain(ab.e.codes[x.Code], 0)
		}
	}
	return n
}

func (ab *absorber) find(g *group, b *brief, conf Confidence) *group {
	strong := func(y *group) bool {
		return y != g && absorbs(y.Code, g.Code.ID) && (y.finding.Confidence >= Likely || y.finding.Confidence >= conf)
	}
	if b.flow != 0 {
		for _, y := range ab.byFlow[b.flow] {
			if strong(y) {
				return y
			}
		}
	}
	for _, y := range ab.covers {
		if !strong(y) {
			continue
		}
		for _, c := range y.covers {
			if c.matches(b) {
				return y
			}
		}
	}
	return nil
}

func (c *covered) matches(b *brief) bool {
	eq := func(want, got packet.Addr) bool {
		if want.IsZero() {
			return true
		}
		if c.ByPrefix {
			return want.Prefix() == got.Prefix()
		}
		return want == got
	}
	if !c.MAC.IsZero() && c.MAC != b.mac {
		return false
	}
	if !c.Host.IsZero() && !eq(c.Host, b.client) && !eq(c.Host, b.server) {
		return false
	}
	return eq(c.Client, b.client) && eq(c.Server, b.server) && (c.Port == 0 || c.Port == b.port) && c.first <= b.last && b.first <= c.last &&
		(c.Also == nil || c.Also.Covers(b.client, b.server, b.port))
}

func absorbs(c *Code, id string) bool {
	for _, a := range c.Absorbs {
		if a == id {
			return true
		}
	}
	return false
}

func (g *group) explain(c *Code, n int) {
	if c == nil {
		return
	}
	for i := range g.Explained {
		if g.Explained[i].Code == c.ID {
			g.Explained[i].Count += n
			g.finding.Explains = g.Explained
			return
		}
	}
	g.Explained = append(g.Explained, Explained{Code: c.ID, Count: max(n, 1), Text: c.Title})
	g.finding.Explains = g.Explained
}

// yield lets a weak specific finding stand back where a stronger generic one speaks of the same flows.
func (e *Engine) yield(due []*group) {
	strongest := map[uint64]*group{}
	for _, g := range e.list {
		if g.finding == nil || g.finding.Confidence < Likely {
			continue
		}
		for i := range g.briefs {
			if b := &g.briefs[i]; b.flow != 0 && !b.absorbed {
				if s := strongest[b.flow]; s == nil || g.finding.Confidence > s.finding.Confidence {
					strongest[b.flow] = g
				}
			}
		}
	}
	for _, g := range due {
		if g.finding == nil || g.finding.Confidence >= Likely {
			continue
		}
		var by *group
		for i := range g.briefs {
			b := &g.briefs[i]
			s := strongest[b.flow]
			if b.flow == 0 || s == nil || s == g || !absorbs(g.Code, s.Code.ID) {
				by = nil
				break
			}
			by = s
		}
		if by != nil {
			e.Counts.Absorbed += g.Count
			by.explain(g.Code, g.Count)
			g.finding.State = Absorbed
			g.finding = nil
			g.done = true
		}
	}
}

func dropAbsorbed(fs []*Finding) []*Finding {
	out := fs[:0]
	for _, f := range fs {
		if f.State != Absorbed {
			out = append(out, f)
		}
	}
	return out
}

// Explainers lists, for docs, which codes absorb code id.
func Explainers(codes []*Code, id string) []string {
	var out []string
	for _, c := range codes {
		if absorbs(c, id) {
			out = append(out, c.ID)
		}
	}
	return out
}

// CheckAbsorbs fails when a code absorbs one that does not exist: a typing error that would go unseen.
func CheckAbsorbs(codes []*Code) error {
	known := map[string]bool{}
	for _, c := range codes {
		known[c.ID] = true
	}
	for _, c := range codes {
		for _, a := range c.Absorbs {
			if !known[a] {
				return fmt.Errorf("finding code %s absorbs unknown code %s", c.ID, a)
			}
		}
	}
	return nil
}
