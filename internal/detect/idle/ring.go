package idle

// ring keeps the newest entries of many lists together, in one bounded space: where it is full, the oldest entry of any
// list makes room for the next.
type ring[T any] struct {
	list    []linked[T]
	most    int
	n       uint64 // pushed so far
	evicted uint64
}

type linked[T any] struct {
	value T
	prev  uint64 // the entry before it in its list, by number; 0: none
}

// chain is one list of a ring.
type chain struct {
	last uint64 // number of the newest entry; 0: none
	n    uint32 // entries pushed
}

// push adds x to a list and returns its number.
func (r *ring[T]) push(c *chain, x T) uint64 {
	r.n++
	e := linked[T]{x, c.last}
	if len(r.list) < r.most {
		r.list = append(r.list, e)
	} else {
		r.list[(r.n-1)%uint64(r.most)] = e
		r.evicted++
	}
	c.last = r.n
	c.n++
	return r.n
}

// get returns an entry by its number, nil when it made room for another.
func (r *ring[T]) get(n uint64) *linked[T] {
	if n == 0 || n > r.n || r.n-n >= uint64(r.most) {
		return nil
	}
	return &r.list[(n-1)%uint64(r.most)]
}

// newest returns the newest entries of a list, at most remembered, the oldest first. short: others of it were there, and
// made room.
func (r *ring[T]) newest(c *chain) (out []*T, short bool) {
	var back [remembered]*T
	n := 0
	for at := c.last; n < remembered; n++ {
		e := r.get(at)
		if e == nil {
			break
		}
		back[n], at = &e.value, e.prev
	}
	for i := n - 1; i >= 0; i-- {
		out = append(out, back[i])
	}
	return out, n < int(min(c.n, remembered))
}
