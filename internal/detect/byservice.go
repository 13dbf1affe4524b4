package detect

import "firestorm/internal/event"

// ByService keeps a value for each service that a detector knows something of. All such tables and the ledger share the
// hash of an event's service, and none is a map: a look-up waits for memory twice, not four times (2026-11-28).
type ByService[T any] struct {
	ledger *Ledger // which knows the hash
	index  index
	chunks [][]serviceRow[T] // by number, servicesInChunk each
	most   int
	rows   int   // numbers given out so far
	free   []int // those of them that were swept
	renew  bool
	oldest int // number of the oldest once the table is full, where it gives way
	whose  whose
}

type serviceRow[T any] struct {
	key   svcKey
	used  bool
	value T
}

// A chunk is a slice: to find a place in an array that a pointer leads to, the compiler has the array's first byte read
// to see that there is one, which waits for memory once more than need be (2026-11-30).
const servicesInChunk = 32

// NewByService returns a table for at most max services. With renew the oldest gives way to a new one, else there is no
// room for new ones in a full table until Sweep makes some.
func NewByService[T any](s *Scope, most int, renew bool) *ByService[T] {
	t := &ByService[T]{ledger: s.Ledger, index: newIndex(), most: most, renew: renew}
	s.Ledger.followers = append(s.Ledger.followers, t)
	return t
}

// Of says whose table it is, and what it holds.
func (t *ByService[T]) Of(s *Scope, detector, what string) *ByService[T] {
	t.whose = whose{s, detector, what}
	return t
}

// Len is how many services have a value.
func (t *ByService[T]) Len() int { return t.rows - len(t.free) }

func (t *ByService[T]) at(number int) *serviceRow[T] {
	return &t.chunks[number/servicesInChunk][number%servicesInChunk]
}

// Get returns the value of the service that a flow's event goes to, nil for none.
func (t *ByService[T]) Get(h *event.Head) *T {
	k := svcKey{h.Vantage, Service{h.Server.Addr, h.Server.Port, h.Proto}}
	return t.find(&k, t.ledger.hashOf(h, &k))
}

// Find does the same for a service by its name.
func (t *ByService[T]) Find(vantage uint16, s Service) *T {
	k := svcKey{vantage, s}
	return t.find(&k, t.ledger.hash(&k))
}

func (t *ByService[T]) find(k *svcKey, hash uint32) *T {
	slots := t.index.slots
	for i := hash; ; i++ {
		s := slots[i&uint32(len(slots)-1)]
		if s.at == 0 {
			return nil
		}
		if s.hash == hash {
			if r := t.at(int(s.at - 1)); r.key == *k {
				return &r.value
			}
		}
	}
}

// Own returns the value of the service that a flow's event goes to, a new one when it has none; nil when there is no room
// for it. The value of a service that gave way is used again.
func (t *ByService[T]) Own(h *event.Head) (v *T, fresh bool) {
	k := svcKey{h.Vantage, Service{h.Server.Addr, h.Server.Port, h.Proto}}
	hash := t.ledger.hashOf(h, &k)
	if v = t.find(&k, hash); v != nil {
		return v, false
	}
	n := t.rows
	switch {
	case len(t.free) > 0:
		n = t.free[len(t.free)-1]
		t.free = t.free[:len(t.free)-1]
	case n < t.most:
		if n/servicesInChunk == len(t.chunks) {
			t.chunks = append(t.chunks, make([]serviceRow[T], servicesInChunk))
		}
		t.rows++
	case t.renew && n > 0:
		n = t.oldest
		t.whose.lost(t.at(n).key.Addr)
		t.index.drop(t.ledger.hash(&t.at(n).key), n)
		t.oldest = (n + 1) % t.most
	default:
		t.whose.lost(k.Addr)
		return nil, false
	}
	r := t.at(n)
	*r = serviceRow[T]{key: k, used: true}
	t.index.put(hash, n)
	return &r.value, true
}

// Sweep forgets the services for whose value drop is true. The others stay where they are.
func (t *ByService[T]) Sweep(drop func(*T) bool) {
	for n := range t.rows {
		if r := t.at(n); r.used && drop(&r.value) {
			t.index.drop(t.ledger.hash(&r.key), n)
			*r = serviceRow[T]{}
			t.free = append(t.free, n)
		}
	}
}
