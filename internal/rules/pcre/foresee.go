package pcre

// mostForeseen bounds how many instructions are looked at for one set.
const mostForeseen = 256

// foresee works out which bytes can come next where there is a choice, so that ways which cannot lead on are not taken.
func (e *emitter) foresee() {
	f := &foresight{p: &e.program, seen: make([]int32, len(e.insts))}
	for i := range e.insts {
		in := &e.insts[i]
		switch in.op {
		case opSplit:
			in.first, in.other = e.known(f.from(int32(i+1))), e.known(f.from(in.y))
		case opRepeat:
			next, ok := f.from(int32(i + 1))
			in.first = e.known(next, ok)
			in.b, in.seek = next.single()
			in.seek = in.seek && ok
			in.all = e.sets[in.x] == setAny
		}
	}
}

func (e *emitter) known(s set, ok bool) int32 {
	if !ok || s == setAny {
		return -1
	}
	return e.set(s)
}

type foresight struct {
	p    *program
	seen []int32 // the round an instruction was looked at in
	now  int32
	left int
	out  set
}

// from returns the bytes one of which must come next for the instruction pc to lead to a match; not ok: it may be none.
func (f *foresight) from(pc int32) (set, bool) {
	f.now++
	f.left = mostForeseen
	f.out = set{}
	return f.out, f.follow(pc) && f.out != set{}
}

func (f *foresight) follow(pc int32) bool {
	for {
		if f.seen[pc] == f.now {
			return true
		}
		if f.left--; f.left < 0 {
			return false
		}
		f.seen[pc] = f.now
		in := &f.p.insts[pc]
		switch in.op {
		case opByte:
			f.out.add(in.b)
			return true
		case opSet:
			f.out.union(f.p.sets[in.x])
			return true
		case opText:
			f.out.add(f.p.texts[in.x][0])
			return true
		case opRepeat:
			if in.max != 0 {
				f.out.union(f.p.sets[in.x])
			}
			if in.min > 0 {
				return true
			}
			pc++
		case opSplit:
			if !f.follow(pc + 1) {
				return false
			}
			pc = in.y
		case opLoop: // even one that must go on: its rounds may take nothing
			if !f.follow(in.y) {
				return false
			}
			pc++
		case opJump:
			pc = in.y
		case opLoopInit, opLoopEnter, opSave, opCopy, opAssert:
			pc++
		case opBarrier:
			switch {
			case !in.zero: // an atomic group: its body comes next
				pc++
			case in.x >= 0 && in.y >= 0, in.x < 0 && in.y < 0:
				return false
			default: // a look-around: what follows it comes next
				pc = max(in.x, in.y)
			}
		default:
			return false
		}
	}
}
