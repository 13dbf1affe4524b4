package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"firestorm/internal/sensor"
)

// progress draws how far a run is, on standard error, and only for a person.
type progress struct {
	a     *app
	on    bool
	bar   *progressbar.ProgressBar
	begun time.Time // of the program, for the rate; never part of a result
	mu    sync.Mutex
}

// slowEnough keeps the bar away from runs that are over before anyone could read it.
const slowEnough = 500 * time.Millisecond

func (a *app) newProgress(mode string, quiet bool) *progress {
	on := mode == "always" || mode == "auto" && !quiet && a.isTerminal(a.stderr) && a.getenv("TERM") != "dumb"
	return &progress{a: a, on: on, begun: time.Now()}
}

// update is called by the run now and then, from one goroutine.
func (p *progress) update(s sensor.Progress) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		total := s.InputTotal
		if total <= 0 {
			total = -1 // a pipe: nobody knows how much is to come
		}
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(writerFunc(p.draw)),
			progressbar.OptionShowBytes(true),
			progressbar.OptionSetPredictTime(total > 0),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionUseIECUnits(false),
			progressbar.OptionClearOnFinish(),
		)
	}
	p.bar.Describe(fmt.Sprintf("%d packets", s.Packets))
	_ = p.bar.Set64(s.InputBytes)
}

// draw keeps the bar unseen at first; it counts from the start, so that its rate is right.
func (p *progress) draw(b []byte) (int, error) {
	if time.Since(p.begun) < slowEnough {
		return len(b), nil
	}
	return p.a.stderr.Write(b)
}

// aside takes the bar away while f writes to the same terminal.
func (p *progress) aside(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	f()
}

// finish takes the bar away before the report is printed.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
