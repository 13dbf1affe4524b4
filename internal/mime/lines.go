package mime

import "bytes"

// piece is a line without its end, or a part of one that is longer than maxPiece.
type piece struct {
	b    []byte
	at   int  // where in its line it begins
	last bool // the line ends with it
	cr   bool // with CR LF, not LF alone
	open bool // it has no end: the mail is over
}

// pieces cuts bytes into lines. The cut of the bytes into calls does not change them.
type pieces struct {
	buf  []byte
	at   int // where in its line buf begins
	lent [maxPiece]byte
}

// next returns the first piece of b and what follows it; ok is false when more bytes have to come: then b is used up. The
// piece is good until the next call.
func (l *pieces) next(b []byte) (p piece, rest []byte, ok bool) {
	const most = maxPiece + 2 // with the end of the line
	i := bytes.IndexByte(b, '\n')
	if len(l.buf) == 0 && i >= 0 && i < most {
		p = l.end(b[:i+1])
		return p, b[i+1:], true
	}
	n := len(b)
	if i >= 0 {
		n = i + 1
	}
	n = min(n, most-len(l.buf))
	l.buf = append(l.buf, b[:n]...)
	b = b[n:]
	switch {
	case l.buf[len(l.buf)-1] == '\n':
		p = l.end(l.buf)
		l.buf = l.buf[:0]
		return p, b, true
	case len(l.buf) == most:
		copy(l.lent[:], l.buf)
		p = piece{b: l.lent[:], at: l.at}
		l.at += maxPiece
		l.buf = append(l.buf[:0], l.buf[maxPiece:]...)
		return p, b, true
	}
	return p, nil, false
}

// end returns the last piece of a line, which line holds with its end.
func (l *pieces) end(line []byte) piece {
	p := piece{b: line[:len(line)-1], at: l.at, last: true}
	if n := len(p.b); n > 0 && p.b[n-1] == '\r' {
		p.b, p.cr = p.b[:n-1], true
	}
	l.at = 0
	return p
}

// rest returns a line that has no end.
func (l *pieces) rest() (p piece, ok bool) {
	if len(l.buf) == 0 {
		return p, false
	}
	p = piece{b: bytes.TrimSuffix(l.buf, []byte("\r")), at: l.at, last: true, open: true}
	l.buf, l.at = l.buf[:0], 0
	return p, true
}

func (l *pieces) reset() { l.buf, l.at = l.buf[:0], 0 }

func (l *pieces) held() int { return cap(l.buf) }
