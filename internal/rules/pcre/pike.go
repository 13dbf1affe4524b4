package pcre

// pike runs an exact automaton with positions: all threads side by side, in the order of their priority, so that the time
// is in proportion to the subject whatever the pattern.
type pike struct {
	cur, next threads
	best      []int32
	scratch   []int32
	from      int
}

// threads holds the captures of each instruction that waits.
type threads struct {
	set  sparse
	caps []int32 // slots for each of set.dense
}

func (l *threads) clear(n *nfa, slots int) {
	l.set.clear(len(n.insts))
	if len(l.caps) < len(n.insts)*slots {
		l.caps = make([]int32, len(n.insts)*slots)
	}
}

// run finds the leftmost match that begins at start or later (at start only when anchored); its slots are in best.
func (k *pike) run(n *nfa, b []byte, from, start, slots int, anchored bool) bool {
	k.from = from
	k.cur.clear(n, slots)
	k.next.clear(n, slots)
	k.best = sized(k.best, slots)
	k.scratch = sized(k.scratch, slots)
	found := false
	for pos := start; pos <= len(b); pos++ {
		if !found && (!anchored || pos == start) {
			for i := range k.scratch {
				k.scratch[i] = -1
			}
			k.scratch[0] = int32(pos)
			k.add(n, &k.cur, n.start, b, pos)
		}
		if len(k.cur.set.dense) == 0 && (found || anchored) {
			break
		}
		if k.step(n, b, pos, slots) {
			found = true
		}
		k.cur, k.next = k.next, k.cur
		k.next.set.clear(len(n.insts))
	}
	return found
}

func sized(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

// step moves all threads over b[pos]; a thread that has matched ends those behind it.
func (k *pike) step(n *nfa, b []byte, pos, slots int) bool {
	for i, pc := range k.cur.set.dense {
		in := &n.insts[pc]
		caps := k.cur.caps[i*slots : (i+1)*slots]
		switch in.op {
		case nfaMatch:
			copy(k.best, caps)
			k.best[1] = int32(pos)
			return true
		case nfaByte:
			if pos == len(b) || b[pos] != in.arg {
				continue
			}
		case nfaSet:
			if pos == len(b) || !n.sets[in.y].has(b[pos]) {
				continue
			}
		default:
			continue
		}
		copy(k.scratch, caps)
		k.add(n, &k.next, in.x, b, pos+1)
	}
	return false
}

// add puts what can be reached from pc without a byte into l, in the order of priority; the captures are in scratch.
func (k *pike) add(n *nfa, l *threads, pc uint16, b []byte, pos int) {
	if !l.set.add(pc) {
		return
	}
	switch in := &n.insts[pc]; in.op {
	case nfaSplit:
		k.add(n, l, in.x, b, pos)
		k.add(n, l, in.y, b, pos)
	case nfaSave:
		old := k.scratch[in.y]
		k.scratch[in.y] = int32(pos)
		k.add(n, l, in.x, b, pos)
		k.scratch[in.y] = old
	case nfaAssert:
		if holds(assertKind(in.arg), b, k.from, pos) {
			k.add(n, l, in.x, b, pos)
		}
	default:
		copy(l.caps[(len(l.set.dense)-1)*len(k.scratch):], k.scratch)
	}
}
