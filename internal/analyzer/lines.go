package analyzer

import "bytes"

// Lines cuts one direction of a text protocol into lines, which end with LF or CR LF. The cut of the bytes into calls
// does not change them. The zero Lines is ready.
type Lines struct {
	buf  []byte // begin of a line that is not complete yet
	n    int    // its bytes so far, kept or not
	last byte
	skip bool // a gap: nothing is known until the next line begins
}

// Next returns the first line of b without its end, and what follows it. ok is false when the line goes on in the next
// call: then b is used up. At most most bytes of a line are kept; cut says that there were more. line is good until the
// next call.
func (l *Lines) Next(b []byte, most int) (line, rest []byte, cut, ok bool) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			l.keep(b, most)
			return nil, nil, false, false
		}
		skipped := l.skip
		if !skipped && l.n == 0 {
			line = b[:i]
			if i > 0 && line[i-1] == '\r' {
				line = line[:i-1]
			}
			if cut = len(line) > most; cut {
				line = line[:most]
			}
			return line, b[i+1:], cut, true
		}
		l.keep(b[:i], most)
		n := l.n
		if n > 0 && l.last == '\r' {
			n--
		}
		line = l.buf[:min(len(l.buf), n)]
		l.Drop()
		l.skip = false
		if b = b[i+1:]; !skipped {
			return line, b, n > most, true
		}
	}
}

func (l *Lines) keep(b []byte, most int) {
	if l.skip || len(b) == 0 {
		return
	}
	l.buf = append(l.buf, b[:min(len(b), max(most-len(l.buf), 0))]...)
	l.n += len(b)
	l.last = b[len(b)-1]
}

// Begun reports whether part of a line waits for its end.
func (l *Lines) Begun() bool { return l.n > 0 || l.skip }

// BeginsTLS reports that b, the next bytes of a client, are no line but a record of TLS (RFC 8446 5.1): a client that was
// told to encrypt at once, and a server that waits to be asked.
func (l *Lines) BeginsTLS(b []byte) bool { return !l.Begun() && b[0] == 22 }

// Gap says that bytes are missing: the line that they belong to is lost.
func (l *Lines) Gap() {
	l.Drop()
	l.skip = true
}

// Drop forgets the line that was begun.
func (l *Lines) Drop() { l.buf, l.n, l.last = l.buf[:0], 0, 0 }

// Reset makes l as new. What it kept is overwritten: a line may have held a password.
func (l *Lines) Reset() {
	clear(l.buf[:cap(l.buf)])
	if cap(l.buf) > 4096 {
		l.buf = nil
	}
	l.Drop()
	l.skip = false
}

// Held is how many bytes l has room for.
func (l *Lines) Held() int { return cap(l.buf) }
