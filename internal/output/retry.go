package output

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Backoff says how a delivery is tried again: after First, then twice as long each time up to Most, and no longer than
// Within since the first try. Zero fields have the defaults of DefaultBackoff.
type Backoff struct{ First, Most, Within time.Duration }

// DefaultBackoff tries for a day: mail servers and people's own services are away for an hour now and then.
var DefaultBackoff = Backoff{First: time.Second, Most: 5 * time.Minute, Within: 24 * time.Hour}

// Permanent says that trying again is of no use.
type Permanent struct{ Err error }

// Error implements error.
func (p *Permanent) Error() string { return p.Err.Error() }

// Unwrap returns the cause.
func (p *Permanent) Unwrap() error { return p.Err }

// After says that the receiver asked to be left alone for a while.
type After struct {
	Err  error
	Wait time.Duration
}

// Error implements error.
func (a *After) Error() string { return a.Err.Error() }

// Unwrap returns the cause.
func (a *After) Unwrap() error { return a.Err }

// Delivery tries, tries again, and remembers how it went. The zero value is ready. Do is for one goroutine, Health for
// any.
type Delivery struct {
	Backoff Backoff
	lost    atomic.Uint64
	retried atomic.Uint64
	why     atomic.Pointer[string]
}

// Do calls try until it works, says Permanent, b's time is over or ctx ends. It returns the last error, after counting
// the record as lost. With ctx ended it tries once more: what a quick receiver can take at the end it shall have.
func (d *Delivery) Do(ctx context.Context, try func() error) error {
	b := d.Backoff.orDefault()
	start, wait := time.Now(), b.First
	for {
		err := try()
		if err == nil {
			d.why.Store(nil)
			return nil
		}
		text := err.Error()
		d.why.Store(&text)
		pause := wait
		if a := new(After); errors.As(err, &a) {
			pause = max(pause, min(a.Wait, b.Most))
		}
		if p := new(Permanent); errors.As(err, &p) || ctx.Err() != nil || time.Since(start)+pause > b.Within {
			d.lost.Add(1)
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
		d.retried.Add(1)
		wait = min(2*wait, b.Most)
	}
}

// Lose counts a record that was given up without a try.
func (d *Delivery) Lose() { d.lost.Add(1) }

// Health says how it went last.
func (d *Delivery) Health() Health {
	h := Health{Up: true, Lost: d.lost.Load(), Retried: d.retried.Load()}
	if w := d.why.Load(); w != nil {
		h.Up, h.Err = false, *w
	}
	return h
}

func (b Backoff) orDefault() Backoff {
	if b.First <= 0 {
		b.First = DefaultBackoff.First
	}
	if b.Most <= 0 {
		b.Most = DefaultBackoff.Most
	}
	if b.Within <= 0 {
		b.Within = DefaultBackoff.Within
	}
	return b
}
