package rules

import (
	"bytes"
	"math"

	"firestorm/internal/packet"
	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/pcre"
)

// check is one thing that is asked of a buffer. A rule's checks of a buffer are gone through in order; each begins where
// the one before it ended if it is relative.
type check struct {
	kind     checkKind
	neg      bool
	relative bool // counts from where the last one ended
	nocase   bool
	pattern  []byte // content, in lower case with nocase
	// offset and depth bound a content from the buffer's begin; distance and within from the last match.
	offset, depth, distance, within number
	hasDepth, hasWithin             bool
	starts, ends                    bool // startswith, endswith
	fast                            bool // fast_pattern
	isDataAt                        number
	size                            sizeRange
	pcre                            *pcre.Regexp
	bytes                           *byteOp
	test                            func(b []byte) bool
	from                            func(b []byte, src packet.Addr) bool // the same, with who sent it
	opt                             *lang.Option                         // that it comes from
	base64                          *base64Op
	inner                           []check // of what base64 decoded
	entropy                         *entropyOp
	asn1                            *asn1Op
	set                             *setOp
	captures                        []capture
}

type checkKind uint8

const (
	isContent checkKind = iota
	isDataAt
	isSize // bsize
	isByteTest
	isByteJump
	isByteExtract
	isByteMath
	isPCRE
	isTest // what a keyword of a protocol asks of a part
	isBase64
	isEntropy
	isASN1
	isDataset
)

// number is a constant of a rule, or the variable that byte_extract or byte_math set.
type number struct {
	n int64
	v int8 // index+1 of the variable; 0: n
}

func (n number) get(m *matcher) int64 {
	if n.v > 0 {
		return int64(m.vars[n.v-1])
	}
	return n.n
}

// maxVars bounds the variables of a rule.
const maxVars = 16

// maxSteps bounds the work on one rule and buffer: contents that are found again and again are tried anew only so often,
// as Suricata's inspection-recursion-limit does. What is given up is counted.
const maxSteps = 3000

// matcher goes through the checks of one rule. It is used again for all.
type matcher struct {
	b      []byte
	base   int64 // of the part whose piece b is: bytes before it
	open   bool  // the end of that part is not in b
	from   int   // of the buffer: what ends before it was looked at before; 0: all is new
	vars   [maxVars]uint64
	steps  int
	src    packet.Addr   // who sent what is looked at, for check.from
	little bool          // byte order of the DCE/RPC call at hand
	short  bool          // what failed may hold once more bytes follow
	re     *pcre.Scratch // made when a rule first needs it
	groups []int         // where those of an expression lie
	turn   [2][]byte     // what transforms made
	text   []byte        // what base64_decode made
	values []setValue    // what lists were asked about
	caught []captured    // what expressions caught
	// GivenUp counts rules whose checks took more than maxSteps.
	givenUp uint64
	total   uint64 // steps so far
}

// match reports whether all checks hold in b, with the last match of contents ending behind fresh.
func (m *matcher) match(cs []check, b []byte, fresh int) bool {
	m.b, m.from, m.steps, m.short = b, fresh, 0, false
	ok := m.run(cs, 0, 0)
	m.total += uint64(m.steps)
	return ok
}

// run tries the checks from the first of cs on. at is where the last match ended, end the furthest end so far.
func (m *matcher) run(cs []check, at, end int) bool {
	if len(cs) == 0 {
		return m.from == 0 || end > m.from
	}
	if m.steps++; m.steps > maxSteps {
		if m.steps == maxSteps+1 {
			m.givenUp++
		}
		return false
	}
	c := &cs[0]
	switch c.kind {
	case isContent:
		return m.content(c, cs[1:], at, end)
	case isDataAt:
		if m.dataAt(c, at) == c.neg || c.neg && m.open {
			m.short = m.short || !c.neg
			return false
		}
		return m.run(cs[1:], at, end)
	case isSize:
		if m.open || c.size.has(uint64(m.base)+uint64(len(m.b))) == c.neg {
			return false
		}
		return m.run(cs[1:], at, end)
	case isBase64:
		return m.inBase64(c, cs[1:], at, end)
	case isEntropy:
		return c.entropy.holds(m.b) && m.run(cs[1:], at, end)
	case isASN1:
		if c.asn1.holds(m.b, at) == c.neg || c.neg && m.open {
			m.short = m.short || !c.neg
			return false
		}
		return m.run(cs[1:], at, end)
	case isDataset:
		return m.inSet(c.set) && m.run(cs[1:], at, end)
	case isTest:
		ok := false
		if c.from != nil {
			ok = c.from(m.b, m.src)
		} else {
			ok = c.test(m.b)
		}
		return ok != c.neg && m.run(cs[1:], at, end)
	case isPCRE:
		return m.regexp(c, cs[1:], at, end)
	case isByteTest:
		ok := c.bytes.test(m, c, at)
		if ok == c.neg {
			m.short = true
			return false
		}
		return m.run(cs[1:], at, end)
	case isByteJump:
		to, ok := c.bytes.jump(m, c, at)
		if !ok {
			m.short = true
			return false
		}
		return m.run(cs[1:], to, end)
	default: // byte_extract, byte_math
		to, ok := c.bytes.extract(m, c, at)
		if !ok {
			m.short = true
			return false
		}
		return m.run(cs[1:], to, end)
	}
}

// dataAt reports whether there is data at a place: from the buffer's begin on the byte of that number, from the last match on
// so many bytes. Suricata counts like that, so that isdataat:!1,relative is endswith.
func (m *matcher) dataAt(c *check, at int) bool {
	n := c.isDataAt.get(m)
	if !c.relative {
		return n >= 0 && n < int64(len(m.b))
	}
	n += int64(at)
	return n >= 0 && n <= int64(len(m.b))
}

// content looks for a pattern, and for the next one when what follows does not hold.
func (m *matcher) content(c *check, rest []check, at, end int) bool {
	lo, hi := m.bounds(c, at)
	if c.neg {
		return !m.unknown(c) && m.find(c, lo, hi) < 0 && m.run(rest, at, end)
	}
	for {
		i := m.find(c, lo, hi)
		if i < 0 {
			m.short = m.short || hi == len(m.b)
			return false
		}
		stop := i + len(c.pattern)
		if m.run(rest, stop, max(end, stop)) {
			return true
		}
		if m.steps > maxSteps || !dependsOnPlace(rest) && m.from == 0 {
			return false // what follows does not care where this one was
		}
		lo = i + 1
	}
}

// regexp looks for a regular expression, from the last match on if it is relative, and for the next one when what follows
// does not hold. One that gave up counts as not found; the engine counts it.
func (m *matcher) regexp(c *check, rest []check, at, end int) bool {
	m.scratch()
	from := 0
	if c.relative {
		from = min(max(at, 0), len(m.b))
	}
	b := m.b[from:]
	if c.neg {
		return c.pcre.MatchOnly(m.re, b, 0) == pcre.NoMatch && m.run(rest, at, end)
	}
	kept := len(m.caught)
	for next := 0; next <= len(b); {
		var loc pcre.Loc
		var r pcre.Result
		if len(c.captures) == 0 {
			loc, r = c.pcre.Match(m.re, b, next)
		} else if m.groups, r = c.pcre.Submatch(m.re, b, next, m.groups[:0]); r == pcre.Matched {
			loc = pcre.Loc{Start: m.groups[0], End: m.groups[1]}
			m.caught = m.caught[:kept]
			m.catch(c, b, m.groups)
		}
		if r != pcre.Matched {
			m.short = true
			return false
		}
		stop := from + loc.End
		if m.run(rest, stop, max(end, stop)) {
			return true
		}
		if m.steps > maxSteps || !dependsOnPlace(rest) && m.from == 0 {
			return false
		}
		next = loc.Start + 1
	}
	return false
}

func (m *matcher) scratch() *pcre.Scratch {
	if m.re == nil {
		m.re = pcre.NewScratch(pcre.Limits{})
	}
	return m.re
}

// dependsOnPlace reports that a check of cs counts from where the one before cs ended.
func dependsOnPlace(cs []check) bool {
	for i := range cs {
		if cs[i].relative || cs[i].kind == isBase64 && cs[i].base64.relative {
			return true
		}
		if (cs[i].kind == isContent || cs[i].kind == isPCRE) && !cs[i].neg {
			return false
		}
	}
	return false
}

// unknown reports that a content that must not be there would lie in what is not at hand.
func (m *matcher) unknown(c *check) bool {
	return c.neg && (m.base > 0 && !c.relative && (c.starts || c.hasDepth) || m.open && c.ends)
}

// bounds are the bytes in which a content may lie.
func (m *matcher) bounds(c *check, at int) (lo, hi int) {
	l, h := int64(0), int64(len(m.b))
	if c.relative {
		l = int64(at) + c.distance.get(m)
		if c.hasWithin {
			h = min(h, l+c.within.get(m))
		}
	}
	if !c.relative || c.offset != (number{}) || c.hasDepth {
		if o := c.offset.get(m) - m.base; !c.relative || o > l {
			l = o
		}
		if c.hasDepth {
			h = min(h, c.offset.get(m)-m.base+c.depth.get(m))
		}
	}
	if c.starts {
		h = min(h, l+int64(len(c.pattern)))
	}
	if c.ends {
		l = max(l, int64(len(m.b)-len(c.pattern)))
		if h < int64(len(m.b)) || m.open {
			l = h + 1 // the end lies beyond what may be looked at
		}
	}
	l = max(l, 0)
	return int(min(l, math.MaxInt32)), int(max(min(h, int64(len(m.b))), 0))
}

// find returns where the pattern of c lies first in [lo, hi), -1 if nowhere.
func (m *matcher) find(c *check, lo, hi int) int {
	if lo > hi || hi-lo < len(c.pattern) {
		return -1
	}
	var i int
	if c.nocase {
		i = indexFold(m.b[lo:hi], c.pattern)
	} else {
		i = bytes.Index(m.b[lo:hi], c.pattern)
	}
	if i < 0 {
		return -1
	}
	return lo + i
}

// indexFold finds pattern, which is in lower case, whatever the case of ASCII letters in b.
func indexFold(b, pattern []byte) int {
	if len(pattern) == 0 {
		return 0
	}
	first := pattern[0]
	upper := first
	if 'a' <= first && first <= 'z' {
		upper = first - 'a' + 'A'
	}
	for i := 0; i+len(pattern) <= len(b); {
		tail := b[i : len(b)-len(pattern)+1]
		j := bytes.IndexByte(tail, first)
		if upper != first {
			if j < 0 {
				j = bytes.IndexByte(tail, upper)
			} else if k := bytes.IndexByte(tail[:j], upper); k >= 0 {
				j = k
			}
		}
		if j < 0 {
			return -1
		}
		i += j
		if equalFold(b[i:i+len(pattern)], pattern) {
			return i
		}
		i++
	}
	return -1
}

func equalFold(b, lower []byte) bool {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// sizeRange is a number with its comparison: 5, <5, >5, 5<>10, !5.
type sizeRange struct {
	lo, hi uint64 // both inclusive
	not    bool
}

func (r sizeRange) has(n uint64) bool { return (n >= r.lo && n <= r.hi) != r.not }
