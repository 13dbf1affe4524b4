package lang

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"firestorm/internal/packet"
)

// AddrSet is a set of addresses. It is never changed and may be shared.
type AddrSet struct {
	four []span[uint32]
	six  []span[six]
	any  bool
}

// anyAddr is what the commonest expression gives.
var anyAddr = &AddrSet{four: []span[uint32]{{fours.first, fours.end}}, six: []span[six]{{sixes.first, sixes.end}}, any: true}

// Any reports that every address is in the set.
func (s *AddrSet) Any() bool { return s.any }

// Has reports whether an address is in the set.
func (s *AddrSet) Has(a *packet.Addr) bool {
	if s.any {
		return true
	}
	if a.Is4() {
		n := binary.BigEndian.Uint32(a[12:])
		lo, hi := 0, len(s.four)
		for lo < hi { // the first span that does not end before n
			if m := int(uint(lo+hi) >> 1); s.four[m].hi < n {
				lo = m + 1
			} else {
				hi = m
			}
		}
		return lo < len(s.four) && s.four[lo].lo <= n
	}
	n := six{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
	lo, hi := 0, len(s.six)
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); s.six[m].hi.compare(n) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo < len(s.six) && s.six[lo].lo.compare(n) <= 0
}

// Equal reports the same addresses.
func (s *AddrSet) Equal(t *AddrSet) bool { return equal(s.four, t.four) && equal(s.six, t.six) }

// Four calls yield with the first and last address of each IPv4 range, in order, until it returns false.
func (s *AddrSet) Four(yield func(first, last uint32) bool) {
	for _, r := range s.four {
		if !yield(r.lo, r.hi) {
			return
		}
	}
}

// Len is the number of ranges the set is made of.
func (s *AddrSet) Len() int { return len(s.four) + len(s.six) }

func equal[T number](a, b []span[T]) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Addrs reads an address expression: any, addresses, networks, ranges, groups, variables and negations of these. What is
// negated is taken out of what is not; where nothing of a family but negations is given, all of that family is meant but
// these, as Suricata has it: "!10.0.0.0/8" has no IPv6 address in it. v may be nil.
func Addrs(expr string, v *Vars) (*AddrSet, error) {
	if isAny(expr) {
		return anyAddr, nil
	}
	g := group[AddrSet]{what: "address", item: addAddr, minus: minusAddrs, add: func(to, from *AddrSet) {
		to.four, to.six = append(to.four, from.four...), append(to.six, from.six...)
	}}
	if v != nil {
		g.vars = v.Addrs
	}
	var wanted, unwanted AddrSet
	if err := g.read(expr, 0, &wanted, &unwanted); err != nil {
		return nil, err
	}
	if err := minusAddrs(&wanted, &unwanted); err != nil {
		return nil, fmt.Errorf("%w%s", err, variables(expr))
	}
	wanted.any = fours.all(wanted.four) && sixes.all(wanted.six)
	return &wanted, nil
}

// isAny reports the word that stands for everything.
func isAny(expr string) bool { return len(expr) == 3 && strings.EqualFold(expr, "any") }

// variables names what an expression is made of, for a reason: which variables to look at.
func variables(expr string) string {
	var names []string
	for _, w := range strings.FieldsFunc(expr, func(r rune) bool { return strings.ContainsRune("[]!, \t", r) }) {
		if len(w) > 1 && w[0] == '$' && len(names) < 4 {
			names = append(names, w)
		}
	}
	if names == nil {
		return ""
	}
	return "; look at " + strings.Join(names, " and ")
}

var errNoAddress = errors.New("what is excluded leaves no address")

func minusAddrs(wanted, unwanted *AddrSet) error {
	un4, un6 := fours.merge(unwanted.four), sixes.merge(unwanted.six)
	if len(wanted.four) == 0 && len(un4) > 0 {
		wanted.four = append(wanted.four, anyAddr.four...)
	}
	if len(wanted.six) == 0 && len(un6) > 0 {
		wanted.six = append(wanted.six, anyAddr.six...)
	}
	wanted.four = fours.minus(fours.merge(wanted.four), un4)
	wanted.six = sixes.minus(sixes.merge(wanted.six), un6)
	if len(wanted.four) == 0 && len(wanted.six) == 0 {
		return errNoAddress
	}
	return nil
}

// addAddr reads an address, a network with prefix length or mask, a range, or any.
func addAddr(text string, to *AddrSet) error {
	if isAny(text) {
		to.four, to.six = append(to.four, anyAddr.four...), append(to.six, anyAddr.six...)
		return nil
	}
	var first, last netip.Addr
	if a, b, ok := strings.Cut(text, "-"); ok {
		var err error
		if first, err = parseAddr(a); err != nil {
			return err
		}
		if last, err = parseAddr(b); err != nil {
			return err
		}
		if first.Is4() != last.Is4() || last.Less(first) {
			return fmt.Errorf("the range %s does not go upwards within one family", quote(text))
		}
	} else {
		net, mask, hasMask := strings.Cut(text, "/")
		var err error
		if first, err = parseAddr(net); err != nil {
			return err
		}
		last = first
		if hasMask {
			bits, err := prefixLen(strings.TrimSpace(mask), first)
			if err != nil {
				return err
			}
			p, err := first.Prefix(bits)
			if err != nil {
				return fmt.Errorf("%s has no prefix of %d bits", quote(net), bits)
			}
			first, last = p.Addr(), lastOf(p)
		}
	}
	if first.Is4() {
		a, b := first.As4(), last.As4()
		to.four = append(to.four, span[uint32]{binary.BigEndian.Uint32(a[:]), binary.BigEndian.Uint32(b[:])})
		return nil
	}
	to.six = append(to.six, span[six]{toSix(first), toSix(last)})
	return nil
}

func parseAddr(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("%s is no address", quote(text))
	}
	return a.Unmap(), nil
}

// prefixLen reads what stands behind the slash: a number of bits, or for IPv4 a mask.
func prefixLen(text string, a netip.Addr) (int, error) {
	if mask, err := netip.ParseAddr(text); err == nil && mask.Is4() && a.Is4() {
		b := mask.As4()
		m := binary.BigEndian.Uint32(b[:])
		bits := 0
		for ; m&(1<<31) != 0; m <<= 1 {
			bits++
		}
		if m == 0 {
			return bits, nil
		}
	} else if n, ok := digits(text, 3); ok && n <= a.BitLen() {
		return n, nil
	}
	return 0, fmt.Errorf("%s is neither a prefix length of %s nor its mask", quote("/"+text), a)
}

// digits reads a decimal number of at most so many digits.
func digits(s string, most int) (n int, ok bool) {
	if s == "" || len(s) > most {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func toSix(a netip.Addr) six {
	b := a.As16()
	return six{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
