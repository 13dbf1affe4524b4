package ruletraffic

import (
	"math/rand/v2"
	"slices"
)

// canvas is a buffer in the making. Bytes that are not fixed yet may become anything.
type canvas struct {
	b     []byte
	fixed []bool
	used  int // how far bytes were fixed
	most  int // how long it may get
	rng   *rand.Rand
	vars  map[string]int
	kind  *style
}

// style is what bytes a buffer may have.
type style struct {
	filler string              // bytes that gaps are filled with
	legal  func(c byte) bool   // nil: all
	begin  string              // what it begins with if nothing speaks against it
	other  string              // what it may begin with as well
	end    []string            // what it may end with
	join   string              // what stands between contents that do not ask for a place
	line   bool                // of lines of headers: contents that begin none get a name before them
	good   func(b []byte) bool // nil: all; the whole
}

func newCanvas(rng *rand.Rand, k *style, most int) *canvas {
	return &canvas{rng: rng, vars: map[string]int{}, kind: k, most: most}
}

func (c *canvas) grow(n int) {
	for len(c.b) < n {
		c.b = append(c.b, 0)
		c.fixed = append(c.fixed, false)
	}
}

// fits reports whether p can stand at at.
func (c *canvas) fits(at int, p []byte, nocase bool) bool {
	if at < 0 || at+len(p) > c.most {
		return false
	}
	for i, b := range p {
		if k := at + i; k < len(c.b) && c.fixed[k] && c.b[k] != b && !(nocase && small(c.b[k]) == small(b)) {
			return false
		}
	}
	return true
}

// put fixes p at at, in mixed case where that does not count.
func (c *canvas) put(at int, p []byte, nocase bool) {
	c.grow(at + len(p))
	for i, b := range p {
		k := at + i
		if c.fixed[k] {
			continue
		}
		if nocase && c.rng.IntN(2) == 0 {
			switch {
			case b >= 'a' && b <= 'z':
				b -= 32
			case b >= 'A' && b <= 'Z':
				b += 32
			}
		}
		if c.kind.legal != nil && !c.kind.legal(b) {
			b = p[i]
		}
		c.b[k], c.fixed[k] = b, true
	}
	c.used = max(c.used, at+len(p))
}

// finish fills the gaps.
func (c *canvas) finish(size int) []byte {
	c.grow(size)
	f := c.kind.filler
	for i := range c.b {
		if !c.fixed[i] {
			c.b[i] = f[c.rng.IntN(len(f))]
		}
	}
	return c.b
}

// fill makes a buffer in which the checks hold; false when none of many tries did.
func fill(cs []check, k *style, rng *rand.Rand) ([]byte, bool) {
	for try := range 100 {
		b, ok := tryFill(cs, k, rng, try)
		if !ok || k.good != nil && !k.good(b) || !holds(cs, b) {
			continue
		}
		if agreed(cs, b) {
			return b, true
		}
	}
	return nil, false
}

// agreed asks a second engine about the expressions that look at the whole buffer.
func agreed(cs []check, b []byte) bool {
	for i := range cs {
		if cs[i].kind == anExpression && !cs[i].relative && cs[i].expr.agree(b) != nil {
			return false
		}
	}
	return true
}

// atEnd are the checks, with the contents marked that must end the buffer since no byte may follow.
func atEnd(list []check) []check {
	cs := slices.Clone(list)
	for i := range cs[:max(len(cs)-1, 0)] {
		if n := &cs[i+1]; cs[i].kind == aContent && !cs[i].neg && n.kind == isDataAt && n.neg && n.relative && n.at == (num{n: 1, set: true}) {
			cs[i].ends = true
		}
	}
	return cs
}

func tryFill(list []check, k *style, rng *rand.Rand, try int) ([]byte, bool) {
	cs := atEnd(list)
	c := newCanvas(rng, k, 1<<16)
	least, most, sum, ends := 0, 1<<16, 0, false
	var sizes []span
	for i := range cs {
		x := &cs[i]
		switch {
		case x.kind == aSize:
			sizes = append(sizes, x.size)
		case x.kind == aContent && !x.neg:
			sum += len(x.pattern)
			ends = ends || x.ends
		case x.kind == isDataAt && !x.relative && x.at.name == "":
			if x.neg {
				most = min(most, x.at.n)
			} else {
				least = max(least, x.at.n+1)
			}
		}
	}
	size := -1
	if len(sizes) > 0 {
		var good []int
		for _, n := range append(candidates(sizes), sum, sum+len(k.begin), sum+3+rng.IntN(20), sum+rng.IntN(300)) {
			ok := n <= 1<<15
			for _, s := range sizes {
				ok = ok && s.has(n)
			}
			if ok && n >= least && n <= most {
				good = append(good, n)
			}
		}
		if len(good) == 0 {
			return nil, false
		}
		size = good[rng.IntN(len(good))]
	} else if ends {
		size = sum
		if try%2 == 0 {
			size += len(k.begin)
		}
		if try%7 == 6 { // contents may share bytes
			size = max(size-1-rng.IntN(4), 1)
		} else if try > 2 && try%5 > 0 {
			size += rng.IntN(4 + try)
		}
		size = max(size, least)
	}
	if size >= 0 {
		c.most = size
	}
	begin := k.begin
	if k.other != "" && try%5 == 4 {
		begin = k.other
	}
	if begin != "" && try%3 != 2 && c.fits(0, []byte(begin), false) {
		c.put(0, []byte(begin), false)
	}
	p := painter{canvas: c, size: size, loose: try, least: least}
	if try%4 == 1 && !p.paintEarly(cs) {
		return nil, false
	}
	for i := range cs {
		if !p.paint(cs, i) {
			return nil, false
		}
	}
	if n := len(k.end); n > 0 && size < 0 {
		if e := []byte(k.end[try%n]); c.fits(c.used, e, false) {
			c.put(c.used, e, false)
		}
	}
	if size < 0 {
		size = max(len(c.b), p.least)
		if try%4 == 3 {
			size += rng.IntN(12)
		}
		size = min(max(size, 1), most)
	}
	if size < c.used {
		return nil, false
	}
	return c.finish(size), true
}
