package finding

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"firestorm/internal/packet"
)

// Options is what an Engine needs from its surroundings.
type Options struct {
	Codes []*Code
	// Compose writes the finding of a group; false drops it.
	Compose func(g *Group, b *Builder) bool
	// Gates judges what the capture could not prove for a group, over [first - 60 s, decided].
	Gates func(g *Group) []GateResult
	// Same maps a flow to the flow that stands for it when several vantages saw one connection; nil: itself.
	Same func(flow uint64) uint64
	// Enrich adds to a finding what its detector cannot know; nil: nothing.
	Enrich func(f *Finding)
	Mutes  *Mutes
	// Hurry, when it says so, makes End leave findings as they were told, and those undecided that were not; nil: never.
	Hurry func() bool
	// MaxGroups and MaxInstances bound what is held; beyond, instances are counted in Dropped.
	MaxGroups, MaxInstances int
}

// Engine holds reported instances until they can be decided, in one place for all codes.
type Engine struct {
	o      Options
	codes  map[string]*Code
	order  []*Code // absorbers before what they absorb
	groups map[groupKey]*group
	list   []*group // in order of first report: the only order that reaches the output
	held   int
	now    packet.Time
	Counts EngineCounts
	live   bool // findings were released before the end
	bucket *Buckets
	room
	before
}

// EngineCounts is what happened to instances and groups; every loss has a reason.
type EngineCounts struct {
	Instances  int // reported
	DroppedMax int // not held: too many groups or instances
	Absorbed   int // explained by a more specific cause
	Folded     int // the same occurrence at another vantage of one connection
	Unworthy   int // groups their detector dropped at decision
	Muted      int // findings hidden by a mute
	Limited    int // findings held back by a rate
	Hurried    int // groups that the end had no time to decide, or to decide once more
	Closed     int // findings that were told and let go, to have room for new ones
	Faulty     []string
}

type groupKey struct{ code, key string }

// brief is what absorption needs of an instance; kept for more instances than the details are.
type brief struct {
	flow           uint64 // that stands for the connection at all vantages; until the decision, raw
	raw            uint64 // as reported
	first, last    packet.Time
	client, server packet.Addr
	port           uint16
	absorbed       bool
	mac            packet.MAC
	interim        bool
}

type group struct {
	Group
	briefs   []brief
	covers   []covered // non-empty Covers of its instances
	decideAt packet.Time
	finding  *Finding
	done     bool
	dirty    bool
	due      bool        // being decided now
	told     bool        // it has its token
	prior    *Told       // what an earlier run told of it; nil: nothing
	restored bool        // all of it is of an earlier run
	released packet.Time // when it was told last
	draft    *Finding    // while it is not decided: as it would be told now
	drafted  int         // of so many instances
	limited  bool        // there was none for it yet
}

type covered struct {
	Cover
	first, last packet.Time
	interim     packet.Addr // the client of an interim instance; zero: it stays
}

// NewEngine checks the codes: unique names, and no cycle of absorption.
func NewEngine(o Options) (*Engine, error) {
	e := &Engine{o: o, codes: map[string]*Code{}, groups: map[groupKey]*group{}, bucket: o.Mutes.Buckets()}
	if e.o.MaxGroups == 0 {
		e.o.MaxGroups = 20000
	}
	if e.o.MaxInstances == 0 {
		e.o.MaxInstances = 400000
	}
	for _, c := range o.Codes {
		if e.codes[c.ID] != nil {
			return nil, fmt.Errorf("finding code %s is defined twice", c.ID)
		}
		e.codes[c.ID] = c
	}
	state := map[string]int{} // 1 on the path, 2 done
	var visit func(c *Code) error
	var post []*Code
	visit = func(c *Code) error {
		switch state[c.ID] {
		case 1:
			return fmt.Errorf("finding code %s absorbs itself through a cycle", c.ID)
		case 2:
			return nil
		}
		state[c.ID] = 1
		for _, id := range c.Absorbs {
			if a := e.codes[id]; a != nil {
				if err := visit(a); err != nil {
					return err
				}
			}
		}
		state[c.ID] = 2
		post = append(post, c)
		return nil
	}
	for _, c := range o.Codes {
		if err := visit(c); err != nil {
			return nil, err
		}
	}
	for i := len(post) - 1; i >= 0; i-- {
		e.order = append(e.order, post[i])
	}
	return e, nil
}

// Report takes one instance.
func (e *Engine) Report(i *Instance) {
	e.Counts.Instances++
	c := e.codes[i.Code]
	if c == nil {
		panic("finding: unknown code " + i.Code) // a detector's fault; contained by its runner
	}
	if i.Explained {
		e.Counts.Absorbed++
		return
	}
	k := groupKey{i.Code, i.Key}
	g := e.groups[k]
	if g == nil {
		if len(e.list) >= e.o.MaxGroups {
			e.Counts.DroppedMax++
			return
		}
		g = &group{Group: Group{Code: c, Key: i.Key, First: i.First, Last: i.Last}, decideAt: i.Last.Time.Add(c.Settle)}
		e.groups[k] = g
		e.list = append(e.list, g)
		e.resume(k, g)
	}
	if g.restored { // what this run saw of it begins here
		g.restored, g.First, g.Last = false, i.First, i.Last
	}
	e.outdate(g, func(client packet.Addr, first packet.Time) bool { return client == i.Client && first == i.First.Time })
	g.Count++
	g.dirty = true
	if i.First.Time < g.First.Time || g.First.IsZero() {
		g.First = i.First
	}
	if i.Last.Time > g.Last.Time {
		g.Last = i.Last
	}
	if len(g.Kept) < MaxKept {
		g.Kept = append(g.Kept, *i)
	}
	if e.held < e.o.MaxInstances {
		e.held++
		g.briefs = append(g.briefs, brief{i.FlowID, i.FlowID, i.First.Time, i.Last.Time, i.Client, i.Server, i.Port, false, i.MAC, i.Interim})
	} else {
		e.Counts.DroppedMax++
	}
	if i.Covers != (Cover{}) && len(g.covers) < 4096 {
		c := covered{Cover: i.Covers, first: i.First.Time, last: i.Last.Time}
		if i.Interim {
			c.interim = i.Client
		}
		g.covers = append(g.covers, c)
	}
}

// outdate takes out the interim instances for which is holds, and reports whether there was one.
func (e *Engine) outdate(g *group, is func(client packet.Addr, first packet.Time) bool) bool {
	n := len(g.briefs)
	g.briefs = slices.DeleteFunc(g.briefs, func(b brief) bool { return b.interim && is(b.client, b.first) })
	if n -= len(g.briefs); n == 0 {
		return false
	}
	g.Count -= n
	e.held -= n
	g.Kept = slices.DeleteFunc(g.Kept, func(i Instance) bool { return i.Interim && is(i.Client, i.First.Time) })
	g.covers = slices.DeleteFunc(g.covers, func(c covered) bool { return !c.interim.IsZero() && is(c.interim, c.first) })
	return true
}

// Tick releases the groups whose settle time has passed, and newer revisions of released ones that grew, at most one
// a minute. Live use; offline everything is decided by End.
func (e *Engine) Tick(now packet.Time) []*Finding {
	e.now = now
	e.makeRoom()
	due := e.dueDrafts(false)
	for _, g := range e.list {
		if g.dirty && g.decideAt <= now {
			due = append(due, g)
		}
	}
	if len(due) == 0 {
		return nil
	}
	return e.decide(due, false)
}

// End decides everything that is still held: the input is over, nothing more will come. What Tick released is decided
// once more with everything that is known now, so that the end says the same as if nothing had been said before.
func (e *Engine) End(now packet.Time) []*Finding {
	e.now = now
	due := e.dueDrafts(true)
	for _, g := range e.list {
		if e.outdate(g, func(packet.Addr, packet.Time) bool { return true }) && g.Count == 0 { // nothing of it was confirmed
			g.finding, g.dirty = nil, false
			continue
		}
		if g.dirty || e.live && g.finding != nil && !g.restored {
			due = append(due, g)
		}
	}
	return e.decide(due, true)
}

// Findings returns all findings released so far in the order reports show them: worst first, then by time.
func (e *Engine) Findings() []*Finding {
	var out []*Finding
	for _, g := range e.list {
		if g.finding != nil {
			out = append(out, g.finding)
		}
	}
	SortForReport(out)
	return out
}

// SortForReport orders findings: severity, confidence, first frame, code, identity.
func SortForReport(fs []*Finding) {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i], fs[j]
		switch {
		case a.Severity != b.Severity:
			return a.Severity > b.Severity
		case a.Confidence != b.Confidence:
			return a.Confidence > b.Confidence
		case a.First.Time != b.First.Time:
			return a.First.Time < b.First.Time
		case a.First.Source != b.First.Source:
			return a.First.Source < b.First.Source
		case a.First.Frame != b.First.Frame:
			return a.First.Frame < b.First.Frame
		case a.Code.ID != b.Code.ID:
			return a.Code.ID < b.Code.ID
		}
		return a.ID < b.ID
	})
}

const revisionEvery = time.Minute

func (e *Engine) decide(due []*group, atEnd bool) []*Finding {
	byCode := map[*Code][]*group{}
	for _, g := range due {
		byCode[g.Code] = append(byCode[g.Code], g)
	}
	var out []*Finding
	e.live = e.live || !atEnd
	for _, g := range due {
		g.due = true
		defer func() { g.due = false }()
	}
	e.canonical(due)
	ab := e.newAbsorber()
	for _, c := range e.order {
		e.foldTwins(c, byCode[c])
		for _, g := range byCode[c] {
			if atEnd && e.o.Hurry != nil && e.o.Hurry() {
				e.Counts.Hurried++
				continue
			}
			if f := e.decideGroup(g, ab, atEnd); f != nil {
				out = append(out, f)
			}
		}
	}
	e.yield(due)
	SortForReport(out)
	if e.bucket != nil {
		e.limit(due, atEnd)
	}
	return dropAbsorbed(out)
}

func (e *Engine) decideGroup(g *group, ab *absorber, atEnd bool) *Finding {
	if g.restored {
		return e.decideDraft(g, ab)
	}
	grown := g.dirty
	g.dirty = false
	g.decideAt = e.now.Add(revisionEvery)
	g.Decided = e.now
	g.AtEnd = atEnd
	g.sortKept()
	rest, any := g.remaining()
	if !any { // all of it is spoken of elsewhere
		g.done, g.finding = true, nil
		return nil
	}
	whole := e.compose(g, rest)
	if whole == nil {
		if g.prior != nil && g.prior.draft != nil {
			return e.decideDraft(g, ab)
		}
		e.Counts.Unworthy++
		g.done, g.finding = true, nil
		return nil
	}
	if n := ab.absorb(g, whole.Confidence); n > 0 {
		e.Counts.Absorbed += n
		if rest, any = g.remaining(); !any {
			g.done, g.finding = true, nil
			return nil
		}
		if whole = e.compose(g, rest); whole == nil {
			g.finding = nil
			return nil
		}
	}
	if g.finding != nil {
		whole.ID, whole.Revision, whole.State = g.finding.ID, g.finding.Revision, g.finding.State
		whole.Suppressed = g.finding.Suppressed
		if grown || whole.Confidence != g.finding.Confidence || whole.Title != g.finding.Title {
			whole.Revision++
			whole.State = Updated
		}
	} else if p := g.prior; p != nil {
		whole.ID, whole.Revision = p.ID, p.Revision+1
		if p.Revision > 0 {
			whole.State = Updated
		}
	}
	g.prior.addTo(whole)
	if why, ok := e.o.Mutes.match(whole, e.now, grown); ok {
		whole.MutedBy = why
		if g.finding == nil || g.finding.MutedBy == "" {
			e.Counts.Muted++
		}
	}
	g.finding, g.draft, g.released = whole, nil, e.now
	ab.add(g)
	return whole
}

func (e *Engine) compose(g *group, view Group) *Finding {
	f, err := e.build(view)
	if err != nil {
		e.Counts.Faulty = append(e.Counts.Faulty, err.Error())
		return nil
	}
	if f == nil {
		return nil
	}
	f.Explains = g.Explained
	if e.o.Enrich != nil {
		e.o.Enrich(f)
	}
	return f
}

// build asks the detector for the words of a group; nil without an error: it is not worth a finding.
func (e *Engine) build(view Group) (*Finding, error) {
	if e.o.Gates != nil {
		view.Gates = e.o.Gates(&view)
	}
	b := NewBuilder(&view)
	if !e.o.Compose(&view, b) {
		return nil, nil
	}
	return b.Done()
}
