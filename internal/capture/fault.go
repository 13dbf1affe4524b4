package capture

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"firestorm/internal/packet"
)

// Fault changes a run of frames, for tests: each call takes one frame and hands on none, one or several. A call
// with nil ends the input: what is held back must come out. A Fault has state; make a new one for each run.
type Fault func(f *Frame, out func(Frame))

// Apply runs faults over frames, first fault first, and returns new frames numbered from 1. The input is not
// changed.
func Apply(frames []Frame, faults ...Fault) []Frame {
	var out []Frame
	c := chain(faults, func(f Frame) { out = append(out, f) })
	for i := range frames {
		f := frames[i]
		c(&f)
	}
	c(nil)
	for i := range out {
		out[i].Number = uint64(i + 1)
	}
	return out
}

// chain joins faults; the result takes frames, and nil at the end.
func chain(faults []Fault, sink func(Frame)) func(*Frame) {
	next := func(f *Frame) {
		if f != nil {
			sink(*f)
		}
	}
	for _, fault := range slices.Backward(faults) {
		after := next
		next = func(f *Frame) {
			fault(f, func(g Frame) { after(&g) })
			if f == nil {
				after(nil)
			}
		}
	}
	return next
}

// WithFaults runs faults over the frames of src. Bytes are copied: this is for tests, not for speed.
func WithFaults(src Source, faults ...Fault) Source {
	s := &faulty{Source: src}
	s.in = chain(faults, func(f Frame) { s.queue = append(s.queue, f) })
	return s
}

type faulty struct {
	Source
	in     func(*Frame)
	queue  []Frame
	frames uint64
	ended  error
}

// Next implements Source.
func (s *faulty) Next(b *packet.Batch) error {
	for len(s.queue) == 0 {
		if s.ended != nil {
			return s.ended
		}
		err := s.Source.Next(b)
		for i := range b.Packets {
			f := frameOf(&b.Packets[i])
			s.in(&f)
		}
		b.Release()
		if errors.Is(err, ErrIdle) {
			return err
		}
		if err != nil {
			s.ended = err
			s.in(nil)
		}
	}
	room(b)
	b.OnRelease(nil)
	ifaces := Interfaces(s.Source)
	n := min(len(s.queue), packet.BatchSize)
	for _, f := range s.queue[:n] {
		s.frames++
		p := packet.Packet{
			Data: f.Data, Time: f.Time, Frame: s.frames, Source: f.Source, Link: f.Link,
			WireLen: max(f.WireLen, uint32(len(f.Data))),
		}
		if int(f.Source) < len(ifaces) {
			p.Vantage = ifaces[f.Source].Vantage
		}
		b.Packets = append(b.Packets, p)
	}
	s.queue = s.queue[:copy(s.queue, s.queue[n:])]
	return nil
}

// Interfaces implements Lister.
func (s *faulty) Interfaces() []Interface { return Interfaces(s.Source) }

// every counts frames and is true for the nth, 2nth and so on.
func every(n int) func() bool {
	k := 0
	return func() bool {
		k++
		return n > 0 && k%n == 0
	}
}

// DropEvery loses each nth frame.
func DropEvery(n int) Fault {
	hit := every(n)
	return func(f *Frame, out func(Frame)) {
		if f != nil && !hit() {
			out(*f)
		}
	}
}

// DropWhere loses the frames that the predicate accepts, e.g. FromHost to see one direction only.
func DropWhere(lost func(*Frame) bool) Fault {
	return func(f *Frame, out func(Frame)) {
		if f != nil && !lost(f) {
			out(*f)
		}
	}
}

// FromHost accepts frames whose innermost IP source is a.
func FromHost(a packet.Addr) func(*Frame) bool {
	return func(f *Frame) bool {
		p := packet.Packet{Data: f.Data, Link: f.Link, WireLen: max(f.WireLen, uint32(len(f.Data)))}
		packet.Decode(&p, nil)
		return p.IPVersion != 0 && p.Src == a
	}
}

// Corrupt flips bits of each nth frame at places that the seed chooses.
func Corrupt(seed uint64, n, bits int) Fault {
	hit, r := every(n), rand.New(rand.NewPCG(seed, seed))
	return func(f *Frame, out func(Frame)) {
		if f == nil {
			return
		}
		g := *f
		if hit() && len(g.Data) > 0 {
			g.Data = slices.Clone(g.Data)
			for range bits {
				at := r.IntN(len(g.Data) * 8)
				g.Data[at/8] ^= 1 << (at % 8)
			}
		}
		out(g)
	}
}

// Duplicate repeats each nth frame after the given time, at once in order.
func Duplicate(n int, after time.Duration) Fault {
	hit := every(n)
	return func(f *Frame, out func(Frame)) {
		if f == nil {
			return
		}
		out(*f)
		if hit() {
			g := *f
			g.Time = g.Time.Add(after)
			out(g)
		}
	}
}

// Delay takes each nth frame later by d: it comes out, with its new time, before the first frame not earlier.
func Delay(n int, d time.Duration) Fault {
	hit := every(n)
	var held []Frame
	return func(f *Frame, out func(Frame)) {
		k := 0
		for k < len(held) && (f == nil || held[k].Time <= f.Time) {
			out(held[k])
			k++
		}
		held = slices.Delete(held, 0, k)
		if f == nil {
			return
		}
		if !hit() {
			out(*f)
			return
		}
		g := *f
		g.Time = g.Time.Add(d)
		at, _ := slices.BinarySearchFunc(held, g.Time, func(h Frame, t packet.Time) int {
			if h.Time <= t {
				return -1
			}
			return 1
		})
		held = slices.Insert(held, at, g)
	}
}

// Reorder lets each nth frame be overtaken by the next k frames. Times stay in place: the frame gets the time of
// the last one that overtook it, as a capture point behind the reordering would note.
func Reorder(n, k int) Fault {
	hit := every(n)
	type waiting struct {
		f    Frame
		left int
	}
	var held []waiting
	return func(f *Frame, out func(Frame)) {
		if f == nil {
			for _, w := range held {
				out(w.f)
			}
			held = nil
			return
		}
		if hit() && k > 0 {
			held = append(held, waiting{*f, k})
			return
		}
		out(*f)
		for i := 0; i < len(held); {
			held[i].left--
			if held[i].left > 0 {
				i++
				continue
			}
			g := held[i].f
			g.Time = max(g.Time, f.Time)
			held = slices.Delete(held, i, i+1)
			out(g)
		}
	}
}

// Truncate cuts frames to snapLen bytes, as a capture with a small snap length does; WireLen stays.
func Truncate(snapLen int) Fault {
	return func(f *Frame, out func(Frame)) {
		if f == nil {
			return
		}
		g := *f
		g.WireLen = max(g.WireLen, uint32(len(g.Data)))
		if len(g.Data) > snapLen {
			g.Data = g.Data[:snapLen:snapLen]
		}
		out(g)
	}
}
