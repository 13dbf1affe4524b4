package ipsec

import (
	"slices"
	"strings"

	"firestorm/internal/ipsecconf"
)

// phase is what two proposals are compared for.
type phase struct {
	esp    bool
	groups bool // Diffie-Hellman too
	first  bool // only the first algorithm of each kind is offered (strongSwan with IKEv1)
}

// offer says what of the offered suites the accepted ones take; where nothing fits, in which kind they differ.
func (p phase) offer(offered, accepted []ipsecconf.Proposal) (chosen ipsecconf.Proposal, differ string, ok bool) {
	deepest := -1
	for _, a := range accepted {
		for _, o := range offered {
			if p.first {
				o = firsts(o)
			}
			c, kind, depth := p.common(o, a)
			if depth < 0 {
				return c, "", true
			}
			if depth > deepest {
				deepest, differ = depth, kind
			}
		}
	}
	return ipsecconf.Proposal{}, differ, false
}

// firsts leaves of each kind what comes first.
func firsts(p ipsecconf.Proposal) ipsecconf.Proposal {
	for _, l := range []*[]string{&p.Encr, &p.Hash, &p.PRF, &p.Group} {
		*l = (*l)[:min(len(*l), 1)]
	}
	return p
}

// common is what two proposals share; depth is the kind that fails, counted in the order in which it is looked at, and
// below zero where all kinds have something in common.
func (p phase) common(o, a ipsecconf.Proposal) (ipsecconf.Proposal, string, int) {
	var c ipsecconf.Proposal
	if c.Encr = both(o.Encr, a.Encr); len(c.Encr) == 0 {
		return c, "cipher", 0
	}
	if !ipsecconf.AEAD(c.Encr[0]) {
		if c.Hash = both(o.Hash, a.Hash); len(c.Hash) == 0 && len(o.Hash)+len(a.Hash) > 0 {
			return c, "check value", 1
		}
	}
	if !p.esp && len(o.PRF) > 0 && len(a.PRF) > 0 {
		if c.PRF = both(o.PRF, a.PRF); len(c.PRF) == 0 {
			return c, "pseudo-random function", 2
		}
	}
	if p.esp && !slices.Equal(esn(o), esn(a)) && len(both(esn(o), esn(a))) == 0 {
		return c, "extended sequence numbers", 2
	}
	if p.groups {
		x, y := o.Group, a.Group
		if p.esp { // a list may leave PFS open
			x, y = orNone(x), orNone(y)
		}
		if c.Group = both(x, y); len(c.Group) == 0 && len(x)+len(y) > 0 {
			return c, "Diffie-Hellman group", 3
		}
	}
	return c, "", -1
}

func esn(p ipsecconf.Proposal) []string {
	if len(p.ESN) == 0 {
		return []string{"noesn"}
	}
	return p.ESN
}

func orNone(g []string) []string {
	if len(g) == 0 {
		return []string{"none"}
	}
	return g
}

func both(a, b []string) []string {
	var out []string
	for _, x := range a {
		if slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// show writes suites for people: what the file says, or the first of what the program has.
func (s Suites) show(groups bool) string {
	if s.At.Value != "" && !s.Default && groups {
		v := strings.Join(ipsecconf.List(s.At.Value), ", ")
		if s.Plus {
			v += ", and the program's own after it (no \"!\")"
		}
		return v
	}
	var out []string
	for _, p := range s.List {
		if !groups {
			p.Group = nil
		}
		t := p.Text
		if t == "" || !groups || len(t) > 60 {
			t = strings.Join(slices.Concat(firstFew(p.Encr), firstFew(p.Hash), firstFew(p.Group)), "-")
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return shortList(out)
}

func firstFew(l []string) []string {
	if len(l) > 3 {
		return append(l[:3:3], "…")
	}
	return l
}
