package sensor_test

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
)

// wire is a live source of a test: packets, then nothing but time until it is ended.
type wire struct {
	ps    []packet.Packet
	at    atomic.Int64 // what Now says
	step  time.Duration
	ended atomic.Bool
	lost  []capture.Frame // Time and, as WireLen, how many
}

func (w *wire) Next(b *packet.Batch) error {
	if w.ended.Load() {
		return io.EOF
	}
	if len(w.ps) == 0 {
		w.at.Add(int64(w.step))
		time.Sleep(100 * time.Microsecond)
		return capture.ErrIdle
	}
	n := min(len(w.ps), 7)
	b.Packets = append(b.Packets, w.ps[:n]...)
	w.ps = w.ps[n:]
	w.at.Store(int64(b.Packets[n-1].Time))
	return nil
}
func (w *wire) Now() packet.Time                { return packet.Time(w.at.Load()) }
func (w *wire) Stats() capture.Stats            { return capture.Stats{LossKnown: true, KernelLost: 5} }
func (w *wire) Close() error                    { return nil }
func (w *wire) Interfaces() []capture.Interface { return []capture.Interface{{Name: "wire"}} }
func (w *wire) Links() []capture.Link           { return []capture.Link{{Name: "wire", Lost: 5}} }
func (w *wire) Lost(_ uint16, until packet.Time) (n uint64) {
	for len(w.lost) > 0 && w.lost[0].Time <= until {
		n += uint64(w.lost[0].WireLen)
		w.lost = w.lost[1:]
	}
	return n
}

// losses are the Capture events with lost frames.
type losses struct{ at, n []uint64 }

func (l *losses) Event(e event.Event) error {
	if c, ok := e.(*event.Capture); ok && c.KernelLost > 0 {
		l.at, l.n = append(l.at, uint64(c.To)), append(l.n, c.KernelLost)
	}
	return nil
}

// TestIdle: a finding is decided while no packet comes, since time passes; what was lost belongs to its time; the status
// tells all of it, each second.
func TestIdle(t *testing.T) {
	for _, workers := range []int{1, 3} {
		ps := frames(t, "founding-timewait/founding.pcap")
		for i := range ps {
			ps[i].Frame = uint64(i + 1)
		}
		end := ps[len(ps)-1].Time
		w := &wire{ps: ps, step: 50 * time.Millisecond, lost: []capture.Frame{{Time: ps[3].Time, WireLen: 2}, {Time: end + 30e9, WireLen: 3}}}
		heard := make(chan sensor.Decided, 10)
		var last sensor.Status
		calls := 0
		lost := &losses{}
		var res *sensor.Result
		done := make(chan error, 1)
		go func() {
			var err error
			res, err = sensor.Run(context.Background(), sensor.Options{Source: w, Workers: workers, Checksums: packet.ChecksumsAuto, Analyzers: standard.Analyzers, Detectors: standard.Detectors,
				OnFindings: func(d sensor.Decided) { heard <- d }, Sinks: []sensor.EventSink{lost},
				OnStatus: func(s *sensor.Status) { last = *s; calls++ }})
			done <- err
		}()
		select {
		case d := <-heard:
			if d.Findings[0].Code.ID != "tcp-timewait-reuse" || d.Now <= end {
				t.Errorf("%d workers: %s at %v", workers, d.Findings[0].Code.ID, d.Now.Std())
			}
			if s := d.Findings[0].Code.Settle; d.Now.Sub(end) > s+12*time.Second {
				t.Errorf("%d workers: decided %v after the last packet, held for %v", workers, d.Now.Sub(end), s)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d workers: no finding while nothing comes", workers)
		}
		for w.Now() < end+70e9 {
			time.Sleep(time.Millisecond)
		}
		w.ended.Store(true)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(lost.n, []uint64{2, 3}) || packet.Time(lost.at[0]) > end || packet.Time(lost.at[1]) < end+30e9 || packet.Time(lost.at[1]) > end+32e9 {
			t.Errorf("%d workers: lost %v at %v", workers, lost.n, lost.at)
		}
		if calls < 40 || last.Packets != uint64(len(ps)) || last.Lost != 5 || len(last.Links) != 1 || last.Last != end || last.Now < end+60e9 || last.Findings[finding.High] != 1 {
			t.Errorf("%d workers: %d calls, last %+v", workers, calls, last)
		}
		if n := len(res.Findings); n != 1 {
			t.Errorf("%d workers: %d findings at the end", workers, n)
		}
	}
}

// TestIdleLeap: a clock that is set while nothing comes does not age anything; packets must say so.
func TestIdleLeap(t *testing.T) {
	ps := frames(t, "founding-timewait/founding.pcap")
	w := &wire{ps: ps[:1], step: 24 * time.Hour}
	ticks := 0
	go func() {
		time.Sleep(50 * time.Millisecond)
		w.ended.Store(true)
	}()
	lost := sinkFunc(func(e event.Event) {
		if f, ok := e.(*event.Flow); ok && f.End == event.EndTimeout {
			ticks++
		}
	})
	if _, err := sensor.Run(context.Background(), sensor.Options{Source: w, Workers: 1, Detectors: standard.Detectors, Sinks: []sensor.EventSink{lost}}); err != nil {
		t.Fatal(err)
	}
	if ticks != 0 {
		t.Errorf("%d connections timed out", ticks)
	}
}

type sinkFunc func(event.Event)

func (f sinkFunc) Event(e event.Event) error { f(e); return nil }

// TestClockSet: the machine's clock is set by a day, forward or back, in the middle of traffic: nobody is accused for it,
// and what was wrong before is still found.
func TestClockSet(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		for _, name := range []string{"clean-routed/inside.pcap", "clean-nat/inside.pcap", "closed-port/inside.pcap"} {
			ps := frames(t, name)
			before := saidIn(run(t, ps))
			for i := len(ps) / 2; i < len(ps); i++ {
				ps[i].Time = ps[i].Time.Add(by)
			}
			for _, s := range saidIn(run(t, ps)) {
				known := slices.ContainsFunc(before, func(b said) bool { return b.Code == s.Code })
				if !known && (s.Confidence == "likely" || s.Confidence == "certain") {
					t.Errorf("%s, clock set by %v: %s: %s", name, by, s.Code, s.Title)
				}
			}
		}
	}
}

// TestHurry: who must be gone leaves open connections alone, and counts them; what was decided stays.
func TestHurry(t *testing.T) {
	now := make(chan struct{})
	close(now)
	for _, workers := range []int{1, 3} {
		for _, hurry := range []<-chan struct{}{nil, now} {
			ended := 0
			r, err := sensor.Run(context.Background(), sensor.Options{Source: &slice{frames(t, "closed-port/inside.pcap")}, Workers: workers, Hurry: hurry, Analyzers: standard.Analyzers, Detectors: standard.Detectors,
				Sinks: []sensor.EventSink{sinkFunc(func(e event.Event) {
					if f, ok := e.(*event.Flow); ok && f.What == event.Ended {
						ended++
					}
				})}})
			if err != nil {
				t.Fatal(err)
			}
			if uint64(ended)+r.Unclosed != r.Flow.Flows || (r.Unclosed > 0) != (hurry != nil) {
				t.Errorf("%d workers: %d connections ended and %d left out of %d", workers, ended, r.Unclosed, r.Flow.Flows)
			}
		}
	}
}
