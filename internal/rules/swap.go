package rules

import (
	"slices"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Swap is how what is remembered under one set of rules goes on under another: of a rule that both have (by generator and
// number) all of it, of bits and numbers what stands under their names. It never changes and is shared by all engines.
type Swap struct {
	to       *Set
	sigs     map[*sig]*sig
	infos    map[*event.RuleInfo]*event.RuleInfo
	bits     []int // numbers of flowbits in the new set by those in the old one; -1: no rule knows it any more
	ints     []int
	hostBits []int
	sets     map[string]*dataset
}

// NewSwap prepares the change from one set to another.
func NewSwap(from, to *Set) *Swap {
	w := &Swap{to: to, sigs: map[*sig]*sig{}, infos: map[*event.RuleInfo]*event.RuleInfo{}, sets: to.sets,
		bits: renumber(from.bits, to.bits), ints: renumber(from.ints, to.ints), hostBits: renumber(from.hostBits, to.hostBits)}
	type id struct{ gid, sid uint32 }
	have := map[id]*sig{}
	for _, s := range to.sigs {
		have[id{s.info.GID, s.info.SID}] = s
	}
	for _, s := range from.sigs {
		if t := have[id{s.info.GID, s.info.SID}]; t != nil {
			w.sigs[s], w.infos[s.info] = t, t.info
		}
	}
	return w
}

// To is the new set.
func (w *Swap) To() *Set { return w.to }

// renumber says which number each name of the old list has in the new one.
func renumber(old, now []string) []int {
	at := map[string]int{}
	for n, name := range now {
		at[name] = n
	}
	out := make([]int, len(old))
	for n, name := range old {
		var ok bool
		if out[n], ok = at[name]; !ok {
			out[n] = -1
		}
	}
	return out
}

// names lists the keys by their numbers, which go from 0 on.
func names(numbers map[string]int) []string {
	out := make([]string, len(numbers))
	for name, n := range numbers {
		out[n] = name
	}
	return out
}

// Swap has the engine go on with the new set, between two packets. What connections brought so far stays known: bits,
// numbers, texts, the last bytes of streams, and which rules were on their way to a match. What the old rules were to look
// at with the next packet they look at now, and alerts are appended to *out; the new rules look at what comes from now on.
func (e *Engine) Swap(w *Swap, out *[]event.Event) {
	e.Flush(out)
	for index, f := range e.state {
		for d := packet.ToServer; f != nil && d <= packet.ToClient; d++ {
			if len(f.half[d].fresh) > 0 {
				e.last(uint32(index), d, out)
			}
		}
	}
	e.set = w.to
	for _, f := range e.state {
		if f != nil {
			f.swap(w)
		}
	}
	e.pairs.swap(w)
	// Scratch of the packet before names rules of the old set: nothing may hold it in memory.
	e.now = current{}
	clear(e.hits[:cap(e.hits)])
	clear(e.seen[:cap(e.seen)])
	clear(e.may[:cap(e.may)])
	clear(e.wait[:cap(e.wait)])
	clear(e.open[:cap(e.open)])
	for _, f := range e.spare {
		clear(f.fired[:cap(f.fired)])
		for d := range f.half {
			k := &f.half[d]
			clear(k.wait[:cap(k.wait)])
			clear(k.open[:cap(k.open)])
			clear(k.early[:cap(k.early)])
		}
	}
	e.x.m.values, e.x.m.caught = nil, nil
}

func (f *flowState) swap(w *Swap) {
	if len(f.bits) > 0 {
		old := f.bits
		f.bits = nil
		for n, to := range w.bits {
			if to >= 0 && n>>6 < len(old) && old[n>>6]>>(n&63)&1 != 0 {
				f.setBit(to, true)
			}
		}
	}
	f.ints = slices.DeleteFunc(f.ints, func(i flowNumber) bool { return w.ints[i.name] < 0 })
	for i := range f.ints {
		f.ints[i].name = w.ints[f.ints[i].name]
	}
	f.fired = slices.DeleteFunc(f.fired, func(x fired) bool { return w.sigs[x.s] == nil })
	for i := range f.fired {
		f.fired[i].s = w.sigs[f.fired[i].s]
	}
	for d := range f.half {
		k := &f.half[d]
		k.wait, k.open = w.candidates(k.wait), w.candidates(k.open)
		k.early = slices.DeleteFunc(k.early, func(s *sig) bool { return w.sigs[s] == nil })
		for i := range k.early {
			k.early[i] = w.sigs[k.early[i]]
		}
	}
}

// candidates are those that the new set has too.
func (w *Swap) candidates(cs []candidate) []candidate {
	cs = slices.DeleteFunc(cs, func(c candidate) bool { return w.sigs[c.s] == nil })
	for i := range cs {
		cs[i].s = w.sigs[cs[i].s]
	}
	return cs
}

func (t *bitTable) swap(w *Swap) {
	old := t.until
	t.until = nil
	for k, until := range old {
		if k.name = w.hostBits[k.name]; k.name >= 0 {
			if t.until == nil {
				t.until = map[bitKey]packet.Time{}
			}
			t.until[k] = until
		}
	}
}

// SwapLimiter is the limiter of the new set: what it counts of rules that the old set had too goes on. l may be nil: the
// old set had none.
func (w *Swap) SwapLimiter(l *Limiter) *Limiter {
	n := w.to.NewLimiter()
	if l == nil {
		return n
	}
	if n == nil { // its counters are still asked for
		n = &Limiter{of: map[*event.RuleInfo]*limits{}, counts: map[countKey]*count{}, set: w.to, lates: lates{of: map[*event.RuleInfo]*sig{}, sets: map[*dataset]*changedSet{}}}
	}
	n.now, n.Held, n.Full, n.hosts = l.now, l.Held, l.Full, l.hosts
	for k, c := range l.counts {
		if k.rule = w.infos[k.rule]; k.rule != nil {
			n.counts[k] = c
		}
	}
	n.lates.full, n.lates.bits = l.lates.full, l.lates.bits
	n.lates.bits.swap(w)
	for old, c := range l.lates.sets {
		if d := w.sets[old.name]; d != nil && d.kind == old.kind {
			n.lates.sets[d] = c
		}
	}
	return n
}
