package flow

import "unsafe"

// slab holds records without pointers in chunks that never move. Numbers start at 1; 0 means none. Freed records are
// used again last in, first out: the order follows from the packets alone, and the ones in use stay near.
//
// A chunk is an array behind a pointer, so that finding a record reads eight bytes of a small table and checks one
// bound. Chunks of records of 64 bytes or a multiple begin at a line of the cache (2026-11-28).
type slab[T any] struct {
	chunks []*[chunkLen]T
	free   uint32 // number of the record freed last; its first word holds the one before
	next   uint32 // highest number given out
	live   int
	max    int // limit of live records
	room   *room
	own    int // bytes of room that nobody else has
}

const chunkLen = 64

// room bounds the bytes of all slabs of a table together: a kind of record of which there are few leaves more to the
// others, but each has some bytes of its own, so that none starves the rest (2026-11-28).
type room struct{ used, max int } // used: what all have of their own, and what they took beyond

// reserve sets bytes aside for one owner.
func (m *room) reserve(own *int, n int) {
	*own = n
	m.used += n
}

// fits says whether an owner with own bytes left can take n.
func (m *room) fits(own, n int) bool { return n <= own || m.used+n-own <= m.max }

// take takes n bytes for an owner, from its own first.
func (m *room) take(own *int, n int) bool {
	if !m.fits(*own, n) {
		return false
	}
	m.used += max(n-*own, 0)
	*own = max(*own-n, 0)
	return true
}

func (s *slab[T]) at(n uint32) *T { return &s.chunks[(n-1)/chunkLen][(n-1)%chunkLen] }

// chunkBytes is what one more chunk takes.
func (s *slab[T]) chunkBytes() int {
	var t T
	return chunkLen*int(unsafe.Sizeof(t)) + 8
}

// limit sets how many records there may be, which room they share, and how many have their room for themselves.
func (s *slab[T]) limit(m *room, most, own int) {
	s.room, s.max = m, most
	m.reserve(&s.own, (own+chunkLen-1)/chunkLen*s.chunkBytes())
}

// clear forgets all records and gives their memory up.
func (s *slab[T]) clear() { s.chunks, s.free, s.next, s.live = nil, 0, 0, 0 }

// full says that alloc would fail.
func (s *slab[T]) full() bool {
	n := s.beyond()
	return s.live >= s.max || n > 0 && s.room.used+n > s.room.max
}

// beyond is what one more record takes of the shared room: nothing where a place for it is there.
func (s *slab[T]) beyond() int {
	if s.free != 0 || int(s.next) < len(s.chunks)*chunkLen {
		return 0
	}
	return max(s.chunkBytes()-s.own, 0)
}

// alloc returns a zeroed record, or 0 and nil at the limit.
func (s *slab[T]) alloc() (uint32, *T) {
	if s.live >= s.max {
		return 0, nil
	}
	if i := s.free; i != 0 {
		s.live++
		p := s.at(i)
		s.free = *s.word(p)
		var zero T
		*p = zero
		return i, p
	}
	if int(s.next) == len(s.chunks)*chunkLen {
		if !s.room.take(&s.own, s.chunkBytes()) {
			return 0, nil
		}
		s.chunks = append(s.chunks, new([chunkLen]T))
	}
	s.live++
	s.next++
	return s.next, s.at(s.next)
}

func (s *slab[T]) release(n uint32) {
	if n != 0 {
		*s.word(s.at(n)) = s.free
		s.free = n
		s.live--
	}
}

// word is the first word of a record that is free: a list through the records themselves takes no memory.
func (s *slab[T]) word(p *T) *uint32 { return (*uint32)(unsafe.Pointer(p)) }

func (s *slab[T]) bytes() int {
	var t T
	return len(s.chunks)*chunkLen*int(unsafe.Sizeof(t)) + cap(s.chunks)*8
}
