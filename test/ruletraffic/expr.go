package ruletraffic

import (
	"fmt"
	"strconv"
	"strings"
)

// expr is a regular expression of the common part of Perl's language.
type expr struct {
	text   string
	flags  string
	root   *node
	groups int
	names  map[string]int
}

type nodeKind uint8

const (
	nByte   nodeKind = iota // one byte of set
	nSeq                    // kids, one after the other
	nAlt                    // one of kids
	nRep                    // kids[0], lo to hi times
	nGroup                  // kids[0], kept as group
	nBegin                  // ^
	nEnd                    // $
	nWord                   // \b, not: \B
	nLook                   // kids[0] ahead; not; behind
	nBack                   // what group was
	nAtomic                 // kids[0] without second thoughts
)

type node struct {
	kind   nodeKind
	set    *[256]bool
	kids   []*node
	lo, hi int // hi -1: no limit
	lazy   bool
	sure   bool // possessive
	group  int
	not    bool
	behind bool
	multi  bool // ^ and $ at lines
	strict bool // $ only at the very end
	fold   bool
}

// mode is what (?…) and the flags switch.
type mode struct{ fold, multi, dotall, extended, strict, ungreedy bool }

type exprParser struct {
	s   string
	i   int
	e   *expr
	bad error
}

// parseExpr reads an expression and its flags.
func parseExpr(text, flags string) (*expr, error) {
	e := &expr{text: text, flags: flags, names: map[string]int{}}
	p := &exprParser{s: text, e: e}
	m := mode{fold: strings.Contains(flags, "i"), multi: strings.Contains(flags, "m"), dotall: strings.Contains(flags, "s"),
		extended: strings.Contains(flags, "x"), strict: strings.Contains(flags, "E"), ungreedy: strings.Contains(flags, "G")}
	root := p.alternatives(m)
	if p.bad == nil && p.i < len(p.s) {
		p.fail("a ) without (")
	}
	if strings.Contains(flags, "A") {
		root = &node{kind: nSeq, kids: []*node{{kind: nBegin}, root}}
	}
	e.root = root
	return e, p.bad
}

func (p *exprParser) fail(format string, a ...any) {
	if p.bad == nil {
		p.bad = fmt.Errorf("expression: "+format, a...)
	}
}

func (p *exprParser) more() bool { return p.i < len(p.s) && p.bad == nil }

func (p *exprParser) take(s string) bool {
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

func (p *exprParser) alternatives(m mode) *node {
	alt := &node{kind: nAlt}
	for {
		alt.kids = append(alt.kids, p.sequence(&m))
		if !p.more() || !p.take("|") {
			break
		}
	}
	if len(alt.kids) == 1 {
		return alt.kids[0]
	}
	return alt
}

func (p *exprParser) sequence(m *mode) *node {
	seq := &node{kind: nSeq}
	for p.more() && p.s[p.i] != '|' && p.s[p.i] != ')' {
		n := p.atom(m)
		if n == nil {
			continue
		}
		seq.kids = append(seq.kids, p.repeated(n, m))
	}
	return seq
}

func (p *exprParser) repeated(n *node, m *mode) *node {
	for p.more() {
		lo, hi := 0, 0
		switch c := p.s[p.i]; {
		case c == '*':
			hi = -1
			p.i++
		case c == '+':
			lo, hi = 1, -1
			p.i++
		case c == '?':
			hi = 1
			p.i++
		case c == '{':
			end := strings.IndexByte(p.s[p.i:], '}')
			if end < 0 {
				return n
			}
			a, b, comma := strings.Cut(p.s[p.i+1:p.i+end], ",")
			x, err := strconv.Atoi(a)
			if err != nil {
				return n // a brace like any other
			}
			lo, hi = x, x
			if comma {
				hi = -1
				if b != "" {
					if hi, err = strconv.Atoi(b); err != nil {
						return n
					}
				}
			}
			p.i += end + 1
		default:
			return n
		}
		r := &node{kind: nRep, kids: []*node{n}, lo: lo, hi: hi, lazy: m.ungreedy}
		switch {
		case p.i < len(p.s) && p.s[p.i] == '?':
			r.lazy = !m.ungreedy
			p.i++
		case p.i < len(p.s) && p.s[p.i] == '+':
			r.sure = true
			p.i++
		}
		if n = r; r.sure {
			n = &node{kind: nAtomic, kids: []*node{r}}
		}
	}
	return n
}

func (p *exprParser) atom(m *mode) *node {
	c := p.s[p.i]
	p.i++
	switch c {
	case '(':
		return p.group(m)
	case '[':
		return p.class(m)
	case '.':
		set := all()
		if !m.dotall {
			set['\n'] = false
		}
		return &node{kind: nByte, set: set}
	case '^':
		return &node{kind: nBegin, multi: m.multi}
	case '$':
		return &node{kind: nEnd, multi: m.multi, strict: m.strict}
	case '\\':
		return p.escape(m)
	}
	if m.extended && strings.IndexByte(" \t\r\n", c) >= 0 {
		return nil
	}
	if m.extended && c == '#' {
		for p.i < len(p.s) && p.s[p.i] != '\n' {
			p.i++
		}
		return nil
	}
	return one(c, m)
}

func all() *[256]bool {
	var s [256]bool
	for i := range s {
		s[i] = true
	}
	return &s
}

func one(c byte, m *mode) *node {
	var s [256]bool
	s[c] = true
	if m.fold {
		foldSet(&s)
	}
	return &node{kind: nByte, set: &s}
}

func foldSet(s *[256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		if s[c] || s[c-32] {
			s[c], s[c-32] = true, true
		}
	}
}

func (p *exprParser) group(m *mode) *node {
	in := *m
	n := &node{kind: nSeq}
	switch {
	case !p.take("?"):
		p.e.groups++
		n = &node{kind: nGroup, group: p.e.groups}
	case p.take(":"):
	case p.take(">"):
		n = &node{kind: nAtomic}
	case p.take("="):
		n = &node{kind: nLook}
	case p.take("!"):
		n = &node{kind: nLook, not: true}
	case p.take("<="):
		n = &node{kind: nLook, behind: true}
	case p.take("<!"):
		n = &node{kind: nLook, behind: true, not: true}
	case p.take("P<"), p.take("<"), p.take("'"):
		end := strings.IndexAny(p.s[p.i:], ">'")
		if end < 0 {
			p.fail("a name without end")
			return nil
		}
		p.e.groups++
		p.e.names[p.s[p.i:p.i+end]] = p.e.groups
		p.i += end + 1
		n = &node{kind: nGroup, group: p.e.groups}
	case p.take("P="):
		end := strings.IndexByte(p.s[p.i:], ')')
		if end < 0 {
			p.fail("a name without end")
			return nil
		}
		n = &node{kind: nBack, group: p.e.names[p.s[p.i:p.i+end]], fold: m.fold}
		p.i += end + 1
		return n
	default:
		on := true
		for p.more() && p.s[p.i] != ')' && p.s[p.i] != ':' {
			switch p.s[p.i] {
			case '-':
				on = false
			case 'i':
				in.fold = on
			case 'm':
				in.multi = on
			case 's':
				in.dotall = on
			case 'x':
				in.extended = on
			case 'U':
				in.ungreedy = on
			default:
				p.fail("(?%c", p.s[p.i])
			}
			p.i++
		}
		if p.more() && p.take(")") {
			*m = in
			return nil
		}
		p.i++
	}
	inner := p.alternatives(in)
	if p.bad == nil && !p.take(")") {
		p.fail("a ( without )")
	}
	n.kids = []*node{inner}
	return n
}
