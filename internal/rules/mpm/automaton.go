package mpm

import (
	"bytes"
	"slices"
)

// automaton is what finishes a buffer that visits heavy buckets too often: the machine of Aho and Corasick (CACM 18,
// 1975), slower than the windows and linear whatever the buffer holds. Letters without regard to case have a tree of their
// own, for one tree cannot have both.
type automaton struct {
	exact, folded *tree // nil when without patterns
	longest       int
	patterns      []distinct // of the set, borrowed
}

// tree has its states numbered by breadth, so that the children of a state stand together and in the order of their
// bytes, those of state s from first[s] to first[s+1].
type tree struct {
	first []uint32
	label []byte   // byte that leads to the state
	fail  []uint32 // longest proper suffix that is a state
	next  []uint32 // next shorter suffix that is a pattern; 0 for none
	pat   []int32  // pattern that ends here, or -1
	root  [256]uint32
}

func newAutomaton(all []distinct, members []int) *automaton {
	a := &automaton{patterns: all}
	var exact, folded []int
	for _, m := range members {
		if all[m].nocase {
			folded = append(folded, m)
		} else {
			exact = append(exact, m)
		}
		a.longest = max(a.longest, len(all[m].bytes))
	}
	a.exact, a.folded = newTree(all, exact), newTree(all, folded)
	return a
}

// newTree builds the tree of all[m] for the members m.
func newTree(all []distinct, members []int) *tree {
	if len(members) == 0 {
		return nil
	}
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b int) int { return bytes.Compare(all[a].bytes, all[b].bytes) })
	type span struct{ lo, hi, depth int } // patterns that begin alike
	t := &tree{label: []byte{0}, fail: []uint32{0}, next: []uint32{0}}
	spans := []span{{0, len(sorted), 0}}
	for s := 0; s < len(spans); s++ {
		at := spans[s]
		spans[s] = span{}
		t.first = append(t.first, uint32(len(t.label)))
		t.pat = append(t.pat, -1)
		if len(all[sorted[at.lo]].bytes) == at.depth && at.depth > 0 {
			t.pat[s] = int32(sorted[at.lo])
			at.lo++
		}
		if s > 0 { // its suffix is shorter, and so complete
			t.next[s] = t.fail[s]
			if f := t.fail[s]; f != 0 && t.pat[f] < 0 {
				t.next[s] = t.next[f]
			}
		}
		for at.lo < at.hi {
			c, lo := all[sorted[at.lo]].bytes[at.depth], at.lo
			for at.lo < at.hi && all[sorted[at.lo]].bytes[at.depth] == c {
				at.lo++
			}
			child := uint32(len(t.label))
			t.label, t.next = append(t.label, c), append(t.next, 0)
			if s == 0 {
				t.root[c], t.fail = child, append(t.fail, 0)
			} else {
				t.fail = append(t.fail, t.step(t.fail[s], c))
			}
			spans = append(spans, span{lo, at.lo, at.depth + 1})
		}
	}
	t.first = append(t.first, uint32(len(t.label)))
	return t
}

// step is the state after c.
func (t *tree) step(s uint32, c byte) uint32 {
	for s != 0 {
		lo, hi := t.first[s], t.first[s+1]
		if hi-lo > 8 {
			if i, ok := slices.BinarySearch(t.label[lo:hi], c); ok {
				return lo + uint32(i)
			}
		} else {
			for ; lo < hi; lo++ {
				if t.label[lo] == c {
					return lo
				}
			}
		}
		s = t.fail[s]
	}
	return t.root[c]
}

// scan finds the patterns in b from position from on. What was found already, by another of its windows, may lie earlier.
func (a *automaton) scan(s *Scratch, b []byte, from int) {
	from = max(0, from-a.longest)
	if a.exact != nil {
		a.walk(a.exact, s, b, from, false)
	}
	if a.folded != nil {
		a.walk(a.folded, s, b, from, true)
	}
}

// walk runs a tree over b. A state whose pattern and suffixes are all settled is marked, so that buffers full of one
// pattern do not walk its suffixes again for every byte.
func (a *automaton) walk(t *tree, s *Scratch, b []byte, from int, fold bool) {
	s.settled = sized(s.settled, (len(t.pat)+63)/64)
	clear(s.settled)
	s.Stats.Rescued += uint64(len(b) - from)
	state := uint32(0)
	for i := from; i < len(b); i++ {
		c := b[i]
		if fold {
			c = lower[c]
		}
		state = t.step(state, c)
		begin := state // the longest pattern that ends here
		if t.pat[state] < 0 {
			begin = t.next[state]
		}
		if begin == 0 {
			continue
		}
		settled := true
		at := begin
		for ; at != 0 && s.settled[at>>6]&(1<<(at&63)) == 0; at = t.next[at] {
			p := t.pat[at]
			d := &a.patterns[p]
			start := i + 1 - len(d.bytes)
			if start < d.from {
				settled = false // it may yet come in its range
			} else if i < d.to {
				s.first(uint32(p), start)
			}
		}
		if settled {
			for m := begin; m != at; m = t.next[m] {
				s.settled[m>>6] |= 1 << (m & 63)
			}
		}
	}
}

func (a *automaton) size() int {
	n := 0
	for _, t := range []*tree{a.exact, a.folded} {
		if t != nil {
			n += 17*len(t.label) + 4*len(t.root)
		}
	}
	return n
}

// sized returns b with n elements; what it holds is not defined.
func sized(b []uint64, n int) []uint64 {
	if cap(b) < n {
		return make([]uint64, n)
	}
	return b[:n]
}
