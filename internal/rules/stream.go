package rules

import "firestorm/internal/packet"

// streamDepth is how much of each direction of a connection rules look at, as Suricata's stream.reassembly.depth.
const streamDepth = 1 << 20

// WantsStream reports whether a rule may ask for the stream of a connection with that server's port (analyzer.RawStreams).
func (e *Engine) WantsStream(d packet.Dir, port uint16) bool {
	t := &e.set.tables[0][d]
	return t.base.streams() || t.at(port).streams()
}

// Stream takes the next bytes of a connection's stream, and reports whether it wants more. The bytes are searched at once;
// they are copied, and looked at with the next packet of their direction where a rule has a content in them. Of clean ones
// only the joint with what came before is searched.
func (e *Engine) Stream(index uint32, d packet.Dir, port uint16, b []byte, clean bool) (more bool) {
	if e.passed(index) {
		return false
	}
	if int(index) < len(e.todo) && e.todo[index]&sealed != 0 {
		return false
	}
	if e.of(index) == nil && (e.states+1)*stateSize > e.most/2 { // what is remembered of a connection takes room too
		e.stats.Forgotten += uint64(len(b))
		return false
	}
	k := &e.own(index).half[d]
	if left := streamDepth - k.total; uint64(len(b)) > left {
		e.stats.BeyondDepth += uint64(len(b)) - left
		b = b[:left]
	}
	if len(b) == 0 {
		return false
	}
	e.lookFor(index, k, &e.set.tables[0][d], port, b, clean)
	switch {
	case k.idle():
		e.remember(k, b)
	case len(k.fresh)+len(b) > mostWaiting || e.stats.Bytes+len(b) > e.most:
		e.stats.Forgotten += uint64(len(k.fresh) + len(b))
		e.drop(k)
	default:
		e.stats.Bytes += len(b)
		k.fresh = append(k.fresh, b...)
		e.todo[index] |= 1 << d
	}
	return true
}

// remember keeps the last bytes of what was looked at. Where there is no room, nothing lies across what comes next.
func (e *Engine) remember(k *half, b []byte) {
	r := &k.ring
	if n := min(len(r.b)+len(b), tail); n > cap(r.b) {
		size := tail
		if n <= few {
			size = few
		}
		if e.stats.Bytes+size-cap(r.b) > e.most {
			e.stats.Apart += uint64(len(b))
			e.drop(k)
			return
		}
		to := e.block(size)
		to = append(to, r.b...) // it was not full, so that it begins at its begin
		e.giveBack(r)
		e.stats.Bytes += size
		r.b = to
	}
	r.put(b)
}

// few is the size of the smaller blocks: most connections say less.
const few = 512

// block lends memory for a ring.
func (e *Engine) block(size int) []byte {
	pool := &e.blocks[size/tail]
	if n := len(*pool); n > 0 {
		b := (*pool)[n-1]
		*pool = (*pool)[:n-1]
		return b
	}
	return make([]byte, 0, size)
}

// mostSpare bounds the blocks of one size that are kept for later.
const mostSpare = 64

// giveBack takes the memory of a ring.
func (e *Engine) giveBack(r *ring) {
	if n := cap(r.b); n > 0 {
		e.stats.Bytes -= n
		if pool := &e.blocks[n/tail]; len(*pool) < mostSpare {
			*pool = append(*pool, r.b[:0])
		}
	}
	*r = ring{}
}

// End says that nothing more comes of a stream.
func (e *Engine) End(index uint32, d packet.Dir) {
	if f := e.of(index); f != nil {
		k := &f.half[d]
		k.over = true
		if len(k.fresh) == 0 {
			e.giveBack(&k.ring)
		}
	}
}

// lookFor finds the rules that are to look at the next bytes of a stream.
func (e *Engine) lookFor(index uint32, k *half, t *table, port uint16, b []byte, clean bool) {
	groups := [2]*group{&t.base, t.at(port)}
	n := len(k.wait)
	over := max(groups[0].reach, groups[1].reach, 1) - 1
	e.lin = k.last(e.lin[:0], over)
	joint := len(e.lin) > 0
	if clean {
		e.lin = append(e.lin, b[:min(over, len(b))]...)
	} else {
		e.lin = append(e.lin, b...)
	}
	app, settled := e.app(index)
	w := e.set.sweep(&groups, app, settled)
	if joint || !clean {
		if w != nil {
			k.wait = w.free.scan(k.wait, e.set.rare, &e.found, e.lin)
		} else {
			for _, g := range groups {
				k.wait = g.free.scan(k.wait, e.set.rare, &e.found, e.lin, app, settled)
			}
		}
		kept := k.wait[:n]
		for _, c := range k.wait[n:] {
			if c.how.stream() {
				c.how = inStream
				kept = append(kept, c)
			}
		}
		k.wait = kept
	}
	for _, g := range groups {
		k.wait = appendAll(k.wait, g.flowing, inStream)
	}
	begun := k.total // where places count from, for what was found
	if k.total < tail && !k.holed && k.hole == 0 {
		begun = 0
	}
	end := k.total + uint64(len(b))
	for i := range k.wait[n:] {
		k.wait[n+i].at, k.wait[n+i].from, k.wait[n+i].begin = end, never, begun
	}
	// Contents with a place lie at the begin of a segment, or of the stream, however that one was cut.
	if !clean {
		e.head(k, w, groups, b, k.total)
	}
	if 0 < k.total && k.total < mostHead && begun == 0 {
		e.lin = append(k.last(e.lin[:0], mostHead), b...)
		e.head(k, w, groups, e.lin, 0)
	}
	k.total = end
	if len(k.wait) > mostOpen {
		k.wait = inOrder(k.wait)
	}
}

// head finds the rules that are to look at the bytes of a stream from begin on.
func (e *Engine) head(k *half, w *sweep, groups [2]*group, b []byte, begin uint64) {
	from := len(k.wait)
	if w != nil {
		k.wait = w.head.scan(w.start.find(k.wait, b), e.set.rare, &e.found, b)
	} else {
		for _, g := range groups {
			k.wait = g.head.scan(g.start.find(k.wait, b), e.set.rare, &e.found, b)
		}
	}
	kept := k.wait[:from]
	for _, c := range k.wait[from:] {
		if c.how.stream() {
			c.how, c.at, c.from, c.begin = inStream, begin+uint64(len(b)), never, begin
			kept = append(kept, c)
		}
	}
	k.wait = kept
}

// Gap says that bytes of a stream are missing: nothing lies across the hole. Of two holes before the next look, what lies
// between them is not looked at, and counted.
func (e *Engine) Gap(index uint32, d packet.Dir) {
	f := e.of(index)
	if f == nil {
		return
	}
	k := &f.half[d]
	switch {
	case len(k.fresh) == 0:
		e.drop(k)
	case k.hole == 0:
		k.hole = len(k.fresh)
	default:
		n := len(k.fresh) - k.hole
		k.total -= uint64(n)
		e.stats.Forgotten += uint64(n)
		e.stats.Bytes -= n
		k.fresh = k.fresh[:k.hole]
	}
}

// Sealed says that what follows of a flow is encrypted (analyzer.RawStreams): as Suricata by default, rules look into its
// payload no more. What came before is looked at with the next packet.
func (e *Engine) Sealed(index uint32) {
	e.reach(index)
	e.todo[index] |= sealed
}

// drop lets go of what is held of a stream.
func (e *Engine) drop(k *half) {
	e.giveBack(&k.ring)
	e.stats.Bytes -= len(k.fresh)
	k.fresh, k.hole, k.holed, k.wait, k.open, k.early = nil, 0, true, k.wait[:0], k.open[:0], k.early[:0]
}
