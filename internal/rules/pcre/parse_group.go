package pcre

import "strings"

// group reads what an opening parenthesis starts.
func (p *parser) group() (n *node, repeatable bool) {
	start := p.at
	p.at++
	if p.depth++; p.depth > maxNesting {
		p.refuse(start, "parentheses are nested more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	if p.peek("*") {
		p.refuse(start, "verbs and settings in (*…) are not supported")
	}
	if !p.take("?") {
		if p.flags&noAutoCapture != 0 {
			return p.close(start, p.alternatives(false)), true
		}
		return p.capture(start, ""), true
	}
	switch {
	case p.take(":"):
		return p.close(start, p.alternatives(false)), true
	case p.take("|"):
		return p.close(start, p.alternatives(true)), true
	case p.take(">"):
		return &node{op: nAtomic, subs: []*node{p.close(start, p.alternatives(false))}}, true
	case p.peek("="), p.peek("!"), p.peek("<="), p.peek("<!"):
		return p.look(start), true
	case p.take("P<"), p.take("<"):
		return p.capture(start, p.name('>')), true
	case p.take("'"):
		return p.capture(start, p.name('\'')), true
	case p.take("P="):
		n = &node{op: nBackref, fold: p.flags&NoCase != 0, at: start}
		p.late = append(p.late, lateID{n, p.name(')')})
		return n, true
	case p.take("("):
		return p.condition(start), true
	case p.peek("R"), p.peek("&"), p.peek("P>"), p.more() && isDigit(p.src[p.at]),
		(p.peek("-") || p.peek("+")) && p.at+1 < len(p.src) && isDigit(p.src[p.at+1]):
		p.refuse(start, "recursion and calls of groups are not supported")
	case p.peek("C"):
		p.refuse(start, "callouts are not supported")
	case p.peek("*"), p.peek("<*"):
		p.refuse(start, "look-around that can be entered again is not supported")
	}
	return p.inlineFlags(start)
}

// close wants the closing parenthesis of the group that started at start.
func (p *parser) close(start int, n *node) *node {
	if !p.take(")") {
		p.refuse(start, "the parenthesis is not closed")
	}
	if n.op == nRep || n.op == nLook { // keeps its quantifier apart from one behind the parenthesis
		return &node{op: nCat, subs: []*node{n}}
	}
	return n
}

func (p *parser) capture(start int, name string) *node {
	if p.groups++; p.groups > maxGroups {
		p.refuse(start, "there are more than %d capturing groups", maxGroups)
	}
	if name != "" {
		if g, ok := p.names[name]; ok && g != p.groups {
			p.refuse(start, "two groups have the name %q", name)
		}
		for other, g := range p.names {
			if g == p.groups && other != name {
				p.refuse(start, "the groups of (?|…) with the same number have different names")
			}
		}
		p.names[name] = p.groups
	}
	n := &node{op: nGroup, n: p.groups}
	n.subs = []*node{p.close(start, p.alternatives(false))}
	return n
}

// name reads a group's name up to its end mark.
func (p *parser) name(end byte) string {
	start := p.at
	for p.more() && isWord(p.src[p.at]) {
		p.at++
	}
	s := p.src[start:p.at]
	switch {
	case !p.more() || p.src[p.at] != end:
		p.refuse(p.at, "the name of a group is not ended by %q", string(end))
	case s == "" || isDigit(s[0]):
		p.refuse(start, "the name of a group must begin with a letter or _")
	case len(s) > maxName:
		p.refuse(start, "the name of a group is longer than %d bytes", maxName)
	}
	p.at++
	return s
}

// look reads a look-around from its sign on.
func (p *parser) look(start int) *node {
	n := &node{op: nLook, at: start}
	n.behind = p.take("<")
	n.neg = p.src[p.at] == '!'
	p.at++
	body := p.close(start, p.alternatives(false))
	if p.holdsKeep(body) {
		p.refuse(start, "\\K within a look-around is not supported")
	}
	if n.behind {
		alts := []*node{body}
		if body.op == nAlt {
			alts = body.subs
		}
		for _, a := range alts {
			if _, ok := a.fixedWidth(); !ok {
				p.refuse(start, "the look-behind has no fixed length")
			}
		}
	}
	n.subs = []*node{body}
	return n
}

func (p *parser) holdsKeep(n *node) bool {
	if n.op == nKeep {
		return true
	}
	for _, s := range n.subs {
		if p.holdsKeep(s) {
			return true
		}
	}
	return false
}

// fixedWidth returns the one width n can have. A back-reference has none.
func (n *node) fixedWidth() (int, bool) {
	lo, hi := n.minWidth(), n.maxWidth()
	return lo, lo == hi && lo <= maxRepeat
}

// condition reads (?(…)yes|no) from behind its second parenthesis on.
func (p *parser) condition(start int) *node {
	n := &node{op: nCond, at: start}
	var test *node
	switch {
	case p.peek("?=") || p.peek("?!") || p.peek("?<=") || p.peek("?<!"):
		p.at++
		test = p.look(p.at - 2)
	case p.more() && isDigit(p.src[p.at]):
		n.n = p.number()
		if n.n == 0 {
			p.refuse(start, "a condition on group 0 is not possible")
		}
		p.late = append(p.late, lateID{n: n})
	case p.peek("-") || p.peek("+"):
		n.n = p.relative()
		p.late = append(p.late, lateID{n: n})
	case p.take("<"):
		p.late = append(p.late, lateID{n, p.name('>')})
	case p.take("'"):
		p.late = append(p.late, lateID{n, p.name('\'')})
	default:
		end := strings.IndexByte(p.src[p.at:], ')')
		word := p.src[p.at : p.at+max(end, 0)]
		if word == "" || word[0] == 'R' || word == "DEFINE" || strings.HasPrefix(word, "VERSION") {
			p.refuse(start, "conditions on recursion, DEFINE and VERSION are not supported")
		}
		name := p.name(')')
		p.at--
		p.late = append(p.late, lateID{n, name})
	}
	if test == nil && !p.take(")") {
		p.refuse(p.at, "the condition is not closed")
	}
	body := p.close(start, p.alternatives(false))
	yes, no := body, &node{op: nEmpty}
	if body.op == nAlt {
		if len(body.subs) > 2 {
			p.refuse(start, "a condition has more than two branches")
		}
		yes, no = body.subs[0], body.subs[1]
	}
	if test == nil {
		test = &node{op: nEmpty}
	}
	n.subs = []*node{test, yes, no}
	return n
}

// inlineFlags reads (?i), (?-i:…) and their kin from the first letter on.
func (p *parser) inlineFlags(start int) (n *node, repeatable bool) {
	flags, off := p.flags, false
	plain := p.take("^")
	if plain {
		flags &^= NoCase | MultiLine | DotAll | Extended | extendedMore | noAutoCapture
	}
	for {
		if !p.more() {
			p.refuse(start, "the parenthesis is not closed")
		}
		c := p.src[p.at]
		p.at++
		var f Flags
		switch c {
		case '-':
			if off || plain {
				p.refuse(p.at-1, "a hyphen among the flags has no place here")
			}
			off = true
			continue
		case 'i':
			f = NoCase
		case 'm':
			f = MultiLine
		case 's':
			f = DotAll
		case 'n':
			f = noAutoCapture
		case 'U':
			f = Ungreedy
		case 'x':
			f = Extended
			flags &^= extendedMore
			if p.take("x") || off {
				f |= extendedMore
			}
		case ')':
			p.flags = flags
			return nil, false
		case ':':
			outer := p.flags
			p.flags = flags
			body := p.alternatives(false)
			p.flags = outer
			return p.close(start, body), true
		default:
			p.refuse(p.at-1, "%q is not known after (?", string(c))
		}
		if off {
			flags &^= f
		} else {
			flags |= f
		}
	}
}
