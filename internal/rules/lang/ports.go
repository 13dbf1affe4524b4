package lang

import (
	"errors"
	"fmt"
	"strings"
)

// PortSet is a set of ports. It is never changed and may be shared.
type PortSet struct {
	spans []span[uint16]
	any   bool
}

var anyPort = &PortSet{spans: []span[uint16]{{0, 65535}}, any: true}

// Any reports that every port is in the set.
func (s *PortSet) Any() bool { return s.any }

// Has reports whether a port is in the set.
func (s *PortSet) Has(p uint16) bool {
	if s.any {
		return true
	}
	lo, hi := 0, len(s.spans)
	for lo < hi { // the first span that does not end before p
		if m := int(uint(lo+hi) >> 1); s.spans[m].hi < p {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(s.spans) && s.spans[lo].lo <= p
}

// Equal reports the same ports.
func (s *PortSet) Equal(t *PortSet) bool { return equal(s.spans, t.spans) }

// Len is the number of ranges the set is made of.
func (s *PortSet) Len() int { return len(s.spans) }

// All calls yield with the first and last port of each range, in order, until it returns false.
func (s *PortSet) All(yield func(first, last uint16) bool) {
	for _, r := range s.spans {
		if !yield(r.lo, r.hi) {
			return
		}
	}
}

// Ports reads a port expression: any, ports, ranges a:b (with an open end: a: or :b), groups, variables and negations of
// these. What is negated is taken out of what is not, or of all ports where nothing else is given. v may be nil.
func Ports(expr string, v *Vars) (*PortSet, error) {
	if isAny(expr) {
		return anyPort, nil
	}
	g := group[PortSet]{what: "port", item: addPort, minus: minusPorts, add: func(to, from *PortSet) {
		to.spans = append(to.spans, from.spans...)
	}}
	if v != nil {
		g.vars = v.Ports
	}
	var wanted, unwanted PortSet
	if err := g.read(expr, 0, &wanted, &unwanted); err != nil {
		return nil, err
	}
	if err := minusPorts(&wanted, &unwanted); err != nil {
		return nil, fmt.Errorf("%w%s", err, variables(expr))
	}
	wanted.any = ports.all(wanted.spans)
	return &wanted, nil
}

var errNoPort = errors.New("what is excluded leaves no port")

func minusPorts(wanted, unwanted *PortSet) error {
	un := ports.merge(unwanted.spans)
	if len(wanted.spans) == 0 {
		wanted.spans = append(wanted.spans, anyPort.spans...)
	}
	wanted.spans = ports.minus(ports.merge(wanted.spans), un)
	if len(wanted.spans) == 0 {
		return errNoPort
	}
	return nil
}

// addPort reads a port, a range, or any.
func addPort(text string, to *PortSet) error {
	if isAny(text) {
		to.spans = append(to.spans, anyPort.spans...)
		return nil
	}
	a, b, isRange := strings.Cut(text, ":")
	if !isRange {
		b = a
	}
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	first, last, okA, okB := 0, 65535, true, true
	if a != "" || !isRange {
		first, okA = digits(a, 5)
	}
	if b != "" || !isRange {
		last, okB = digits(b, 5)
	}
	switch {
	case !okA || !okB || first > 65535 || last > 65535 || isRange && a == "" && b == "":
		return fmt.Errorf("%s is no port, nor a range of ports a:b", quote(text))
	case first > last:
		return fmt.Errorf("the range of ports %s does not go upwards", quote(text))
	}
	to.spans = append(to.spans, span[uint16]{uint16(first), uint16(last)})
	return nil
}
