package ruletraffic

import (
	"bytes"
	"strconv"
)

// patience bounds how many steps holds takes.
const patience = 20000

// oracle asks checks of one buffer by trying every place.
type oracle struct {
	b     []byte
	vars  map[string]int
	steps int
}

// holds reports whether all checks hold in b.
func holds(cs []check, b []byte) bool {
	o := oracle{b: b, vars: map[string]int{}}
	return o.from(cs, 0)
}

func (o *oracle) get(n num) int {
	if n.name != "" {
		return o.vars[n.name]
	}
	return n.n
}

// from asks the checks, the last match having ended at at.
func (o *oracle) from(cs []check, at int) bool {
	if len(cs) == 0 {
		return true
	}
	if o.steps++; o.steps > patience {
		return false
	}
	c, rest := &cs[0], cs[1:]
	switch c.kind {
	case aContent:
		return o.content(c, rest, at)
	case anExpression:
		return o.expression(c, rest, at)
	case isDataAt:
		n := o.get(c.at)
		ok := n < len(o.b)
		if c.relative {
			ok = at+n <= len(o.b)
		}
		return ok != c.neg && o.from(rest, at)
	case aSize:
		return c.size.has(len(o.b)) && o.from(rest, at)
	case anEntropy:
		return (compareFloat(c.test, entropy(o.b), c.most)) != c.neg && o.from(rest, at)
	case aBER:
		p := c.ber.from
		if c.relative {
			p += at
		}
		return (p >= 0 && p < len(o.b) && c.ber.in(o.b[p:], 0)) != c.neg && o.from(rest, at)
	case isAbsent:
		return c.neg && o.from(rest, at) // there is one
	case aBase64:
		p := o.get(c.number.offset)
		if c.relative {
			p += at
		}
		return p >= 0 && p <= len(o.b) && holds(c.inner.checks, decoded(o.b[p:], o.get(c.number.count))) != c.neg && o.from(rest, at)
	case byteTest:
		v, _, ok := o.read(c, at)
		return ok && (compare(c.test, v, uint64(o.get(c.value))) != c.testNeg) != c.neg && o.from(rest, at)
	case byteJump:
		v, end, ok := o.read(c, at)
		if !ok {
			return false
		}
		to := c.jump(int(v), end, len(o.b))
		return to >= 0 && to <= len(o.b) && o.from(rest, to)
	}
	v, end, ok := o.read(c, at)
	if !ok {
		return false
	}
	if v, ok = c.compute(v, o.get(c.value)); !ok {
		return false
	}
	old, had := o.vars[c.result]
	o.vars[c.result] = int(v)
	if o.from(rest, end) {
		return true
	}
	if delete(o.vars, c.result); had {
		o.vars[c.result] = old
	}
	return false
}

// room is where a content may begin, and where it must have ended.
func (o *oracle) room(c *check, at int) (lo, hi int) {
	lo, hi = 0, len(o.b)
	if c.relative {
		lo = at + o.get(c.distance)
		if c.within.set {
			hi = lo + o.get(c.within)
		}
	}
	if c.offset.set {
		lo = max(lo, o.get(c.offset))
	}
	if c.depth.set {
		hi = min(hi, o.get(c.offset)+o.get(c.depth))
	}
	if c.starts {
		hi = min(hi, len(c.pattern))
	}
	return max(lo, 0), min(hi, len(o.b))
}

func (o *oracle) content(c *check, rest []check, at int) bool {
	lo, hi := o.room(c, at)
	if c.ends {
		if hi < len(o.b) {
			lo = hi + 1
		}
		lo = max(lo, len(o.b)-len(c.pattern))
	}
	for p := lo; p+len(c.pattern) <= hi; p++ {
		if !sameBytes(o.b[p:p+len(c.pattern)], c.pattern, c.nocase) {
			continue
		}
		if c.neg {
			return false
		}
		if o.from(rest, p+len(c.pattern)) {
			return true
		}
		if o.steps > patience {
			return false
		}
	}
	return c.neg && o.from(rest, at)
}

func (o *oracle) expression(c *check, rest []check, at int) bool {
	b, from := o.b, 0
	if c.relative {
		from = min(max(at, 0), len(b))
		b = b[from:]
	}
	for next := 0; next <= len(b); {
		start, end, ok := c.expr.find(b, next)
		if !ok {
			break
		}
		if c.neg {
			return false
		}
		if o.from(rest, from+end) {
			return true
		}
		if o.steps > patience {
			return false
		}
		next = start + 1
	}
	return c.neg && o.from(rest, at)
}

func sameBytes(a, b []byte, nocase bool) bool {
	if !nocase {
		return bytes.Equal(a, b)
	}
	for i := range a {
		if small(a[i]) != small(b[i]) {
			return false
		}
	}
	return true
}

func small(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 32
	}
	return c
}

// read reads the number of a check.
func (o *oracle) read(c *check, at int) (v uint64, end int, ok bool) {
	p := o.get(c.number.offset)
	if c.relative {
		p += at
	}
	n := o.get(c.number.count)
	if p < 0 || n < 0 || p > len(o.b) {
		return 0, 0, false
	}
	if c.number.base != 0 {
		v, used, ok := textNumber(o.b[p:min(p+n, len(o.b))], c.number.base)
		return c.masked(v), p + used, ok
	}
	if p+n > len(o.b) || n > 8 {
		return 0, 0, false
	}
	for i := range n {
		k := p + i
		if c.number.little {
			k = p + n - 1 - i
		}
		v = v<<8 | uint64(o.b[k])
	}
	return c.masked(v), p + n, true
}

// textNumber reads digits after blanks, up to what is none.
func textNumber(b []byte, base int) (v uint64, used int, ok bool) {
	i := 0
	for i < len(b) && bytes.IndexByte([]byte(" \t\n\v\f\r"), b[i]) >= 0 {
		i++
	}
	if base == 16 && i+1 < len(b) && b[i] == '0' && small(b[i+1]) == 'x' {
		i += 2
	}
	from := i
	for i < len(b) {
		if _, err := strconv.ParseUint(string(b[i:i+1]), base, 64); err != nil {
			break
		}
		i++
	}
	v, err := strconv.ParseUint(string(b[from:i]), base, 64)
	return v, i, err == nil
}

func (c *check) masked(v uint64) uint64 {
	if c.bitmask == 0 {
		return v
	}
	v &= c.bitmask
	for m := c.bitmask; m&1 == 0; m >>= 1 {
		v >>= 1
	}
	return v
}

func compare(op string, v, w uint64) bool {
	switch op {
	case "=":
		return v == w
	case "<":
		return v < w
	case ">":
		return v > w
	case "<=":
		return v <= w
	case ">=":
		return v >= w
	case "&":
		return v&w != 0
	case "^":
		return v^w != 0
	}
	return false
}

// jump is where byte_jump lands.
func (c *check) jump(v, end, size int) int {
	v *= max(c.mult, 1)
	if c.align > 0 {
		v = (v + c.align - 1) / c.align * c.align
	}
	switch {
	case c.fromBegin:
		end = 0
	case c.end:
		end = size
	}
	return end + v + c.post
}

// compute is what byte_extract and byte_math store.
func (c *check) compute(v uint64, w int) (uint64, bool) {
	if c.kind == byteExtract {
		v *= uint64(max(c.mult, 1))
		if a := uint64(c.align); a > 0 {
			v = (v + a - 1) / a * a
		}
		return v + c.plus, true
	}
	switch c.test {
	case "+":
		v += uint64(w)
	case "-":
		v -= uint64(w)
	case "*":
		v *= uint64(w)
	case "/":
		if w == 0 {
			return 0, false
		}
		v /= uint64(w)
	case "<<":
		v <<= uint64(w)
	case ">>":
		v >>= uint64(w)
	}
	return v + c.plus, true
}
