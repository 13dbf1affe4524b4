package ruletraffic

// run is one search of an expression.
type run struct {
	b      []byte
	groups [][2]int
	steps  int
}

// mostTries bounds one search; what takes longer counts as not found.
const mostTries = 200000

// find is where the expression matches first in b at or behind from.
func (e *expr) find(b []byte, from int) (start, end int, ok bool) {
	r := run{b: b, groups: make([][2]int, e.groups+1)}
	for start = from; start <= len(b); start++ {
		for i := range r.groups {
			r.groups[i] = [2]int{-1, -1}
		}
		end = -1
		if r.match(e.root, start, func(p int) bool { end = p; return true }) {
			return start, end, true
		}
		if r.steps > mostTries {
			break
		}
	}
	return 0, 0, false
}

// first is what the first group is where the expression matches first in b; nil: it does not.
func (e *expr) first(b []byte) []byte {
	r := run{b: b, groups: make([][2]int, e.groups+1)}
	for start := 0; start <= len(b); start++ {
		var g [2]int
		if r.match(e.root, start, func(int) bool { g = r.groups[1]; return true }) {
			return b[g[0]:g[1]]
		}
	}
	return nil
}

// match tries n at p and hands the end of each try to next, until that is content.
func (r *run) match(n *node, p int, next func(int) bool) bool {
	if r.steps++; r.steps > mostTries {
		return false
	}
	switch n.kind {
	case nByte:
		return p < len(r.b) && n.set[r.b[p]] && next(p+1)
	case nSeq:
		return r.sequence(n.kids, p, next)
	case nAlt:
		for _, k := range n.kids {
			if r.match(k, p, next) {
				return true
			}
		}
		return false
	case nRep:
		return r.repeat(n, 0, p, -1, next)
	case nGroup:
		old := r.groups[n.group]
		if r.match(n.kids[0], p, func(q int) bool {
			was := r.groups[n.group]
			r.groups[n.group] = [2]int{p, q}
			if next(q) {
				return true
			}
			r.groups[n.group] = was
			return false
		}) {
			return true
		}
		r.groups[n.group] = old
		return false
	case nBegin:
		return (p == 0 || n.multi && r.b[p-1] == '\n') && next(p)
	case nEnd:
		at := p == len(r.b) || !n.strict && p == len(r.b)-1 && r.b[p] == '\n' || n.multi && r.b[p] == '\n'
		return at && next(p)
	case nWord:
		before, after := p > 0 && wordByte(r.b[p-1]), p < len(r.b) && wordByte(r.b[p])
		return (before != after) != n.not && next(p)
	case nLook:
		found := false
		if n.behind {
			for q := p; q >= 0 && !found; q-- {
				found = r.match(n.kids[0], q, func(e int) bool { return e == p })
			}
		} else {
			found = r.match(n.kids[0], p, func(int) bool { return true })
		}
		return found != n.not && next(p)
	case nAtomic:
		end := -1
		return r.match(n.kids[0], p, func(q int) bool { end = q; return true }) && next(end)
	}
	g := [2]int{-1, -1}
	if n.group < len(r.groups) {
		g = r.groups[n.group]
	}
	if g[0] < 0 {
		return false
	}
	s := r.b[g[0]:g[1]]
	return p+len(s) <= len(r.b) && sameBytes(r.b[p:p+len(s)], s, n.fold) && next(p+len(s))
}

func (r *run) sequence(kids []*node, p int, next func(int) bool) bool {
	if len(kids) == 0 {
		return next(p)
	}
	return r.match(kids[0], p, func(q int) bool { return r.sequence(kids[1:], q, next) })
}

func (r *run) repeat(n *node, done, p, last int, next func(int) bool) bool {
	if p == last && done >= n.lo { // an empty round changes nothing
		return next(p)
	}
	again := func() bool {
		return (n.hi < 0 || done < n.hi) && r.match(n.kids[0], p, func(q int) bool { return r.repeat(n, done+1, q, p, next) })
	}
	if done < n.lo {
		return again()
	}
	if n.lazy {
		return next(p) || again()
	}
	return again() || next(p)
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
