package sensor

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"sync"

	"firestorm/internal/analyzer"
	"firestorm/internal/capture"
	"firestorm/internal/count"
	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/file"
	"firestorm/internal/finding"
	"firestorm/internal/flow"
	"firestorm/internal/rules"
	"firestorm/internal/stream"
)

// Control asks a run that goes on for what is done between two rounds of packets: each packet is seen by one set of rules,
// the old or the new, and none waits. Its methods are for any goroutine. A Control serves one run (Options.Control).
type Control struct {
	orders chan *order
	bound  chan struct{} // closed when the run is there
	over   chan struct{} // closed when it has ended

	mu   sync.Mutex // of who gives orders
	run  *run
	set  *rules.Set
	heap int64 // what the collector may let the heap grow to
}

// NewControl returns a control for the Options of one run.
func NewControl() *Control {
	return &Control{orders: make(chan *order, 1), bound: make(chan struct{}), over: make(chan struct{})}
}

// Errors of a Control.
var (
	ErrOver    = errors.New("the run is over")
	ErrNoRules = errors.New("the run began without rules: they begin with the next start")
)

// order travels with a round: the goroutine that reads, each worker and the border do their part of it before they take
// the packets of that round.
type order struct {
	swap    *rules.Swap // nil: none
	reg     *analyzer.Registry
	counts  *Counts // nil: not asked for
	workers []Counts
	done    chan struct{}
}

// Counts are the counters and tables of a run at one moment.
type Counts struct {
	Packets, Bytes, Undecoded uint64
	HandedOver                uint64       // packets that came through the ring of another shard
	NotUsed                   []count.Item // packets that were not used so far, by reason
	Source                    capture.Stats
	Links                     []capture.Link
	Shards                    int
	Flow                      flow.Stats
	Protocols                 analyzer.Stats
	Streams                   stream.Stats
	Rules                     rules.Stats
	RuleCount                 int // rules that run
	RulesHeld, RulesMuted     uint64
	Files                     file.Stats
	Engine                    finding.EngineCounts
	Forgotten                 []detect.Forgotten
	Broken                    []string // detectors that failed
	Events                    uint64
	Behind                    int
}

// bind makes the control serve s.
func (c *Control) bind(s *run, heap int64) {
	if c == nil {
		return
	}
	c.run, c.set, c.heap = s, s.o.Rules, heap
	close(c.bound)
}

// end lets go of whoever waits.
func (c *Control) end() {
	if c != nil {
		close(c.over)
	}
}

// give hands an order over and waits until it is done.
func (c *Control) give(ctx context.Context, o *order) error {
	o.done = make(chan struct{})
	select {
	case <-c.over:
		return ErrOver
	default:
	}
	select {
	case c.orders <- o:
	case <-c.over:
		return ErrOver
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-o.done:
		return nil
	case <-c.over:
		return ErrOver
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ready waits for the run.
func (c *Control) ready(ctx context.Context) error {
	select {
	case <-c.bound:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Room lets the heap grow while another set of rules is compiled beside the one that runs, by what the old one takes and as
// much again for the work. The function it returns ends that: what the old set took goes back to the system.
func (c *Control) Room(ctx context.Context) (end func(), err error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	debug.SetMemoryLimit(c.heap + 2*c.set.Size())
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		debug.SetMemoryLimit(c.heap)
		debug.FreeOSMemory()
	}, nil
}

// SetRules has the run go on with another set of rules from a round of packets on, and returns when it does. What
// connections, thresholds and bits of hosts have counted goes on where the new set has a rule of the same number, or a name
// that is the same. The limits of tables stay as they are: where the new set is larger, that comes on top.
func (c *Control) SetRules(ctx context.Context, set *rules.Set) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil || set == nil {
		return ErrNoRules
	}
	o := *c.run.o
	o.Rules = set
	reg, err := newRegistry(&o)
	if err != nil {
		return err
	}
	if err := c.give(ctx, &order{swap: rules.NewSwap(c.set, set), reg: reg, workers: make([]Counts, len(c.run.workers))}); err != nil {
		return err
	}
	c.run.o.Rules = nil // nobody asks again, and the first set is not to be held
	c.heap += set.Size() - c.set.Size()
	c.set = set
	return nil
}

// Counts returns how the run is between two rounds.
func (c *Control) Counts(ctx context.Context) (*Counts, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &order{counts: &Counts{}, workers: make([]Counts, len(c.run.workers))}
	if err := c.give(ctx, o); err != nil {
		return nil, err
	}
	o.counts.RuleCount = 0
	if c.set != nil {
		o.counts.RuleCount = c.set.Len()
	}
	return o.counts, nil
}

// take gives the next round its order, where there is one. The goroutine that reads does its part at once: what it reads
// next belongs to that round.
func (s *run) take(r *round, n int) {
	r.order = nil
	if s.o.Control == nil {
		return
	}
	select {
	case r.order = <-s.o.Control.orders:
	default:
		return
	}
	if w := r.order.swap; w != nil {
		s.in.pieces, s.in.sums = w.To().AsksOfFragments(), w.To().AsksOfSums()
	}
	if k := r.order.counts; k != nil {
		k.Packets, k.Bytes, k.Undecoded, k.NotUsed = s.counts.Packets, s.counts.Bytes, s.counts.Undecoded, s.counts.NotUsed()
		k.HandedOver = s.counts.HandedOver
		k.Source, k.Links = s.o.Source.Stats(), capture.LinksOf(s.o.Source)
		k.Behind, k.Shards = n-int(s.live.done.Load()), Shards
	}
}

// obey does a worker's part of an order.
func (w *worker) obey(o *order, i int, opt *Options, out *[]event.Event) {
	defer func() {
		slices.SortStableFunc(*out, func(a, b event.Event) int { return cmp.Compare(a.Head().Ordinal, b.Head().Ordinal) })
	}()
	for _, s := range w.shards {
		switch {
		case s == nil:
		case o.swap != nil:
			s.swap(o, opt, out)
		case o.counts != nil:
			k := &o.workers[i]
			k.Flow.Add(s.flows.Stats())
			k.Protocols.Add(s.apps.Stats())
			k.Streams.Add(s.apps.StreamStats())
			k.Files.Add(s.files.Stats())
			if s.rules != nil {
				k.Rules.Add(s.rules.Stats())
			}
		}
	}
}

// swap has a shard go on with another set of rules. Alerts that the old ones still owed come in no order.
func (s *shard) swap(o *order, opt *Options, out *[]event.Event) {
	s.out = out
	from := len(*out)
	s.rules.Swap(o.swap, out)
	s.alerts(nil, flow.Handle{}, *out, from)
	s.files.Ask(filesWanted(opt, o.swap.To(), o.reg))
	if err := s.apps.Renew(o.reg); err != nil {
		panic(err) // the same options were good for the registry before
	}
}

// obey does the border's part of an order; it is the last.
func (b *border) obey(o *order) {
	if o == nil {
		return
	}
	if o.swap != nil {
		b.limiter = o.swap.SwapLimiter(b.limiter)
	}
	if k := o.counts; k != nil {
		for i := range o.workers {
			w := &o.workers[i]
			k.Flow.Add(w.Flow)
			k.Protocols.Add(w.Protocols)
			k.Streams.Add(w.Streams)
			k.Files.Add(w.Files)
			k.Rules.Add(w.Rules)
		}
		k.Engine, k.Forgotten, k.Events, k.RulesMuted = b.engine.Counts, b.scope.Forgotten(), b.events, b.muted
		if b.limiter != nil {
			k.RulesHeld = b.limiter.Held
		}
		for _, g := range b.detectors {
			if g.broke != "" {
				k.Broken = append(k.Broken, g.def.Name+": "+g.broke)
			}
		}
	}
	close(o.done)
}
