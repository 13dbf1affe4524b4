package pcre

import (
	"bytes"
	"slices"
)

// Literal is a text that every match contains.
type Literal struct {
	Bytes  []byte // in lower case when NoCase; do not change
	NoCase bool   // ASCII letters match both cases
	// Where it stands, in bytes from where the match begins to be looked for (before any \K); MaxOffset -1: no limit.
	MinOffset, MaxOffset int
}

// The limits of looking for literals: how often a repeated text is written out, and how many nodes are looked at.
const (
	maxLiteralRepeats = 16
	maxLiteralNodes   = 4096
)

// literals collects the texts that every match of a tree contains.
type literals struct {
	out    []Literal
	run    []byte
	fold   bool // some letter of the run matches both cases
	runMin int  // widths before the run
	runMax int
	min    int // widths so far
	max    int
	nodes  int
}

func requiredLiterals(tree *node) []Literal {
	l := &literals{}
	l.walk(tree)
	l.flush()
	slices.SortStableFunc(l.out, func(a, b Literal) int { return weight(b.Bytes) - weight(a.Bytes) })
	return l.out
}

// flush ends a run of neighbouring bytes.
func (l *literals) flush() {
	if len(l.run) > 0 {
		lit := Literal{Bytes: l.run, NoCase: l.fold, MinOffset: l.runMin, MaxOffset: l.runMax}
		if l.fold {
			for i, b := range l.run {
				l.run[i] = lower(b)
			}
		}
		l.out = append(l.out, lit)
	}
	l.run, l.fold = nil, false
}

func (l *literals) walk(n *node) {
	if l.nodes++; l.nodes > maxLiteralNodes {
		l.skip(n)
		return
	}
	switch n.op {
	case nCat:
		for _, s := range n.subs {
			l.walk(s)
		}
	case nGroup, nAtomic:
		l.walk(n.subs[0])
	case nSet:
		l.one(n)
	case nRep:
		l.repeat(n)
	case nAlt, nBackref, nCond:
		l.skip(n)
	}
}

func (l *literals) one(n *node) {
	b, ok := n.set.single()
	if !ok {
		f, folded := n.set.folded()
		if !folded {
			l.skip(n)
			return
		}
		b, l.fold = f, true
	}
	if len(l.run) == 0 {
		l.runMin, l.runMax = l.min, l.max
	}
	l.run = append(l.run, b)
	l.min, l.max = l.min+1, addWidth(l.max, 1)
}

// skip steps over what is not one text.
func (l *literals) skip(n *node) {
	l.flush()
	l.min, l.max = min(l.min+n.minWidth(), maxWidthKept), addWidth(l.max, n.maxWidth())
}

func (l *literals) repeat(n *node) {
	if n.min == 0 {
		l.skip(n)
		return
	}
	for range min(n.min, maxLiteralRepeats) {
		l.walk(n.subs[0])
	}
	if n.min == n.max && n.min <= maxLiteralRepeats {
		return
	}
	rest := *n
	rest.min -= min(n.min, maxLiteralRepeats)
	if rest.max != unlimited {
		rest.max -= min(n.min, maxLiteralRepeats)
	}
	l.skip(&rest)
}

// weight says how well a text tells subjects apart: long and rare is good.
func weight(text []byte) int {
	w := 0
	for _, b := range text {
		w += rarity(b)
	}
	return w
}

// rarity is a guess for the traffic that rules look at: text protocols first.
func rarity(b byte) int {
	switch {
	case b == ' ' || b == 'e' || b == '/' || b == 0:
		return 4
	case b >= 'a' && b <= 'z' && b != 'j' && b != 'q' && b != 'x' && b != 'z', b == '.' || b == '\r' || b == '\n':
		return 5
	case b >= 'a' && b <= 'z', isDigit(b), b == '-' || b == ':' || b == '=':
		return 6
	case b >= 'A' && b <= 'Z':
		return 7
	}
	return 8
}

// finder looks for one literal.
type finder struct {
	Literal
	rare int // index of the rarest byte, for literals without case
	lo   byte
	up   byte
}

func newFinder(l Literal) *finder {
	f := &finder{Literal: l}
	for i, b := range l.Bytes {
		// A letter is looked for twice: a byte without case is worth more.
		if worth(b) > worth(l.Bytes[f.rare]) {
			f.rare = i
		}
	}
	f.lo = l.Bytes[f.rare]
	f.up = f.lo
	if isLetter(f.lo) {
		f.up = f.lo &^ 0x20
	}
	return f
}

func worth(b byte) int {
	if isLetter(b) {
		return rarity(b)
	}
	return rarity(b) + 2
}

// find returns where the literal begins in b at i or later, or -1.
func (f *finder) find(b []byte, i int) int {
	if i > len(b) {
		return -1
	}
	if !f.NoCase {
		p := bytes.Index(b[i:], f.Bytes)
		if p < 0 {
			return -1
		}
		return i + p
	}
	// The next places of both cases, as offsets of the rare byte; len(b) when there is none.
	i += f.rare
	lo, up := indexFrom(b, f.lo, i), len(b)
	if f.up != f.lo {
		up = indexFrom(b, f.up, i)
	}
	for {
		p := min(lo, up)
		if p >= len(b) {
			return -1
		}
		if f.at(b, p-f.rare) {
			return p - f.rare
		}
		if p == lo {
			lo = indexFrom(b, f.lo, p+1)
		} else {
			up = indexFrom(b, f.up, p+1)
		}
	}
}

func indexFrom(b []byte, c byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	if p := bytes.IndexByte(b[i:], c); p >= 0 {
		return i + p
	}
	return len(b)
}

// at reports whether the literal stands at b[i].
func (f *finder) at(b []byte, i int) bool {
	if i < 0 || len(b)-i < len(f.Bytes) {
		return false
	}
	if !f.NoCase {
		return string(b[i:i+len(f.Bytes)]) == string(f.Bytes)
	}
	for k, c := range f.Bytes {
		if lower(b[i+k]) != c {
			return false
		}
	}
	return true
}
