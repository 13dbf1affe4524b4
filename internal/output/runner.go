package output

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// A queue holds queueBatches batches of batchItems: enough to ride out a slow write, small enough to bound memory. Live,
// an output that takes findings alone gets each at once, and has room for as many as may come while its receiver is away.
const (
	batchItems   = 256
	queueBatches = 16
	liveBatches  = 64 // live nobody waits: more room for a disk that is busy for a moment
	liveFindings = 1024
	alarmsKept   = 16
)

// closeGrace is how long a live runner waits for its outputs at the end, giveUp how long after it told them to hurry:
// a service must be gone five seconds after it was asked to go.
const (
	closeGrace = 3 * time.Second
	giveUp     = 500 * time.Millisecond
)

// item is one event or one finding.
type item struct {
	e event.Event
	f *finding.Finding
}

// Runner feeds outputs. Event and Finding may be called by one goroutine, Alarm and Counts by any.
type Runner struct {
	live   bool
	hasty  chan struct{} // closed by Hasten
	once   sync.Once
	mu     sync.Mutex // Add and Counts
	lanes  []*lane
	ctx    context.Context
	cancel context.CancelFunc
}

// lane is one output with its queue. The goroutine of the output owns out until done is closed.
type lane struct {
	def    Def
	out    Output
	live   bool
	blocks bool
	most   int // items in a batch
	mu     sync.Mutex
	batch  []item // under mu
	queue  chan []item
	free   chan []item // batches to use again
	alarms chan *Alarm
	flush  chan chan error
	done   chan struct{}

	written, failed, dropped atomic.Uint64
	err                      atomic.Pointer[error]
	ended                    bool // of the goroutine: Close was called
}

// Count says what became of one output's items.
type Count struct {
	Name    string
	Written uint64
	Queued  int    // wait in its queue, about
	Dropped uint64 // its queue was full
	Failed  uint64 // not written: offline all after the first error, live those that failed
	Err     error  // its first error
	Health  Health // of its receiver; Up with nothing lost where the output has none
}

// NewRunner returns a runner without outputs. live says that capture must never wait.
func NewRunner(live bool) *Runner {
	r := &Runner{live: live, hasty: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Context ends when outputs must give up what they are waiting for: for Setup.Context.
func (r *Runner) Context() context.Context { return r.ctx }

// Add starts an output.
func (r *Runner) Add(def Def, o Output) {
	l := &lane{def: def, out: o, live: r.live, blocks: def.Blocking && !r.live, most: batchItems,
		flush: make(chan chan error), alarms: make(chan *Alarm, alarmsKept), done: make(chan struct{})}
	depth := queueBatches
	switch {
	case r.live && !def.Events:
		l.most, depth = 1, liveFindings
	case r.live:
		depth = liveBatches
	}
	l.queue, l.free = make(chan []item, depth), make(chan []item, queueBatches+1)
	l.batch = make([]item, 0, l.most)
	r.mu.Lock()
	r.lanes = append(r.lanes, l)
	r.mu.Unlock()
	go l.run()
}

// Wants reports that some output takes events.
func (r *Runner) Wants() bool {
	for _, l := range r.lanes {
		if l.def.Events {
			return true
		}
	}
	return false
}

// Event hands e to the outputs that take events. It never fails: Close tells what went wrong.
func (r *Runner) Event(e event.Event) error {
	for _, l := range r.lanes {
		if l.def.Events {
			l.add(item{e: event.Keep(e)}) // it is written by another goroutine, later
		}
	}
	return nil
}

// Finding hands f to all outputs; live at once, as somebody may be waiting for it.
func (r *Runner) Finding(f *finding.Finding) {
	for _, l := range r.lanes {
		l.add(item{f: f})
		if r.live {
			l.mu.Lock()
			l.send()
			l.mu.Unlock()
		}
	}
}

// Alarm hands a to the outputs that pass alarms on. One that does not find room is counted as dropped.
func (r *Runner) Alarm(a *Alarm) {
	for _, l := range r.lanes {
		if _, ok := l.out.(Alarmer); ok {
			select {
			case l.alarms <- a:
			default:
				l.dropped.Add(1)
			}
		}
	}
}

// Flush waits until every output has written what it was given. It returns the outputs' first errors, joined.
func (r *Runner) Flush() error {
	var errs []error
	for _, l := range r.lanes {
		l.mu.Lock()
		l.sendWait()
		l.mu.Unlock()
		answer := make(chan error)
		l.flush <- answer
		if err := <-answer; err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", l.def.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Hasten tells Close that there is no time to wait for receivers any more, whether it has begun or not. Any goroutine may call it.
func (r *Runner) Hasten() { r.once.Do(func() { close(r.hasty) }) }

// Close ends the outputs and returns their first errors, joined. The runner takes nothing more. Live, an output whose
// receiver does not take its rest in time is left behind, and said.
func (r *Runner) Close() error {
	if !r.live {
		for _, l := range r.lanes {
			l.mu.Lock()
			l.sendWait()
			l.mu.Unlock()
			close(l.queue)
			<-l.done
		}
		r.cancel()
		return r.errors(nil)
	}
	hurry := time.AfterFunc(closeGrace, r.cancel)
	defer hurry.Stop()
	closed := make(chan struct{})
	defer close(closed)
	go func() {
		select {
		case <-r.hasty:
			r.cancel()
		case <-closed:
		}
	}()
	var over <-chan time.Time // for all of them
	var late []error
	for _, l := range r.lanes {
		l.mu.Lock()
		l.send()
		close(l.queue)
		l.mu.Unlock()
	}
	for _, l := range r.lanes {
		select {
		case <-l.done:
			continue
		case <-r.ctx.Done():
		}
		if over == nil {
			end := make(chan time.Time)
			time.AfterFunc(giveUp, func() { close(end) })
			over = end
		}
		select {
		case <-l.done:
		case <-over:
			late = append(late, fmt.Errorf("output %s: did not end in time; %d batches are lost", l.def.Name, len(l.queue)))
		}
	}
	r.cancel()
	return r.errors(late)
}

func (r *Runner) errors(errs []error) error {
	for _, l := range r.lanes {
		if err := l.first(); err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", l.def.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Counts says what became of everything so far; all of it after Close.
func (r *Runner) Counts() []Count {
	var c []Count
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lanes {
		n := Count{Name: l.def.Name, Written: l.written.Load(), Queued: len(l.queue) * l.most, Dropped: l.dropped.Load(), Failed: l.failed.Load(), Err: l.first(), Health: Health{Up: true}}
		if h, ok := l.out.(Healthy); ok {
			n.Health = h.Health()
		}
		c = append(c, n)
	}
	return c
}

func (l *lane) first() error {
	if p := l.err.Load(); p != nil {
		return *p
	}
	return nil
}

func (l *lane) add(i item) {
	l.mu.Lock()
	l.batch = append(l.batch, i)
	if len(l.batch) == l.most {
		l.send()
	}
	l.mu.Unlock()
}

// send queues the batch. A lane that may not block counts what does not fit.
func (l *lane) send() {
	if len(l.batch) == 0 {
		return
	}
	if l.blocks {
		l.sendWait()
		return
	}
	select {
	case l.queue <- l.batch:
		l.fresh()
	default:
		l.dropped.Add(uint64(len(l.batch)))
		clear(l.batch)
		l.batch = l.batch[:0]
	}
}

func (l *lane) sendWait() {
	if len(l.batch) > 0 {
		l.queue <- l.batch
		l.fresh()
	}
}

// fresh takes an empty batch, one used before if there is any.
func (l *lane) fresh() {
	select {
	case l.batch = <-l.free:
	default:
		l.batch = make([]item, 0, l.most)
	}
}

func (l *lane) run() {
	defer close(l.done)
	var tick <-chan time.Time
	if l.live {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		tick = t.C
	}
	for !l.ended {
		select {
		case b, ok := <-l.queue:
			l.take(b, ok)
		case a := <-l.alarms:
			l.alarm(a)
		case now := <-tick:
			l.tick(now)
		case answer := <-l.flush:
			for n := len(l.queue); n > 0; n-- {
				l.write(<-l.queue)
			}
			l.keep(l.out.Flush())
			answer <- l.first()
		}
	}
}

// take writes a batch; ok false says that there will be none any more.
func (l *lane) take(b []item, ok bool) {
	if ok {
		if l.write(b); l.live && len(l.queue) == 0 {
			l.keep(l.out.Flush()) // who follows a file sees it now
		}
		return
	}
	for {
		select {
		case a := <-l.alarms:
			l.alarm(a)
			continue
		default:
		}
		break
	}
	l.keep(l.out.Close())
	l.ended = true
}

func (l *lane) alarm(a *Alarm) { l.keep(l.out.(Alarmer).Alarm(a)) }

// tick hands on what is too little for a batch, and lets the output see the clock.
func (l *lane) tick(now time.Time) {
	if len(l.queue) == 0 {
		l.mu.Lock()
		b := l.batch
		if len(b) > 0 {
			l.fresh()
		}
		l.mu.Unlock()
		if len(b) > 0 {
			l.write(b)
			l.keep(l.out.Flush())
		}
	}
	if t, ok := l.out.(Ticker); ok {
		l.keep(t.Tick(now))
	}
}

func (l *lane) write(b []item) {
	for _, i := range b {
		if !l.live && l.first() != nil {
			l.failed.Add(1) // a full disk would fail for every one: the first error is enough
			continue
		}
		var err error
		if i.e != nil {
			err = l.out.Event(i.e)
		} else {
			err = l.out.Finding(i.f)
		}
		l.keep(err)
		if err != nil && l.live {
			l.failed.Add(1) // live it may work again tomorrow
			continue
		}
		l.written.Add(1)
	}
	clear(b)
	select {
	case l.free <- b[:0]:
	default:
	}
}

func (l *lane) keep(err error) {
	if err != nil {
		first := err // of its own, so that err need not be in memory that is collected for each record that was written (2026-11-30)
		l.err.CompareAndSwap(nil, &first)
	}
}
