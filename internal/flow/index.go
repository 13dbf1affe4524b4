package flow

// index maps a 64-bit hash to a slab number: open addressing with linear probing over 8-byte slots (the hash's low
// half as tag, number). It is cut into parts that grow one at a time, so that no growth copies the whole.
//
// A part need not be a power of two long: the home of a tag is its share of the length. So it can grow by a third, from
// four fifths full to three fifths, and a table that grew once is not half empty (2026-11-28: 11 bytes for an entry
// instead of 16).
//
// What it takes from a room follows from the number of entries alone, not from when the parts happen to grow: which part
// an entry falls into depends on the seed of the hash, and what a full table lets go must not (2026-11-30).
type index struct {
	parts [indexParts]indexPart
	slots int
	live  int   // entries
	most  int   // the most there ever were: parts do not shrink
	room  *room // bytes that it shares; nil: of its own
}

const (
	indexParts = 16
	indexFirst = 16 // slots of a new part
	indexEntry = 12 // bytes that an entry counts as: they take 10 where parts are full, 13 where they have just grown
)

// limit says which room it shares.
func (x *index) limit(m *room) {
	x.room = m
	m.used += indexParts * indexFirst * 8
}

type indexPart struct {
	slots []uint64 // tag<<32 | number; 0 = empty, so numbers start at 1
	used  int
}

func (x *index) part(h uint64) *indexPart { return &x.parts[h>>60] }

// home is where the search for a tag begins.
func (p *indexPart) home(tag uint32) uint32 { return uint32(uint64(tag) * uint64(len(p.slots)) >> 32) }

// find calls match for each number whose tag fits, until match says yes. It is written out at the two places where
// speed counts; this form serves the rest.
func (x *index) find(h uint64, match func(n uint32) bool) uint32 {
	p := x.part(h)
	if p.used == 0 {
		return 0
	}
	tag := uint32(h)
	for i := p.home(tag); ; {
		s := p.slots[i]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag && match(uint32(s)) {
			return uint32(s)
		}
		if i++; int(i) == len(p.slots) {
			i = 0
		}
	}
}

func (x *index) insert(h uint64, n uint32) {
	p := x.part(h)
	if (p.used+1)*5 > len(p.slots)*4 {
		x.grow(p)
	}
	p.put(uint64(uint32(h))<<32 | uint64(n))
	p.used++
	if x.live++; x.live > x.most {
		x.most = x.live
		if x.room != nil {
			x.room.used += indexEntry // not refused: the next record is
		}
	}
}

func (p *indexPart) put(s uint64) {
	i := p.home(uint32(s >> 32))
	for p.slots[i] != 0 {
		if i++; int(i) == len(p.slots) {
			i = 0
		}
	}
	p.slots[i] = s
}

func (x *index) grow(p *indexPart) {
	old := p.slots
	n := max(len(old)/3*4, indexFirst)
	p.slots = make([]uint64, n)
	x.slots += n - len(old)
	for _, s := range old {
		if s != 0 {
			p.put(s)
		}
	}
}

// remove deletes the entry of h with number n and closes the hole it leaves, so that no deleted marks pile up.
func (x *index) remove(h uint64, n uint32) {
	p := x.part(h)
	if p.used == 0 {
		return
	}
	size := uint32(len(p.slots))
	next := func(i uint32) uint32 {
		if i++; i == size {
			return 0
		}
		return i
	}
	// after is how far j lies after i, round the end.
	after := func(j, i uint32) uint32 {
		if j >= i {
			return j - i
		}
		return j + size - i
	}
	want := uint64(uint32(h))<<32 | uint64(n)
	i := p.home(uint32(h))
	for p.slots[i] != want {
		if p.slots[i] == 0 {
			return
		}
		i = next(i)
	}
	p.used--
	x.live--
	for j := next(i); p.slots[j] != 0; j = next(j) {
		// The entry at j may move to the hole at i only if its home does not lie between them.
		if after(j, p.home(uint32(p.slots[j]>>32))) >= after(j, i) {
			p.slots[i] = p.slots[j]
			i = j
		}
	}
	p.slots[i] = 0
}

func (x *index) bytes() int { return x.slots * 8 }
