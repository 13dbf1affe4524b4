package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"firestorm/internal/packet"
)

// run is waiting data without a hole, all of one segment. Offsets count from the first byte of the stream.
type run struct {
	start, end int64
	from, to   int64      // whole extent of the segment, by which overlaps are decided
	ref        packet.Ref // the segment
	mark       bool       // what is said of its bytes
	data       []byte     // bytes [start,end), inside chunk; nil: known to be lost, cut off by the capture
	chunk      []byte     // the buffer to give back; nil when lost
}

// runCost is counted with each run so that many tiny segments cannot slip under the memory limit.
const runCost = 128

func (r *run) cost() int { return runCost + cap(r.chunk) }

// runs is what waits in one direction: sorted, never overlapping. What lies between two runs is a hole. The first
// head entries are used up; taking from the front moves no memory.
type runs struct {
	list []run // nil while nothing waits
	head int
	mem  int    // bytes held, buffers and bookkeeping
	one  [1]run // the list, as long as no more than one run waits: most wait alone (2026-11-30); else it is of the pool
}

func (q *runs) empty() bool  { return q.head == len(q.list) }
func (q *runs) len() int     { return len(q.list) - q.head }
func (q *runs) first() *run  { return &q.list[q.head] }
func (q *runs) held() []run  { return q.list[q.head:] }
func (q *runs) bytes() int64 { return sum(q.held()) }

func sum(list []run) (n int64) {
	for i := range list {
		n += list[i].end - list[i].start
	}
	return n
}

// String draws the runs, lost ones in parentheses: "[0,24) (24,30) [40,44)".
func (q *runs) String() string {
	var b strings.Builder
	for i, r := range q.held() {
		if i > 0 {
			b.WriteByte(' ')
		}
		if r.data == nil {
			fmt.Fprintf(&b, "(%d,%d)", r.start, r.end)
		} else {
			fmt.Fprintf(&b, "[%d,%d)", r.start, r.end)
		}
	}
	return b.String()
}

// overlap returns the range of indexes in list whose runs share bytes with [start,end); i == j is the place to
// insert.
func (q *runs) overlap(start, end int64) (i, j int) {
	n := len(q.list)
	if q.empty() || q.list[n-1].end <= start {
		return n, n
	}
	i, _ = slices.BinarySearchFunc(q.held(), start, func(r run, at int64) int {
		if r.end <= at {
			return -1
		}
		return 1
	})
	i += q.head
	for j = i; j < n && q.list[j].start < end; j++ {
	}
	return i, j
}

// differs reports whether the part of data (which begins at start) that overlaps runs i to j is not the same there.
func (q *runs) differs(i, j int, start int64, data []byte) bool {
	end := start + int64(len(data))
	for k := i; k < j; k++ {
		r := &q.list[k]
		lo, hi := max(r.start, start), min(r.end, end)
		if r.data != nil && lo < hi && !bytes.Equal(r.data[lo-r.start:hi-r.start], data[lo-start:hi-start]) {
			return true
		}
	}
	return false
}

// insert copies data, which begins at start, of the segment with extent [from,to) and the given mark. i and j come from overlap. Nil
// data with n > 0 marks n bytes as lost; lost bytes never replace data and are always replaced by it.
func (q *runs) insert(p *pool, i, j int, start int64, n int, data []byte, from, to int64, ref packet.Ref, mark bool, policy Policy) {
	end := start + int64(n)
	fresh := func(lo, hi int64) run {
		r := run{start: lo, end: hi, from: from, to: to, ref: ref, mark: mark}
		if data != nil {
			r.chunk = p.get(int(hi - lo))
			copy(r.chunk, data[lo-start:hi-start])
			r.data = r.chunk
		}
		q.mem += r.cost()
		return r
	}
	if i == j {
		if i == len(q.list) {
			*q.extend(p) = fresh(start, end)
			return
		}
		r := fresh(start, end)
		if i == q.head && q.head > 0 {
			q.head--
			q.list[q.head] = r
			return
		}
		q.spread(p)
		q.list = slices.Insert(q.list, i, r)
		return
	}
	q.spread(p)
	tmp := p.tmp[:0]
	at := start
	for k := i; k < j; k++ {
		old := q.list[k]
		wins := data != nil && (old.data == nil || policy.newWins(from, to, old.from, old.to))
		if !wins {
			if at < old.start {
				tmp = append(tmp, fresh(at, old.start))
			}
			tmp = append(tmp, old)
			at = old.end
			continue
		}
		lo, hi := max(old.start, start), min(old.end, end)
		left, right := lo > old.start, hi < old.end
		if left {
			l := old
			l.end = lo
			l.data = old.part(old.start, lo)
			tmp = append(tmp, l)
		}
		if right {
			tmp = append(tmp, fresh(at, end))
			at = old.end
			r := old
			r.start, r.data = hi, old.part(hi, old.end)
			if left && old.chunk != nil { // one buffer, two runs: the right one moves to its own
				r.chunk = p.get(len(r.data))
				copy(r.chunk, r.data)
				r.data = r.chunk
			}
			if left {
				q.mem += r.cost()
			}
			tmp = append(tmp, r)
			continue
		}
		if !left {
			q.release(p, &old)
		}
	}
	if at < end {
		tmp = append(tmp, fresh(at, end))
	}
	q.list = slices.Replace(q.list, i, j, tmp...)
	clear(tmp)
	p.tmp = tmp[:0]
}

// extend returns a new last run, with undefined content.
func (q *runs) extend(p *pool) *run {
	n := len(q.list)
	switch {
	case q.list == nil:
		q.list = q.one[:]
		return &q.one[0]
	case cap(q.list) == 1:
		q.spread(p)
	case n == cap(q.list) && q.head > n/2:
		q.compact()
	}
	if n = len(q.list); n < cap(q.list) {
		q.list = q.list[:n+1]
	} else {
		q.list = append(q.list, run{})
	}
	return &q.list[n]
}

// spread moves the one run to where there is room for more.
func (q *runs) spread(p *pool) {
	if cap(q.list) == 1 {
		q.list = append(p.list(), q.one[0])
		q.one[0] = run{}
	}
}

// part returns the data of [lo,hi), nil for a lost run.
func (r *run) part(lo, hi int64) []byte {
	if r.data == nil {
		return nil
	}
	return r.data[lo-r.start : hi-r.start]
}

func (q *runs) release(p *pool, r *run) {
	q.mem -= r.cost()
	if r.chunk != nil {
		p.put(r.chunk)
	}
}

// pop gives the first run back to the pool.
func (q *runs) pop(p *pool) {
	r := q.first()
	q.release(p, r)
	r.data, r.chunk = nil, nil
	q.head++
	if q.head == len(q.list) {
		p.giveList(q.list)
		q.list, q.head = nil, 0
	}
}

func (q *runs) compact() {
	n := copy(q.list, q.held())
	clear(q.list[n:])
	q.list, q.head = q.list[:n], 0
}

// reset gives everything back.
func (q *runs) reset(p *pool) {
	for !q.empty() {
		q.pop(p)
	}
}
