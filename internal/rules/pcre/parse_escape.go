package pcre

import "strings"

// escape reads what a backslash starts, outside of classes.
func (p *parser) escape() (n *node, repeatable bool) {
	start := p.at
	if p.at+1 >= len(p.src) {
		p.refuse(start, "a backslash ends the pattern")
	}
	c := p.src[p.at+1]
	if s, ok := classEscape(c); ok {
		p.at += 2
		return &node{op: nSet, set: s}, true
	}
	if kind, ok := assertEscape(c); ok {
		p.at += 2
		return &node{op: nAssert, kind: kind}, false
	}
	switch c {
	case 'K':
		p.at += 2
		return &node{op: nKeep}, false
	case 'N':
		if p.at += 2; p.peek("{") {
			if _, _, _, counts := p.counts(); !counts {
				p.refuse(start, "\\N{…} is not supported")
			}
		}
		return &node{op: nSet, set: setNotNL}, true
	case 'C':
		p.at += 2
		return &node{op: nSet, set: setAny}, true
	case 'R':
		p.at += 2
		return newlineSequence(), true
	case 'X', 'p', 'P':
		p.refuse(start, "Unicode (\\%c) is not supported: each byte is a character", c)
	case 'g':
		p.at += 2
		return p.groupReference(start), true
	case 'k':
		p.at += 2
		return p.namedReference(start), true
	}
	if c >= '1' && c <= '9' {
		p.at++
		digits := p.at
		if g := p.number(); g < 10 || c >= '8' || g <= p.groups {
			return p.reference(start, g), true
		}
		p.at = digits - 1 // octal
	}
	return p.literal(p.charEscape()), true
}

func assertEscape(c byte) (assertKind, bool) {
	switch c {
	case 'A':
		return aTextStart, true
	case 'z':
		return aTextEnd, true
	case 'Z':
		return aTextEndNL, true
	case 'b':
		return aWord, true
	case 'B':
		return aNotWord, true
	case 'G':
		return aSearchStart, true
	}
	return 0, false
}

// newlineSequence is \R: CR LF as one, or any byte that ends a line.
func newlineSequence() *node {
	crlf := &node{op: nCat, subs: []*node{{op: nSet, set: of("\r")}, {op: nSet, set: of("\n")}}}
	alt := &node{op: nAlt, subs: []*node{crlf, {op: nSet, set: setVertical}}}
	return &node{op: nAtomic, subs: []*node{alt}}
}

func (p *parser) reference(start, group int) *node {
	n := &node{op: nBackref, n: group, fold: p.flags&NoCase != 0, at: start}
	p.late = append(p.late, lateID{n: n})
	return n
}

// number reads decimal digits; large ones stop growing, since no pattern has so many groups.
func (p *parser) number() int {
	n := 0
	for ; p.more() && isDigit(p.src[p.at]); p.at++ {
		n = min(n*10+int(p.src[p.at]-'0'), 1<<20)
	}
	return n
}

// relative reads +n or -n, counted from the groups opened so far.
func (p *parser) relative() int {
	start := p.at
	sign := p.src[p.at]
	p.at++
	d := p.number()
	g := p.groups + d
	if sign == '-' {
		g = p.groups - d + 1
	}
	if d == 0 || g < 1 {
		p.refuse(start, "the relative reference points to no group")
	}
	return g
}

// groupReference reads \g1, \g{1}, \g{-1} and \g{name} from behind the letter on.
func (p *parser) groupReference(start int) *node {
	braces := p.take("{")
	var n *node
	switch {
	case p.peek("<") || p.peek("'"):
		p.refuse(start, "recursion and calls of groups are not supported")
	case p.more() && (p.src[p.at] == '-' || p.src[p.at] == '+'):
		n = p.reference(start, p.relative())
	case p.more() && isDigit(p.src[p.at]):
		g := p.number()
		if g == 0 {
			p.refuse(start, "a reference to group 0 is not possible")
		}
		n = p.reference(start, g)
	case braces:
		n = &node{op: nBackref, fold: p.flags&NoCase != 0, at: start}
		p.late = append(p.late, lateID{n, p.name('}')})
		return n
	default:
		p.refuse(start, "\\g names no group")
	}
	if braces && !p.take("}") {
		p.refuse(start, "\\g{ is not closed")
	}
	return n
}

// namedReference reads \k<name>, \k'name' and \k{name} from behind the letter on.
func (p *parser) namedReference(start int) *node {
	end := byte(0)
	switch {
	case p.take("<"):
		end = '>'
	case p.take("'"):
		end = '\''
	case p.take("{"):
		end = '}'
	default:
		p.refuse(start, "\\k names no group")
	}
	n := &node{op: nBackref, fold: p.flags&NoCase != 0, at: start}
	p.late = append(p.late, lateID{n, p.name(end)})
	return n
}

// charEscape reads an escape that stands for one byte, from its backslash on.
func (p *parser) charEscape() byte {
	start := p.at
	if p.at+1 >= len(p.src) {
		p.refuse(start, "a backslash ends the pattern")
	}
	c := p.src[p.at+1]
	p.at += 2
	switch c {
	case 'a':
		return 7
	case 'e':
		return 27
	case 'f':
		return 12
	case 'n':
		return 10
	case 'r':
		return 13
	case 't':
		return 9
	case 'x':
		return p.hex(start)
	case 'o':
		if !p.take("{") {
			p.refuse(start, "\\o is not followed by a brace")
		}
		return p.braced(start, 8)
	case 'c':
		if !p.more() || p.src[p.at] < 32 || p.src[p.at] > 126 {
			p.refuse(start, "\\c is not followed by a printable character")
		}
		p.at++
		b := p.src[p.at-1]
		if b >= 'a' && b <= 'z' {
			b -= 32
		}
		return b ^ 64
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v := int(c - '0')
		for i := 0; i < 2 && p.more() && p.src[p.at] >= '0' && p.src[p.at] <= '7'; i++ {
			v = v*8 + int(p.src[p.at]-'0')
			p.at++
		}
		if v > 255 {
			p.refuse(start, "the octal number is larger than 377")
		}
		return byte(v)
	}
	if isLetter(c) || isDigit(c) {
		p.refuse(start, "\\%c means nothing", c)
	}
	return c
}

const hexDigits = "0123456789abcdef"

func (p *parser) hex(start int) byte {
	if p.take("{") {
		return p.braced(start, 16)
	}
	v := 0
	for i := 0; i < 2 && p.more(); i++ {
		d := strings.IndexByte(hexDigits, lower(p.src[p.at]))
		if d < 0 {
			break
		}
		v = v*16 + d
		p.at++
	}
	return byte(v)
}

// braced reads digits up to a closing brace.
func (p *parser) braced(start, base int) byte {
	v, digits := 0, 0
	for ; p.more() && p.src[p.at] != '}'; p.at++ {
		d := strings.IndexByte(hexDigits[:base], lower(p.src[p.at]))
		if d < 0 {
			p.refuse(p.at, "not a digit of base %d", base)
		}
		if v = v*base + d; v > 255 {
			p.refuse(start, "the character is larger than 255: each byte is a character")
		}
		digits++
	}
	if !p.take("}") || digits == 0 {
		p.refuse(start, "the number in braces is empty or not closed")
	}
	return byte(v)
}
