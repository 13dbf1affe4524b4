package pcre

import "slices"

// The place before the next byte, as far as assertions ask.
type place uint8

const (
	placeOther place = iota
	placeWord        // behind a byte of a word
	placeLine        // behind a newline
	placeStart       // at the start of the subject
	places
)

// What follows a place: the class of a byte, or one of these two, counted from the number of classes on.
const (
	followNone   = iota // the end of the subject
	followLastNL        // the newline that is its last byte
	followExtra
)

// The values of a transition that are no state.
const (
	goDead    int32 = 0 // no match can come any more
	goUnknown int32 = -1
	goMatch   int32 = -2
)

// The limits of what is remembered of one automaton.
const (
	dfaStates  = 4096
	dfaBytes   = 192 << 10
	dfaMinGain = 8 // bytes of subject for each state, below which remembering does not pay
	dfaMaxBad  = 3 // how often that may be so
)

// dfaState is a set of instructions that wait for the next byte, before it is known. Assertions look at both sides, so
// what they let through is worked out when that byte is.
type dfaState struct {
	from, to uint32 // in items
	place    place
}

// dfa is the part of the deterministic automaton of one nfa that a scratch memory has met.
type dfa struct {
	nfa        *nfa
	unanchored bool // a match may begin at every byte
	stride     int32
	trans      []int32 // a row for each state; row 0 is dead
	states     []dfaState
	items      []uint16
	table      []int32 // hash of a state to its number; 0 is empty
	starts     [places]int32
	served     int // bytes of subjects since the states were last forgotten
	bad        int
	retired    bool // remembering did not pay: every step is worked out anew
	reported   bool // retirement has been counted
	resets     uint64
	work       *closure
}

// closure is the working memory of one step; all automata of a scratch memory share it.
type closure struct {
	seen, kept sparse
	todo       []uint16
	cur, next  []uint16
}

// sparse is a set of small numbers that is emptied at once.
type sparse struct {
	dense []uint16
	index []uint16
}

func (s *sparse) clear(n int) {
	if len(s.index) < n {
		s.index = make([]uint16, n)
		s.dense = make([]uint16, 0, n)
	}
	s.dense = s.dense[:0]
}

func (s *sparse) add(v uint16) bool {
	if i := s.index[v]; int(i) < len(s.dense) && s.dense[i] == v {
		return false
	}
	s.index[v] = uint16(len(s.dense))
	s.dense = append(s.dense, v)
	return true
}

func newDFA(n *nfa, unanchored bool, work *closure) *dfa {
	d := &dfa{nfa: n, unanchored: unanchored, stride: int32(len(n.rep) + followExtra), work: work}
	d.empty()
	return d
}

// empty forgets all states.
func (d *dfa) empty() {
	d.trans = d.trans[:0]
	d.items = d.items[:0]
	d.states = append(d.states[:0], dfaState{})
	for range d.stride {
		d.trans = append(d.trans, goDead)
	}
	if d.table == nil {
		d.table = make([]int32, 64)
	}
	clear(d.table)
	d.starts = [places]int32{}
}

// size returns about how many bytes are held.
func (d *dfa) size() int {
	return 4*cap(d.trans) + 12*cap(d.states) + 2*cap(d.items) + 4*len(d.table) + 128
}

// placeAt returns the place before b[i], as far as this automaton asks.
func (d *dfa) placeAt(b []byte, i int) place {
	switch {
	case i > 0:
		return d.behind(b[i-1])
	case d.nfa.textual:
		return placeStart
	}
	return placeOther
}

func (d *dfa) behind(c byte) place {
	switch {
	case d.nfa.wordy && isWord(c):
		return placeWord
	case d.nfa.liney && c == '\n':
		return placeLine
	}
	return placeOther
}

// match reports whether a match begins in b at from or later (only at from when anchored).
func (d *dfa) match(b []byte, from int) bool {
	if d.retired {
		return d.simulate(b, from)
	}
	place := d.placeAt(b, from)
	s := d.starts[place]
	if s == 0 {
		s = d.state([]uint16{d.nfa.start}, place)
		d.starts[place] = s
	}
	end := len(b)
	lastNL := d.nfa.lastNL && end > from && b[end-1] == '\n'
	if lastNL {
		end--
	}
	classes, since := &d.nfa.classOf, from
	for i := from; i < end; i++ {
		t := d.trans[s+int32(classes[b[i]])]
		if t > 0 {
			s = t
			continue
		}
		if t == goUnknown {
			if t = d.step(s, int32(classes[b[i]])); d.full() {
				d.served += i - since
				since = i
				t = d.reset(t)
				if d.retired && t > 0 {
					st := d.states[t/d.stride]
					d.work.cur = append(d.work.cur[:0], d.items[st.from:st.to]...)
					return d.simulateFrom(b, i+1, st.place)
				}
			}
		}
		if t <= 0 {
			d.served += i - since
			return t == goMatch
		}
		s = t
	}
	d.served += end - since
	n := int32(len(d.nfa.rep))
	if lastNL {
		if s = d.follow(s, n+followLastNL); s <= 0 {
			return s == goMatch
		}
	}
	return d.follow(s, n+followNone) == goMatch
}

func (d *dfa) follow(s, class int32) int32 {
	if t := d.trans[s+class]; t != goUnknown {
		return t
	}
	return d.step(s, class)
}

// step works out and remembers where class leads from s.
func (d *dfa) step(s, class int32) int32 {
	st := d.states[s/d.stride]
	w := d.work
	hit, next := d.advance(d.items[st.from:st.to], st.place, class)
	t := goDead
	switch {
	case hit:
		t = goMatch
	case len(w.next) > 0:
		slices.Sort(w.next)
		t = d.state(w.next, next)
	}
	d.trans[s+class] = t
	return t
}

// advance follows the instructions cur over class; what then waits is in work.next.
func (d *dfa) advance(cur []uint16, p place, class int32) (hit bool, next place) {
	n, w := d.nfa, d.work
	w.seen.clear(len(n.insts))
	w.kept.clear(len(n.insts))
	var c byte
	byteFollows, end, last := true, false, false
	switch int(class) - len(n.rep) {
	case followNone:
		byteFollows, end = false, true
	case followLastNL:
		c, last = '\n', true
	default:
		c = n.rep[class]
	}
	for _, pc := range cur {
		w.todo = append(w.todo[:0], pc)
		for len(w.todo) > 0 {
			pc := w.todo[len(w.todo)-1]
			w.todo = w.todo[:len(w.todo)-1]
			if !w.seen.add(pc) {
				continue
			}
			switch in := &n.insts[pc]; in.op {
			case nfaByte:
				if byteFollows && in.arg == c {
					w.kept.add(in.x)
				}
			case nfaSet:
				if byteFollows && n.sets[in.y].has(c) {
					w.kept.add(in.x)
				}
			case nfaSplit:
				w.todo = append(w.todo, in.y, in.x)
			case nfaSave:
				w.todo = append(w.todo, in.x)
			case nfaAssert:
				if between(assertKind(in.arg), p, c, end, last) {
					w.todo = append(w.todo, in.x)
				}
			case nfaMatch:
				return true, 0
			}
		}
	}
	if d.unanchored && byteFollows {
		w.kept.add(n.start)
	}
	w.next = append(w.next[:0], w.kept.dense...)
	return false, d.behind(c)
}

// between reports whether the place between p and the byte c, or the end, is of a kind.
func between(k assertKind, p place, c byte, end, last bool) bool {
	switch k {
	case aTextStart:
		return p == placeStart
	case aLineStart:
		return p == placeStart || p == placeLine && !end
	case aTextEnd:
		return end
	case aTextEndNL:
		return end || last
	case aLineEnd:
		return end || c == '\n'
	}
	after := !end && isWord(c)
	return ((p == placeWord) != after) == (k == aWord)
}

// state returns the state of a set of instructions, as the offset of its row.
func (d *dfa) state(items []uint16, p place) int32 {
	h := uint32(2166136261) ^ uint32(p)
	for _, v := range items {
		h = (h ^ uint32(v)) * 16777619
	}
	mask := uint32(len(d.table) - 1)
	h ^= h >> 15
	i := h & mask
	for ; d.table[i] != 0; i = (i + 1) & mask {
		st := d.states[d.table[i]]
		if st.place == p && slices.Equal(d.items[st.from:st.to], items) {
			return d.table[i] * d.stride
		}
	}
	id := int32(len(d.states))
	d.table[i] = id
	from := uint32(len(d.items))
	d.items = append(d.items, items...)
	d.states = append(d.states, dfaState{from, uint32(len(d.items)), p})
	for range d.stride {
		d.trans = append(d.trans, goUnknown)
	}
	if len(d.states)*2 > len(d.table) {
		d.grow()
	}
	return id * d.stride
}

// grow doubles the table of states.
func (d *dfa) grow() {
	d.table = make([]int32, 2*len(d.table))
	mask := uint32(len(d.table) - 1)
	for id, st := range d.states[1:] {
		h := uint32(2166136261) ^ uint32(st.place)
		for _, v := range d.items[st.from:st.to] {
			h = (h ^ uint32(v)) * 16777619
		}
		h ^= h >> 15
		i := h & mask
		for ; d.table[i] != 0; i = (i + 1) & mask {
		}
		d.table[i] = int32(id + 1)
	}
}

func (d *dfa) full() bool {
	return len(d.states) >= dfaStates || 4*len(d.trans)+2*len(d.items) > dfaBytes
}

// reset forgets all states but t, which it returns anew.
func (d *dfa) reset(t int32) int32 {
	d.resets++
	if d.served < dfaMinGain*len(d.states) {
		if d.bad++; d.bad >= dfaMaxBad {
			d.retired = true
		}
	}
	d.served = 0
	if t <= 0 {
		d.empty()
		return t
	}
	st := d.states[t/d.stride]
	d.work.cur = append(d.work.cur[:0], d.items[st.from:st.to]...)
	d.empty()
	return d.state(d.work.cur, st.place)
}

// simulate answers as match does, remembering nothing.
func (d *dfa) simulate(b []byte, from int) bool {
	d.work.cur = append(d.work.cur[:0], d.nfa.start)
	return d.simulateFrom(b, from, d.placeAt(b, from))
}

func (d *dfa) simulateFrom(b []byte, from int, p place) bool {
	w := d.work
	n := int32(len(d.nfa.rep))
	for i := from; i < len(b); i++ {
		class := int32(d.nfa.classOf[b[i]])
		if d.nfa.lastNL && i == len(b)-1 && b[i] == '\n' {
			class = n + followLastNL
		}
		hit, next := d.advance(w.cur, p, class)
		if hit {
			return true
		}
		if len(w.next) == 0 {
			return false
		}
		w.cur, w.next = w.next, w.cur
		p = next
	}
	hit, _ := d.advance(w.cur, p, n+followNone)
	return hit
}
