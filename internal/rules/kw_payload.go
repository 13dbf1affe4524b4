package rules

import (
	"errors"
	"fmt"
	"strings"

	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/pcre"
)

// payloadKeywords ask for bytes of the payload.
var payloadKeywords = []keyword{
	{"content", func(c *compiler, o *lang.Option) error {
		p, err := pattern(o.Value)
		if err != nil {
			return err
		}
		c.add(check{kind: isContent, neg: o.Negated, pattern: p})
		return nil
	}},
	{"nocase", modifier(func(_ *compiler, k *check, _ string) error {
		k.nocase, k.pattern = true, lower(k.pattern)
		return nil
	})},
	{"offset", modifier(func(c *compiler, k *check, v string) (err error) {
		k.offset, err = c.number(v)
		return err
	})},
	{"depth", modifier(func(c *compiler, k *check, v string) (err error) {
		if k.depth, err = c.number(v); err == nil && k.depth.v == 0 && k.depth.n < int64(len(k.pattern)) {
			err = fmt.Errorf("depth %d is less than the %d bytes of the content", k.depth.n, len(k.pattern))
		}
		k.hasDepth = true
		return err
	})},
	{"distance", modifier(func(c *compiler, k *check, v string) (err error) {
		k.distance, err = c.number(v)
		k.relative = true
		return err
	})},
	{"within", modifier(func(c *compiler, k *check, v string) (err error) {
		if k.within, err = c.number(v); err == nil && k.within.v == 0 && k.within.n < int64(len(k.pattern)) {
			err = fmt.Errorf("within %d is less than the %d bytes of the content", k.within.n, len(k.pattern))
		}
		k.relative, k.hasWithin = true, true
		return err
	})},
	{"startswith", modifier(func(_ *compiler, k *check, _ string) error {
		if k.relative || k.hasDepth || k.offset != (number{}) {
			return errors.New("startswith goes with no offset, depth, distance or within")
		}
		k.starts = true
		return nil
	})},
	{"endswith", modifier(func(_ *compiler, k *check, _ string) error { k.ends = true; return nil })},
	{"rawbytes", ignored},
	{"isdataat", func(c *compiler, o *lang.Option) error {
		k := check{kind: isDataAt, neg: o.Negated}
		for i, part := range strings.Split(o.Value, ",") {
			switch part = strings.TrimSpace(part); {
			case i == 0:
				if rest, ok := strings.CutPrefix(part, "!"); ok {
					k.neg, part = true, rest
				}
				n, err := c.number(part)
				if err != nil {
					return err
				}
				k.isDataAt = n
			case part == "relative":
				k.relative = true
			case part == "rawbytes":
			default:
				return fmt.Errorf("isdataat knows relative and rawbytes, not %q", part)
			}
		}
		if k.relative && c.at == -1 && c.lastAt >= 0 { // older form: it follows the content that was moved
			l := c.list(c.lastAt)
			*l = append(*l, k)
			return nil
		}
		c.add(k)
		return nil
	}},
	{"entropy", entropyKeyword},
	{"asn1", asn1Keyword},
	{"bsize", func(c *compiler, o *lang.Option) error {
		text := o.Value
		if o.Negated {
			text = "!" + text
		}
		r, err := parseRange(text, 64)
		c.add(check{kind: isSize, size: r})
		return err
	}},
	{"pcre", func(c *compiler, o *lang.Option) error {
		k, buffer, err := expression(o)
		if err != nil {
			return err
		}
		if len(k.captures) > 0 && c.s.textClass&classSets == 0 {
			c.s.textClass |= classSets
			c.s.effects = append(c.s.effects, keepTexts)
		}
		if buffer == "" {
			c.add(k)
			return nil
		}
		n, err := c.part(sticky[buffer])
		if err != nil {
			return err
		}
		c.s.parts[n].checks = append(c.s.parts[n].checks, k)
		return nil
	}},
}

// lower turns ASCII letters into small ones, and leaves all other bytes as they are: patterns are no text.
func lower(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

// modifier is a keyword that changes the content before it.
func modifier(f func(c *compiler, k *check, v string) error) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		k, err := c.last(o.Name)
		if err != nil {
			return err
		}
		return f(c, k, o.Value)
	}
}

// expression reads pcre:"/…/flags"; buffer is the one that a flag names.
func expression(o *lang.Option) (k check, buffer string, err error) {
	k = check{kind: isPCRE, neg: o.Negated}
	text := o.Value
	end := strings.LastIndexByte(text, '/')
	if len(text) < 2 || text[0] != '/' || end == 0 {
		return k, "", errors.New("the expression stands between slashes")
	}
	var flags pcre.Flags
	letters, list, _ := strings.Cut(text[end+1:], ",")
	for _, l := range []byte(strings.TrimSpace(letters)) {
		if l == 'O' { // of limits that may be exceeded: those here hold
			continue
		}
		if l == 'R' {
			k.relative = true
			continue
		}
		if l == 'B' { // of raw bytes: all are
			continue
		}
		if b := ofExpression[l]; b != "" {
			buffer = b
			continue
		}
		f, ok := pcre.FlagOf(l)
		if !ok {
			return k, "", fmt.Errorf("the flag %q asks for a buffer that rules cannot ask yet, or is not known", string(l))
		}
		flags |= f
	}
	if k.pcre, err = pcre.Compile(text[1:end], flags); err != nil {
		return k, buffer, err
	}
	k.captures, err = captures(list, k.pcre.Names(), k.pcre.Groups())
	return k, buffer, err
}

// pattern turns a content's text into bytes: |41 42| is in hexadecimal.
func pattern(text string) ([]byte, error) {
	var b []byte
	for {
		plain, rest, ok := strings.Cut(text, "|")
		b = append(b, plain...)
		if !ok {
			break
		}
		hex, after, ok := strings.Cut(rest, "|")
		if !ok {
			return nil, errors.New("a | has no partner")
		}
		n, half := 0, false
		for i := range len(hex) {
			if hex[i] == ' ' {
				continue
			}
			d := digit(hex[i])
			if d > 15 {
				return nil, fmt.Errorf("%q between bars is not hexadecimal", hex)
			}
			if n = n<<4 | d; half {
				b = append(b, byte(n))
				n = 0
			}
			half = !half
		}
		if half {
			return nil, fmt.Errorf("%q between bars has half a byte", hex)
		}
		text = after
	}
	if len(b) == 0 {
		return nil, errors.New("the content is empty")
	}
	return b, nil
}
