package detect

import "firestorm/internal/packet"

// Recent is a bounded table of a detector. When it is full, an entry that was not asked for since the search last came by
// makes room (the second-chance rule, which comes near to the oldest use at no cost for a look-up). What is thrown out is
// counted. No order of a map reaches anybody: Each goes by place.
type Recent[K comparable, V any] struct {
	// Evicted counts entries thrown out for lack of room.
	Evicted uint64
	max     int
	by      map[K]int32
	slots   []recentSlot[K, V]
	hand    int
	whose   whose
	host    func(K) packet.Addr
}

type recentSlot[K comparable, V any] struct {
	key  K
	v    V
	used bool
	free bool
}

// NewRecent returns a table of at most max entries, at least one.
func NewRecent[K comparable, V any](most int) *Recent[K, V] {
	return &Recent[K, V]{max: max(most, 1), by: map[K]int32{}}
}

// Of says whose table it is, what it holds, and which host an entry is of; nil: of none.
func (r *Recent[K, V]) Of(s *Scope, detector, what string, host func(K) packet.Addr) *Recent[K, V] {
	r.whose, r.host = whose{s, detector, what}, host
	return r
}

// Get returns the value of k, or nil. It is good until the next Put.
func (r *Recent[K, V]) Get(k K) *V {
	i, ok := r.by[k]
	if !ok {
		return nil
	}
	s := &r.slots[i]
	s.used = true
	return &s.v
}

// Put returns the value of k, a zero one when it is new. It is good until the next Put.
func (r *Recent[K, V]) Put(k K) (v *V, fresh bool) {
	if v := r.Get(k); v != nil {
		return v, false
	}
	i := len(r.slots)
	if i < r.max {
		r.slots = append(r.slots, recentSlot[K, V]{})
	} else {
		i = r.room()
	}
	r.slots[i] = recentSlot[K, V]{key: k}
	r.by[k] = int32(i)
	return &r.slots[i].v, true
}

// room frees a place.
func (r *Recent[K, V]) room() int {
	for {
		i := r.hand
		r.hand = (r.hand + 1) % len(r.slots)
		s := &r.slots[i]
		switch {
		case s.free:
			return i
		case s.used:
			s.used = false
		default:
			delete(r.by, s.key)
			r.Evicted++
			if r.host != nil {
				r.whose.lost(r.host(s.key))
			} else {
				r.whose.lost()
			}
			return i
		}
	}
}

// Drop forgets k: nothing was lost.
func (r *Recent[K, V]) Drop(k K) {
	if i, ok := r.by[k]; ok {
		delete(r.by, k)
		r.slots[i] = recentSlot[K, V]{free: true}
	}
}

// Len is the number of entries.
func (r *Recent[K, V]) Len() int { return len(r.by) }

// Each calls f for each entry, in an order that depends on nothing but what was put and asked for.
func (r *Recent[K, V]) Each(f func(k K, v *V)) {
	for n := range r.slots {
		if s := &r.slots[(r.hand+n)%len(r.slots)]; !s.free {
			f(s.key, &s.v)
		}
	}
}

// Pair is an entry of a table as it is kept over restarts.
type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

// Pairs returns all entries in the order of Each.
func (r *Recent[K, V]) Pairs() []Pair[K, V] {
	out := make([]Pair[K, V], 0, len(r.by))
	r.Each(func(k K, v *V) { out = append(out, Pair[K, V]{k, *v}) })
	return out
}

// Restore puts entries into the table, of which it keeps as many as it has room for.
func (r *Recent[K, V]) Restore(ps []Pair[K, V]) {
	for _, p := range ps {
		v, _ := r.Put(p.Key)
		*v = p.Value
	}
}
