package stream

import "math/bits"

// Buffers come in powers of two from 64 bytes to 64 KiB, which holds the payload of any segment.
const (
	minClass = 6
	maxClass = 16
)

// pool keeps released buffers for the next segment, as many as fit into the limit beside what waits, or a quarter of it. It keeps
// the lists of runs, too: each connection had one of its own, which in lossy traffic took as much memory as the data (2026-11-29).
type pool struct {
	free  [maxClass + 1][][]byte
	held  int
	limit int
	used  *int // bytes that wait
	lists [][]run
	tmp   []run // room for insert
}

const (
	mostLists = 256 // kept for later
	longList  = 64  // runs; longer ones are for the collector
	firstList = 4
)

// list returns an empty list.
func (p *pool) list() []run {
	if n := len(p.lists); n > 0 {
		l := p.lists[n-1]
		p.lists = p.lists[:n-1]
		return l
	}
	return make([]run, 0, firstList)
}

// giveList takes back a list of which nothing is used any more; runs.one is none.
func (p *pool) giveList(l []run) {
	if c := cap(l); c > 1 && c <= longList && len(p.lists) < mostLists {
		p.lists = append(p.lists, l[:0])
	}
}

// get returns a buffer of n bytes with undefined content, n at most 1<<maxClass.
func (p *pool) get(n int) []byte {
	c := max(bits.Len(uint(max(n, 1)-1)), minClass)
	if l := len(p.free[c]); l > 0 {
		b := p.free[c][l-1]
		p.free[c] = p.free[c][:l-1]
		p.held -= cap(b)
		return b[:n]
	}
	return make([]byte, n, 1<<c)
}

// put takes back a buffer of get.
func (p *pool) put(b []byte) {
	if h := p.held + cap(b); h > p.limit/4 && h > p.limit-*p.used { // a quarter in any case: without, each segment of full tables was allocated
		return
	}
	c := bits.Len(uint(cap(b) - 1))
	p.held += cap(b)
	p.free[c] = append(p.free[c], b[:0])
}
