package output

import (
	"errors"
	"fmt"

	"firestorm/internal/event"
	"firestorm/internal/finding"
)

// A queue holds queueBatches batches of batchItems: enough to ride out a slow write, small enough to bound memory.
const (
	batchItems   = 256
	queueBatches = 16
)

// item is one event or one finding.
type item struct {
	e event.Event
	f *finding.Finding
}

// Runner feeds outputs. Its methods are for one goroutine.
type Runner struct {
	live  bool
	lanes []*lane
}

// lane is one output with its queue. The goroutine of the output owns out, err and failed until done is closed.
type lane struct {
	def     Def
	out     Output
	blocks  bool
	batch   []item
	queue   chan []item
	free    chan []item // batches to use again
	flush   chan chan error
	done    chan struct{}
	written uint64
	failed  uint64 // items after the first error
	dropped uint64 // items that found the queue full; owned by the caller's side
	err     error
}

// Count says what became of one output's items.
type Count struct {
	Name    string
	Written uint64
	Dropped uint64 // its queue was full
	Failed  uint64 // not tried after its first error
	Err     error  // its first error
}

// NewRunner returns a runner without outputs. live says that capture must never wait.
func NewRunner(live bool) *Runner { return &Runner{live: live} }

// Add starts an output.
func (r *Runner) Add(def Def, o Output) {
	l := &lane{def: def, out: o, blocks: def.Blocking && !r.live,
		queue: make(chan []item, queueBatches), free: make(chan []item, queueBatches+1),
		flush: make(chan chan error), done: make(chan struct{}), batch: make([]item, 0, batchItems)}
	r.lanes = append(r.lanes, l)
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
			l.add(item{e: e})
		}
	}
	return nil
}

// Finding hands f to all outputs; live at once, as somebody may be waiting for it.
func (r *Runner) Finding(f *finding.Finding) {
	for _, l := range r.lanes {
		l.add(item{f: f})
		if r.live {
			l.send()
		}
	}
}

// Flush waits until every output has written what it was given. It returns the outputs' first errors, joined.
func (r *Runner) Flush() error {
	var errs []error
	for _, l := range r.lanes {
		l.sendWait()
		answer := make(chan error)
		l.flush <- answer
		if err := <-answer; err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", l.def.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Close ends the outputs and returns their first errors, joined. The runner takes nothing more.
func (r *Runner) Close() error {
	var errs []error
	for _, l := range r.lanes {
		l.sendWait()
		close(l.queue)
		<-l.done
		if l.err != nil {
			errs = append(errs, fmt.Errorf("output %s: %w", l.def.Name, l.err))
		}
	}
	return errors.Join(errs...)
}

// Counts says what became of everything; call it after Close.
func (r *Runner) Counts() []Count {
	var c []Count
	for _, l := range r.lanes {
		c = append(c, Count{l.def.Name, l.written, l.dropped, l.failed, l.err})
	}
	return c
}

func (l *lane) add(i item) {
	l.batch = append(l.batch, i)
	if len(l.batch) == batchItems {
		l.send()
	}
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
		l.dropped += uint64(len(l.batch))
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
		l.batch = make([]item, 0, batchItems)
	}
}

func (l *lane) run() {
	defer close(l.done)
	for {
		select {
		case b, ok := <-l.queue:
			if !ok {
				l.keep(l.out.Close())
				return
			}
			l.write(b)
		case answer := <-l.flush:
			for n := len(l.queue); n > 0; n-- {
				l.write(<-l.queue)
			}
			l.keep(l.out.Flush())
			answer <- l.err
		}
	}
}

func (l *lane) write(b []item) {
	for _, i := range b {
		if l.err != nil {
			l.failed++ // a full disk would fail for every one: the first error is enough
			continue
		}
		if i.e != nil {
			l.keep(l.out.Event(i.e))
		} else {
			l.keep(l.out.Finding(i.f))
		}
		l.written++
	}
	clear(b)
	select {
	case l.free <- b[:0]:
	default:
	}
}

func (l *lane) keep(err error) {
	if l.err == nil {
		l.err = err
	}
}
