// Package mime takes mails apart as they come (RFC 5322, 2045, 2046, 2183, 2231): fields of the header, attachments without
// their coding, addresses of the web in texts. It tolerates what mail programs tolerate, keeps no more than a line, and says
// what was odd in Suricata's words.
package mime

import (
	"bytes"
	"crypto/md5"
	"hash"
)

// Bounds of what is kept and followed.
const (
	maxPiece    = 2048 // bytes of a line that come at once; a longer line comes in pieces
	maxValue    = 2000 // bytes of a field's value, Suricata's header-value-depth
	maxName     = 75   // bytes of a field's name (RFC 2047's line of 76, with the colon)
	maxBoundary = 254
	maxFile     = 255 // bytes of an attachment's name
	maxDepth    = 8   // multiparts in each other; a deeper one is text
	maxText     = 8192
	longLine    = 998 // RFC 5322 2.1.1
	longEncoded = 76  // RFC 2045 6.7, 6.8
)

// Odd things, in Suricata's words for app-layer-event.
const (
	InvalidBase64   = "mime_invalid_base64"
	InvalidQP       = "mime_invalid_qp"
	LongLine        = "mime_long_line"
	LongEncodedLine = "mime_long_enc_line"
	LongHeaderName  = "mime_long_header_name"
	LongHeaderValue = "mime_long_header_value"
	LongBoundary    = "mime_long_boundary"
	LongFileName    = "mime_long_filename"
	TooDeep         = "mime_malformed_msg"
)

// Sink takes what a mail consists of. All bytes are lent for the call.
type Sink interface {
	// Field is a field of the mail's own header, unfolded; the name is in lower case.
	Field(name, value []byte)
	// HeaderEnd follows the last Field.
	HeaderEnd()
	// Begin says that an attachment of that name begins, Data brings its bytes without their coding, End says that no more
	// comes; whole, that nothing cut it off. Attachments do not overlap.
	Begin(name []byte)
	Data(b []byte)
	End(whole bool)
	// URL is an address of the web in a text.
	URL(url []byte)
	// Odd is something odd, each at most once in a mail.
	Odd(name string)
}

// Reader takes one mail apart. Make it ready with Reset. Its results do not depend on how the bytes are cut into calls.
type Reader struct {
	sink  Sink
	line  pieces
	state state
	// Of the part at hand.
	name  []byte // of the field that is read
	value []byte
	long  bool // the value was longer than is kept
	part  part
	own   bool // its header is the mail's own
	// Boundaries of the multiparts around, the innermost last.
	around [maxDepth][]byte
	depth  int

	file  bool // Begin was called
	eol   []byte
	code  decoder
	text  []byte // a line of text, for addresses
	odd   map[string]bool
	out   []byte
	below bool // uuencoded lines follow

	sum    hash.Hash // of the body; made when it is first asked for
	hashed bool      // it is asked for
	behind bool      // the mail's own header has ended
}

type state uint8

const (
	inHeader state = iota
	inBody
	between // outside of any part: before the first boundary, or behind the last
)

// part is what the header of a part says of it.
type part struct {
	kind     kind
	encoding encoding
	boundary []byte
	file     []byte
	named    bool
}

type kind uint8

const (
	isText kind = iota
	isMultipart
	isMessage
	isOther
)

// Reset makes r ready for a mail.
func (r *Reader) Reset(s Sink) {
	sum, hashed := r.sum, r.hashed
	line, name, value, text, out, around, file, boundary, odd := r.line, r.name[:0], r.value[:0], r.text[:0], r.out[:0], r.around, r.part.file[:0], r.part.boundary[:0], r.odd
	line.reset()
	if odd == nil {
		odd = map[string]bool{}
	}
	clear(odd)
	*r = Reader{sink: s, line: line, name: name, value: value, text: text, out: out, around: around, odd: odd, own: true, sum: sum, hashed: hashed}
	if sum != nil {
		sum.Reset()
	}
	r.part.file, r.part.boundary = file, boundary
}

// HashBody says whether the MD5 of what follows a mail's own header is wanted, from the next Reset on.
func (r *Reader) HashBody(on bool) {
	if r.hashed = on; on && r.sum == nil {
		r.sum = md5.New()
	}
}

// Dot says that a dot was taken from before the line that comes next (RFC 5321 4.5.2): the digest of the body has it.
func (r *Reader) Dot() {
	if r.hashed && r.behind {
		r.sum.Write([]byte("."))
	}
}

// BodyMD5 returns the digest of what followed the mail's own header, as it was on the wire; nil unless it was asked for.
func (r *Reader) BodyMD5() []byte {
	if !r.hashed {
		return nil
	}
	return r.sum.Sum(nil)
}

// Write takes the next bytes of the mail.
func (r *Reader) Write(b []byte) {
	for len(b) > 0 {
		var p piece
		var ok bool
		if p, b, ok = r.line.next(b); !ok {
			return
		}
		r.piece(&p)
	}
}

// Gap says that bytes are missing: what was begun goes on behind them as if they had never been, but for the line.
func (r *Reader) Gap() {
	r.line.reset()
	r.code.reset(r.part.encoding)
}

// Close ends the mail; whole says that its end was seen.
func (r *Reader) Close(whole bool) {
	if p, ok := r.line.rest(); ok {
		r.piece(&p)
	}
	if r.state == inHeader {
		r.headerEnd()
	}
	r.partEnd(whole)
}

// Held is how many bytes r has room for.
func (r *Reader) Held() int {
	n := r.line.held() + cap(r.name) + cap(r.value) + cap(r.text) + cap(r.out) + cap(r.part.file) + cap(r.part.boundary)
	for _, b := range r.around {
		n += cap(b)
	}
	return n
}

func (r *Reader) strange(name string) {
	if !r.odd[name] {
		r.odd[name] = true
		r.sink.Odd(name)
	}
}

// piece acts on a line, or a part of a long one.
func (r *Reader) piece(p *piece) {
	if p.at <= longLine && p.at+len(p.b) > longLine {
		r.strange(LongLine)
	}
	if r.hashed && r.behind {
		r.sum.Write(p.b)
		switch {
		case !p.last || p.open:
		case p.cr:
			r.sum.Write(crlf)
		default:
			r.sum.Write(lf)
		}
	}
	if p.at == 0 && r.depth > 0 && len(p.b) > 2 && p.b[0] == '-' && p.b[1] == '-' && r.boundary(p.b) {
		return
	}
	switch r.state {
	case inHeader:
		r.header(p)
	case inBody:
		r.body(p)
	}
}

// boundary acts on a line that stands between two parts (RFC 2046 5.1.1). Whichever of the multiparts around it belongs to,
// those within end too.
func (r *Reader) boundary(line []byte) bool {
	line = bytes.TrimRight(line[2:], " \t")
	for i := r.depth - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, r.around[i])
		if !ok || len(rest) != 0 && string(rest) != "--" {
			continue
		}
		if r.state == inHeader {
			r.headerEnd()
		}
		r.partEnd(true)
		r.depth = i + 1
		r.state = inHeader
		if len(rest) > 0 {
			r.depth, r.state = i, between
		}
		r.newPart()
		return true
	}
	return false
}

func (r *Reader) newPart() {
	r.own = false
	r.part = part{file: r.part.file[:0], boundary: r.part.boundary[:0]}
	r.name, r.value, r.long, r.below = r.name[:0], r.value[:0], false, false
	r.eol = nil
}

// partEnd ends the attachment and the text at hand.
func (r *Reader) partEnd(whole bool) {
	if r.state == inBody {
		r.out = r.code.end(r.out[:0])
		r.put(r.out)
	}
	if len(r.text) > 0 {
		r.addresses()
	}
	if r.file {
		r.file = false
		r.sink.End(whole && !r.below)
	}
	r.eol, r.below = nil, false
}
