package pcre

// class reads a class in brackets.
func (p *parser) class() set {
	start := p.at
	p.at++
	negated := p.take("^")
	var s set
	first := true
	for {
		if !p.more() {
			p.refuse(start, "the class is not closed")
		}
		c := p.src[p.at]
		if !p.quoted && c == ']' && !first {
			p.at++
			break
		}
		if p.skippedInClass() {
			continue
		}
		first = false
		lo, whole, isSet := p.classItem()
		if isSet {
			s.union(whole)
			p.noRangeFrom()
			continue
		}
		hi, ranged := p.rangeEnd(lo)
		if !ranged {
			hi = lo
		}
		s.addRange(lo, hi)
	}
	if p.flags&NoCase != 0 {
		s.fold()
	}
	if negated {
		return s.negated()
	}
	return s
}

// skippedInClass steps over \Q, \E and, with xx, blanks.
func (p *parser) skippedInClass() bool {
	switch {
	case p.take(`\E`):
		p.quoted = false
	case p.quoted:
		return false
	case p.take(`\Q`):
		p.quoted = true
	case p.flags&extendedMore != 0 && (p.src[p.at] == ' ' || p.src[p.at] == '\t'):
		p.at++
	default:
		return false
	}
	return true
}

// classItem reads one character, or a set such as \d or [:alpha:].
func (p *parser) classItem() (c byte, whole set, isSet bool) {
	c = p.src[p.at]
	switch {
	case p.quoted:
	case c == '[' && p.at+1 < len(p.src):
		if whole, isSet = p.posix(); isSet {
			return 0, whole, true
		}
	case c == '\\':
		if p.at+1 >= len(p.src) {
			p.refuse(p.at, "a backslash ends the pattern")
		}
		e := p.src[p.at+1]
		if whole, isSet = classEscape(e); isSet {
			p.at += 2
			return 0, whole, true
		}
		switch e {
		case 'b':
			p.at += 2
			return 8, set{}, false
		case 'B', 'R', 'X', 'N', 'p', 'P':
			p.refuse(p.at, "\\%c is not possible in a class", e)
		}
		return p.charEscape(), set{}, false
	}
	p.at++
	return c, set{}, false
}

// noRangeFrom refuses a hyphen behind a set, unless it is the last of the class: it starts no range there.
func (p *parser) noRangeFrom() {
	for p.more() && p.skippedInClass() {
	}
	if !p.quoted && p.peek("-") && p.at+1 < len(p.src) && p.src[p.at+1] != ']' {
		p.refuse(p.at, "a range cannot begin with a set of characters")
	}
}

// rangeEnd reads the hyphen and the end of a range that begins with lo, if there is one.
func (p *parser) rangeEnd(lo byte) (hi byte, ok bool) {
	for p.more() && p.skippedInClass() {
	}
	if p.quoted || !p.peek("-") {
		return 0, false
	}
	hyphen := p.at
	p.at++
	for p.more() && p.skippedInClass() {
	}
	if !p.more() || !p.quoted && p.src[p.at] == ']' {
		p.at = hyphen // to be read as itself
		return 0, false
	}
	hi, _, isSet := p.classItem()
	if isSet {
		p.refuse(hyphen, "a range cannot end with a set of characters")
	}
	if hi < lo {
		p.refuse(hyphen, "the range is out of order")
	}
	return hi, true
}

// posix reads [:name:] here, if it is one.
func (p *parser) posix() (set, bool) {
	kind := p.src[p.at+1]
	if kind != ':' && kind != '.' && kind != '=' {
		return set{}, false
	}
	end := -1
	for i := p.at + 2; i+1 < len(p.src); i++ {
		c, next := p.src[i], p.src[i+1]
		if c == '\\' && (next == ']' || next == '\\') {
			i++
		} else if c == '[' && next == kind || c == ']' {
			break
		} else if c == kind && next == ']' {
			end = i
			break
		}
	}
	if end < 0 {
		return set{}, false
	}
	if kind != ':' {
		p.refuse(p.at, "collating elements in classes are not supported")
	}
	name, neg := p.src[p.at+2:end], false
	if name != "" && name[0] == '^' {
		name, neg = name[1:], true
	}
	s, ok := posixSets[name]
	if !ok {
		p.refuse(p.at, "there is no POSIX class %q", name)
	}
	if p.flags&NoCase != 0 && (name == "lower" || name == "upper") {
		s = posixSets["alpha"] // before it is negated, as in PCRE
	}
	p.at = end + 2
	if neg {
		return s.negated(), true
	}
	return s, true
}
