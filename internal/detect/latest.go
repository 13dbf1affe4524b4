package detect

// Latest is a list of which only the last entries are kept. A new one takes the place of the oldest: nothing moves up, and
// nothing is copied as it grows (2026-11-28).
type Latest[T any] struct {
	parts [][]T // of latestPart
	n     int
	next  int // once the list is full: the oldest, which makes room
}

const latestPart = 8

// Push adds x to a list of at most most entries, always the same number of a list.
func (l *Latest[T]) Push(x T, most int) {
	if l.n == most {
		*l.at(l.next) = x
		l.next = (l.next + 1) % most
		return
	}
	if l.n%latestPart == 0 {
		l.parts = append(l.parts, make([]T, latestPart))
	}
	l.n++
	*l.at(l.n - 1) = x
}

func (l *Latest[T]) at(i int) *T { return &l.parts[i/latestPart][i%latestPart] }

// All goes through the entries, the oldest first.
func (l *Latest[T]) All(yield func(*T) bool) {
	for i := range l.n {
		if !yield(l.at((l.next + i) % l.n)) {
			return
		}
	}
}
