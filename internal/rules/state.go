package rules

import (
	"cmp"
	"slices"
	"unsafe"

	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

const (
	// tail is how much of a stream that was looked at is kept, so that a rule's contents may lie across looks: as much as
	// Suricata's toserver-chunk-size waits for.
	tail = 2560
	// joint is how many of the last bytes are searched with what comes next, at most.
	joint = mostSearched - 1
	// mostWaiting bounds what waits of a stream for the next packet of its direction.
	mostWaiting = 256 << 10
	// mostOpen bounds the rules of a stream whose first content was found and whose others were not.
	mostOpen = 64
)

// flowState is what rules remember of a connection.
type flowState struct {
	bits    []uint64
	ints    []flowNumber
	texts   []captured // what rules caught
	half    [2]half    // by direction
	fired   []fired
	files   []keptFiles // that rules asked for
	muted   *muted      // records that rules switched off; nil: none
	asked   uint64      // transactions whose requests are over, if rules ask about both sides of one
	alerted bool
	tag     *tagged // nil: none of its packets are kept
}

// half is what rules remember of one direction of a connection's stream.
type half struct {
	ring  ring   // what was looked at lately
	fresh []byte // what came since, if a rule is to look at it; nothing waits where no rule would
	hole  int    // in fresh: bytes are missing before this place; 0: nowhere
	holed bool   // bytes are missing since the stream began
	over  bool   // nothing more comes
	total uint64 // bytes so far, with fresh
	wait  []candidate
	open  []candidate // what may yet match, for its content was found
	early []*sig      // rules that matched in packets whose bytes the stream has yet to bring
}

// last appends the last n bytes that lie together, or what there is of them, to dst.
func (h *half) last(dst []byte, n int) []byte {
	f := h.fresh[h.hole:]
	if len(f) < n && h.hole == 0 {
		dst = h.ring.last(dst, n-len(f))
	}
	return append(dst, f[max(len(f)-n, 0):]...)
}

// idle reports that no rule waits for the next packet.
func (h *half) idle() bool { return len(h.wait) == 0 && len(h.open) == 0 }

// reset makes it as good as new. Its lists keep their memory while they are small.
func (h *half) reset() {
	*h = half{wait: small(h.wait), open: small(h.open), early: small(h.early)}
}

func small[T any](list []T) []T {
	if cap(list) > 16 {
		return nil
	}
	return list[:0]
}

// ring holds the last bytes that were put in, at most tail. Its memory is the engine's.
type ring struct {
	b  []byte
	at int // where the oldest is, once it is full
}

// ahead asks for the memory at which the last bytes end, and where the next ones go.
func (r *ring) ahead() {
	n := len(r.b)
	if n == 0 {
		return
	}
	end := r.at // once it is full
	if n < tail {
		end = n
	}
	prefetch.Line(unsafe.Pointer(&r.b[max(end-1, 0)]))
	prefetch.Line(unsafe.Pointer(&r.b[max(end-joint, 0)]))
}

func (r *ring) put(b []byte) {
	if len(b) >= tail {
		r.b, r.at = append(r.b[:0], b[len(b)-tail:]...), 0
		return
	}
	n := min(tail-len(r.b), len(b))
	r.b = append(r.b, b[:n]...)
	for b = b[n:]; len(b) > 0; {
		n = copy(r.b[r.at:], b)
		b = b[n:]
		r.at = (r.at + n) % tail
	}
}

// last appends the last n bytes, or all there are, to dst.
func (r *ring) last(dst []byte, n int) []byte {
	n = min(n, len(r.b))
	if old := n - r.at; old > 0 {
		dst = append(dst, r.b[len(r.b)-old:]...)
		n = r.at
	}
	return append(dst, r.b[r.at-n:r.at]...)
}

// fired is a rule that matched in a transaction that is not over.
type fired struct {
	s   *sig
	dir packet.Dir
	tx  uint64
}

// mostFired bounds what a flow remembers of its open transactions; beyond, the oldest is forgotten.
const mostFired = 64

// fire remembers a match, or half of one.
func (f *flowState) fire(x fired) {
	if len(f.fired) == mostFired {
		f.fired = slices.Delete(f.fired, 0, 1)
	}
	f.fired = append(f.fired, x)
}

func (f *flowState) bit(n int) bool { return n>>6 < len(f.bits) && f.bits[n>>6]>>(n&63)&1 != 0 }

func (f *flowState) setBit(n int, on bool) {
	for n>>6 >= len(f.bits) {
		f.bits = append(f.bits, 0)
	}
	if on {
		f.bits[n>>6] |= 1 << (n & 63)
	} else {
		f.bits[n>>6] &^= 1 << (n & 63)
	}
}

// looked says where a rule is to look.
type looked uint8

const (
	inPacket looked = 1 << iota
	inStream
)

// stream reports that streams are looked at.
func (l looked) stream() bool { return l&inStream != 0 }

// candidate is a rule that is to be gone through.
type candidate struct {
	s   *sig
	how looked
	// Of a stream: how many bytes there were when its content was found, and before which byte all was looked at with it
	// (never: what is fresh).
	at, from uint64
	// Where in the stream the rule's places count from: its begin, or that of a segment.
	begin uint64
}

const never = ^uint64(0)

// inOrder sorts candidates as rules are applied and makes one of those of the same rule and place.
func inOrder(cs []candidate) []candidate {
	if len(cs) < 2 {
		return cs
	}
	if !sortFew(cs) {
		slices.SortStableFunc(cs, func(a, b candidate) int {
			return cmp.Or(a.s.number-b.s.number, cmp.Compare(a.begin, b.begin))
		})
	}
	n := 0
	for _, c := range cs {
		if n > 0 && cs[n-1].s == c.s && cs[n-1].begin == c.begin {
			l := &cs[n-1]
			l.how |= c.how
			l.at, l.from = max(l.at, c.at), min(l.from, c.from)
			continue
		}
		cs[n] = c
		n++
	}
	return cs[:n]
}

// fewCandidates is how many are sorted by their numbers alone.
const fewCandidates = 64

// sortFew does what inOrder needs for the usual packet, whose candidates are few and mostly in order: numbers are sorted, and
// then each candidate is moved once. Comparing and moving candidates themselves took two fifths of what rules cost beside the
// search (2026-11-30). It does nothing and says false where they are many, or places of one rule are not in order.
func sortFew(cs []candidate) bool {
	if len(cs) > fewCandidates {
		return false
	}
	var keys [fewCandidates]uint64 // a rule's number, and which candidate
	for i := range cs {
		k := uint64(cs[i].s.number)<<32 | uint64(i)
		j := i
		for ; j > 0 && keys[j-1] > k; j-- {
			keys[j] = keys[j-1]
		}
		keys[j] = k
	}
	for i := 1; i < len(cs); i++ {
		if a, b := keys[i-1], keys[i]; a>>32 == b>>32 && cs[uint32(a)].begin > cs[uint32(b)].begin {
			return false
		}
	}
	for i := range cs {
		from := int(uint32(keys[i]))
		if from == i {
			continue
		}
		first, to := cs[i], i
		for from != i { // round a circle of those that take each other's places
			cs[to], keys[to] = cs[from], uint64(to)
			to, from = from, int(uint32(keys[from]))
		}
		cs[to], keys[to] = first, uint64(to)
	}
	return true
}
