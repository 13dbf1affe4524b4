package pcre

import "math/bits"

// set holds the bytes that one character of a pattern may be.
type set [4]uint64

func (s *set) add(b byte)      { s[b>>6] |= 1 << (b & 63) }
func (s *set) has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

func (s *set) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s *set) union(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s set) negated() set {
	for i := range s {
		s[i] = ^s[i]
	}
	return s
}

func (s set) count() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// first returns the lowest byte of a set that is not empty.
func (s set) first() byte {
	for i, w := range s {
		if w != 0 {
			return byte(i*64 + bits.TrailingZeros64(w))
		}
	}
	return 0
}

// single returns the byte of a set with exactly one.
func (s set) single() (byte, bool) { return s.first(), s.count() == 1 }

// folded returns the lower-case letter of a set that holds exactly the two cases of one letter.
func (s set) folded() (byte, bool) {
	u := s.first()
	return u | 0x20, s.count() == 2 && u >= 'A' && u <= 'Z' && s.has(u|0x20)
}

// fold adds the other case of each ASCII letter.
func (s *set) fold() {
	letters := uint64(1<<26-1) << 1 // A-Z and a-z are bits 1 to 26 of the halves of word 1
	both := (s[1] | s[1]>>32 | s[1]<<32) & (letters | letters<<32)
	s[1] |= both
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isWord(b byte) bool   { return isLetter(b) || isDigit(b) || b == '_' }

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

func of(text string) (s set) {
	for i := range len(text) {
		s.add(text[i])
	}
	return s
}

func span(pairs ...byte) (s set) {
	for i := 0; i < len(pairs); i += 2 {
		s.addRange(pairs[i], pairs[i+1])
	}
	return s
}

// The classes PCRE names in its "C" locale.
var (
	setAny        = span(0, 255)
	setNotNL      = of("\n").negated()
	setDigit      = span('0', '9')
	setWord       = span('0', '9', 'A', 'Z', '_', '_', 'a', 'z')
	setSpace      = of("\t\n\v\f\r ")
	setHorizontal = of("\t \xa0")
	setVertical   = of("\n\v\f\r\x85")
)

var posixSets = map[string]set{
	"alpha": span('A', 'Z', 'a', 'z'), "lower": span('a', 'z'), "upper": span('A', 'Z'), "digit": setDigit,
	"alnum": span('0', '9', 'A', 'Z', 'a', 'z'), "ascii": span(0, 127), "blank": of("\t "), "cntrl": span(0, 31, 127, 127),
	"graph": span(33, 126), "print": span(32, 126), "punct": span(33, 47, 58, 64, 91, 96, 123, 126), "space": setSpace,
	"word": setWord, "xdigit": span('0', '9', 'A', 'F', 'a', 'f'),
}

// classEscape returns the set of \d and its kin.
func classEscape(c byte) (set, bool) {
	switch c {
	case 'd':
		return setDigit, true
	case 'D':
		return setDigit.negated(), true
	case 'w':
		return setWord, true
	case 'W':
		return setWord.negated(), true
	case 's':
		return setSpace, true
	case 'S':
		return setSpace.negated(), true
	case 'h':
		return setHorizontal, true
	case 'H':
		return setHorizontal.negated(), true
	case 'v':
		return setVertical, true
	case 'V':
		return setVertical.negated(), true
	}
	return set{}, false
}
