package ruletraffic

import (
	"strconv"
	"strings"
)

// named are the classes that an escape or [:name:] stands for.
func named(name string) (set [256]bool, ok bool) {
	in := func(from, to byte) {
		for c := int(from); c <= int(to); c++ {
			set[c] = true
		}
	}
	switch name {
	case "d", "digit":
		in('0', '9')
	case "w", "word":
		in('0', '9')
		in('a', 'z')
		in('A', 'Z')
		set['_'] = true
	case "s", "space":
		in(9, 13)
		set[' '] = true
	case "h", "blank":
		set[' '], set['\t'] = true, true
		set[0xa0] = name == "h"
	case "v":
		in(10, 13)
		set[0x85] = true
	case "alpha":
		in('a', 'z')
		in('A', 'Z')
	case "alnum":
		in('0', '9')
		in('a', 'z')
		in('A', 'Z')
	case "upper":
		in('A', 'Z')
	case "lower":
		in('a', 'z')
	case "xdigit":
		in('0', '9')
		in('a', 'f')
		in('A', 'F')
	case "punct":
		in('!', '/')
		in(':', '@')
		in('[', '`')
		in('{', '~')
	case "print":
		in(' ', '~')
	case "graph":
		in('!', '~')
	case "cntrl":
		in(0, 31)
		set[127] = true
	case "ascii":
		in(0, 127)
	default:
		return set, false
	}
	return set, true
}

func not(s [256]bool) [256]bool {
	for i := range s {
		s[i] = !s[i]
	}
	return s
}

// escape reads what follows a backslash outside of a class.
func (p *exprParser) escape(m *mode) *node {
	if !p.more() {
		p.fail("a backslash at the end")
		return nil
	}
	c := p.s[p.i]
	switch c {
	case 'b', 'B':
		p.i++
		return &node{kind: nWord, not: c == 'B'}
	case 'A':
		p.i++
		return &node{kind: nBegin}
	case 'Z', 'z':
		p.i++
		return &node{kind: nEnd, strict: c == 'z'}
	case 'R':
		p.i++
		return &node{kind: nAlt, kids: []*node{{kind: nSeq, kids: []*node{one('\r', m), one('\n', m)}}, one('\n', m), one('\r', m)}}
	case 'K', 'G', 'C', 'X', 'p', 'P', 'Q', 'N':
		p.fail(`\%c`, c)
		return nil
	case 'g', 'k':
		rest := strings.TrimLeft(p.s[p.i+1:], "{<'")
		end := strings.IndexAny(rest, "}>'")
		name := rest
		if end >= 0 {
			name = rest[:end]
			p.i = len(p.s) - len(rest) + end + 1
		} else {
			name = rest[:min(1, len(rest))]
			p.i = len(p.s) - len(rest) + len(name)
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			n = p.e.names[name]
		}
		if n < 0 {
			n += p.e.groups + 1
		}
		return &node{kind: nBack, group: n, fold: m.fold}
	}
	if c >= '1' && c <= '9' {
		p.i++
		return &node{kind: nBack, group: int(c - '0'), fold: m.fold}
	}
	set, single := p.escaped()
	if single >= 0 {
		return one(byte(single), m)
	}
	return &node{kind: nByte, set: &set}
}

// escaped reads an escape that stands for one byte (single) or for several.
func (p *exprParser) escaped() (set [256]bool, single int) {
	c := p.s[p.i]
	p.i++
	switch c {
	case 'n':
		return set, '\n'
	case 'r':
		return set, '\r'
	case 't':
		return set, '\t'
	case 'f':
		return set, '\f'
	case 'e':
		return set, 27
	case 'a':
		return set, 7
	case 'x':
		if p.take("{") {
			end := strings.IndexByte(p.s[p.i:], '}')
			if end < 0 {
				p.fail(`\x{ without }`)
				return set, 0
			}
			n, err := strconv.ParseUint(p.s[p.i:p.i+end], 16, 8)
			if err != nil {
				p.fail(`\x{%s}`, p.s[p.i:p.i+end])
			}
			p.i += end + 1
			return set, int(n)
		}
		k := p.i
		for k < len(p.s) && k < p.i+2 && strings.IndexByte("0123456789abcdefABCDEF", p.s[k]) >= 0 {
			k++
		}
		n, _ := strconv.ParseUint("0"+p.s[p.i:k], 16, 16)
		p.i = k
		return set, int(n & 255)
	case '0':
		k := p.i
		for k < len(p.s) && k < p.i+2 && p.s[k] >= '0' && p.s[k] <= '7' {
			k++
		}
		n, _ := strconv.ParseUint("0"+p.s[p.i:k], 8, 16)
		p.i = k
		return set, int(n & 255)
	}
	if s, ok := named(string(c)); ok {
		return s, -1
	}
	if s, ok := named(strings.ToLower(string(c))); ok && strings.IndexByte("DWSHV", c) >= 0 {
		return not(s), -1
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		p.fail(`\%c`, c)
	}
	return set, int(c)
}

// class reads […].
func (p *exprParser) class(m *mode) *node {
	var set [256]bool
	neg := p.take("^")
	for first := true; ; first = false {
		if !p.more() {
			p.fail("a [ without ]")
			return nil
		}
		if !first && p.take("]") {
			break
		}
		if p.take("[:") {
			end := strings.Index(p.s[p.i:], ":]")
			if end < 0 {
				p.fail("[: without :]")
				return nil
			}
			name, inv := strings.CutPrefix(p.s[p.i:p.i+end], "^")
			s, ok := named(name)
			if !ok {
				p.fail("[:%s:]", name)
			}
			if inv {
				s = not(s)
			}
			for c := range s {
				set[c] = set[c] || s[c]
			}
			p.i += end + 2
			continue
		}
		lo, many := p.member()
		if many != nil {
			for c := range many {
				set[c] = set[c] || many[c]
			}
			continue
		}
		hi := lo
		if p.i+1 < len(p.s) && p.s[p.i] == '-' && p.s[p.i+1] != ']' {
			save := p.i
			p.i++
			if hi, many = p.member(); many != nil {
				hi, p.i = lo, save
				set['-'] = true
				p.i++
			}
		}
		for c := lo; c <= hi; c++ {
			set[c] = true
		}
	}
	if m.fold {
		foldSet(&set)
	}
	if neg {
		set = not(set)
	}
	return &node{kind: nByte, set: &set}
}

// member is one thing in a class: a byte, or several.
func (p *exprParser) member() (int, *[256]bool) {
	c := p.s[p.i]
	if c != '\\' || p.i+1 >= len(p.s) {
		p.i++
		return int(c), nil
	}
	p.i++
	if p.s[p.i] == 'b' {
		p.i++
		return 8, nil
	}
	if p.s[p.i] >= '1' && p.s[p.i] <= '7' {
		k := p.i
		for k < len(p.s) && k < p.i+3 && p.s[k] >= '0' && p.s[k] <= '7' {
			k++
		}
		n, _ := strconv.ParseUint(p.s[p.i:k], 8, 16)
		p.i = k
		return int(n & 255), nil
	}
	set, single := p.escaped()
	if single >= 0 {
		return single, nil
	}
	return 0, &set
}
