package pcapfile

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// maxOption is the longest value an option's 16-bit length allows.
const maxOption = 1<<16 - 1

// encoder appends pcapng blocks to buf in one byte order.
type encoder struct {
	buf   []byte
	order binary.AppendByteOrder
}

func (e *encoder) u16(v uint16) { e.buf = e.order.AppendUint16(e.buf, v) }
func (e *encoder) u32(v uint32) { e.buf = e.order.AppendUint32(e.buf, v) }
func (e *encoder) u64(v uint64) { e.buf = e.order.AppendUint64(e.buf, v) }

// begin starts a block and returns where.
func (e *encoder) begin(typ uint32) int {
	at := len(e.buf)
	e.u32(typ)
	e.u32(0)
	return at
}

// end closes the block begun at: both lengths.
func (e *encoder) end(at int) {
	n := uint32(len(e.buf) - at + 4)
	e.u32(n)
	bo := binary.ByteOrder(le)
	if e.order == binary.AppendByteOrder(be) {
		bo = be
	}
	bo.PutUint32(e.buf[at+4:], n)
}

// padded appends bytes and zeroes up to a multiple of 4.
func (e *encoder) padded(b []byte) {
	e.buf = append(e.buf, b...)
	for k := len(b); k%4 != 0; k++ {
		e.buf = append(e.buf, 0)
	}
}

// option appends one option; a value that is too long is cut.
func (e *encoder) option(code uint16, val []byte) {
	val = val[:min(len(val), maxOption)]
	e.u16(code)
	e.u16(uint16(len(val)))
	e.padded(val)
}

// textOption appends a UTF-8 option; an empty text gives none.
func (e *encoder) textOption(code uint16, s string) {
	if s != "" {
		e.option(code, []byte(utf8Cut(s, maxOption)))
	}
}

// comments appends opt_comment options.
func (e *encoder) comments(cs []string) {
	for _, c := range cs {
		e.textOption(optComment, c)
	}
}

func (e *encoder) u64Option(code uint16, v uint64) {
	e.u16(code)
	e.u16(8)
	e.u64(v)
}

// endOptions closes an option list that begins at; an empty list needs no end.
func (e *encoder) endOptions(at int) {
	if len(e.buf) > at {
		e.u32(0)
	}
}

// utf8Cut makes s valid UTF-8 of at most n bytes: an option of text must be that.
func utf8Cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
