package rules

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/publicsuffix"

	"firestorm/internal/rules/lang"
	"firestorm/internal/rules/pcre"
)

// transform makes another buffer of one: it appends what it makes of b to dst. False: there is nothing to look at.
type transform func(m *matcher, dst, b []byte) ([]byte, bool)

// transformKeywords turn the buffer that was named before them into something else. Several work one after the other.
var transformKeywords = []keyword{
	{"dotprefix", func(c *compiler, o *lang.Option) error {
		err := plain(func(dst, b []byte) []byte { return append(append(dst, '.'), b...) })(c, o)
		if err == nil {
			p := c.here()
			p.dotted = len(p.transforms) == 1
		}
		return err
	}},
	{"to_lowercase", plain(func(dst, b []byte) []byte { return append(dst, lower(b)...) })},
	{"to_uppercase", plain(func(dst, b []byte) []byte {
		for _, c := range b {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	})},
	{"strip_whitespace", plain(func(dst, b []byte) []byte {
		for _, c := range b {
			if !isSpace(c) {
				dst = append(dst, c)
			}
		}
		return dst
	})},
	{"compress_whitespace", plain(compressSpace)},
	{"header_lowercase", plain(headerLower)},
	{"strip_pseudo_headers", plain(stripPseudo)},
	{"url_decode", plain(urlDecode)},
	{"to_md5", plain(func(dst, b []byte) []byte { h := md5.Sum(b); return append(dst, h[:]...) })},
	{"to_sha1", plain(func(dst, b []byte) []byte { h := sha1.Sum(b); return append(dst, h[:]...) })},
	{"to_sha256", plain(func(dst, b []byte) []byte { h := sha256.Sum256(b); return append(dst, h[:]...) })},
	{"domain", plain(func(dst, b []byte) []byte { d, _ := registered(b); return append(dst, d...) })},
	{"tld", plain(func(dst, b []byte) []byte { _, t := registered(b); return append(dst, t...) })},
	{"xor", xorKeyword},
	{"pcrexform", pcreTransform},
	{"from_base64", fromBase64},
	{"gunzip", unpack(func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })},
	{"zlib_deflate", unpack(func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) })},
}

// plain is a transform without options.
func plain(f func(dst, b []byte) []byte) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		if strings.TrimSpace(o.Value) != "" {
			return fmt.Errorf("%s takes no value", o.Name)
		}
		return c.turn(func(_ *matcher, dst, b []byte) ([]byte, bool) { return f(dst, b), true })
	}
}

// turn adds a transform to the buffer at hand. What was asked of the buffer before is asked of it as it was.
func (c *compiler) turn(t transform) error {
	p := c.here()
	switch {
	case p == nil:
		return errors.New("it needs the name of a buffer before it")
	case len(p.checks) > 0 && c.at <= atHeader:
		c.header(p.name)
		p = c.here()
	case len(p.checks) > 0 || p.absent != present:
		c.s.parts = append(c.s.parts, part{buffer: p.buffer, transforms: p.transforms[:len(p.transforms):len(p.transforms)]})
		c.at = len(c.s.parts) - 1
		p = &c.s.parts[c.at]
	}
	p.transforms, p.dotted = append(p.transforms, t), false
	return nil
}

// turned is b after the transforms of the part. The result is good until the next call.
func (p *part) turned(m *matcher, b []byte) ([]byte, bool) {
	for i, t := range p.transforms {
		to := &m.turn[i&1]
		made, ok := t(m, (*to)[:0], b)
		if !ok {
			return nil, false
		}
		*to, b = made, made
	}
	return b, true
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// compressSpace leaves the first of each run of white space.
func compressSpace(dst, b []byte) []byte {
	space := false
	for _, c := range b {
		if !isSpace(c) || !space {
			dst = append(dst, c)
		}
		space = isSpace(c)
	}
	return dst
}

// headerLower turns the names of headers into small letters, a line each, and leaves their values alone.
func headerLower(dst, b []byte) []byte {
	name := true
	for _, c := range b {
		switch {
		case c == '\n':
			name = true
		case c == ':' && name:
			name = false
		case name && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// stripPseudo leaves out lines that begin with a colon: headers of HTTP/2 that HTTP/1 has no name for (RFC 9113 8.3).
func stripPseudo(dst, b []byte) []byte {
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		if b[0] != ':' {
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// urlDecode undoes percent signs and pluses. What is no escape stays as it is.
func urlDecode(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(b) && digit(b[i+1]) < 16 && digit(b[i+2]) < 16:
			c = byte(digit(b[i+1])<<4 | digit(b[i+2]))
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// registered is the part of a name that somebody registered, and the public suffix below which it is. A name that is itself
// one has no registered part.
func registered(b []byte) (domain, suffix string) {
	name := strings.TrimSuffix(string(b), ".")
	if name == "" || strings.Contains(name, "..") || name[0] == '.' {
		return "", ""
	}
	suffix, _ = publicsuffix.PublicSuffix(string(lower([]byte(name))))
	suffix = name[len(name)-len(suffix):]
	if len(suffix) == len(name) {
		return "", suffix
	}
	rest := name[:len(name)-len(suffix)-1]
	return name[strings.LastIndexByte(rest, '.')+1:], suffix
}

func xorKeyword(c *compiler, o *lang.Option) error {
	key, err := hex.DecodeString(strings.ReplaceAll(o.Value, " ", ""))
	if err != nil || len(key) == 0 || len(key) > 255 {
		return fmt.Errorf("%q is no key of 1 to 255 bytes in hexadecimal", o.Value)
	}
	return c.turn(func(_ *matcher, dst, b []byte) ([]byte, bool) {
		for i, x := range b {
			dst = append(dst, x^key[i%len(key)])
		}
		return dst, true
	})
}

// pcreTransform leaves what the first group of an expression caught, or the buffer as it is where nothing did.
func pcreTransform(c *compiler, o *lang.Option) error {
	text, flags := o.Value, pcre.Flags(0)
	if end := strings.LastIndexByte(text, '/'); len(text) > 1 && text[0] == '/' && end > 0 {
		for _, l := range []byte(text[end+1:]) {
			f, ok := pcre.FlagOf(l)
			if !ok {
				return fmt.Errorf("the flag %q is not known", string(l))
			}
			flags |= f
		}
		text = text[1:end]
	}
	re, err := pcre.Compile(text, flags)
	if err != nil {
		return err
	}
	if re.Groups() != 1 {
		return fmt.Errorf("the expression should have one group, not %d", re.Groups())
	}
	return c.turn(func(m *matcher, dst, b []byte) ([]byte, bool) {
		var r pcre.Result
		m.groups, r = re.Submatch(m.scratch(), b, 0, m.groups[:0])
		if r != pcre.Matched || len(m.groups) < 4 || m.groups[2] < 0 {
			return append(dst, b...), true
		}
		return append(dst, b[m.groups[2]:m.groups[3]]...), true
	})
}

const (
	// unpacked is how much a packed buffer may become where max-size says nothing else.
	unpacked = 1024
	// mostUnpacked bounds max-size.
	mostUnpacked = 16 << 20
)

// unpack is a transform that undoes compression. What becomes larger than allowed, and what is damaged, is nothing.
func unpack(open func(io.Reader) (io.Reader, error)) func(*compiler, *lang.Option) error {
	return func(c *compiler, o *lang.Option) error {
		most := uint64(unpacked)
		if text := strings.TrimSpace(o.Value); text != "" {
			name, value, _ := strings.Cut(text, " ")
			n, ok := lang.ParseSize(strings.TrimSpace(value))
			if name != "max-size" || !ok || n == 0 || n > mostUnpacked {
				return fmt.Errorf("%s knows max-size with at most %d bytes, not %q", o.Name, mostUnpacked, text)
			}
			most = n
		}
		return c.turn(func(_ *matcher, dst, b []byte) ([]byte, bool) {
			r, err := open(bytes.NewReader(b))
			if err != nil {
				return dst, false
			}
			w := bytes.NewBuffer(dst)
			n, err := io.Copy(w, io.LimitReader(r, int64(most)+1))
			return w.Bytes(), uint64(n) <= most && (err == nil || n > 0)
		})
	}
}
