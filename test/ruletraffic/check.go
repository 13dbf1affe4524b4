package ruletraffic

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is what a check asks.
type kind uint8

const (
	aContent kind = iota
	anExpression
	isDataAt
	aSize
	byteTest
	byteJump
	byteExtract
	byteMath
	anEntropy
	isAbsent
	aBase64
	aBER
)

// num is a number of a rule, or the name of a variable that byte_extract or byte_math sets.
type num struct {
	n    int
	name string
	set  bool
}

// check is one thing that is asked of a buffer. Checks are asked in order.
type check struct {
	kind     kind
	option   int // index of the rule's option
	neg      bool
	relative bool
	// content
	pattern        []byte
	nocase         bool
	starts, ends   bool
	offset, depth  num
	distance       num
	within         num
	expr           *expr
	at             num // isdataat
	size           span
	number         numberAt
	test           string // byte_test's comparison, byte_math's operation
	testNeg        bool
	value          num
	result         string
	mult, post     int
	align          int
	fromBegin, end bool
	bitmask        uint64
	most           float64   // entropy: what it is compared with
	ber            berFaults // asn1
	inner          *part     // base64_decode: what is asked of what was decoded
	plus           uint64    // of a twin: what byte_extract and byte_math store more
}

// numberAt is a number in a buffer: how many bytes, where, and how it is written.
type numberAt struct {
	count  num
	offset num
	base   int // 10, 16, 8: in text; 0: in bytes
	little bool
}

func parseNum(s string) num {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return num{n: int(n), set: true}
	}
	return num{name: s, set: true}
}

// span is a comparison with numbers: 5, <5, >5, 5<>10, !5.
type span struct {
	lo, hi int
	not    bool
	near   []int // numbers about the borders
	only   []int // numbers worth a try, where there are few
}

func (s span) has(n int) bool { return (n >= s.lo && n <= s.hi) != s.not }

// parseSpan reads one. Both a<>b and a-b leave a and b out.
func parseSpan(text string, neg bool) (span, error) {
	const most = 1 << 32
	text = strings.ReplaceAll(text, " ", "")
	one := func(t string) (int, error) {
		n, err := strconv.ParseInt(t, 0, 64)
		return int(n), err
	}
	for _, sep := range []string{"<>", "-"} {
		a, b, ok := strings.Cut(text, sep)
		if !ok || a == "" {
			continue
		}
		x, err := one(a)
		if err != nil {
			return span{}, err
		}
		y, err := one(b)
		return span{lo: x + 1, hi: y - 1, not: neg, near: []int{x, y, (x + y) / 2}}, err
	}
	op := strings.TrimRight(text, "0123456789abcdefxABCDEFX")
	n, err := one(text[len(op):])
	s := span{lo: n, hi: n, not: neg, near: []int{n}}
	switch op {
	case "", "=":
	case "!", "!=":
		s.not = !neg
	case "<":
		s.lo, s.hi = 0, n-1
	case "<=":
		s.lo, s.hi = 0, n
	case ">":
		s.lo, s.hi = n+1, most
	case ">=":
		s.lo, s.hi = n, most
	default:
		return s, fmt.Errorf("%q compares with nothing known", text)
	}
	return s, err
}

// candidates are numbers about the borders of spans, each once, all at least 0.
func candidates(spans []span) []int {
	var out []int
	seen := map[int]bool{}
	for _, s := range spans {
		if s.only != nil {
			return s.only
		}
		for _, n := range s.near {
			for _, c := range []int{n, n + 1, n - 1, n + 7, n - 7} {
				if c >= 0 && !seen[c] {
					seen[c] = true
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// byteOption reads the values of byte_test, byte_jump, byte_extract and byte_math.
func byteOption(o *Option) (check, error) {
	var f []string
	for _, w := range strings.Split(o.Value, ",") {
		f = append(f, strings.TrimSpace(w))
	}
	c := check{neg: o.Neg, mult: 1}
	least := map[string]int{"byte_test": 4, "byte_jump": 2, "byte_extract": 3, "byte_math": 4}[o.Name]
	if len(f) < least {
		return c, fmt.Errorf("%s has %d values", o.Name, len(f))
	}
	rest := f
	switch o.Name {
	case "byte_test":
		c.kind = byteTest
		c.number.count, c.value, c.number.offset, rest = parseNum(f[0]), parseNum(f[2]), parseNum(f[3]), f[4:]
		c.test = f[1]
		if t, ok := strings.CutPrefix(c.test, "!"); ok {
			c.testNeg, c.test = true, strings.TrimSpace(t)
		}
		if c.test == "" || c.test == "==" {
			c.test = "="
		}
	case "byte_jump":
		c.kind = byteJump
		c.number.count, c.number.offset, rest = parseNum(f[0]), parseNum(f[1]), f[2:]
	case "byte_extract":
		c.kind = byteExtract
		c.number.count, c.number.offset, c.result, rest = parseNum(f[0]), parseNum(f[1]), f[2], f[3:]
	default:
		c.kind = byteMath
	}
	for _, w := range rest {
		word, value, _ := strings.Cut(w, " ")
		value = strings.TrimSpace(value)
		var err error
		switch word {
		case "relative":
			c.relative = true
		case "little":
			c.number.little = true
		case "big":
		case "endian":
			c.number.little = value == "little"
		case "string":
			c.number.base = map[string]int{"": 10, "dec": 10, "hex": 16, "oct": 8}[value]
		case "hex":
			c.number.base = 16
		case "dec":
			c.number.base = 10
		case "oct":
			c.number.base = 8
		case "bitmask":
			c.bitmask, err = strconv.ParseUint(value, 0, 64)
		case "multiplier":
			c.mult, err = strconv.Atoi(value)
		case "post_offset":
			c.post, err = strconv.Atoi(value)
		case "align":
			c.align = 4
			if value != "" {
				c.align, err = strconv.Atoi(value)
			}
		case "from_beginning":
			c.fromBegin = true
		case "from_end":
			c.end = true
		case "bytes":
			c.number.count = parseNum(value)
		case "offset":
			c.number.offset = parseNum(value)
		case "oper":
			c.test = value
		case "rvalue":
			c.value = parseNum(value)
		case "result":
			c.result = value
		default:
			err = fmt.Errorf("%s with %q", o.Name, word)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}
