package ruletraffic

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// around is a string of the expression whose first group is b.
func (e *expr) around(b []byte) []byte {
	m := maker{rng: rand.New(rand.NewPCG(1, 1)), most: 3, groups: make([][2]int, e.groups+1), given: b}
	m.make(e.root)
	return m.out
}

// mostMade bounds what one expression makes.
const mostMade = 3000

// maker makes strings that an expression may match.
type maker struct {
	rng    *rand.Rand
	legal  func(byte) bool // bytes that are liked where there is a choice; nil: letters and digits
	most   int             // rounds of a repetition beyond those that it must have
	given  []byte          // what the first group is; nil: anything
	out    []byte
	groups [][2]int
}

// sample is a string of the expression. Assertions are hoped for, not looked after: ask find.
func (e *expr) sample(rng *rand.Rand, legal func(byte) bool, most int) []byte {
	m := maker{rng: rng, legal: legal, most: most, groups: make([][2]int, e.groups+1)}
	m.make(e.root)
	return m.out
}

func (m *maker) make(n *node) {
	if len(m.out) > mostMade {
		return
	}
	switch n.kind {
	case nByte:
		m.out = append(m.out, m.pick(n.set))
	case nSeq, nAtomic:
		for _, k := range n.kids {
			m.make(k)
		}
	case nAlt:
		m.make(n.kids[m.rng.IntN(len(n.kids))])
	case nRep:
		k := n.lo
		most := n.lo + m.most
		if n.hi >= 0 {
			most = min(most, n.hi)
		}
		if most > k {
			k += m.rng.IntN(most - k + 1)
		}
		for range k {
			m.make(n.kids[0])
		}
	case nGroup:
		from := len(m.out)
		if n.group == 1 && m.given != nil {
			m.out = append(m.out, m.given...)
		} else {
			m.make(n.kids[0])
		}
		m.groups[n.group] = [2]int{from, len(m.out)}
	case nBack:
		if n.group < len(m.groups) {
			g := m.groups[n.group]
			m.out = append(m.out, m.out[g[0]:g[1]]...)
		}
	}
}

// pick takes one byte of a set, a likely one if it can.
func (m *maker) pick(s *[256]bool) byte {
	var liked, some []byte
	for i, in := range s {
		if !in {
			continue
		}
		c := byte(i)
		some = append(some, c)
		if wordByte(c) && c != '_' && (m.legal == nil || m.legal(c)) {
			liked = append(liked, c)
		}
	}
	if len(liked) == 0 {
		for _, c := range some {
			if m.legal != nil && m.legal(c) {
				liked = append(liked, c)
			}
		}
	}
	switch {
	case len(liked) > 0:
		return liked[m.rng.IntN(len(liked))]
	case len(some) > 0:
		return some[m.rng.IntN(len(some))]
	}
	return 'x'
}

// anchored says what the expression is bound to: the begin, the end.
func (e *expr) anchored() (begin, end bool) { return bound(e.root, true), bound(e.root, false) }

func bound(n *node, begin bool) bool {
	switch n.kind {
	case nBegin:
		return begin && !n.multi
	case nEnd:
		return !begin && !n.multi
	case nGroup, nAtomic:
		return bound(n.kids[0], begin)
	case nAlt:
		for _, k := range n.kids {
			if !bound(k, begin) {
				return false
			}
		}
		return true
	case nSeq:
		kids := n.kids
		for len(kids) > 0 {
			k := kids[0]
			if !begin {
				k = kids[len(kids)-1]
			}
			if k.kind != nLook && k.kind != nWord {
				return bound(k, begin)
			}
			if begin {
				kids = kids[1:]
			} else {
				kids = kids[:len(kids)-1]
			}
		}
	}
	return false
}

// second asks Go's own engine whether the expression is in b, where that can read it. Bytes become letters of the same
// number, so that \xe4 means the byte.
func (e *expr) second(b []byte) (found, known bool) {
	flags := "s"
	for _, f := range "im" {
		if strings.ContainsRune(e.flags, f) {
			flags += string(f)
		}
	}
	if !strings.Contains(e.flags, "s") {
		flags = strings.TrimPrefix(flags, "s")
	}
	text := latin([]byte(e.text))
	if strings.ContainsAny(e.flags, "xAEG") || strings.Contains(text, `\Z`) || strings.Contains(text, "$") && strings.HasSuffix(string(b), "\n") {
		return false, false
	}
	if strings.Contains(strings.ToLower(text), `\s`) && strings.Contains(string(b), "\v") {
		return false, false // Go's \s has no vertical tab
	}
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil || strings.Contains(e.text, `\h`) {
		return false, false
	}
	return re.MatchString(latin(b)), true
}

func latin(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// agree makes sure that both engines say the same of b.
func (e *expr) agree(b []byte) error {
	_, _, first := e.find(b, 0)
	if second, known := e.second(b); known && second != first {
		return fmt.Errorf("two engines differ about /%s/%s and %q: %v, Go's %v", e.text, e.flags, b, first, second)
	}
	return nil
}
