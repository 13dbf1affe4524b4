package defrag

import (
	"fmt"
	"slices"
	"strings"
)

// piece is a run of bytes of the datagram and the fragment whose bytes count there.
type piece struct {
	start, end uint32 // the run
	from, to   uint32 // whole extent of the fragment, by which overlaps are decided
	frag       uint32 // index of the fragment
}

// pieces are the runs held so far: sorted, never overlapping. What lies between them is missing.
type pieces []piece

// String draws the runs: "[0,24)=0 [32,48)=1" holds bytes 0 to 23 from fragment 0 and 32 to 47 from fragment 1.
func (ps pieces) String() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "[%d,%d)=%d", p.start, p.end, p.frag)
	}
	return b.String()
}

// size is the number of bytes held.
func (ps pieces) size() (n uint32) {
	for _, p := range ps {
		n += p.end - p.start
	}
	return n
}

// overlap returns the range of indexes whose runs share bytes with [start,end); i == j is the place to insert.
func (ps pieces) overlap(start, end uint32) (i, j int) {
	i, _ = slices.BinarySearchFunc(ps, start, func(p piece, at uint32) int {
		if p.end <= at {
			return -1
		}
		return 1
	})
	for j = i; j < len(ps) && ps[j].start < end; j++ {
	}
	return i, j
}

// insert adds fragment frag with extent [start,end) and settles each overlap by policy. i and j come from overlap.
// scratch is working room; insert returns both slices, grown where needed.
func (ps pieces) insert(i, j int, start, end, frag uint32, policy Policy, scratch pieces) (held, room pieces) {
	tmp := scratch[:0]
	add := func(p piece) {
		if p.start >= p.end {
			return
		}
		if n := len(tmp); n > 0 && tmp[n-1].frag == p.frag && tmp[n-1].end == p.start {
			tmp[n-1].end = p.end
			return
		}
		tmp = append(tmp, p)
	}
	fresh := func(from, to uint32) { add(piece{from, to, start, end, frag}) }
	at := start
	for _, old := range ps[i:j] {
		part := func(from, to uint32) { add(piece{from, to, old.from, old.to, old.frag}) }
		lo, hi := max(old.start, start), min(old.end, end)
		part(old.start, start)
		fresh(at, lo)
		if policy.newWins(start, end, old.from, old.to) {
			fresh(lo, hi)
		} else {
			part(lo, hi)
		}
		part(end, old.end)
		at = hi
	}
	fresh(at, end)
	return slices.Replace(ps, i, j, tmp...), tmp
}
