package ruletraffic

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
)

// Vars are the variables of rules' headers, without the $.
type Vars map[string]string

// set is an expression of addresses or ports: what one of yes has, or all if there is none, but for what one of no has.
// Numbers are IPv4 addresses or ports.
type set struct{ yes, no []*set }

// leaf has exactly the numbers from lo to hi.
type leaf struct{ lo, hi uint32 }

type numbers struct {
	*set
	leaves map[*set]leaf
	vars   Vars
	ports  bool
}

// read reads an expression.
func (v Vars) read(text string, ports bool) (*numbers, error) {
	n := &numbers{leaves: map[*set]leaf{}, vars: v, ports: ports}
	var err error
	n.set, err = n.parse(text, 0)
	return n, err
}

func (n *numbers) parse(text string, depth int) (*set, error) {
	text = strings.TrimSpace(text)
	if depth > 20 {
		return nil, fmt.Errorf("%q has no end", text)
	}
	s := &set{}
	switch {
	case text == "any":
	case text == "":
		return nil, fmt.Errorf("an empty expression")
	case text[0] == '!':
		in, err := n.parse(text[1:], depth+1)
		if err != nil {
			return nil, err
		}
		s.no = append(s.no, in)
	case text[0] == '$':
		value, ok := n.vars[text[1:]]
		if !ok {
			return nil, fmt.Errorf("the variable %s is not set", text)
		}
		return n.parse(value, depth+1)
	case text[0] == '[':
		for _, item := range cutList(strings.TrimSuffix(text[1:], "]")) {
			in, err := n.parse(item, depth+1)
			if err != nil {
				return nil, err
			}
			if len(in.yes) == 0 && len(in.no) > 0 && n.leaves[in] == (leaf{}) {
				s.no = append(s.no, in.no...)
				continue
			}
			s.yes = append(s.yes, in)
		}
	default:
		l, err := n.leaf(text)
		n.leaves[s] = l
		return s, err
	}
	return s, nil
}

func cutList(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ',' && depth == 0 {
			if t := strings.TrimSpace(s[from:i]); t != "" {
				out = append(out, t)
			}
			from = i + 1
			continue
		}
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		}
	}
	return out
}

func (n *numbers) leaf(text string) (leaf, error) {
	if n.ports {
		a, b, span := strings.Cut(text, ":")
		if a == "" {
			a = "0"
		}
		if b == "" {
			b = "65535"
		}
		if !span {
			b = a
		}
		lo, err := strconv.ParseUint(strings.TrimSpace(a), 10, 16)
		if err != nil {
			return leaf{}, err
		}
		hi, err := strconv.ParseUint(strings.TrimSpace(b), 10, 16)
		return leaf{uint32(lo), uint32(hi)}, err
	}
	if a, b, ok := strings.Cut(text, "-"); ok {
		lo, err := netip.ParseAddr(strings.TrimSpace(a))
		if err != nil {
			return leaf{}, err
		}
		hi, err := netip.ParseAddr(strings.TrimSpace(b))
		if err != nil || !lo.Is4() || !hi.Is4() {
			return leaf{}, fmt.Errorf("%q is no range of IPv4 addresses", text)
		}
		return leaf{number(lo), number(hi)}, nil
	}
	if !strings.Contains(text, "/") {
		text += "/32"
		if strings.Contains(text, ":") {
			text = strings.TrimSuffix(text, "/32") + "/128"
		}
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return leaf{}, err
	}
	if !p.Addr().Is4() {
		return leaf{1, 0}, nil // of IPv6: none of ours
	}
	lo := number(p.Masked().Addr())
	return leaf{lo, lo | uint32(1<<(32-p.Bits())-1)}, nil
}

func number(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }

func address(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func (n *numbers) has(v uint32) bool { return n.in(n.set, v) }

func (n *numbers) in(s *set, v uint32) bool {
	if l, ok := n.leaves[s]; ok {
		return v >= l.lo && v <= l.hi
	}
	found := len(s.yes) == 0
	for _, in := range s.yes {
		found = found || n.in(in, v)
	}
	for _, in := range s.no {
		found = found && !n.in(in, v)
	}
	return found
}

// pick takes a number that the set has (or has not) and that ok likes.
func (n *numbers) pick(rng *rand.Rand, want bool, liked []uint32, ok func(uint32) bool) (uint32, bool) {
	for _, v := range liked {
		if n.has(v) == want && ok(v) {
			return v, true
		}
	}
	for try := range 400 {
		v := n.some(rng)
		if want && try%2 == 0 {
			v = n.draw(n.set, rng)
		}
		if n.has(v) == want && ok(v) {
			return v, true
		}
	}
	return 0, false
}

// draw takes a number out of one of the leaves.
func (n *numbers) draw(s *set, rng *rand.Rand) uint32 {
	if l, ok := n.leaves[s]; ok && l.hi >= l.lo {
		return l.lo + uint32(rng.Uint64N(uint64(l.hi-l.lo)+1))
	}
	if len(s.yes) == 0 {
		return n.some(rng)
	}
	return n.draw(s.yes[rng.IntN(len(s.yes))], rng)
}

// some is any port, or any unicast address that a rule may speak of: inside or outside.
func (n *numbers) some(rng *rand.Rand) uint32 {
	switch {
	case n.ports:
		return 1024 + rng.Uint32N(64000)
	case rng.IntN(2) == 0:
		return 10<<24 | rng.Uint32N(1<<24-2) + 1
	}
	return (23+rng.Uint32N(70))<<24 | rng.Uint32N(1<<24-2) + 1
}
