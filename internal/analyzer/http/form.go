package http

import (
	"bytes"
	"strconv"

	"firestorm/internal/event"
)

// Bounds of a form with files.
const (
	maxBoundary = 256     // longer ones than RFC 2046 allows are in use; beyond it is none
	maxPartHead = 4 << 10 // bytes of a part's header that are read
)

// form takes multipart/form-data apart (RFC 7578): each part with a file name is a file.
type form struct {
	a     *aspect
	delim []byte // line end, two dashes and the boundary
	buf   []byte // what was not taken
	state formState
	named bool   // the part at hand is a file
	part  window // its content
}

type formState uint8

const (
	formBefore formState = iota // before the first part
	formHead                    // in the header of a part
	formData                    // in its content
	formAfter                   // behind the last part
)

func newForm(a *aspect, boundary []byte) *form {
	f := &form{a: a, delim: append([]byte("\r\n--"), boundary...)}
	f.buf = append(f.buf, "\r\n"...) // the first boundary needs no line before it
	return f
}

func (f *form) size() int { return cap(f.buf) + cap(f.delim) + f.part.size() + 64 }

// write takes the next bytes of the form.
func (f *form) write(b []byte) {
	if f.state == formAfter {
		return
	}
	f.buf = append(f.buf, b...)
	for f.step() {
	}
}

// step takes a part of what waits; false: more is needed.
func (f *form) step() bool {
	switch f.state {
	case formBefore, formData:
		i := bytes.Index(f.buf, f.delim)
		if i < 0 {
			if n := len(f.buf) - len(f.delim); n > 0 {
				f.data(f.buf[:n])
				f.cut(n)
			}
			return false
		}
		end := i + len(f.delim)
		if len(f.buf) < end+2 {
			return false
		}
		f.data(f.buf[:i])
		f.a.catchUp(len(f.buf) - end - 2)
		f.close(true)
		if string(f.buf[end:end+2]) == "--" {
			f.state, f.buf = formAfter, f.buf[:0]
			return false
		}
		f.state = formHead
		f.cut(end)
		return true
	case formHead:
		i := bytes.Index(f.buf, []byte("\r\n\r\n"))
		if i < 0 && len(f.buf) <= maxPartHead {
			return false
		}
		if i < 0 {
			i = maxPartHead - 4
		}
		f.open(f.buf[:i])
		f.state = formData
		f.cut(i + 2) // the empty line's end may belong to the next boundary
		if len(f.buf) >= 2 && bytes.Index(f.buf, f.delim) != 0 {
			f.cut(2)
		}
		return true
	}
	return false
}

func (f *form) cut(n int) { f.buf = f.buf[:copy(f.buf, f.buf[n:])] }

// open begins a part.
func (f *form) open(head []byte) {
	var m Message
	m.Fields = f.a.v.w.part.Fields[:0]
	m.fields(bytes.TrimLeft(head, "\r\n"), false)
	name := fileParameter(m.Get("Content-Disposition"))
	f.a.v.w.part = Message{Fields: m.Fields[:0]}
	f.named = name != nil
	f.part = window{buf: f.part.buf[:0], limit: f.a.body.limit}
	if f.named {
		f.a.file = f.a.v.c.File(f.a.v.w.Kind, event.File{Dir: f.a.dir, Tx: f.a.v.number, Name: name, Size: -1})
	}
}

// data takes content of the part at hand.
func (f *form) data(b []byte) {
	if !f.named || len(b) == 0 {
		return
	}
	c := f.a.v.c
	if f.a.file != nil {
		f.a.file.Data(c, b)
	}
	for len(b) > 0 {
		n, look := f.part.add(b)
		if b = b[n:]; look {
			f.a.alone = true // how much of the body is there depends on the cuts
			f.a.inspect(c)
			f.a.alone = false
		}
	}
}

// close ends the part at hand.
func (f *form) close(whole bool) {
	if !f.named {
		return
	}
	f.named = false
	if f.a.file != nil {
		f.a.file.Stop(f.a.v.c, whole)
	}
	f.a.inspect(f.a.v.c)
	if f.a.file != nil {
		f.a.file.End(f.a.v.c, whole, f.a)
		f.a.file = nil
	}
	f.part = window{buf: f.part.buf[:0]}
}

// end says that the form is over.
func (f *form) end() {
	if f.state == formData {
		f.data(f.buf)
	}
	f.buf = f.buf[:0]
	f.close(false)
	f.state = formAfter
}

// boundaryOf reads the boundary of a Content-Type that is multipart (RFC 2046 5.1.1); nil: there is none.
func boundaryOf(typ []byte) []byte {
	if !hasFold(typ, "multipart/") {
		return nil
	}
	b := parameter(typ, "boundary")
	if len(b) > maxBoundary {
		return nil
	}
	return b
}

// dispositionName reads the file name of a Content-Disposition (RFC 6266).
func dispositionName(v []byte) []byte { return parameter(v, "filename") }

// fileParameter reads the file name of a part; nil: it is no file, not nil but empty: a file without a name.
func fileParameter(v []byte) []byte { return parameter(v, "filename") }

// parameter returns the value of a parameter of a field, without its quotes; nil: there is none.
func parameter(v []byte, name string) []byte {
	for {
		i := bytes.IndexByte(v, ';')
		if i < 0 {
			return nil
		}
		v = bytes.TrimLeft(v[i+1:], blanks)
		if !hasFold(v, name) {
			continue
		}
		rest := bytes.TrimLeft(v[len(name):], blanks)
		if len(rest) == 0 || rest[0] != '=' {
			continue
		}
		rest = bytes.TrimLeft(rest[1:], blanks)
		if len(rest) > 0 && rest[0] == '"' {
			rest = rest[1:]
			for k := 0; k < len(rest); k++ {
				switch rest[k] {
				case '\\':
					k++
				case '"':
					return rest[:k]
				}
			}
			return rest
		}
		if k := bytes.IndexAny(rest, "; \t\r\n"); k >= 0 {
			rest = rest[:k]
		}
		return rest
	}
}

// byteRange is a Content-Range (RFC 9110 14.4).
type byteRange struct {
	ok             bool
	from, to, size int64 // size -1: not said
}

func rangeOf(v []byte) (r byteRange) {
	r.size = -1
	if !hasFold(v, "bytes") {
		return r
	}
	v = bytes.TrimLeft(v[5:], " \t=")
	span, size, _ := bytes.Cut(v, []byte("/"))
	from, to, ok := bytes.Cut(bytes.TrimSpace(span), []byte("-"))
	a, err1 := strconv.ParseInt(string(from), 10, 64)
	b, err2 := strconv.ParseInt(string(to), 10, 64)
	if n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 10, 64); err == nil && n >= 0 {
		r.size = n
	}
	if ok && err1 == nil && err2 == nil && a >= 0 && b >= a {
		r.ok, r.from, r.to = true, a, b
	}
	return r
}
