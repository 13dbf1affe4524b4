package flow

// index maps a 64-bit hash to a slab number: open addressing with linear probing over 8-byte slots (the hash's low
// half as tag, number). It is cut into parts that grow one at a time, so that no growth copies the whole.
type index struct {
	parts [indexParts]indexPart
	slots int
}

const (
	indexParts = 16
	indexFirst = 16 // slots of a new part
)

type indexPart struct {
	slots []uint64 // tag<<32 | number; 0 = empty, so numbers start at 1
	used  int
}

func (x *index) part(h uint64) *indexPart { return &x.parts[h>>60] }

// find calls match for each number whose tag fits, until match says yes. It is written out at the two places where
// speed counts; this form serves the rest.
func (x *index) find(h uint64, match func(n uint32) bool) uint32 {
	p := x.part(h)
	if p.used == 0 {
		return 0
	}
	mask := uint32(len(p.slots) - 1)
	tag := uint32(h)
	for i := tag & mask; ; i = (i + 1) & mask {
		s := p.slots[i]
		if s == 0 {
			return 0
		}
		if uint32(s>>32) == tag && match(uint32(s)) {
			return uint32(s)
		}
	}
}

func (x *index) insert(h uint64, n uint32) {
	p := x.part(h)
	if (p.used+1)*4 > len(p.slots)*3 {
		x.grow(p)
	}
	p.put(uint64(uint32(h))<<32 | uint64(n))
	p.used++
}

func (p *indexPart) put(s uint64) {
	mask := uint32(len(p.slots) - 1)
	i := uint32(s>>32) & mask
	for p.slots[i] != 0 {
		i = (i + 1) & mask
	}
	p.slots[i] = s
}

func (x *index) grow(p *indexPart) {
	old := p.slots
	n := len(old) * 2
	if n == 0 {
		n = indexFirst
	}
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
	mask := uint32(len(p.slots) - 1)
	want := uint64(uint32(h))<<32 | uint64(n)
	i := uint32(h) & mask
	for p.slots[i] != want {
		if p.slots[i] == 0 {
			return
		}
		i = (i + 1) & mask
	}
	p.used--
	for j := (i + 1) & mask; p.slots[j] != 0; j = (j + 1) & mask {
		home := uint32(p.slots[j]>>32) & mask
		// The entry at j may move to the hole at i only if its home does not lie between them.
		if (j-home)&mask >= (j-i)&mask {
			p.slots[i] = p.slots[j]
			i = j
		}
	}
	p.slots[i] = 0
}

func (x *index) bytes() int { return x.slots * 8 }
