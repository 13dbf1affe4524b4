package scan

// set is a bounded set of sums: open addressing, four bytes a place and no pointers. The lowest bit of a sum does not
// count as part of it: it says that the door is open.
type set struct {
	few   [8]uint32 // the places of a small set, which needs nothing beside it
	slots []uint32  // those of a larger one: a power of two, at most three quarters of it used; 0: free
	n     int
	most  int  // 0: setMost
	full  bool // more came than that: the count is a lower bound
}

// setMost bounds a set. A scan of more doors than that is told as "at least".
const setMost = 3072

const openBit = 1

// add puts a sum in and reports whether it is new. fresh is false, too, when there was no room.
func (s *set) add(sum uint32) (fresh bool) {
	sum |= 2 // never 0
	sum &^= openBit
	if i, ok := s.find(sum); ok {
		return false
	} else if s.n < s.most || s.most == 0 && s.n < setMost {
		if 4*(s.n+1) > 3*len(s.places()) {
			s.grow()
			i, _ = s.find(sum)
		}
		s.places()[i] = sum
		s.n++
		return true
	}
	s.full = true
	return false
}

// find returns the place of a sum, or where it would go.
func (s *set) find(sum uint32) (at int, ok bool) {
	sum = (sum | 2) &^ openBit
	slots := s.places()
	mask := uint32(len(slots) - 1)
	for i := (sum >> 2) & mask; ; i = (i + 1) & mask {
		switch slots[i] &^ openBit {
		case sum:
			return int(i), true
		case 0:
			return int(i), false
		}
	}
}

// places are those of all sums.
func (s *set) places() []uint32 {
	if s.slots != nil {
		return s.slots
	}
	return s.few[:]
}

func (s *set) grow() {
	old := s.places()
	s.slots = make([]uint32, 2*len(old))
	for _, x := range old {
		if x != 0 {
			i, _ := s.find(x)
			s.slots[i] = x
		}
	}
}

// open marks a sum as that of a door that opened, and reports whether it was not so before.
func (s *set) open(sum uint32) (fresh bool) {
	i, ok := s.find(sum)
	x := &s.places()[i]
	if !ok || *x&openBit != 0 {
		return false
	}
	*x |= openBit
	return true
}

// isOpen reports whether the sum is there and open.
func (s *set) isOpen(sum uint32) bool {
	i, ok := s.find(sum)
	return ok && s.places()[i]&openBit != 0
}

// has reports whether the sum is there.
func (s *set) has(sum uint32) bool {
	_, ok := s.find(sum)
	return ok
}

// bytes is the room its places take.
func (s *set) bytes() int {
	if s.n == 0 {
		return 0
	}
	return 4 * len(s.places())
}

// each calls f for every sum, in no order that means anything.
func (s *set) each(f func(sum uint32, open bool)) {
	for _, x := range s.places() {
		if x != 0 {
			f(x&^openBit, x&openBit != 0)
		}
	}
}

// common counts the sums that two sets share.
func (s *set) common(o *set) int {
	n := 0
	s.each(func(x uint32, _ bool) {
		if o.has(x) {
			n++
		}
	})
	return n
}
