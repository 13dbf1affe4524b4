package sensor

import (
	"bytes"
	"fmt"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
)

// border puts the events of all shards into one total order and hands them to everyone behind it: gates, ledger and
// host memory first, so that they know as much as the detectors do, then the detectors, then the outputs. It runs in
// one goroutine and sees no bytes.
type border struct {
	gates     *detect.Gates
	ledger    *detect.Ledger
	hosts     *detect.Hosts
	names     *detect.Names
	tracked   *detect.Tracked // nil: no connection tracker tells
	scope     *detect.Scope
	ahead     *detect.Ahead
	joined    *joined // nil: one capture, or captures that share nothing
	detectors []*guarded
	choice    *detect.Choice               // which of them want an event; made at the first one
	kind      func(name string) event.Kind // numbers of the analyzers' events
	limiter   *rules.Limiter               // nil: no rule has a limit
	mutes     *finding.Mutes
	muted     uint64 // alerts that a mute kept back
	engine    *finding.Engine
	outputs   []EventSink
	shards    []*shard // all of them, to be closed at the end
	// onFindings makes findings be decided while packets still come; nil: at the end.
	onFindings func(Decided)
	live       *liveCounts
	hurry      <-chan struct{} // closed: the end leaves out what it has not come to
	unclosed   uint64          // connections that it left out
	summary    summary
	state      State // nil: nothing is remembered
	goesOn     bool  // Options.Continues
	letGo      func(*event.Flow)
	owned      []*event.Flow // copies that detectors got since events were let go; only with letGo
	seed       uint64
	keptEvents uint64                   // events when memories were kept last
	decidedOne bool                     // something was decided since
	kept       map[string]*bytes.Buffer // where each memory is written, again and again: made anew they were a sixth of all garbage (2026-11-29)
	keepErr    error                    // why not all of them could be written down
	sides      since                    // connections that were seen in one direction
	lastShards []byte                   // the shards' memory at the end of the input, before connections are closed
	lastTick   packet.Time
	ticked     bool
	lastOrd    uint64
	sub        uint32
	events     uint64
}

// EventSink takes every event in total order: an output, or a test that looks.
type EventSink interface{ Event(e event.Event) error }

// guarded is a detector with its faults contained: one that panics is switched off and said.
type guarded struct {
	def   *detect.Def
	d     detect.Detector
	broke string
}

func (g *guarded) do(f func(d detect.Detector)) {
	if g.broke != "" {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			g.broke = fmt.Sprint(r)
		}
	}()
	f(g.d)
}

// tells reports whether an alert is told: no threshold of its rule and no mute keeps it back.
func (b *border) tells(a *event.Alert) bool {
	if b.limiter != nil && !b.limiter.Pass(a) {
		return false
	}
	h := a.Head()
	from, to := h.Client.Addr, h.Server.Addr
	if a.Dir == packet.ToClient {
		from, to = to, from
	}
	if _, muted := b.mutes.Hit(a.Rule.GID, a.Rule.SID, from, to, h.Seen.Time); muted {
		b.muted++
		return false
	}
	return true
}

// event hands one event to everybody.
func (b *border) event(e event.Event) {
	h := e.Head()
	if h.Kind == event.KindAlert && !b.tells(e.(*event.Alert)) {
		return
	}
	if h.Kind == event.KindTagged && b.limiter != nil && !b.limiter.Tagged(e.(*event.Tagged)) {
		return
	}
	if h.Ordinal == b.lastOrd {
		b.sub++
	} else {
		b.lastOrd, b.sub = h.Ordinal, 0
	}
	h.Sub = b.sub
	b.events++
	b.scope.Now = h.Seen.Time
	b.summary.see(e)
	b.joined.see(e)
	b.gates.Handle(e)
	b.ledger.Handle(e)
	b.hosts.Handle(e)
	if h.Kind >= event.FirstAnalyzerKind {
		b.names.Handle(e)
	} else if x, ok := e.(*event.Tracked); ok {
		b.tracked.Handle(x)
	}
	if b.choice == nil {
		b.choose()
	}
	list, reused := b.choice.For(e)
	for len(list) > 0 {
		list = list[b.handle(list, reused, e):]
	}
	for _, o := range b.outputs {
		if err := o.Event(e); err != nil {
			b.summary.outputFailed(err)
		}
	}
}

func (b *border) choose() {
	wants := make([]detect.Wants, len(b.detectors))
	for i, g := range b.detectors {
		wants[i] = g.def.Wants
	}
	b.choice = detect.NewChoice(wants, b.kind)
}

// handle hands e to the detectors of the list, up to one that panics, and returns how many had their turn. A guard for
// all of them, not for each, and only those who want the event (2026-11-23).
func (b *border) handle(list []detect.Listener, reused bool, e event.Event) (done int) {
	defer func() {
		if r := recover(); r != nil {
			b.detectors[list[done].Index].broke = fmt.Sprint(r)
			done++
		}
	}()
	for ; done < len(list); done++ {
		if g := b.detectors[list[done].Index]; g.broke == "" && list[done].Pass(reused) {
			if b.letGo == nil {
				g.d.Handle(e)
			} else {
				g.d.Handle(b.own(e))
			}
		}
	}
	return done
}

// own gives a detector a snapshot of its own, so that what another one keeps does not hide what it does not.
func (b *border) own(e event.Event) event.Event {
	if f, ok := e.(*event.Flow); ok && f.Lent() {
		c := *f
		b.owned = append(b.owned, &c)
		return &c
	}
	return e
}

// tick tells everybody that packet time has passed, at most once a second and never backwards.
func (b *border) tick(now packet.Time) {
	if b.ticked && now.Sub(b.lastTick) < detect.TickEvery {
		return
	}
	b.ticked, b.lastTick = true, now
	sides := b.gates.Sides(maxSides)
	b.live.sides.Store(&sides)
	for _, g := range b.detectors {
		g.do(func(d detect.Detector) { d.Tick(now) })
	}
	if b.onFindings == nil {
		return
	}
	b.troubled(now)
	fs := b.engine.Tick(now)
	if closed := b.engine.Closed(); len(fs)+len(closed) > 0 {
		b.decidedOne = true
		b.live.decided(fs)
		b.onFindings(Decided{fs, closed, b.scope.Begin, now})
	}
}

// round merges the outputs of the workers for one round.
func (b *border) round(r *round) {
	b.obey(r.order)
	r.order = nil // it knows the old rules, which are to go
	b.scope.Begin = r.begin
	own := r.events
	pos := make([]int, len(r.out))
	agedPos := make([]int, len(r.out))
	looked := make([]int, len(r.out)) // how many of its events were looked up ahead
	upTo := func(ord uint64) {
		for {
			var best event.Event
			from := -1
			if len(own) > 0 {
				best = own[0]
			}
			for w := range r.out {
				if pos[w] < len(r.out[w].events) {
					e := r.out[w].events[pos[w]]
					if best == nil || e.Head().Ordinal < best.Head().Ordinal {
						best, from = e, w
					}
				}
			}
			if best == nil || best.Head().Ordinal > ord {
				return
			}
			if from < 0 {
				own = own[1:]
			} else {
				if pos[from] == looked[from] {
					b.look(r.out[from].events[pos[from]:])
					looked[from] += detect.AheadLen
				}
				pos[from]++
			}
			b.event(best)
		}
	}
	age := func(edge int) {
		for {
			from, shard := -1, uint8(255)
			for w := range r.out {
				if agedPos[w] < len(r.out[w].aged) {
					if a := &r.out[w].aged[agedPos[w]]; a.edge == edge && a.shard < shard {
						from, shard = w, a.shard
					}
				}
			}
			if from < 0 {
				return
			}
			b.all(r.out[from].aged[agedPos[from]].events, &r.out[from].spare)
			agedPos[from]++
		}
	}
	for i := range r.edges {
		upTo(r.edges[i].ordinal)
		age(i)
		b.tick(r.edges[i].now)
	}
	upTo(^uint64(0))
	b.rememberNow(r)
	if r.final {
		if b.goesOn && r.keep {
			b.keepLast(r)
		}
		age(len(r.edges))
		b.closeShards(r)
	}
	b.live.done.Add(1)
	b.live.events.Store(b.events)
	clear(r.events) // a round that waits for its next turn must not hold what is over
	for w := range r.out {
		b.give(r.out[w].events, &r.out[w].spare)
		clear(r.out[w].aged)
	}
}

// give lets go of events that everybody had.
func (b *border) give(evs []event.Event, spare *event.Spare) {
	if b.letGo != nil {
		for _, e := range evs {
			if f, ok := e.(*event.Flow); ok {
				b.owned = append(b.owned, f)
			}
		}
		for _, f := range b.owned {
			if f.Lent() {
				b.letGo(f)
			}
		}
		b.owned = b.owned[:0]
	} else {
		spare.Give(evs)
	}
	clear(evs)
	b.ledger.LetGo()
	b.gates.Nets().LetGo()
}

// look looks ahead for the next detect.AheadLen events.
func (b *border) look(evs []event.Event) {
	b.ahead.Look(evs)
	b.summary.ahead(evs)
}

// all hands events on that follow each other, and lets go of each when it is over: a shard remembers the list it wrote to.
func (b *border) all(evs []event.Event, spare *event.Spare) {
	for len(evs) > 0 {
		n := min(len(evs), detect.AheadLen)
		b.look(evs)
		for _, e := range evs[:n] {
			b.event(e)
		}
		b.give(evs[:n], spare)
		evs = evs[n:]
	}
}

// closeShards ends what is still open, one shard after the other: the workers have done their last round. A full table
// has a million connections, whose last events together would take several times the memory that was allowed
// (2026-11-23: 960 MB against 400).
func (b *border) closeShards(r *round) {
	var evs []event.Event
	for _, s := range b.shards {
		if b.hurried(s) {
			continue
		}
		s.end(r.now, r.last, &evs)
		b.all(evs, s.spare)
		evs = evs[:0]
	}
}

// hurries reports that the end must leave out what it has not come to.
func (b *border) hurries() bool {
	select {
	case <-b.hurry:
		return true
	default:
		return false
	}
}

// hurried reports that there is no time to close a shard, and counts what is left open in it.
func (b *border) hurried(s *shard) bool {
	if !b.hurries() {
		return false
	}
	st := s.flows.Stats()
	b.unclosed += uint64(st.Live)
	return true
}

// end closes the detectors and decides all findings.
func (b *border) end(now packet.Time) []*finding.Finding {
	for _, g := range b.detectors {
		g.do(func(d detect.Detector) { d.End(now) })
	}
	b.engine.End(now)
	fs := b.engine.Findings()
	return fs
}

// compose asks the detector that reported a group for its words.
func (b *border) compose(owner map[string]*guarded, g *finding.Group, bl *finding.Builder) (ok bool) {
	d := owner[g.Code.ID]
	if d == nil || d.broke != "" {
		return false
	}
	d.do(func(det detect.Detector) { ok = det.Compose(g, bl) })
	return ok && d.broke == ""
}
