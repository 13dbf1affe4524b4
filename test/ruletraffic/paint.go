package ruletraffic

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// painter puts what checks ask for on a canvas, one check after the other.
type painter struct {
	*canvas
	at    int         // where the last match ended
	size  int         // of the buffer, -1: not decided
	loose int         // the number of the try: later ones leave more room
	least int         // bytes that the buffer must have
	early map[int]int // ends of expressions that were painted before their turn
}

func (p *painter) get(n num) int {
	if n.name != "" {
		return p.vars[n.name]
	}
	return n.n
}

// paintEarly puts the expressions first that do not count from a match: what other checks ask may lie in them.
func (p *painter) paintEarly(cs []check) bool {
	p.early = map[int]int{}
	for i := range cs {
		if c := &cs[i]; c.kind == anExpression && !c.neg && !c.relative {
			if !p.expression(c) {
				return false
			}
			p.early[i] = p.at
		}
	}
	p.at = 0
	return true
}

func (p *painter) paint(cs []check, i int) bool {
	c := &cs[i]
	switch c.kind {
	case aContent:
		return c.neg || p.content(c)
	case anExpression:
		if end, done := p.early[i]; done {
			p.at = end
			return true
		}
		return c.neg || p.expression(c)
	case isDataAt:
		n := p.get(c.at)
		switch {
		case !c.relative && !c.neg:
			p.least = max(p.least, n+1)
		case c.relative && !c.neg:
			p.least = max(p.least, p.at+n)
		case c.relative && p.size < 0:
			p.most = min(p.most, p.at+n-1)
		}
		return true
	case aSize, isAbsent:
		return true
	case anEntropy:
		p.least = max(p.least, 250)
		return true
	case aBER:
		at := c.ber.from
		if c.relative {
			at += p.at
		}
		b := c.ber.element()
		if c.neg {
			return true
		}
		if !p.fits(at, b, false) {
			return false
		}
		p.put(at, b, false)
		return true
	case aBase64:
		inner, ok := fill(c.inner.checks, &anyBytes, p.rng)
		text := []byte(base64.StdEncoding.EncodeToString(inner))
		at := p.get(c.number.offset)
		if c.relative {
			at += p.at
		}
		if n := p.get(c.number.count); !ok || n > 0 && len(text) > n || !p.fits(at, text, false) {
			return false
		}
		p.put(at, text, false)
		return true
	}
	return p.bytes(cs, i)
}

// room is where a content may begin.
func (p *painter) room(c *check) (lo, hi int) {
	lo, hi = 0, p.most
	if c.relative {
		lo = p.at + p.get(c.distance)
		if c.within.set {
			hi = lo + p.get(c.within)
		}
	}
	if c.offset.set {
		lo = max(lo, p.get(c.offset))
	}
	if c.depth.set {
		hi = min(hi, p.get(c.offset)+p.get(c.depth))
	}
	if c.starts {
		hi = len(c.pattern)
	}
	hi -= len(c.pattern)
	if c.ends && p.size >= 0 {
		lo = max(lo, p.size-len(c.pattern))
	}
	return max(lo, 0), min(hi, p.most-len(c.pattern))
}

func (p *painter) content(c *check) bool {
	lo, hi := p.room(c)
	if lo > hi {
		return false
	}
	// What stands there already may do.
	if p.loose%2 == 1 || p.used == p.size {
		for at := lo; at <= hi && at+len(c.pattern) <= p.used; at++ {
			if p.whole(at, c) {
				p.put(at, c.pattern, c.nocase)
				p.at = at + len(c.pattern)
				return true
			}
		}
	}
	// The first free place, or a little behind it; at last anywhere.
	first := lo
	if !c.starts && !c.ends {
		first = max(lo, min(p.used, hi))
		if !c.relative && p.used > 0 && p.loose%3 != 0 && first < hi && !p.kind.line {
			first = min(hi, first+p.rng.IntN(3+p.loose/4))
		}
		if p.used == 0 && p.loose%5 == 4 && lo == 0 {
			first = min(hi, 1+p.rng.IntN(3))
		}
		if c.relative && p.loose > 4 && p.rng.IntN(2) == 0 && first < hi {
			first = min(hi, first+p.rng.IntN(6))
		}
	}
	if p.kind.line && !c.relative && !c.starts && first == p.used && p.size < 0 {
		first += p.name(c.pattern)
	}
	if j := p.kind.join; j != "" && !c.relative && p.used > len(p.kind.begin) && first == p.used && p.fits(p.used, []byte(j), false) {
		p.put(p.used, []byte(j), false)
		first = min(hi, p.used)
	}
	for k := 0; k <= hi-lo && k < 300; k++ {
		at := first + k
		if at > hi {
			at = lo + (at - hi - 1)
		}
		if p.fits(at, c.pattern, c.nocase) {
			p.put(at, c.pattern, c.nocase)
			p.at = at + len(c.pattern)
			return true
		}
	}
	return false
}

// name writes the begin of a header's line before a content that has none. It returns how many bytes that took.
func (p *painter) name(pattern []byte) int {
	from := p.used
	var b []byte
	s := string(pattern)
	if from > 0 && !strings.HasPrefix(s, "\r\n") && !strings.HasSuffix(string(p.b[:from]), "\r\n") {
		b = append(b, "\r\n"...)
	}
	name, _, colon := strings.Cut(s, ":")
	if !colon || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-0123456789_") != "" {
		if !strings.HasPrefix(s, "\r\n") || from == 0 {
			b = fmt.Appendf(b, "X-%c: ", 'a'+byte(p.rng.IntN(26)))
		}
	}
	if !p.fits(from, b, false) {
		return 0
	}
	p.put(from, b, false)
	return len(b)
}

// whole reports that a content stands at a place already, all of it fixed.
func (p *painter) whole(at int, c *check) bool {
	for k := range c.pattern {
		if !p.fixed[at+k] {
			return false
		}
	}
	return p.fits(at, c.pattern, c.nocase)
}

func (p *painter) expression(c *check) bool {
	s := c.expr.sample(p.rng, p.kind.legal, 3)
	begin, end := c.expr.anchored()
	for k := 0; begin && end && !c.relative && p.size >= 0 && len(s) != p.size && k < 30 && p.loose < 60; k++ {
		s = c.expr.sample(p.rng, p.kind.legal, 1+p.rng.IntN(min(p.size, 400)+1))
	}
	at := p.used
	switch {
	case c.relative && begin:
		at = p.at
	case c.relative:
		at = max(p.at, p.used)
		if p.loose%2 == 0 {
			at = p.at
		}
	case begin:
		at = 0
	case p.loose%3 == 1:
		at = max(0, p.used-p.rng.IntN(p.used+1))
	}
	if end && p.size >= 0 {
		if begin && at+len(s) != p.size {
			return false
		}
		at = p.size - len(s)
	}
	if p.kind.line && !c.relative && !begin && p.size < 0 {
		at += p.name(s)
	}
	if !p.fits(at, s, false) {
		return false
	}
	p.put(at, s, false)
	p.at = at + len(s)
	if end && p.size < 0 {
		p.most = p.at
	}
	return true
}

// bytes puts a number where byte_test and its kin read one.
func (p *painter) bytes(cs []check, i int) bool {
	c := &cs[i]
	at := p.get(c.number.offset)
	if c.relative {
		at += p.at
	}
	n := p.get(c.number.count)
	if at < 0 || n < 1 {
		return false
	}
	for _, v := range p.values(cs, i, at, n) {
		b, ok := c.written(v, n)
		if !ok || !p.fits(at, b, false) {
			continue
		}
		mark := p.save()
		p.put(at, b, false)
		o := oracle{b: p.b, vars: p.vars}
		got, end, ok := o.read(c, p.at)
		switch {
		case !ok:
		case c.kind == byteTest:
			if (compare(c.test, got, uint64(p.get(c.value))) != c.testNeg) != c.neg {
				return true
			}
		case c.kind == byteJump:
			size := p.size
			if size < 0 {
				size = len(p.b)
			}
			if to := c.jump(int(got), end, size); to >= 0 && to <= p.most {
				p.at = to
				p.least = max(p.least, to)
				return true
			}
		default:
			if w, ok := c.compute(got, p.get(c.value)); ok {
				p.vars[c.result], p.at = int(w), end
				return true
			}
		}
		p.restore(mark)
	}
	return false
}

type savedCanvas struct {
	b     []byte
	fixed []bool
	used  int
}

func (p *painter) save() savedCanvas {
	return savedCanvas{append([]byte{}, p.b...), append([]bool{}, p.fixed...), p.used}
}

func (p *painter) restore(s savedCanvas) { p.b, p.fixed, p.used = s.b, s.fixed, s.used }

// values are numbers worth a try.
func (p *painter) values(cs []check, i, at, n int) []uint64 {
	c := &cs[i]
	var out []uint64
	if at+n <= len(p.b) { // what stands there already
		all := true
		for k := range n {
			all = all && p.fixed[at+k]
		}
		if all {
			o := oracle{b: p.b, vars: p.vars}
			plain := *c
			plain.bitmask = 0
			if v, _, ok := o.read(&plain, p.at); ok {
				return []uint64{v}
			}
		}
	}
	if c.kind == byteTest {
		w := uint64(p.get(c.value))
		shift := 0
		for m := c.bitmask; m != 0 && m&1 == 0; m >>= 1 {
			shift++
		}
		for range 200 { // one number for all tests of the same bytes
			v := p.rng.Uint64() >> (64 - 8*min(max(n, 1), 8))
			if c.alone(cs, v) {
				out = append(out, v)
				if len(out) == 3 {
					return out
				}
			}
		}
		for _, v := range []uint64{w, w + 1, w - 1, ^w, 0, w + 1 + uint64(p.rng.IntN(50)), w / 2, w | 1<<7} {
			out = append(out, v<<shift)
		}
		p.rng.Shuffle(len(out), func(a, b int) { out[a], out[b] = out[b], out[a] })
		return out
	}
	for range 3 {
		out = append(out, uint64(p.rng.IntN(24)))
	}
	for v := range uint64(64) {
		out = append(out, v)
	}
	return out
}

// alone reports whether a number passes every test of a constant that reads the same bytes as c.
func (c *check) alone(cs []check, v uint64) bool {
	if c.number.base != 0 {
		return false
	}
	for i := range cs {
		o := &cs[i]
		if o.kind != byteTest || o.number != c.number || o.relative != c.relative || o.value.name != "" {
			continue
		}
		if (compare(o.test, o.masked(v), uint64(o.value.n)) != o.testNeg) == o.neg {
			return false
		}
	}
	return true
}

// written is a number as the check reads it.
func (c *check) written(v uint64, n int) ([]byte, bool) {
	if c.number.base != 0 {
		s := fmt.Sprintf(map[int]string{10: "%0*d", 16: "%0*x", 8: "%0*o"}[c.number.base], n, v)
		return []byte(s), len(s) == n
	}
	if n > 8 || n < 8 && v>>(8*n) != 0 {
		return nil, false
	}
	b := binary.BigEndian.AppendUint64(nil, v)[8-n:]
	if c.number.little {
		for a, z := 0, n-1; a < z; a, z = a+1, z-1 {
			b[a], b[z] = b[z], b[a]
		}
	}
	return b, true
}
