package flow

import "unsafe"

// slab holds records without pointers in chunks that never move. Numbers start at 1; 0 means none. Freed records are
// used again last in, first out: the order follows from the packets alone.
type slab[T any] struct {
	chunks [][]T
	free   []uint32
	next   uint32 // highest number given out
	live   int
	max    int // limit of live records
}

const chunkLen = 64

func (s *slab[T]) at(n uint32) *T { return &s.chunks[(n-1)/chunkLen][(n-1)%chunkLen] }

// alloc returns a zeroed record, or 0 and nil at the limit.
func (s *slab[T]) alloc() (uint32, *T) {
	if s.live >= s.max {
		return 0, nil
	}
	s.live++
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		p := s.at(i)
		var zero T
		*p = zero
		return i, p
	}
	if int(s.next) == len(s.chunks)*chunkLen {
		s.chunks = append(s.chunks, make([]T, chunkLen))
	}
	s.next++
	return s.next, s.at(s.next)
}

func (s *slab[T]) release(n uint32) {
	if n != 0 {
		s.free = append(s.free, n)
		s.live--
	}
}

func (s *slab[T]) bytes() int {
	var t T
	return len(s.chunks)*chunkLen*int(unsafe.Sizeof(t)) + cap(s.free)*4 + cap(s.chunks)*24
}
