package http

import "bytes"

// page is what a body says to a person.
type page struct {
	title, h1 []byte // at most maxTitle bytes each
	text      []byte // words outside of markup, at most maxText bytes
	shingles  shingles
}

const (
	maxTitle = 256
	maxText  = 2048
	maxTag   = 2048 // a tag that is longer is text
)

func (p *page) reset() {
	p.title, p.h1, p.text = p.title[:0], p.h1[:0], p.text[:0]
	p.shingles = shingles{}
}

// read takes a body. Markup is HTML's as far as a person's eye needs it: tags go, the content of scripts and styles goes,
// the common character references become what they stand for.
func (p *page) read(b []byte, html bool) {
	if !html {
		p.words(b, nil)
		p.shingles.end()
		return
	}
	var into *[]byte // title or h1, within these
	for len(b) > 0 {
		lt := bytes.IndexByte(b, '<')
		if lt < 0 {
			lt = len(b)
		}
		p.words(b[:lt], into)
		if lt == len(b) {
			break
		}
		b = b[lt:]
		name, closing, rest, ok := tag(b)
		if !ok {
			p.words(b[:1], into)
			b = b[1:]
			continue
		}
		b = rest
		p.space(into)
		switch {
		case closing:
			if eqFold(name, "title") || eqFold(name, "h1") {
				into = nil
			}
		case eqFold(name, "title"):
			if into = &p.title; len(p.title) > 0 {
				into = nil
			}
		case eqFold(name, "h1"):
			if into = &p.h1; len(p.h1) > 0 {
				into = nil
			}
		case eqFold(name, "script"), eqFold(name, "style"):
			b = skipTo(b, name)
		}
	}
	p.shingles.end()
	p.title, p.h1, p.text = bytes.TrimRight(p.title, " "), bytes.TrimRight(p.h1, " "), bytes.TrimRight(p.text, " ")
}

func eqFold(b []byte, s string) bool { return len(b) == len(s) && foldPrefix(b, s) }

// tag reads the tag, comment or declaration at the begin of b, a "<".
func tag(b []byte) (name []byte, closing bool, rest []byte, ok bool) {
	if bytes.HasPrefix(b, []byte("<!--")) {
		if i := bytes.Index(b[4:], []byte("-->")); i >= 0 {
			return nil, false, b[4+i+3:], true
		}
		return nil, false, nil, true
	}
	end := bytes.IndexByte(b[:min(len(b), maxTag)], '>')
	if end < 0 {
		return nil, false, nil, false
	}
	name = b[1:end]
	if len(name) > 0 && name[0] == '/' {
		closing, name = true, name[1:]
	}
	n := 0
	for n < len(name) && (lower(name[n]) >= 'a' && lower(name[n]) <= 'z' || n > 0 && name[n] >= '0' && name[n] <= '9') {
		n++
	}
	if n == 0 && !(len(name) > 0 && (name[0] == '!' || name[0] == '?')) {
		return nil, false, nil, false
	}
	return name[:n], closing, b[end+1:], true
}

// skipTo returns what follows the closing tag of the element.
func skipTo(b, name []byte) []byte {
	for {
		i := bytes.Index(b, []byte("</"))
		if i < 0 {
			return nil
		}
		b = b[i+2:]
		if len(b) >= len(name) && eqFold(b[:len(name)], string(name)) {
			if i = bytes.IndexByte(b, '>'); i < 0 {
				return nil
			}
			return b[i+1:]
		}
	}
}

// words takes text: white space becomes one space.
func (p *page) words(b []byte, into *[]byte) {
	for i := 0; i < len(b); {
		c, n := b[i], 1
		if c == '&' {
			c, n = reference(b[i:])
		}
		i += n
		if c <= ' ' {
			p.space(into)
			continue
		}
		p.shingles.letter(c)
		if len(p.text) < maxText {
			p.text = append(p.text, c)
		}
		if into != nil && len(*into) < maxTitle {
			*into = append(*into, c)
		}
	}
}

func (p *page) space(into *[]byte) {
	p.shingles.word()
	if n := len(p.text); n > 0 && n < maxText && p.text[n-1] != ' ' {
		p.text = append(p.text, ' ')
	}
	if into == nil {
		return
	}
	if n := len(*into); n > 0 && n < maxTitle && (*into)[n-1] != ' ' {
		*into = append(*into, ' ')
	}
}

// reference reads a character reference at the begin of b, as far as it is of ASCII.
func reference(b []byte) (c byte, n int) {
	for _, r := range [...]struct {
		s string
		c byte
	}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&nbsp;", ' '}, {"&#39;", '\''}, {"&#x27;", '\''}, {"&rsquo;", '\''}, {"&#8217;", '\''}} {
		if hasFold(b, r.s) {
			return r.c, len(r.s)
		}
	}
	return '&', 1
}

// shingles makes a simhash of the pairs of neighbouring words: pages that differ in a few words differ in a few bits
// (Charikar, STOC 2002).
type shingles struct {
	votes      [8]uint64 // votes[k] counts bits k, k+8, … of the hashes, a byte each
	hash, last uint64    // of the word being read, of the one before
	words      int
}

// maxWords is how many words the simhash is made of: as many as a byte counts.
const maxWords = 255

func (s *shingles) letter(c byte) {
	if s.hash == 0 {
		s.hash = 14695981039346656037 // FNV-1a
	}
	s.hash = (s.hash ^ uint64(lower(c))) * 1099511628211
}

func (s *shingles) word() {
	if s.hash == 0 {
		return
	}
	if s.words++; s.words <= maxWords {
		h := mix(s.hash ^ mix(s.last))
		for k := range s.votes {
			s.votes[k] += h >> k & 0x0101010101010101
		}
	}
	s.last, s.hash = s.hash, 0
}

func (s *shingles) end() { s.word() }

func (s *shingles) sum() uint64 {
	var out uint64
	half := uint64(min(s.words, maxWords) / 2)
	for i := range 64 {
		if s.votes[i&7]>>(i&^7)&0xff > half {
			out |= 1 << i
		}
	}
	return out
}

// mix spreads the bits of x (the finaliser of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
