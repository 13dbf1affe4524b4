package http

// What is looked at of a content at a time: the first so many bytes, then each time as many more, with some of what was
// there before.
const (
	lookStep = 32 << 10
	lookBack = 8 << 10
)

// window holds what rules look at of a content.
type window struct {
	buf   []byte
	n     uint64 // bytes of the content so far
	limit uint64 // beyond it nothing is looked at; 0: no limit
	fresh int    // of buf: what was not looked at
	cut   bool   // the limit was reached
	holed bool
}

func (w *window) size() int { return cap(w.buf) }

// add takes as much of b as fits before rules have to look, and says whether they have to.
func (w *window) add(b []byte) (n int, look bool) {
	if w.cut {
		return len(b), false
	}
	if w.fresh == 0 && len(w.buf) > lookBack { // it was looked at
		w.buf = w.buf[:copy(w.buf, w.buf[len(w.buf)-lookBack:])]
	}
	n = min(len(b), lookBack+lookStep-len(w.buf))
	if w.limit > 0 && uint64(n) >= w.limit-w.n {
		n, w.cut = int(w.limit-w.n), true
	}
	w.buf = append(w.buf, b[:n]...)
	w.n += uint64(n)
	w.fresh += n
	if w.cut || len(w.buf) == lookBack+lookStep {
		w.fresh = 0
		return n, true
	}
	return n, false
}

// hole says that bytes are missing: nothing lies across.
func (w *window) hole() {
	w.holed = true
	w.buf, w.fresh = w.buf[:0], 0
}
