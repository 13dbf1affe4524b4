package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
)

// Bounds of a body that is looked into. Whatever is beyond is counted and not kept.
const (
	MaxBody   = 64 << 10 // bytes kept, as sent and of each layer of decoding
	maxLayers = 3        // codings on top of each other
	maxRatio  = 1100     // DEFLATE makes 1032 bytes of one at most: beyond it are layers, or a Brotli stream that is hardly a page
)

// BodyState says what is known of the content of a response.
type BodyState uint8

// States of a body.
const (
	BodyNone    BodyState = iota // none, or of a type that is not looked into
	BodyWhole                    // all of it was seen and decoded: Digest, Simhash and texts are of the whole
	BodyCut                      // longer than MaxBody, or broken off: texts are of its begin
	BodyEncoded                  // its coding is not one that is decoded (zstd)
	BodyDamaged                  // its coding is broken: texts are of what came before
	BodyBomb                     // decoding was given up: too many layers, or too much of too little
)

var bodyStates = [...]string{"none", "whole", "cut", "encoded", "damaged", "bomb"}

// String returns the word.
func (s BodyState) String() string { return bodyStates[s] }

// intake collects the content of one response as it comes in, in parts that are used again: what it says it holds is what
// it holds.
type intake struct {
	parts  []*[partSize]byte
	n      int
	coding []byte // Content-Encoding, and what Transfer-Encoding holds beside chunked
	on     bool   // somebody looks into the content
	html   bool
	cut    bool
}

const partSize = 4096

var parts = sync.Pool{New: func() any { return new([partSize]byte) }}

// begin starts to collect the content behind a head.
func (x *intake) begin(m *Message) {
	x.on, x.html = true, bytes.Contains(m.get(fContentType), []byte("html"))
	x.coding = append(x.coding, m.get(fContentEncoding)...)
	if v := m.get(fTransferEncoding); len(v) > 0 {
		x.coding = append(append(x.coding, ','), v...)
	}
}

func (x *intake) add(p []byte) {
	if n := MaxBody - x.n; len(p) > n {
		x.cut = true
		p = p[:n]
	}
	for len(p) > 0 {
		at := x.n % partSize
		if at == 0 {
			x.parts = append(x.parts, parts.Get().(*[partSize]byte))
		}
		n := copy(x.parts[len(x.parts)-1][at:], p)
		x.n += n
		p = p[n:]
	}
}

// drop gives the parts back.
func (x *intake) drop() {
	for i, p := range x.parts {
		parts.Put(p)
		x.parts[i] = nil
	}
	*x = intake{parts: x.parts[:0], coding: x.coding[:0]}
}

func (x *intake) size() int { return partSize*len(x.parts) + 8*cap(x.parts) + cap(x.coding) }

// digest finishes the content and fills e; whole says that its end was seen.
func (x *intake) digest(e *Transaction, text *texts, whole bool) {
	b := bodies.Get().(*body)
	b.reset()
	left := x.n
	for _, p := range x.parts {
		b.add(p[:min(left, partSize)])
		left -= partSize
	}
	b.coding, b.html, b.cut = append(b.coding, x.coding...), x.html, x.cut
	b.digest(e, text, whole)
	bodies.Put(b)
}

// body decodes and reads the content of one response.
type body struct {
	raw    []byte
	coding []byte
	html   bool
	cut    bool
	layers [2][]byte
	page   page
	src    bytes.Reader
	gz     *gzip.Reader
	fl     io.ReadCloser
	zl     io.ReadCloser
}

// bodies are at rest; one is lent when the content of a response is complete, so that there are no more than workers.
var bodies = sync.Pool{New: func() any { return new(body) }}

// brotlis are Brotli decoders at rest.
var brotlis = sync.Pool{New: func() any { return brotli.NewReader(nil) }}

func (b *body) reset() {
	b.raw, b.coding, b.html, b.cut = b.raw[:0], b.coding[:0], false, false
	b.page.reset()
}

func (b *body) add(p []byte) {
	if n := MaxBody - len(b.raw); len(p) > n {
		b.cut = true
		p = p[:n]
	}
	b.raw = append(b.raw, p...)
}

// digest finishes a body and fills e; whole says that its end was seen.
func (b *body) digest(e *Transaction, text *texts, whole bool) {
	content, state := b.decode()
	if state == BodyWhole && (b.cut || !whole) {
		state = BodyCut
	}
	if state == BodyDamaged && (b.cut || !whole) {
		state = BodyCut // of course its coding breaks off where it was cut
	}
	e.Body = state
	if state == BodyEncoded {
		return
	}
	b.page.read(content, b.html || looksHTML(content))
	text.set(tTitle, b.page.title, maxTitle)
	text.set(tH1, b.page.h1, maxTitle)
	text.set(tText, b.page.text, maxText)
	if state == BodyWhole {
		e.Digest = sha256.Sum256(content)
		e.Simhash = b.page.shingles.sum()
	}
}

func looksHTML(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n\xef\xbb\xbf")
	return hasFold(b, "<!doctype html") || hasFold(b, "<html") || hasFold(b, "<head") || hasFold(b, "<title")
}

// enoughWindow is the window that a Brotli stream is decoded with that asks for a larger one. The decoder fills it before it
// hands over a byte: with the 22 bits that encoders choose unasked a stream of 26 bytes cost 12 ms and 4 MiB (2026-11-28).
// A window says how far back a copy may reach (RFC 7932 9.1); that it is smaller makes no difference to bytes that come
// before its end, and only MaxBody of them are read.
const enoughWindow = 18

// narrow makes the stream b ask for no more than enoughWindow bits: those above are told by four bits, as it is itself.
func narrow(b []byte) {
	if windowBits(b) > enoughWindow {
		b[0] = b[0]&^0x0f | (enoughWindow-17)<<1 | 1
	}
}

// windowBits reads WBITS, which begins a Brotli stream (RFC 7932 9.1); 0 for a form that is reserved.
func windowBits(b []byte) int {
	switch {
	case len(b) == 0 || b[0]&1 == 0:
		return 16
	case b[0]>>1&7 != 0:
		return 17 + int(b[0]>>1&7)
	case b[0]>>4&7 == 0:
		return 17
	case b[0]>>4&7 == 1:
		return 0
	}
	return 8 + int(b[0]>>4&7)
}

// decode undoes the codings, the last one first (RFC 9110 8.4).
func (b *body) decode() ([]byte, BodyState) {
	content, list := b.raw, b.coding
	for n := 0; len(list) > 0; {
		c := lastCoding(list)
		if i := bytes.LastIndexByte(list, ','); i >= 0 {
			list = list[:i]
		} else {
			list = nil
		}
		if len(c) == 0 || eqFold(c, "identity") || eqFold(c, "chunked") {
			continue
		}
		if n++; n > maxLayers {
			return content, BodyBomb
		}
		var r io.Reader
		var br *brotli.Reader
		b.src.Reset(content)
		switch {
		case eqFold(c, "gzip"), eqFold(c, "x-gzip"):
			r = b.gunzip()
		case eqFold(c, "deflate"):
			r = b.inflate(content)
		case eqFold(c, "br"):
			narrow(content)
			br = brotlis.Get().(*brotli.Reader)
			br.Reset(&b.src) // has no error to return
			r = br
		default:
			return nil, BodyEncoded
		}
		if r == nil {
			return nil, BodyDamaged
		}
		out, err := readMost(r, b.layers[n&1][:0])
		b.layers[n&1] = out
		if br != nil {
			brotlis.Put(br)
		}
		switch {
		case len(out) > maxRatio*max(len(b.raw), 1):
			return out[:0], BodyBomb
		case len(out) >= MaxBody && err == nil:
			b.cut = true
		case err != nil && err != io.EOF:
			return out, BodyDamaged
		}
		content = out
	}
	return content, BodyWhole
}

func (b *body) gunzip() io.Reader {
	if b.gz == nil {
		z, err := gzip.NewReader(&b.src)
		if err != nil {
			return nil
		}
		b.gz = z
	} else if b.gz.Reset(&b.src) != nil {
		return nil
	}
	return b.gz
}

// inflate reads "deflate": zlib as it is meant to be, or bare DEFLATE as some servers send it (RFC 9110 8.4.1.2).
func (b *body) inflate(content []byte) io.Reader {
	if len(content) >= 2 && content[0]&15 == 8 && (int(content[0])<<8|int(content[1]))%31 == 0 {
		var err error
		if b.zl == nil {
			b.zl, err = zlib.NewReader(&b.src)
		} else {
			err = b.zl.(zlib.Resetter).Reset(&b.src, nil)
		}
		if err != nil {
			b.zl = nil
			return nil
		}
		return b.zl
	}
	if b.fl == nil {
		b.fl = flate.NewReader(&b.src)
	} else if b.fl.(flate.Resetter).Reset(&b.src, nil) != nil {
		return nil
	}
	return b.fl
}

// readMost reads to the end, or until MaxBody bytes are there: then err is nil.
func readMost(r io.Reader, to []byte) ([]byte, error) {
	if cap(to) == 0 {
		to = make([]byte, 0, 4096)
	}
	for len(to) < MaxBody {
		if len(to) == cap(to) {
			to = append(to, 0)[:len(to)]
		}
		n, err := r.Read(to[len(to):min(cap(to), MaxBody)])
		to = to[:len(to)+n]
		if err != nil {
			return to, err
		}
	}
	return to, nil
}
