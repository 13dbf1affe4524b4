package lang

import (
	"cmp"
	"slices"
)

// number is what ranges are made of: ports, IPv4 addresses, IPv6 addresses.
type number interface {
	comparable
}

// span is a range with both ends in it.
type span[T number] struct{ lo, hi T }

// arith is what merging needs to know about a kind of number.
type arith[T number] struct {
	compare    func(a, b T) int
	next, prev func(T) T // one more, one less; not asked at the ends of what there is
	first, end T         // the least and the greatest
}

// merge sorts spans and joins those that overlap or touch. It works in place.
func (a *arith[T]) merge(s []span[T]) []span[T] {
	slices.SortFunc(s, func(x, y span[T]) int {
		return cmp.Or(a.compare(x.lo, y.lo), a.compare(x.hi, y.hi))
	})
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && (out[n-1].hi == a.end || a.compare(x.lo, a.next(out[n-1].hi)) <= 0) {
			if a.compare(x.hi, out[n-1].hi) > 0 {
				out[n-1].hi = x.hi
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// minus takes what is unwanted out of what is wanted; both are merged.
func (a *arith[T]) minus(wanted, unwanted []span[T]) []span[T] {
	if len(unwanted) == 0 {
		return wanted
	}
	var out []span[T]
	u := unwanted
	for _, w := range wanted {
		for len(u) > 0 && a.compare(u[0].hi, w.lo) < 0 {
			u = u[1:]
		}
		left := true
		for i := 0; i < len(u) && a.compare(u[i].lo, w.hi) <= 0; i++ {
			if a.compare(u[i].lo, w.lo) > 0 {
				out = append(out, span[T]{w.lo, a.prev(u[i].lo)})
			}
			if a.compare(u[i].hi, w.hi) >= 0 {
				left = false
				break
			}
			w.lo = a.next(u[i].hi)
		}
		if left {
			out = append(out, w)
		}
	}
	return out
}

// all reports the whole range of numbers.
func (a *arith[T]) all(s []span[T]) bool {
	return len(s) == 1 && s[0].lo == a.first && s[0].hi == a.end
}

var ports = arith[uint16]{cmp.Compare[uint16],
	func(p uint16) uint16 { return p + 1 }, func(p uint16) uint16 { return p - 1 }, 0, 65535}

var fours = arith[uint32]{cmp.Compare[uint32],
	func(p uint32) uint32 { return p + 1 }, func(p uint32) uint32 { return p - 1 }, 0, 1<<32 - 1}

var sixes = arith[six]{six.compare, six.next, six.prev, six{}, six{1<<64 - 1, 1<<64 - 1}}

// six is an IPv6 address as a number.
type six struct{ hi, lo uint64 }

func (a six) compare(b six) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }

func (a six) next() six {
	if a.lo++; a.lo == 0 {
		a.hi++
	}
	return a
}

func (a six) prev() six {
	if a.lo == 0 {
		a.hi--
	}
	a.lo--
	return a
}
