package detect

// Latest is a list of which only the last entries are kept. A new one takes the place of the oldest: nothing moves up
// (2026-11-28).
type Latest[T any] struct {
	list []T
	next int // once the list is full: the oldest, which makes room
}

// Push adds x to a list of at most most entries, always the same number of a list.
func (l *Latest[T]) Push(x T, most int) {
	if len(l.list) < most {
		l.list = append(l.list, x)
		return
	}
	l.list[l.next] = x
	l.next = (l.next + 1) % most
}

// All goes through the entries, the oldest first.
func (l *Latest[T]) All(yield func(*T) bool) {
	for i := range l.list {
		if !yield(&l.list[(l.next+i)%len(l.list)]) {
			return
		}
	}
}
