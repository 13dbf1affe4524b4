package pcre

// nfaOp is what an instruction of the automaton does.
type nfaOp uint8

const (
	nfaByte   nfaOp = iota // arg, then x
	nfaSet                 // a byte of sets[y], then x
	nfaSplit               // x, and after it y
	nfaSave                // slot y, then x
	nfaAssert              // place arg, then x
	nfaMatch
)

type nfaInst struct {
	op   nfaOp
	arg  uint8
	x, y uint16
}

// nfa is a pattern for the automata: no counters, no captures that decide, nothing entered and left as a whole.
type nfa struct {
	insts   []nfaInst
	sets    []set
	start   uint16
	exact   bool // matches what the pattern matches, with its priorities; otherwise at least that
	loopy   bool // a loop without a limit may take nothing: the preferred match can differ from PCRE's
	classOf [256]uint8
	rep     []byte // a byte of each class
	wordy   bool   // has \b or \B
	liney   bool   // has ^ with m
	textual bool   // has \A
	lastNL  bool   // has \Z or $: a last newline is not like others
	first   set    // the bytes a match may begin with
	empty   bool   // a match may be empty: first says nothing
}

// Counted repeats are written out for the automata, which makes them slow where many rounds are open at once: a subject of
// 64 KiB against [ab]*a[ab]{900}c took 0.7 s (2026-11-28). So a count above most is widened to "widened or more", which
// makes the automaton a filter; the more so where more than maxNFA instructions would be needed.
const maxNFA = 2000

var countCaps = []struct{ most, widened int }{{128, 32}, {32, 8}, {4, 4}}

// emitNFA returns the automaton of a tree, or nil where even the widened one is too large.
func emitNFA(tree *node) *nfa {
	for _, c := range countCaps {
		e := &nfaEmitter{nfa: nfa{exact: true}, most: c.most, widened: c.widened, setIndex: map[set]uint16{}}
		end := e.add(nfaInst{op: nfaMatch})
		e.start = e.emit(tree, end)
		if e.full {
			continue
		}
		e.classes()
		e.firstBytes()
		return &e.nfa
	}
	return nil
}

type nfaEmitter struct {
	nfa
	most     int
	widened  int
	full     bool
	setIndex map[set]uint16
}

func (e *nfaEmitter) add(i nfaInst) uint16 {
	if len(e.insts) >= maxNFA {
		e.full = true
		return 0
	}
	e.insts = append(e.insts, i)
	return uint16(len(e.insts) - 1)
}

// emit adds n so that it leads to next, and returns where it begins. It builds from the end to the start.
func (e *nfaEmitter) emit(n *node, next uint16) uint16 {
	if e.full {
		return 0
	}
	switch n.op {
	case nSet:
		return e.one(n.set, next)
	case nCat:
		for i := len(n.subs) - 1; i >= 0; i-- {
			next = e.emit(n.subs[i], next)
		}
		return next
	case nAlt:
		at := e.emit(n.subs[len(n.subs)-1], next)
		for i := len(n.subs) - 2; i >= 0; i-- {
			at = e.split(greedy, e.emit(n.subs[i], next), at)
		}
		return at
	case nRep:
		return e.repeat(n, next)
	case nGroup:
		next = e.add(nfaInst{op: nfaSave, x: next, y: uint16(2*n.n + 1)})
		return e.add(nfaInst{op: nfaSave, x: e.emit(n.subs[0], next), y: uint16(2 * n.n)})
	case nAssert:
		if n.kind == aSearchStart {
			e.exact = false
			return next
		}
		return e.add(nfaInst{op: nfaAssert, arg: uint8(n.kind), x: next})
	case nAtomic:
		e.exact = false
		return e.emit(n.subs[0], next)
	case nKeep:
		return e.add(nfaInst{op: nfaSave, x: next, y: 0})
	case nLook:
		e.exact = false
		return next
	case nBackref: // what it repeats may be anything
		e.exact = false
		return e.emit(&node{op: nRep, max: unlimited, subs: []*node{{op: nSet, set: setAny}}}, next)
	case nCond:
		e.exact = false
		return e.split(greedy, e.emit(n.subs[1], next), e.emit(n.subs[2], next))
	}
	return next
}

func (e *nfaEmitter) one(s set, next uint16) uint16 {
	if b, ok := s.single(); ok {
		return e.add(nfaInst{op: nfaByte, arg: b, x: next})
	}
	i, ok := e.setIndex[s]
	if !ok {
		i = uint16(len(e.sets))
		e.sets = append(e.sets, s)
		e.setIndex[s] = i
	}
	return e.add(nfaInst{op: nfaSet, y: i, x: next})
}

func (e *nfaEmitter) split(mode repMode, body, next uint16) uint16 {
	if mode == lazy {
		body, next = next, body
	}
	return e.add(nfaInst{op: nfaSplit, x: body, y: next})
}

func (e *nfaEmitter) repeat(n *node, next uint16) uint16 {
	lo, hi, body := n.min, n.max, n.subs[0]
	if n.mode == possessive {
		e.exact = false
	}
	if lo > e.most || hi > e.most {
		lo, hi = min(lo, e.widened), unlimited
		e.exact = false
	}
	at := next
	if hi == unlimited {
		loop := e.add(nfaInst{op: nfaSplit})
		again := e.emit(body, loop)
		e.insts[loop] = nfaInst{op: nfaSplit, x: again, y: next}
		if n.mode == lazy {
			e.insts[loop] = nfaInst{op: nfaSplit, x: next, y: again}
		}
		if at = loop; lo > 0 {
			at, lo = again, lo-1
		}
		e.loopy = e.loopy || body.nullable()
	} else {
		for range hi - lo {
			if e.full {
				return 0
			}
			at = e.split(n.mode, e.emit(body, at), next)
		}
	}
	for range lo {
		if e.full {
			return 0
		}
		before := at
		if at = e.emit(body, at); at == before {
			break // nothing to write out, however often
		}
	}
	return at
}

// classes sorts the bytes into those that no instruction tells apart.
func (e *nfaEmitter) classes() {
	var singles set
	kinds := append([]set(nil), e.sets...)
	for _, i := range e.insts {
		if i.op == nfaByte {
			singles.add(i.arg)
		}
		if i.op != nfaAssert {
			continue
		}
		switch assertKind(i.arg) {
		case aTextStart:
			e.textual = true
		case aLineStart:
			e.liney, e.textual = true, true
			singles.add('\n')
		case aTextEndNL:
			e.lastNL = true
		case aLineEnd:
			singles.add('\n')
		case aWord, aNotWord:
			e.wordy = true
		}
	}
	if e.wordy {
		kinds = append(kinds, setWord)
	}
	for c := range 256 { // each single byte is told apart from all others
		if b := byte(c); singles.has(b) {
			kinds = append(kinds, set{})
			kinds[len(kinds)-1].add(b)
		}
	}
	size := [256]int{256} // bytes of each class
	count := 1
	for k := range kinds {
		var within [256]int16 // of each class, the bytes that are in the set
		for c := range 256 {
			if kinds[k].has(byte(c)) {
				within[e.classOf[c]]++
			}
		}
		var moved [256]int16 // where those bytes go
		for class := range count {
			moved[class] = int16(class)
			if w := int(within[class]); w > 0 && w < size[class] {
				moved[class] = int16(count)
				size[count] = w
				size[class] -= w
				count++
			}
		}
		for c := range 256 {
			if kinds[k].has(byte(c)) {
				e.classOf[c] = uint8(moved[e.classOf[c]])
			}
		}
	}
	e.rep = make([]byte, count)
	for c := range 256 {
		e.rep[e.classOf[c]] = byte(c)
	}
}

// firstBytes collects the bytes that can be taken first, whatever the place.
func (e *nfaEmitter) firstBytes() {
	seen := make([]bool, len(e.insts))
	todo := []uint16{e.start}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch i := e.insts[pc]; i.op {
		case nfaByte:
			e.first.add(i.arg)
		case nfaSet:
			e.first.union(e.sets[i.y])
		case nfaSplit:
			todo = append(todo, i.x, i.y)
		case nfaSave, nfaAssert:
			todo = append(todo, i.x)
		case nfaMatch:
			e.empty = true
		}
	}
}
