package pcre

import "bytes"

// entryKind says what an entry of the backtracker's stack stands for.
type entryKind uint8

const (
	eChoice  entryKind = iota // go on at pc, pos
	eGreedy                   // the repeat at pc took bytes up to pos; x is the least it may leave
	eLazy                     // the repeat at pc took bytes up to pos; x is the most it may take
	eUndo                     // slot pc was pos
	eBarrier                  // a barrier at pc was met at pos; x is the entry of the one around it
)

type entry struct {
	kind   entryKind
	pc     int32
	pos, x int32
}

// outcome of one attempt.
type outcome uint8

const (
	failed outcome = iota
	matched
	exceeded
)

// backtracker holds what an attempt needs; it is part of the scratch memory and used again.
type backtracker struct {
	slots    []int32
	stack    []entry
	barrier  int32 // index of the innermost barrier's entry, -1 for none
	steps    int   // left for this call
	maxStack int
}

// scanCost is how many bytes a repeat of single bytes may look at for one step.
const scanCost = 8

func (t *backtracker) reset(slots int) {
	if cap(t.slots) < slots {
		t.slots = make([]int32, slots)
	}
	t.slots = t.slots[:slots]
}

// set changes a slot so that going back changes it back.
func (t *backtracker) set(slot, v int32) {
	if len(t.stack) > 0 {
		t.stack = append(t.stack, entry{kind: eUndo, pc: slot, pos: t.slots[slot]})
	}
	t.slots[slot] = v
}

func (t *backtracker) push(kind entryKind, pc, pos, x int32) {
	t.stack = append(t.stack, entry{kind, pc, pos, x})
}

// attempt tries to match at start. from is where the search began. On a match, slots 0 and 1 are its ends.
func (t *backtracker) attempt(p *program, b []byte, from, start int) outcome {
	for i := range t.slots {
		t.slots[i] = -1
	}
	t.stack = t.stack[:0]
	t.barrier = -1
	t.slots[0] = int32(start)
	pc, pos := int32(0), int32(start)
	for {
		// Forward: run until something does not fit.
		ok := true
		for ok {
			if len(t.stack) > t.maxStack {
				return exceeded
			}
			in := &p.insts[pc]
			switch in.op {
			case opByte:
				if ok = int(pos) < len(b) && b[pos] == in.b; ok {
					pc, pos = pc+1, pos+1
				}
			case opSet:
				if ok = int(pos) < len(b) && p.sets[in.x].has(b[pos]); ok {
					pc, pos = pc+1, pos+1
				}
			case opText:
				s := p.texts[in.x]
				if ok = len(b)-int(pos) >= len(s) && string(b[pos:int(pos)+len(s)]) == s; ok {
					pc, pos = pc+1, pos+int32(len(s))
				}
			case opRepeat:
				if t.steps--; t.steps < 0 {
					return exceeded
				}
				pos, ok = t.repeat(p, in, b, pc, pos)
				pc++
			case opSplit:
				if t.steps--; t.steps < 0 {
					return exceeded
				}
				pc, ok = t.split(p, in, b, pc, pos)
			case opJump:
				pc = in.y
			case opLoopInit:
				t.set(in.x, 0)
				t.set(in.x+1, -1)
				pc++
			case opLoop:
				if t.steps--; t.steps < 0 {
					return exceeded
				}
				pc = t.loop(in, pc, pos)
			case opLoopEnter:
				t.set(in.x, t.slots[in.x]+1)
				t.set(in.x+1, pos)
				pc++
			case opSave:
				t.set(in.x, pos)
				pc++
			case opCopy:
				t.set(in.x, t.slots[in.y])
				pc++
			case opAssert:
				ok = holds(in.kind, b, from, int(pos))
				pc++
			case opBackref:
				var n int32
				if n, ok = t.backref(in, b, pos); ok {
					pc, pos = pc+1, pos+n
				}
			case opBarrier:
				if t.steps--; t.steps < 0 {
					return exceeded
				}
				t.push(eBarrier, pc, pos, t.barrier)
				t.barrier = int32(len(t.stack) - 1)
				pc++
			case opCommit:
				pc, pos, ok = t.commit(p, pos)
			case opBack:
				if ok = pos >= in.x; ok {
					pc, pos = pc+1, pos-in.x
				}
			case opIfGroup:
				if t.slots[in.x+1] >= 0 {
					pc++
				} else {
					pc = in.y
				}
			case opAccept:
				t.slots[1] = pos
				return matched
			}
		}
		if pc, pos, ok = t.back(p, b); !ok {
			return failed
		}
		if t.steps--; t.steps < 0 {
			return exceeded
		}
	}
}

// fits reports whether the byte at pos is in sets[first], where there is such a set.
func (p *program) fits(first int32, b []byte, pos int32) bool {
	return first < 0 || int(pos) < len(b) && p.sets[first].has(b[pos])
}

// split takes one of two ways and leaves an entry for the other, if both can lead on.
func (t *backtracker) split(p *program, in *inst, b []byte, pc, pos int32) (int32, bool) {
	one, two := pc+1, in.y
	oneFits, twoFits := p.fits(in.first, b, pos), p.fits(in.other, b, pos)
	if in.mode == lazy {
		one, two, oneFits, twoFits = two, one, twoFits, oneFits
	}
	switch {
	case !oneFits:
		return two, twoFits
	case twoFits:
		t.push(eChoice, two, pos, 0)
	}
	return one, true
}

// repeat takes the bytes of an opRepeat and leaves an entry for what else it could take.
func (t *backtracker) repeat(p *program, in *inst, b []byte, pc, pos int32) (int32, bool) {
	s := &p.sets[in.x]
	least := pos + in.min
	most := int32(len(b))
	if in.max >= 0 && in.max < most-pos {
		most = pos + in.max
	}
	if least > most || least < pos {
		return pos, false
	}
	stop := most
	if in.mode == lazy {
		stop = least
	}
	end := pos
	for end < stop && s.has(b[end]) {
		end++
	}
	t.steps -= int(end-pos) / scanCost
	if end < least {
		return pos, false
	}
	switch {
	case in.mode == greedy && end > least:
		t.push(eGreedy, pc, end, least)
	case in.mode == lazy && end < most:
		t.push(eLazy, pc, end, most)
	}
	return end, true
}

// loop decides at the end of each round, and before the first. A loop without a limit ends when a round took nothing.
func (t *backtracker) loop(in *inst, pc, pos int32) int32 {
	n := t.slots[in.x]
	switch {
	case n < in.min:
		return pc + 1
	case in.max >= 0 && n >= in.max, in.max < 0 && n > 0 && t.slots[in.x+1] == pos:
		return in.y
	case in.mode == lazy:
		t.push(eChoice, pc+1, pos, 0)
		return in.y
	}
	t.push(eChoice, in.y, pos, 0)
	return pc + 1
}

func (t *backtracker) backref(in *inst, b []byte, pos int32) (n int32, ok bool) {
	lo, hi := t.slots[in.x], t.slots[in.x+1]
	if hi < 0 || int(hi-lo) > len(b)-int(pos) {
		return 0, false
	}
	n = hi - lo
	t.steps -= int(n) / scanCost
	for i := range n {
		x, y := b[lo+i], b[pos+i]
		if x != y && !(in.fold && lower(x) == lower(y)) {
			return 0, false
		}
	}
	return n, true
}

// commit ends a barrier whose body has matched: the ways not taken within it are forgotten, but not the changes of slots.
func (t *backtracker) commit(p *program, pos int32) (int32, int32, bool) {
	at := t.barrier
	bar := t.stack[at]
	in := &p.insts[bar.pc]
	t.barrier = bar.x
	if in.x < 0 { // a negative look-around
		for i := len(t.stack) - 1; i > int(at); i-- {
			t.undo(&t.stack[i])
		}
		t.stack = t.stack[:at]
		return 0, 0, false
	}
	kept := t.stack[:at]
	for _, e := range t.stack[at+1:] {
		if e.kind == eUndo {
			kept = append(kept, e)
		}
	}
	t.stack = kept
	if in.zero {
		pos = bar.pos
	}
	return in.x, pos, true
}

func (t *backtracker) undo(e *entry) {
	if e.kind == eUndo {
		t.slots[e.pc] = e.pos
	}
}

// back goes to the newest way not taken.
func (t *backtracker) back(p *program, b []byte) (pc, pos int32, ok bool) {
	for len(t.stack) > 0 {
		e := &t.stack[len(t.stack)-1]
		switch e.kind {
		case eChoice:
			t.stack = t.stack[:len(t.stack)-1]
			return e.pc, e.pos, true
		case eUndo:
			t.undo(e)
		case eBarrier:
			t.barrier = e.x
			if no := p.insts[e.pc].y; no >= 0 {
				t.stack = t.stack[:len(t.stack)-1]
				return no, e.pos, true
			}
		case eGreedy:
			if t.giveBack(p, b, e) {
				return e.pc + 1, e.pos, true
			}
		case eLazy:
			if t.takeMore(p, b, e) {
				return e.pc + 1, e.pos, true
			}
		}
		t.stack = t.stack[:len(t.stack)-1]
	}
	return 0, 0, false
}

// giveBack shortens a greedy repeat to the next end that can lead on; false when there is none. The entry stays as long
// as there is more to give.
func (t *backtracker) giveBack(p *program, b []byte, e *entry) bool {
	in, was := &p.insts[e.pc], e.pos
	found := false
	if in.seek {
		e.pos = e.x + int32(bytes.LastIndexByte(b[e.x:e.pos], in.b))
		found = e.pos >= e.x
		e.pos = max(e.pos, e.x)
	} else {
		for !found && e.pos > e.x {
			e.pos--
			found = p.fits(in.first, b, e.pos)
		}
	}
	t.steps -= int(was-e.pos) / scanCost
	return found
}

// takeMore lengthens a lazy repeat likewise.
func (t *backtracker) takeMore(p *program, b []byte, e *entry) bool {
	in, was := &p.insts[e.pc], e.pos
	found := false
	if in.seek && in.all {
		if e.pos++; e.pos <= e.x {
			n := bytes.IndexByte(b[e.pos:min(int(e.x)+1, len(b))], in.b)
			found = n >= 0
			e.pos += int32(max(n, 0))
		}
		if !found {
			e.pos = e.x
		}
	} else {
		s := &p.sets[in.x]
		for !found && e.pos < e.x && s.has(b[e.pos]) {
			e.pos++
			found = p.fits(in.first, b, e.pos)
		}
	}
	t.steps -= int(e.pos-was) / scanCost
	return found
}

// holds reports whether the place pos of b is of a kind.
func holds(k assertKind, b []byte, from, pos int) bool {
	switch k {
	case aTextStart:
		return pos == 0
	case aLineStart:
		return pos == 0 || pos < len(b) && b[pos-1] == '\n'
	case aTextEnd:
		return pos == len(b)
	case aTextEndNL:
		return pos == len(b) || pos == len(b)-1 && b[pos] == '\n'
	case aLineEnd:
		return pos == len(b) || b[pos] == '\n'
	case aSearchStart:
		return pos == from
	}
	before := pos > 0 && isWord(b[pos-1])
	after := pos < len(b) && isWord(b[pos])
	return (before != after) == (k == aWord)
}
