package ipsec

import (
	"net/netip"
	"slices"
	"strings"
)

// selectorsMeet compares two lists of traffic selectors: the same, or some of both the same.
func selectorsMeet(a, b []string) (equal, overlap bool) {
	if len(a) == 0 || len(b) == 0 {
		return false, false
	}
	x, y := slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b)))
	if slices.Equal(x, y) {
		return true, true
	}
	return false, slices.ContainsFunc(x, func(s string) bool { return slices.ContainsFunc(y, func(t string) bool { return meet(s, t) }) })
}

// within reports whether every selector of a lies in one of b.
func within(a, b []string) bool {
	for _, s := range a {
		if !slices.ContainsFunc(b, func(t string) bool {
			p, port, ok := selector(s)
			q, port2, ok2 := selector(t)
			if !ok || !ok2 {
				return s == t
			}
			return q.Bits() <= p.Bits() && q.Contains(p.Addr()) && (port2 == "" || port == port2)
		}) {
			return false
		}
	}
	return len(a) > 0
}

func meet(s, t string) bool {
	p, port, ok := selector(s)
	q, port2, ok2 := selector(t)
	if !ok || !ok2 {
		return s == t
	}
	return p.Overlaps(q) && (port == "" || port2 == "" || port == port2)
}

// selector takes a network and what follows it in brackets apart.
func selector(s string) (netip.Prefix, string, bool) {
	n, port, _ := strings.Cut(s, "[")
	p, ok := prefix(n)
	return p, strings.TrimSuffix(port, "]"), ok
}

func private(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.IsPrivate()
}
