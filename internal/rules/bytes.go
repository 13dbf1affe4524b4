package rules

import (
	"strconv"
)

// byteOp is what byte_test, byte_jump, byte_extract and byte_math have in common: a number somewhere in the buffer.
type byteOp struct {
	count   number // bytes to read
	offset  number
	little  bool
	text    int  // base of a number in text: 10, 16, 8; 0: binary
	dce     bool // the byte order is that of the call at hand
	mask    uint64
	hasMask bool
	op      byteCompare
	value   number
	negOp   bool
	// byte_jump
	multiply  uint64
	align     uint64 // round up to a multiple of it; 0: no
	fromBegin bool
	fromEnd   bool
	post      int64
	// byte_extract, byte_math
	result int8 // index of the variable
	math   byte // + - * / < (<<) > (>>)
}

type byteCompare uint8

const (
	byteEqual byteCompare = iota
	byteLess
	byteMore
	byteLessEqual
	byteMoreEqual
	byteAnd
	byteOr
)

// read returns the number and where it ends; false when it does not lie in the buffer, or is none.
func (o *byteOp) read(m *matcher, c *check, at int) (v uint64, end int, ok bool) {
	p := o.offset.get(m)
	if c.relative {
		p += int64(at)
	}
	n := o.count.get(m)
	if p < 0 || n < 0 || p > int64(len(m.b)) {
		return 0, 0, false
	}
	if o.text != 0 {
		n = min(n, int64(len(m.b))-p)
	}
	if n > int64(len(m.b))-p || n == 0 && o.text != 0 {
		return 0, 0, false
	}
	b := m.b[p : p+n]
	if o.text != 0 {
		v, used, ok := parseText(b, o.text)
		return o.masked(v), int(p) + used, ok
	}
	if len(b) > 8 {
		return 0, 0, false
	}
	for i := range b {
		k := i
		if o.little || o.dce && m.little {
			k = len(b) - 1 - i
		}
		v = v<<8 | uint64(b[k])
	}
	return o.masked(v), int(p + n), true
}

func (o *byteOp) masked(v uint64) uint64 {
	if !o.hasMask || o.mask == 0 {
		return v
	}
	v &= o.mask
	for m := o.mask; m&1 == 0; m >>= 1 { // the result is shifted to the mask's lowest bit
		v >>= 1
	}
	return v
}

// parseText reads a number in text as strtoull does: leading blanks, digits up to the first other byte.
func parseText(b []byte, base int) (v uint64, used int, ok bool) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] >= 9 && b[i] <= 13) {
		i++
	}
	if base == 16 && i+1 < len(b) && b[i] == '0' && b[i+1]|0x20 == 'x' {
		i += 2
	}
	from := i
	for i < len(b) && digit(b[i]) < base {
		i++
	}
	if i == from {
		return 0, 0, false
	}
	v, err := strconv.ParseUint(string(b[from:i]), base, 64)
	return v, i, err == nil
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return 99
}

func (o *byteOp) test(m *matcher, c *check, at int) bool {
	v, _, ok := o.read(m, c, at)
	if !ok {
		return false
	}
	w := uint64(o.value.get(m))
	switch o.op {
	case byteEqual:
		ok = v == w
	case byteLess:
		ok = v < w
	case byteMore:
		ok = v > w
	case byteLessEqual:
		ok = v <= w
	case byteMoreEqual:
		ok = v >= w
	case byteAnd:
		ok = v&w != 0
	case byteOr:
		ok = v^w != 0
	}
	return ok != o.negOp
}

func (o *byteOp) jump(m *matcher, c *check, at int) (to int, ok bool) {
	v, end, ok := o.read(m, c, at)
	if !ok {
		return 0, false
	}
	if o.multiply > 1 {
		v *= o.multiply
	}
	if o.align > 1 && v%o.align != 0 {
		v += o.align - v%o.align
	}
	base := int64(end)
	switch {
	case o.fromBegin:
		base = 0
	case o.fromEnd:
		base = int64(len(m.b))
	}
	j := base + int64(v) + o.post
	if j = max(j, 0); j > int64(len(m.b)) { // before the begin is the begin, as in Suricata
		return 0, false
	}
	return int(j), true
}

func (o *byteOp) extract(m *matcher, c *check, at int) (to int, ok bool) {
	v, end, ok := o.read(m, c, at)
	if !ok {
		return 0, false
	}
	w := uint64(o.value.get(m))
	switch o.math {
	case '+':
		v += w
	case '-':
		v -= w
	case '*':
		v *= w
	case '/':
		if w == 0 {
			return 0, false
		}
		v /= w
	case '<':
		if w >= 64 {
			v = 0
		} else {
			v <<= w
		}
	case '>':
		if w >= 64 {
			v = 0
		} else {
			v >>= w
		}
	default:
		if o.multiply > 1 {
			v *= o.multiply
		}
	}
	if o.align > 1 && v%o.align != 0 {
		v += o.align - v%o.align
	}
	m.vars[o.result] = v
	return end, true
}
