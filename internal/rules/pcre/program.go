package pcre

// opcode is what an instruction of the backtracker does. Where it says nothing else, the next instruction follows.
type opcode uint8

const (
	opByte      opcode = iota // one byte b
	opSet                     // one byte of sets[x]
	opText                    // texts[x], at least two bytes
	opRepeat                  // min to max bytes of sets[x]
	opSplit                   // the next instruction, and if that fails y; lazy: the other way round
	opJump                    // to y
	opLoopInit                // counter x starts at 0
	opLoop                    // decides whether the loop of counter x goes on (the next instruction) or ends (y)
	opLoopEnter               // counts a round
	opSave                    // slot x is here
	opCopy                    // slot x becomes what slot y is
	opAssert                  // the place is of kind
	opBackref                 // what group x captured
	opBarrier                 // a look-around or atomic group: its body follows; see yes and no
	opCommit                  // the body of the innermost barrier has matched
	opBack                    // x bytes back
	opIfGroup                 // group x captured: the next instruction, or else y
	opAccept                  // a match
)

// inst is an instruction of the backtracker.
type inst struct {
	op       opcode
	mode     repMode
	kind     assertKind
	b        byte
	fold     bool
	zero     bool // opBarrier: the place returns to where it was, as look-around takes no bytes
	x, y     int32
	min, max int32 // max -1: no limit
	// Sets of bytes one of which must come next, or -1. opRepeat: behind it; opSplit: for the next instruction, and for y.
	first, other int32
	seek         bool // opRepeat: first holds b alone
	all          bool // opRepeat: takes every byte
}

// program is a pattern for the backtracker. Counted repeats of groups are loops with counters, so that its size is in
// proportion to the pattern's.
type program struct {
	insts []inst
	sets  []set
	texts []string
	slots int // two for each group with group 0, then two for each counter
}

type emitter struct {
	program
	setIndex map[set]int32
}

func emitProgram(tree *node, groups int) *program {
	e := &emitter{program: program{slots: 2 * (groups + 1)}, setIndex: map[set]int32{}}
	e.emit(tree)
	e.add(inst{op: opAccept})
	e.foresee()
	return &e.program
}

func (e *emitter) add(i inst) int {
	e.insts = append(e.insts, i)
	return len(e.insts) - 1
}

func (e *emitter) here() int32 { return int32(len(e.insts)) }

func (e *emitter) set(s set) int32 {
	i, ok := e.setIndex[s]
	if !ok {
		i = int32(len(e.sets))
		e.sets = append(e.sets, s)
		e.setIndex[s] = i
	}
	return i
}

func (e *emitter) emit(n *node) {
	switch n.op {
	case nSet:
		if b, ok := n.set.single(); ok {
			e.add(inst{op: opByte, b: b})
		} else {
			e.add(inst{op: opSet, x: e.set(n.set)})
		}
	case nCat:
		e.sequence(n.subs)
	case nAlt:
		e.alternatives(n.subs, false)
	case nRep:
		e.repeat(n)
	case nGroup:
		e.group(n)
	case nAtomic:
		e.barrier(false, func() { e.emit(n.subs[0]) })
	case nLook:
		e.look(n)
	case nBackref:
		e.add(inst{op: opBackref, x: int32(2 * n.n), fold: n.fold})
	case nAssert:
		e.add(inst{op: opAssert, kind: n.kind})
	case nKeep:
		e.add(inst{op: opSave, x: 0})
	case nCond:
		e.condition(n)
	}
}

// group saves the ends of a capture. Where the group refers to itself, what it captured before must last to its end.
func (e *emitter) group(n *node) {
	start := int32(2 * n.n)
	opened := start
	if n.subs[0].refersTo(n.n) {
		opened = int32(e.slots)
		e.slots++
	}
	e.add(inst{op: opSave, x: opened})
	e.emit(n.subs[0])
	if opened != start {
		e.add(inst{op: opCopy, x: start, y: opened})
	}
	e.add(inst{op: opSave, x: start + 1})
}

// sequence joins neighbouring bytes to texts.
func (e *emitter) sequence(subs []*node) {
	for i := 0; i < len(subs); {
		var text []byte
		for ; i < len(subs) && subs[i].op == nSet; i++ {
			b, ok := subs[i].set.single()
			if !ok {
				break
			}
			text = append(text, b)
		}
		switch {
		case len(text) > 1:
			e.add(inst{op: opText, x: int32(len(e.texts))})
			e.texts = append(e.texts, string(text))
		case len(text) == 1:
			e.add(inst{op: opByte, b: text[0]})
		default:
			e.emit(subs[i])
			i++
		}
	}
}

// alternatives emits one after the other; behind, each goes back by its width first.
func (e *emitter) alternatives(subs []*node, behind bool) {
	var jumps []int
	for i, s := range subs {
		split := -1
		if i < len(subs)-1 {
			split = e.add(inst{op: opSplit})
		}
		if behind {
			e.add(inst{op: opBack, x: int32(s.minWidth())})
		}
		e.emit(s)
		if split >= 0 {
			jumps = append(jumps, e.add(inst{op: opJump}))
			e.insts[split].y = e.here()
		}
	}
	for _, j := range jumps {
		e.insts[j].y = e.here()
	}
}

func (e *emitter) repeat(n *node) {
	body := n.subs[0]
	switch {
	case n.max == 0:
	case body.op == nSet:
		e.add(inst{op: opRepeat, mode: n.mode, x: e.set(body.set), min: int32(n.min), max: int32(n.max)})
	case n.mode == possessive:
		again := *n
		again.mode = greedy
		e.barrier(false, func() { e.emit(&again) })
	case n.min == 1 && n.max == 1:
		e.emit(body)
	case n.min == 0 && n.max == 1:
		split := e.add(inst{op: opSplit, mode: n.mode})
		e.emit(body)
		e.insts[split].y = e.here()
	case n.min == 0 && n.max == unlimited && !body.nullable():
		split := e.add(inst{op: opSplit, mode: n.mode})
		e.emit(body)
		e.add(inst{op: opJump, y: int32(split)})
		e.insts[split].y = e.here()
	default:
		c := int32(e.slots)
		e.slots += 2
		e.add(inst{op: opLoopInit, x: c})
		loop := e.add(inst{op: opLoop, mode: n.mode, x: c, min: int32(n.min), max: int32(n.max)})
		e.add(inst{op: opLoopEnter, x: c})
		e.emit(body)
		e.add(inst{op: opJump, y: int32(loop)})
		e.insts[loop].y = e.here()
	}
}

// barrier emits a body that is left for good once it has matched. It goes on behind itself when the body matched and
// fails when it did not, unless the caller changes that.
func (e *emitter) barrier(zero bool, body func()) int {
	at := e.add(inst{op: opBarrier, zero: zero, y: -1})
	body()
	e.add(inst{op: opCommit})
	e.insts[at].x = e.here()
	return at
}

// lookBody emits a look-around up to its commit; the caller says where it leads.
func (e *emitter) lookBody(n *node) int {
	alts := []*node{n.subs[0]}
	if n.subs[0].op == nAlt {
		alts = n.subs[0].subs
	}
	return e.barrier(true, func() { e.alternatives(alts, n.behind) })
}

func (e *emitter) look(n *node) {
	at := e.lookBody(n)
	if n.neg {
		e.insts[at].x, e.insts[at].y = -1, e.here()
	}
}

func (e *emitter) condition(n *node) {
	test, yes, no := n.subs[0], n.subs[1], n.subs[2]
	if test.op != nLook {
		at := e.add(inst{op: opIfGroup, x: int32(2 * n.n)})
		e.emit(yes)
		jump := e.add(inst{op: opJump})
		e.insts[at].y = e.here()
		e.emit(no)
		e.insts[jump].y = e.here()
		return
	}
	at := e.lookBody(test)
	first := e.here()
	e.emit(yes)
	jump := e.add(inst{op: opJump})
	second := e.here()
	e.emit(no)
	e.insts[jump].y = e.here()
	e.insts[at].x, e.insts[at].y = first, second
	if test.neg {
		e.insts[at].x, e.insts[at].y = second, first
	}
}
