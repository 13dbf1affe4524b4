package pcre

// The limits of what a pattern may be; those that PCRE has are PCRE's.
const (
	maxPattern = 65535 // bytes
	maxNesting = 250   // parentheses within each other
	maxRepeat  = 65535 // in {n,m}
	maxGroups  = 1000  // capturing groups; PCRE allows 65535
	maxName    = 32    // bytes of a group's name
)

// parser reads a pattern by recursive descent.
type parser struct {
	src    string
	at     int
	flags  Flags
	depth  int
	groups int
	names  map[string]int
	quoted bool     // between \Q and \E
	late   []lateID // references by number or name, which may point forward
}

// lateID is a reference that is resolved when all groups are known.
type lateID struct {
	n    *node
	name string // "" when n.n holds the number already
}

func parse(pattern string, flags Flags) (p *parser, tree *node, err error) {
	if len(pattern) > maxPattern {
		return nil, nil, &Error{Reason: "the pattern is longer than 65535 bytes"}
	}
	p = &parser{src: pattern, flags: flags, names: map[string]int{}}
	defer func() {
		if r := recover(); r != nil {
			e, ours := r.(*Error)
			if !ours {
				panic(r)
			}
			err = e
		}
	}()
	tree = p.alternatives(false)
	if p.at < len(p.src) {
		p.refuse(p.at, "a closing parenthesis without an opening one")
	}
	for _, l := range p.late {
		if l.name != "" {
			g, ok := p.names[l.name]
			if !ok {
				p.refuse(l.n.at, "no group has the name %q", l.name)
			}
			l.n.n = g
		}
		if l.n.n > p.groups {
			p.refuse(l.n.at, "there is no group %d: the pattern has %d", l.n.n, p.groups)
		}
	}
	return p, tree, nil
}

func (p *parser) more() bool { return p.at < len(p.src) }

// peek reports whether the rest begins with s.
func (p *parser) peek(s string) bool {
	return len(p.src)-p.at >= len(s) && p.src[p.at:p.at+len(s)] == s
}

// take steps over s if the rest begins with it.
func (p *parser) take(s string) bool {
	if p.peek(s) {
		p.at += len(s)
		return true
	}
	return false
}

// alternatives reads up to the closing parenthesis or the end. Flags set inside last to the end of it. With reset (?|,
// the groups of each alternative have the same numbers.
func (p *parser) alternatives(reset bool) *node {
	outer := p.flags
	base, most := p.groups, p.groups
	var alts []*node
	for {
		alts = append(alts, p.sequence())
		most = max(most, p.groups)
		if !p.more() || p.src[p.at] != '|' {
			break
		}
		p.at++
		if reset {
			p.groups = base
		}
	}
	p.groups = most
	p.flags = outer
	if len(alts) == 1 {
		return alts[0]
	}
	return &node{op: nAlt, subs: alts}
}

// sequence reads one alternative.
func (p *parser) sequence() *node {
	var subs []*node
	for {
		p.skipIgnored()
		if !p.more() || !p.quoted && (p.src[p.at] == '|' || p.src[p.at] == ')') {
			break
		}
		start := p.at
		n, repeatable := p.item()
		if n == nil {
			continue
		}
		n.at = start
		p.skipIgnored()
		if p.more() && !p.quoted {
			n = p.quantified(n, repeatable)
		}
		subs = append(subs, n)
	}
	switch len(subs) {
	case 0:
		return &node{op: nEmpty}
	case 1:
		return subs[0]
	}
	return &node{op: nCat, subs: subs}
}

// skipIgnored steps over what means nothing: comments, \E, \Q with its turn to quoting, and blanks with the flag x.
func (p *parser) skipIgnored() {
	for p.more() {
		switch {
		case p.take(`\E`):
			p.quoted = false
		case p.quoted:
			return
		case p.take(`\Q`):
			p.quoted = true
		case p.peek("(?#"):
			start := p.at
			for p.at += 3; p.more() && p.src[p.at] != ')'; p.at++ {
			}
			if !p.more() {
				p.refuse(start, "the comment (?# has no end")
			}
			p.at++
		case p.flags&Extended == 0:
			return
		case setSpace.has(p.src[p.at]):
			p.at++
		case p.src[p.at] == '#':
			for p.more() && p.src[p.at] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

// item reads one thing that a quantifier may follow, or not. It returns nil for what only changes flags.
func (p *parser) item() (n *node, repeatable bool) {
	c := p.src[p.at]
	if p.quoted {
		p.at++
		return p.literal(c), true
	}
	switch c {
	case '^':
		p.at++
		if p.flags&MultiLine != 0 {
			return &node{op: nAssert, kind: aLineStart}, false
		}
		return &node{op: nAssert, kind: aTextStart}, false
	case '$':
		p.at++
		return &node{op: nAssert, kind: p.dollar()}, false
	case '.':
		p.at++
		if p.flags&DotAll != 0 {
			return &node{op: nSet, set: setAny}, true
		}
		return &node{op: nSet, set: setNotNL}, true
	case '[':
		if p.peek("[[:<:]]") || p.peek("[[:>:]]") {
			p.refuse(p.at, "the word boundaries [[:<:]] and [[:>:]] are not supported; write \\b")
		}
		return &node{op: nSet, set: p.class()}, true
	case '(':
		return p.group()
	case '\\':
		return p.escape()
	case '*', '+', '?':
		p.refuse(p.at, "%q repeats nothing", string(c))
	case '{':
		if _, _, _, ok := p.counts(); ok {
			p.refuse(p.at, "the counts in braces repeat nothing")
		}
	}
	p.at++
	return p.literal(c), true
}

func (p *parser) dollar() assertKind {
	switch {
	case p.flags&MultiLine != 0:
		return aLineEnd
	case p.flags&DollarEndOnly != 0:
		return aTextEnd
	}
	return aTextEndNL
}

func (p *parser) literal(c byte) *node {
	n := &node{op: nSet}
	n.set.add(c)
	if p.flags&NoCase != 0 {
		n.set.fold()
	}
	return n
}

// quantified puts the quantifier that follows, if any, around n.
func (p *parser) quantified(n *node, repeatable bool) *node {
	start, lo, hi := p.at, 0, unlimited
	switch p.src[p.at] {
	case '*':
		p.at++
	case '+':
		lo = 1
		p.at++
	case '?':
		hi = 1
		p.at++
	case '{':
		l, h, end, ok := p.counts()
		if !ok {
			return n
		}
		lo, hi, p.at = l, h, end
	default:
		return n
	}
	if !repeatable {
		p.refuse(start, "what stands before the quantifier cannot be repeated")
	}
	mode := greedy
	if p.flags&Ungreedy != 0 {
		mode = lazy
	}
	if p.skipIgnored(); !p.quoted {
		if p.take("+") {
			mode = possessive
		} else if p.take("?") {
			mode ^= lazy
		}
	}
	if n.op == nLook { // as PCRE: a look-around is tried once or not at all
		lo = min(lo, 1)
		if hi != 0 {
			hi = 1
		}
	}
	if p.skipIgnored(); p.more() && !p.quoted {
		q := p.src[p.at]
		_, _, _, counts := p.counts()
		if q == '*' || q == '+' || q == '?' || counts {
			p.refuse(p.at, "a quantifier follows a quantifier")
		}
	}
	if lo == 1 && hi == 1 && mode != possessive {
		return n
	}
	return &node{op: nRep, min: lo, max: hi, mode: mode, subs: []*node{n}, at: n.at}
}

// counts reads {n}, {n,} or {n,m} here without stepping over it; end is the offset behind it. Other text in braces, such
// as {,3}, is no quantifier.
func (p *parser) counts() (lo, hi, end int, ok bool) {
	i := p.at
	if i >= len(p.src) || p.src[i] != '{' {
		return 0, 0, 0, false
	}
	big := false
	number := func() (n int, any bool) {
		for ; i < len(p.src) && isDigit(p.src[i]); i++ {
			if n = n*10 + int(p.src[i]-'0'); n > maxRepeat {
				n, big = maxRepeat+1, true
			}
			any = true
		}
		return n, any
	}
	i++
	lo, any := number()
	if !any || i >= len(p.src) {
		return 0, 0, 0, false
	}
	hi = lo
	if p.src[i] == ',' {
		i++
		if hi, any = number(); !any {
			hi = unlimited
		}
	}
	if i >= len(p.src) || p.src[i] != '}' {
		return 0, 0, 0, false
	}
	if big {
		p.refuse(p.at, "a count in braces is larger than %d", maxRepeat)
	}
	if hi != unlimited && hi < lo {
		p.refuse(p.at, "the counts in braces are out of order")
	}
	return lo, hi, i + 1, true
}
