package capture

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"firestorm/internal/packet"
)

// MergeOptions steer MergeWith. The zero value is good.
type MergeOptions struct {
	// Vantage chooses the vantage of an interface, counted from 0 over all sources. Nil keeps apart what the
	// sources keep apart: each source's vantages follow those of the source before.
	Vantage func(i Interface, index int) uint16
}

// Merge puts several sources in order of time: the earliest head goes first, then the lower source, and within
// one source order never changes. Frames keep their numbers; Source counts the interfaces of all sources, in
// the order they become known, those known now first. A damaged source ends, the others go on, and the damage
// is the last error before io.EOF (joined, when there are several). A source that is idle is not waited for.
func Merge(sources ...Source) Source { return MergeWith(MergeOptions{}, sources...) }

// MergeWith is Merge with options.
func MergeWith(o MergeOptions, sources ...Source) Source {
	if len(sources) == 1 && o.Vantage == nil {
		return sources[0]
	}
	m := &merge{opt: o, in: make([]mergeInput, len(sources))}
	for i, s := range sources {
		m.in[i].src = s
		m.in[i].vantage = make(map[uint16]uint16)
	}
	for i := range m.in {
		m.learn(&m.in[i])
	}
	return m
}

type merge struct {
	opt      MergeOptions
	in       []mergeInput
	ifaces   []Interface
	vantages uint16
	damage   []error
	err      error
	hands    hands
}

// mergeInput is one source with the batch being taken from.
type mergeInput struct {
	src     Source
	cur     *shared
	pos     int
	index   []uint16          // the source's interface index to ours
	vantage map[uint16]uint16 // the source's vantage to ours
	done    bool
}

// shared is an inner batch that several outer ones borrow from.
type shared struct {
	b    packet.Batch
	refs atomic.Int32
	home *hands
}

func (s *shared) drop() {
	if s.refs.Add(-1) == 0 {
		s.b.Release()
		s.home.put(s)
	}
}

// hands keeps idle shared batches and the lists of them that outer batches hold.
type hands struct {
	mu    sync.Mutex
	free  []*shared
	lists []*sharedList
}

type sharedList struct {
	all []*shared
	end func(*packet.Batch)
}

func (h *hands) get() *shared {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.free); n > 0 {
		s := h.free[n-1]
		h.free = h.free[:n-1]
		s.refs.Store(1)
		return s
	}
	s := &shared{home: h}
	s.refs.Store(1)
	return s
}

func (h *hands) put(s *shared) {
	h.mu.Lock()
	if len(h.free) < maxFreeLeases {
		h.free = append(h.free, s)
	}
	h.mu.Unlock()
}

func (h *hands) list() *sharedList {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.lists); n > 0 {
		l := h.lists[n-1]
		h.lists = h.lists[:n-1]
		return l
	}
	l := &sharedList{}
	l.end = func(b *packet.Batch) {
		b.OnRelease(nil)
		for i, s := range l.all {
			s.drop()
			l.all[i] = nil
		}
		l.all = l.all[:0]
		h.mu.Lock()
		if len(h.lists) < maxFreeLeases {
			h.lists = append(h.lists, l)
		}
		h.mu.Unlock()
	}
	return l
}

// hold makes the list keep s; the same batch often comes again and again.
func (l *sharedList) hold(s *shared) {
	for _, have := range l.all {
		if have == s {
			return
		}
	}
	s.refs.Add(1)
	l.all = append(l.all, s)
}

// Next implements Source.
func (m *merge) Next(b *packet.Batch) error {
	if m.err != nil {
		return m.err
	}
	room(b)
	l := m.hands.list()
	b.OnRelease(l.end)
	idle, bytes := false, 0
	for len(b.Packets) < packet.BatchSize && bytes < maxBatchBytes {
		best := m.earliest(&idle)
		if best == nil {
			break
		}
		l.hold(best.cur)
		p := &best.cur.b.Packets[best.pos]
		best.pos++
		b.Packets = b.Packets[:len(b.Packets)+1]
		q := &b.Packets[len(b.Packets)-1]
		origin(q, p)
		if int(p.Source) >= len(best.index) {
			m.learn(best)
		}
		q.Source = best.index[p.Source]
		q.Vantage = m.ifaces[q.Source].Vantage
		bytes += len(p.Data)
	}
	if len(b.Packets) > 0 {
		return nil
	}
	b.Release()
	if idle {
		return ErrIdle
	}
	m.err = io.EOF
	switch len(m.damage) {
	case 0:
		return io.EOF
	case 1:
		return m.damage[0]
	}
	return errors.Join(m.damage...)
}

// earliest finds the source whose next packet goes first; nil when no source has one now.
func (m *merge) earliest(idle *bool) *mergeInput {
	var best *mergeInput
	*idle = false
	for i := range m.in {
		in := &m.in[i]
		if !m.ready(in, idle) {
			continue
		}
		if best == nil || in.cur.b.Packets[in.pos].Time < best.cur.b.Packets[best.pos].Time {
			best = in
		}
	}
	return best
}

// ready makes sure that in has a packet at hand.
func (m *merge) ready(in *mergeInput, idle *bool) bool {
	if in.cur != nil {
		if in.pos < len(in.cur.b.Packets) {
			return true
		}
		in.cur.drop()
		in.cur = nil
	}
	if in.done {
		return false
	}
	s := m.hands.get()
	err := in.src.Next(&s.b)
	switch {
	case err == nil:
	case errors.Is(err, ErrIdle):
		*idle = true
	default:
		in.done = true
		if !errors.Is(err, io.EOF) {
			m.damage = append(m.damage, err)
		}
	}
	if len(s.b.Packets) == 0 {
		s.drop()
		return false
	}
	in.cur, in.pos = s, 0
	return true
}

// learn takes over interfaces that a source has met; one that lists none, or too few, gets nameless ones.
func (m *merge) learn(in *mergeInput) {
	list := Interfaces(in.src)
	want := len(list)
	if in.cur != nil && in.pos > 0 {
		want = max(want, int(in.cur.b.Packets[in.pos-1].Source)+1)
	}
	for k := len(in.index); k < want; k++ {
		i := Interface{Name: fmt.Sprintf("interface %d", k)}
		if k < len(list) {
			i = list[k]
		}
		index := len(m.ifaces)
		if index > 1<<16-1 {
			index = 1<<16 - 1 // packets count interfaces in 16 bits: the rest share the last number
			in.index = append(in.index, uint16(index))
			continue
		}
		if m.opt.Vantage != nil {
			i.Vantage = m.opt.Vantage(i, index)
		} else {
			v, ok := in.vantage[i.Vantage]
			if !ok {
				v = m.vantages
				m.vantages++
				in.vantage[i.Vantage] = v
			}
			i.Vantage = v
		}
		m.ifaces = append(m.ifaces, i)
		in.index = append(in.index, uint16(index))
	}
}

// Stats implements Source: sums. LossKnown holds only when every source knows.
func (m *merge) Stats() Stats {
	t := Stats{LossKnown: len(m.in) > 0}
	total := true
	for i := range m.in {
		s := m.in[i].src.Stats()
		t.Received += s.Received
		t.Bytes += s.Bytes
		t.KernelLost += s.KernelLost
		t.OwnLost += s.OwnLost
		t.Filtered += s.Filtered
		t.Skipped += s.Skipped
		t.LossKnown = t.LossKnown && s.LossKnown
		t.InputBytes += s.InputBytes
		t.InputTotal += s.InputTotal
		total = total && s.InputTotal > 0
		for _, n := range s.SkippedNotes {
			if len(t.SkippedNotes) < maxNotes {
				t.SkippedNotes = append(t.SkippedNotes, n)
			}
		}
	}
	if !total {
		t.InputTotal = 0
	}
	return t
}

// Close implements Source: it closes all sources and joins their errors.
func (m *merge) Close() error {
	var errs []error
	for i := range m.in {
		if in := &m.in[i]; in.cur != nil {
			in.cur.drop()
			in.cur = nil
		}
		errs = append(errs, m.in[i].src.Close())
	}
	m.err = io.EOF
	return errors.Join(errs...)
}

// Interfaces implements Lister.
func (m *merge) Interfaces() []Interface {
	for i := range m.in {
		m.learn(&m.in[i])
	}
	return m.ifaces
}
