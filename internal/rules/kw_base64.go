package rules

import (
	"errors"
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
)

func fromBase64(c *compiler, o *lang.Option) error {
	var d base64Op
	if text := strings.TrimSpace(o.Value); text != "" {
		for f := range strings.SplitSeq(text, ",") {
			if err := d.option(c, strings.TrimSpace(f), true); err != nil {
				return err
			}
		}
	}
	return c.turn(func(m *matcher, dst, b []byte) ([]byte, bool) {
		dst, _, ok := d.decode(m, dst, b, 0)
		return dst, ok
	})
}

// base64Op is what base64_decode and from_base64 ask for.
type base64Op struct {
	count, offset number
	relative      bool
	mode          base64Mode
}

type base64Mode uint8

const (
	base64RFC4648 base64Mode = iota // ends at the first byte that is not of the alphabet
	base64RFC2045                   // leaves such bytes out
	base64Strict                    // is nothing where there is one
)

// mostBase64 bounds the bytes that are decoded.
const mostBase64 = 64 << 10

func (d *base64Op) option(c *compiler, word string, modes bool) (err error) {
	name, value, _ := strings.Cut(word, " ")
	value = strings.TrimSpace(value)
	switch {
	case name == "bytes":
		if d.count, err = c.number(value); err == nil && d.count.v == 0 && (d.count.n < 1 || d.count.n > mostBase64) {
			err = fmt.Errorf("%d is none of 1 to %d bytes", d.count.n, mostBase64)
		}
		return err
	case name == "offset":
		if d.offset, err = c.number(value); err == nil && d.offset.v == 0 && (d.offset.n < 0 || d.offset.n > 65535) {
			err = fmt.Errorf("%d is no offset from 0 to 65535", d.offset.n)
		}
		return err
	case name == "relative" && !modes:
		d.relative = true
		return nil
	case name == "mode" && modes:
		switch strings.ToLower(value) {
		case "rfc4648":
		case "rfc2045":
			d.mode = base64RFC2045
		case "strict":
			d.mode = base64Strict
		default:
			return fmt.Errorf("%q is none of rfc4648, rfc2045, strict", value)
		}
		return nil
	}
	return fmt.Errorf("%q is not known", word)
}

// decode appends what the text at a place of b stands for, and says where that text ends; at is where the last match ended.
func (d *base64Op) decode(m *matcher, dst, b []byte, at int) (text []byte, stop int, ok bool) {
	from := d.offset.get(m)
	if d.relative {
		from += int64(at)
	}
	if from < 0 || from >= int64(len(b)) {
		return dst, 0, false
	}
	b = b[from:]
	if d.count != (number{}) {
		b = b[:max(min(int64(len(b)), d.count.get(m)), 0)]
	}
	b = b[:min(len(b), mostBase64)]
	start, bits, n := len(dst), uint32(0), 0
	stop = int(from) + len(b)
	for i, c := range b {
		v := base64Value(c)
		if v < 0 {
			if d.mode == base64RFC2045 && c != '=' {
				continue
			}
			if d.mode == base64Strict && (c != '=' || strings.Trim(string(b[i:]), "=") != "" || (n+len(b)-i)%4 != 0 || len(b)-i > 2) {
				return dst[:start], 0, false
			}
			stop = int(from) + i
			break
		}
		bits, n = bits<<6|uint32(v), n+1
		if n%4 == 0 {
			dst = append(dst, byte(bits>>16), byte(bits>>8), byte(bits))
		}
	}
	switch n % 4 {
	case 2:
		dst = append(dst, byte(bits>>4))
	case 3:
		dst = append(dst, byte(bits>>10), byte(bits>>2))
	case 1:
		if d.mode == base64Strict {
			return dst[:start], 0, false
		}
	}
	return dst, stop, len(dst) > start
}

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// base64Keywords look into text in base64 in the middle of a buffer.
var base64Keywords = []keyword{
	{"base64_decode", func(c *compiler, o *lang.Option) error {
		d := &base64Op{}
		if text := strings.TrimSpace(o.Value); text != "" {
			for f := range strings.SplitSeq(text, ",") {
				if err := d.option(c, strings.TrimSpace(f), false); err != nil {
					return err
				}
			}
		}
		if c.base64 != nil {
			return errors.New("a second base64_decode")
		}
		c.base64 = &check{kind: isBase64, base64: d}
		c.base64At = c.at
		if d.relative && c.at == -1 {
			c.base64At = c.lastAt
		}
		return nil
	}},
	{"base64_data", func(c *compiler, _ *lang.Option) error {
		if c.base64 == nil {
			return errors.New("it needs base64_decode before it")
		}
		c.at = atBase64
		return nil
	}},
}

// atBase64 is compiler.at behind base64_data.
const atBase64 = -2

// endBase64 puts what was asked of decoded text where the text lies.
func (c *compiler) endBase64() error {
	if c.base64 == nil {
		return nil
	}
	if len(c.base64.inner) == 0 {
		return errors.New("base64_decode needs base64_data and something that is asked of it behind it")
	}
	l := c.list(c.base64At)
	*l = append(*l, *c.base64)
	return nil
}

// inBase64 looks into decoded text.
func (m *matcher) inBase64(c *check, rest []check, at, end int) bool {
	text, stop, ok := c.base64.decode(m, m.text[:0], m.b, at)
	m.text = text
	if !ok {
		m.short = true
		return false
	}
	b, from := m.b, m.from
	m.b, m.from = text, 0
	ok = m.run(c.inner, 0, 0)
	m.b, m.from = b, from
	return ok && m.run(rest, at, max(end, stop))
}
