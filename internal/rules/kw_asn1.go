package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// asn1Op is what asn1 looks for in a series of elements in BER (X.690), any of it: what decoders once fell for.
type asn1Op struct {
	bitString bool  // a BIT STRING with more unused bits than it has
	double    bool  // a REAL written in digits that is longer than any number
	oversize  int64 // a length above it; below 0: none is asked for
	offset    int   // where the first element begins, from the buffer's begin, or from the last match on
	relative  bool
}

const (
	// mostElements bounds how many elements are looked at, as Suricata's asn1-max-frames does.
	mostElements = 256
	// longestReal is what a REAL in digits may take.
	longestReal = 256
)

func asn1Keyword(c *compiler, o *lang.Option) error {
	a := &asn1Op{oversize: -1}
	placed := false
	for f := range strings.SplitSeq(o.Value, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), " ")
		value = strings.TrimSpace(value)
		n, err := 0, error(nil)
		switch name {
		case "bitstring_overflow":
			a.bitString = true
		case "double_overflow":
			a.double = true
		case "oversize_length":
			if n, err = strconv.Atoi(value); err == nil && n < 0 {
				err = errors.New("a length is not negative")
			}
			a.oversize = int64(n)
		case "absolute_offset", "relative_offset":
			if placed {
				return errors.New("asn1 takes one offset")
			}
			a.offset, err = strconv.Atoi(value)
			a.relative, placed = name == "relative_offset", true
			if err == nil && !a.relative && a.offset < 0 {
				err = errors.New("nothing lies before the buffer's begin")
			}
		default:
			return fmt.Errorf("asn1 knows bitstring_overflow, double_overflow, oversize_length, absolute_offset and relative_offset, not %q", name)
		}
		if err != nil {
			return fmt.Errorf("asn1's %s: %w", name, err)
		}
	}
	if !a.bitString && !a.double && a.oversize < 0 {
		return errors.New("asn1 asks for nothing: it takes bitstring_overflow, double_overflow or oversize_length")
	}
	c.add(check{kind: isASN1, neg: o.Negated, relative: a.relative, asn1: a})
	return nil
}

// holds reports whether one of the elements of b is as asked; at is where the last match ended.
func (a *asn1Op) holds(b []byte, at int) bool {
	from := a.offset
	if a.relative {
		from += at
	}
	if from < 0 || from >= len(b) {
		return false
	}
	left := mostElements
	return a.among(b[from:], &left, 0)
}

// among looks at the elements that b begins with and at what is in them. What is cut off is looked at as far as it goes: its
// length is known.
func (a *asn1Op) among(b []byte, left *int, depth int) bool {
	const universal, constructed, bitString, real = 0xc0, 0x20, 3, 9
	for len(b) >= 2 && *left > 0 {
		*left--
		kind, head := b[0], 1
		if kind&0x1f == 0x1f { // its number takes more bytes (8.1.2.4)
			for head < len(b) && b[head]&0x80 != 0 {
				head++
			}
			head++
		}
		n, used, ok := berLength(b[min(head, len(b)):])
		if !ok {
			return false
		}
		head += used
		if n < 0 { // it lasts to its end mark: what is in it follows as elements of their own
			b = b[head:]
			continue
		}
		if a.oversize >= 0 && n > a.oversize {
			return true
		}
		content := b[head:]
		content = content[:min(int64(len(content)), n)]
		switch {
		case kind&constructed != 0:
			if depth < 16 && a.among(content, left, depth+1) {
				return true
			}
		case kind&universal != 0 || len(content) == 0:
		case a.bitString && kind == bitString && int64(content[0]) > 8*(n-1),
			a.double && kind == real && content[0]&0xc0 == 0 && n > longestReal:
			return true
		}
		b = b[head+len(content):]
	}
	return false
}

// berLength reads a length (X.690 8.1.3) and how many bytes it took; -1 is one that is not said. Lengths beyond 2^40 are 2^40.
func berLength(b []byte) (n int64, used int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 0x80 {
		return int64(b[0]), 1, true
	}
	k := int(b[0] & 0x7f)
	if k == 0 {
		return -1, 1, true
	}
	if len(b) <= k {
		return 0, 0, false
	}
	for _, c := range b[1 : 1+k] {
		n = min(n<<8|int64(c), 1<<40)
	}
	return n, 1 + k, true
}
