package filter

import "strings"

type parser struct {
	toks  []token
	i     int
	depth int
	match []int // index of the closing parenthesis of each opening one, -1
}

func parse(s string) *expr {
	p := &parser{toks: lex(s)}
	p.match = make([]int, len(p.toks))
	var open []int
	for i, t := range p.toks {
		p.match[i] = -1
		switch {
		case t.is("("):
			if len(open) == maxDepth {
				fail(t.pos, "write it flatter", "more than %d parentheses inside one another", maxDepth)
			}
			open = append(open, i)
		case t.is(")"):
			if len(open) == 0 {
				fail(t.pos, "remove it", "this parenthesis closes nothing")
			}
			p.match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		fail(p.toks[open[len(open)-1]].pos, `add ")"`, "this parenthesis is never closed")
	}
	if p.peek().kind == tEOF {
		return nil
	}
	e, _ := p.expr(qualifiers{})
	if t := p.peek(); t.kind != tEOF {
		p.unexpected(t)
	}
	return e
}

func (p *parser) peek() token { return p.toks[p.i] }
func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tEOF {
		p.i++
	}
	return t
}

func (p *parser) accept(text string) bool {
	if p.peek().is(text) {
		p.i++
		return true
	}
	return false
}

func (p *parser) enter() {
	if p.depth++; p.depth > 2*maxDepth {
		fail(p.peek().pos, "write it flatter", "the filter is nested too deeply")
	}
}
func (p *parser) leave() { p.depth-- }

// unexpected explains a token no rule has a place for.
func (p *parser) unexpected(t token) {
	if why, ok := refusedWords[t.text]; ok && t.kind == tWord {
		fail(t.pos, why, "libpcap knows %q; this subset does not", t.text)
	}
	switch t.kind {
	case tHID, tHID6:
		fail(t.pos, `write "host" or "net" before it`, "the address %s stands alone", t.text)
	case tEID:
		fail(t.pos, `write "ether host" before it`, "the MAC address %s stands alone", t.text)
	case tName:
		try := `write "host", "net", "port" or "proto" before it`
		if l := strings.ToLower(t.text); reserved[l] && l != t.text {
			try = "reserved words are lower case: " + l
		} else if l == "lldp" {
			try = `try "ether proto 0x88cc"`
		}
		fail(t.pos, try, "%q is not a word of the filter language", t.text)
	case tNum:
		fail(t.pos, `write "port", "host" or "and" before it`, "the number %s has no place here", t.text)
	}
	fail(t.pos, "", "%s has no place here", t.show())
}

// expr reads operands joined by and/or, which bind equally, from the left.
// q is what an id would repeat; the qualifiers of the last operand come back.
func (p *parser) expr(q qualifiers) (*expr, qualifiers) {
	p.enter()
	defer p.leave()
	e, q := p.term(q)
	for {
		t := p.peek()
		k := eAnd
		switch {
		case t.is("or"):
			k = eOr
		case !t.is("and"):
			return e, q
		}
		p.i++
		var r *expr
		if p.startsID(p.i) {
			r, q = p.id(q)
		} else {
			r, q = p.term(q)
		}
		e = &expr{kind: k, l: e, r: r, pos: t.pos}
	}
}

// isArithOp reports whether t continues or compares a number.
func isArithOp(t token) bool {
	if t.kind != tOp {
		return false
	}
	switch t.text {
	case "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "=", "!=", "<", ">", "<=", ">=":
		return true
	}
	return false
}

// startsID reports whether an id list, not a term, begins at token i.
func (p *parser) startsID(i int) bool {
	for {
		switch t := p.toks[i]; {
		case t.is("not"):
		case t.is("("):
			if isArithOp(p.toks[p.match[i]+1]) {
				return false
			}
		case t.kind == tNum:
			return !isArithOp(p.toks[i+1])
		default:
			return t.kind == tName || t.kind == tHID || t.kind == tHID6 || t.kind == tEID
		}
		i++
	}
}

// term reads everything that is not a bare id.
func (p *parser) term(q qualifiers) (*expr, qualifiers) {
	p.enter()
	defer p.leave()
	t := p.peek()
	none := qualifiers{}
	switch {
	case t.is("not"):
		p.i++
		e, q := p.term(q)
		return &expr{kind: eNot, l: e, pos: t.pos}, q
	case t.is("("):
		if isArithOp(p.toks[p.match[p.i]+1]) {
			return p.compare(), none
		}
		p.i++
		e, _ := p.expr(q)
		if c := p.peek(); !c.is(")") {
			p.unexpected(c)
		}
		p.i++
		return e, q
	case t.kind == tNum || t.is("-") || t.is("len") || t.is("length"):
		return p.compare(), none
	case t.kind != tWord:
		if t.kind == tEOF {
			fail(t.pos, `name a protocol, a host, a net or a port`, "the filter ends where a test should stand")
		}
		p.unexpected(t)
	}
	if e := p.special(t); e != nil {
		return e, none
	}
	pos := t.pos
	proto, word := pNone, ""
	if pr, ok := protoWords[t.text]; ok {
		if p.toks[p.i+1].is("[") {
			return p.compare(), none
		}
		proto, word = pr, t.text
		p.i++
	}
	q = qualifiers{ok: true, proto: proto, word: word, pos: pos}
	if c := p.peek(); c.is("broadcast") || c.is("multicast") {
		p.i++
		return &expr{kind: eCast, word: c.text, q: q, pos: pos}, none
	}
	q, ok := p.qualify(q)
	if !ok {
		if proto == pNone || p.peek().kind == tWord && refusedWords[p.peek().text] != "" {
			p.unexpected(p.peek())
		}
		return &expr{kind: eProto, q: q, pos: pos}, none
	}
	return p.id(q)
}

// qualify reads direction and type; false if neither stands here.
func (p *parser) qualify(q qualifiers) (qualifiers, bool) {
	t := p.peek()
	if t.is("src") || t.is("dst") {
		p.i++
		q.dired = true
		q.dir = dSrc
		other := "dst"
		if t.text == "dst" {
			q.dir, other = dDst, "src"
		}
		if c := p.peek(); (c.is("or") || c.is("and")) && p.toks[p.i+1].is(other) {
			q.dir = dAny
			if c.text == "and" {
				q.dir = dBoth
			}
			p.i += 2
		}
	} else if t.is("proto") {
		p.i++
		q.typ = aProto
		return q, true
	}
	switch t := p.peek(); {
	case t.is("host"):
		q.typ = aHost
	case t.is("net"):
		q.typ = aNet
	case t.is("port"):
		q.typ = aPort
	case t.is("portrange"):
		q.typ = aPortRange
	default:
		return q, q.dired
	}
	p.i++
	return q, true
}

// special reads the primitives that take no qualifier.
func (p *parser) special(t token) *expr {
	e := &expr{word: t.text, pos: t.pos}
	switch t.text {
	case "less", "greater":
		e.kind = eLen
		p.i++
		e.num = p.number("a length in bytes")
	case "byte":
		e.kind = eByte
		p.i++
		e.num = p.number("an offset in bytes")
		op := p.next()
		switch {
		case op.is("="), op.is("<"), op.is(">"):
		case op.is("&"), op.is("|"):
			fail(op.pos, `try "ether[N] & M != 0"`, `libpcap knows "byte N %s M" but forgets to load the byte; this subset refuses it`, op.text)
		default:
			fail(op.pos, `try "byte 12 = 8"`, `"byte" wants one of = < > after the offset, not %s`, op.show())
		}
		e.word = op.text
		e.num2 = p.number("the value to compare with")
	case "vlan", "mpls", "pppoes":
		e.kind = map[string]exprKind{"vlan": eVLAN, "mpls": eMPLS, "pppoes": ePPPoES}[t.text]
		p.i++
		e.num, e.hasNum = p.optionalNumber()
	case "pppoed":
		e.kind = ePPPoED
		p.i++
	case "inbound", "outbound":
		e.kind = eInOut
		p.i++
	default:
		return nil
	}
	return e
}

func (p *parser) number(what string) uint32 {
	t := p.next()
	if t.kind != tNum {
		fail(t.pos, "write "+what, "expected a number, found %s", t.show())
	}
	return t.num
}

// optionalNumber reads a number, which may stand in parentheses.
func (p *parser) optionalNumber() (uint32, bool) {
	i := p.i
	for p.toks[i].is("(") {
		i++
	}
	t := p.toks[i]
	if t.kind != tNum {
		return 0, false
	}
	n := i - p.i
	for j := 1; j <= n; j++ {
		if !p.toks[i+j].is(")") {
			return 0, false
		}
	}
	p.i = i + n + 1
	return t.num, true
}

// id reads a value, a negated id, or a list of ids in parentheses; all take
// the same qualifiers.
func (p *parser) id(q qualifiers) (*expr, qualifiers) {
	p.enter()
	defer p.leave()
	t := p.peek()
	switch {
	case t.is("not"):
		p.i++
		e, q := p.id(q)
		return &expr{kind: eNot, l: e, pos: t.pos}, q
	case t.is("("):
		p.i++
		e, _ := p.id(q)
		for {
			c := p.peek()
			k := eAnd
			switch {
			case c.is(")"):
				p.i++
				return e, q
			case c.is("or"):
				k = eOr
			case !c.is("and"):
				p.unexpected(c)
			}
			p.i++
			r, _ := p.id(q)
			e = &expr{kind: k, l: e, r: r, pos: c.pos}
		}
	}
	if !q.ok && (t.kind == tNum || t.kind == tName || t.kind == tHID || t.kind == tHID6 || t.kind == tEID) {
		fail(t.pos, `write the qualifier again, as in "tcp or port 443"`,
			"%s repeats the qualifiers before it, but there are none to repeat", t.show())
	}
	v := p.value(q)
	return &expr{kind: eID, q: q, val: v, pos: t.pos}, q
}

// precedence of binary operators. "%" and "^" have none in libpcap's grammar,
// so whatever follows their right operand belongs to it.
var precedence = map[string]int{"|": 1, "&": 2, "<<": 3, ">>": 3, "+": 4, "-": 4, "*": 5, "/": 5}

const precNeg = 6

func (p *parser) compare() *expr {
	a0 := p.arith(0)
	op := p.next()
	if !isArithOp(op) {
		fail(op.pos, `compare it with = != < <= > or >=, as in "len > 100"`, "a number is not a test; expected a comparison, found %s", op.show())
	}
	a1 := p.arith(0)
	return &expr{kind: eCompare, word: op.text, a0: a0, a1: a1, pos: op.pos}
}

// arith reads a number; ctx is the precedence of the operator to the left, 0
// if none.
func (p *parser) arith(ctx int) *arith {
	p.enter()
	defer p.leave()
	l := p.primary()
	for {
		t := p.peek()
		if t.kind != tOp {
			return l
		}
		prec, known := precedence[t.text]
		if !known && t.text != "%" && t.text != "^" {
			return l
		}
		if known && ctx != 0 && prec <= ctx {
			return l
		}
		p.i++
		l = &arith{op: t.text, pos: t.pos, l: l, r: p.arith(prec)}
	}
}

func (p *parser) primary() *arith {
	t := p.next()
	switch {
	case t.kind == tNum:
		return &arith{op: "num", num: t.num, pos: t.pos}
	case t.is("len"), t.is("length"):
		return &arith{op: "len", pos: t.pos}
	case t.is("-"):
		return &arith{op: "neg", pos: t.pos, l: p.arith(precNeg)}
	case t.is("("):
		a := p.arith(0)
		if c := p.next(); !c.is(")") {
			fail(c.pos, `close the parenthesis before comparing`, "expected %q, found %s", ")", c.show())
		}
		return a
	}
	pr, ok := protoWords[t.text]
	if !ok || t.kind != tWord {
		if t.kind == tName && strings.ContainsAny(t.text, "-") {
			fail(t.pos, `put spaces round "-"`, "%q is read as one name, not as a subtraction", t.text)
		}
		fail(t.pos, `numbers, "len" and accessors such as tcp[13] can be computed with`, "expected a number, found %s", t.show())
	}
	if c := p.next(); !c.is("[") {
		fail(c.pos, `read bytes with "`+t.text+`[offset:size]"`, "expected %q after %q, found %s", "[", t.text, c.show())
	}
	a := &arith{op: "load", pos: t.pos, proto: pr, word: t.text, num: 1, l: p.arith(0)}
	c := p.next()
	if c.is(":") {
		s := p.peek()
		a.num = p.number("1, 2 or 4")
		if a.num != 1 && a.num != 2 && a.num != 4 {
			fail(s.pos, "read a part and shift it", "the size of an accessor is 1, 2 or 4 bytes, not %s", s.text)
		}
		c = p.next()
	}
	if !c.is("]") {
		fail(c.pos, `write "[offset]" or "[offset:size]"`, "expected %q, found %s", "]", c.show())
	}
	return a
}
