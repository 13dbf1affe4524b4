package filter

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

type kind uint8

const (
	tEOF  kind = iota
	tOp        // operator or bracket, in text
	tWord      // reserved word, in text
	tNum       // number or named constant, in num
	tName      // any other name, or a name after a backslash
	tHID       // dotted IPv4, one to three dots
	tHID6      // IPv6 address
	tEID       // MAC address
)

type token struct {
	kind kind
	text string
	pos  int
	num  uint32
}

func (t token) is(text string) bool { return (t.kind == tOp || t.kind == tWord) && t.text == text }

// show names a token in an error text.
func (t token) show() string {
	if t.kind == tEOF {
		return "the end of the filter"
	}
	return strconv.Quote(t.text)
}

// Longest match decides between these, as in libpcap's scanner; on a tie the
// earlier one wins.
var (
	reName = mustLongest(`^[A-Za-z0-9]([-_.A-Za-z0-9]*[.A-Za-z0-9])?`)
	reNum  = mustLongest(`^(0[xX][0-9A-Fa-f]+|[0-9]+)`)
	reHID  = mustLongest(`^(0[xX][0-9A-Fa-f]+|[0-9]+)(\.(0[xX][0-9A-Fa-f]+|[0-9]+)){1,3}`)
	reMAC  = mustLongest(`^(@(:@){5}|@(-@){5}|@(\.@){5}|#\.#\.#|###)`)
)

// mustLongest compiles a pattern in which @ is one or two and # four
// hexadecimal digits.
func mustLongest(s string) *regexp.Regexp {
	s = strings.NewReplacer("@", "[0-9A-Fa-f]{1,2}", "#", "[0-9A-Fa-f]{4}").Replace(s)
	re := regexp.MustCompile(s)
	re.Longest()
	return re
}

const (
	maxExpr  = 1 << 16 // bytes in one expression
	maxDepth = 200     // nested parentheses, "not", and index brackets
)

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func lex(s string) []token {
	if len(s) > maxExpr {
		fail(maxExpr, "split it into several captures", "the filter is longer than %d bytes", maxExpr)
	}
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case isSpace(c):
			i++
			continue
		case c == '\\':
			j := i + 1
			for j < len(s) && !strings.ContainsRune(" !()\n\t", rune(s[j])) {
				j++
			}
			if j == i+1 {
				fail(i, `write a name right after it, as in "ip proto \tcp"`, "a backslash with no name after it")
			}
			out = append(out, token{kind: tName, text: s[i+1 : j], pos: i})
			i = j
			continue
		case c == ':' && !strings.HasPrefix(s[i:], "::"):
			out = append(out, token{kind: tOp, text: ":", pos: i})
			i++
			continue
		case c == ':' || isAlnum(c):
			t := lexWord(s, i)
			out = append(out, t)
			i += len(t.text)
			continue
		}
		op := s[i : i+1]
		if i+1 < len(s) {
			switch two := s[i : i+2]; two {
			case "&&", "||", "<<", ">>", "<=", ">=", "!=", "==":
				op = two
			}
		}
		t := token{kind: tOp, text: op, pos: i}
		switch op {
		case "&&":
			t.text = "and"
		case "||":
			t.text = "or"
		case "==":
			t.text = "="
		case "!":
			t.text = "not"
		case "+", "-", "*", "/", "%", "[", "]", "<", ">", "(", ")", "&", "|", "^", "=", "<<", ">>", "<=", ">=", "!=":
		default:
			fail(i, "remove it or quote the filter for the shell", "the character %q means nothing in a filter", firstRune(s[i:]))
		}
		out = append(out, t)
		i += len(op)
	}
	return append(out, token{kind: tEOF, pos: len(s)})
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// lexWord reads the longest name, number or address at s[i:].
func lexWord(s string, i int) token {
	rest := s[i:]
	best, n := tName, len(reName.FindString(rest))
	try := func(k kind, m int) {
		if m > 0 && (m > n || m == n && best == tName) {
			best, n = k, m
		}
	}
	word := rest[:n]
	if reserved[word] {
		best = tWord
	}
	try(tEID, len(reMAC.FindString(rest)))
	try(tNum, len(reNum.FindString(rest)))
	try(tHID, len(reHID.FindString(rest)))
	try(tHID6, ip6Prefix(rest))
	if n == 0 { // two colons that begin no address
		return token{kind: tOp, text: ":", pos: i}
	}
	t := token{kind: best, text: rest[:n], pos: i}
	switch best {
	case tNum:
		v, err := strconv.ParseUint(t.text, 0, 32)
		if err != nil {
			fail(i, "numbers are decimal, 0x hexadecimal or 0 octal, up to 4294967295", "%q is not a number this filter can hold", t.text)
		}
		t.num = uint32(v)
	case tName:
		if v, ok := constants[t.text]; ok {
			t.kind, t.num = tNum, v
		}
	}
	return t
}

// ip6Prefix gives the length of the longest IPv6 address s begins with.
func ip6Prefix(s string) int {
	n := 0
	for n < len(s) && n < 46 && (s[n] == ':' || s[n] == '.' || isHex(s[n])) {
		n++
	}
	if strings.IndexByte(s[:n], ':') < 0 {
		return 0
	}
	for ; n >= 2; n-- {
		if a, err := netip.ParseAddr(s[:n]); err == nil && a.Is6() {
			return n
		}
	}
	return 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
