package http

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/andybalholm/brotli"
)

// Bounds of unpacking for rules and files.
const (
	maxUnpack    = 1 << 20 // bytes that may come of any content before its ratio counts
	maxBombRatio = 2048    // what is larger by more than that when it is unpacked is a bomb
	keptInput    = 64 << 10
	layerSize    = 48 << 10  // what a layer of DEFLATE holds: a window and its tables
	brotliSize   = 512 << 10 // and one of Brotli, with a window of enoughWindow bits
)

// unpacker undoes codings of a content as it comes, the last one first. What cannot be undone is passed on as it is: a
// browser may be told otherwise than we are, and who evades says codings that are none.
type unpacker struct {
	first *layer
	in    uint64 // bytes that came
	out   uint64 // bytes that it made
	held  int
	bomb  bool
	bad   bool // a coding was not what it is called
	sink  func(b []byte)
}

// layer undoes one coding. It runs as a coroutine that waits for input: decoders of the library ask for it, ours comes.
type layer struct {
	u      *unpacker
	next   *layer
	br     bool
	in     []byte
	eof    bool
	ended  bool
	seen   []byte // input that was read before anything came out
	pos    int    // of it: what the decoder at hand has read
	record bool
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

var (
	errStopped = errors.New("stopped")
	flates     = sync.Pool{New: func() any { return flate.NewReader(nil) }}
	buffered   = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 512) }}
	outputs    = sync.Pool{New: func() any { return new([4096]byte) }}
)

// newUnpacker returns nil where no coding of the list is one to undo. many: of more than maxLayers only so many are.
func newUnpacker(codings []byte, sink func(b []byte)) (u *unpacker, many bool) {
	for {
		codings = bytes.TrimRight(codings, codingEnds)
		if len(codings) == 0 {
			return u, false
		}
		i := bytes.LastIndexAny(codings, codingEnds)
		c := codings[i+1:]
		codings = codings[:i+1]
		br := eqFold(c, "br")
		if !br && !holds(c, "gzip") && !holds(c, "deflate") {
			continue
		}
		if u == nil {
			u = &unpacker{sink: sink}
		}
		n := 0
		at := &u.first
		for *at != nil {
			at = &(*at).next
			n++
		}
		if n == maxLayers {
			return u, true
		}
		*at = &layer{u: u, br: br, record: true}
		if u.held += layerSize; br {
			u.held += brotliSize
		}
	}
}

// codingEnds stand between codings.
const codingEnds = ", \t\r\n"

// holds reports whether word stands in b, in any case and whatever stands around it: who reads codings is no stricter.
func holds(b []byte, word string) bool {
	n := 0
	for _, c := range b {
		switch {
		case c == 0:
		case lower(c) == word[n]:
			if n++; n == len(word) {
				return true
			}
		case lower(c) == word[0]:
			n = 1
		default:
			n = 0
		}
	}
	return false
}

// write brings the next bytes.
func (u *unpacker) write(b []byte) {
	u.in += uint64(len(b))
	if !u.bomb {
		u.first.push(b)
	}
}

// close says that no more comes.
func (u *unpacker) close() {
	for l := u.first; l != nil; l = l.next {
		if u.bomb {
			l.halt()
			continue
		}
		l.eof = true
		l.push(nil)
		l.halt()
	}
}

// drop gives up.
func (u *unpacker) drop() {
	for l := u.first; l != nil; l = l.next {
		l.halt()
	}
}

func (l *layer) halt() {
	if l.stop != nil {
		l.stop()
	}
	l.ended, l.seen = true, nil
}

// push lets the layer run with more input.
func (l *layer) push(b []byte) {
	if l.ended {
		return
	}
	if l.resume == nil {
		l.resume, l.stop = iter.Pull(func(yield func(struct{}) bool) {
			l.yield = yield
			l.run()
		})
	}
	l.in = b
	if _, more := l.resume(); !more {
		l.ended = true
	}
	l.in = nil
}

// Read gives a decoder what came, again from the begin after another one failed, and waits for more.
func (l *layer) Read(p []byte) (int, error) {
	if l.pos < len(l.seen) {
		n := copy(p, l.seen[l.pos:])
		l.pos += n
		return n, nil
	}
	for len(l.in) == 0 {
		if l.eof {
			return 0, io.EOF
		}
		if !l.yield(struct{}{}) {
			return 0, errStopped
		}
	}
	n := copy(p, l.in)
	l.in = l.in[n:]
	if l.record {
		if len(l.seen)+n > keptInput {
			l.record, l.seen, l.pos = false, nil, 0
		} else {
			l.seen = append(l.seen, p[:n]...)
			l.pos = len(l.seen)
		}
	}
	return n, nil
}

// emit passes bytes on.
func (l *layer) emit(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	l.record = false
	u := l.u
	if l.next == nil {
		if u.out += uint64(len(b)); u.out > maxUnpack && u.out/maxBombRatio > u.in {
			u.bomb = true
			return errStopped
		}
		u.sink(b)
	} else {
		l.next.push(b)
	}
	if u.bomb {
		return errStopped
	}
	return nil
}

// run undoes the coding by what its bytes look like: gzip, zlib or bare DEFLATE under any of their names.
func (l *layer) run() {
	in := buffered.Get().(*bufio.Reader)
	defer buffered.Put(in)
	attempts := [3]func(*bufio.Reader) bool{l.inflate}
	if l.br {
		attempts[0] = l.unbrotli
	} else {
		in.Reset(l)
		b, _ := in.Peek(2)
		switch {
		case len(b) == 2 && b[0] == 0x1f && b[1] == 0x8b:
			attempts = [3]func(*bufio.Reader) bool{l.gunzip, l.inflate}
		case len(b) == 2 && b[0]&15 == 8 && (int(b[0])<<8|int(b[1]))%31 == 0:
			attempts = [3]func(*bufio.Reader) bool{l.unzlib, l.inflate}
		}
	}
	for _, try := range attempts {
		if try == nil {
			break
		}
		l.pos = 0
		in.Reset(l)
		if try(in) || !l.record { // it worked, or made something: there is no way back
			if l.record {
				l.record = false
			}
			l.drain()
			return
		}
	}
	l.u.bad = true
	l.pos = 0
	buf := outputs.Get().(*[4096]byte)
	defer outputs.Put(buf)
	l.record = false
	for {
		n, err := l.Read(buf[:])
		if l.emit(buf[:n]) != nil || err != nil {
			return
		}
		if l.pos >= len(l.seen) {
			l.seen, l.pos = nil, 0
		}
	}
}

// drain passes over what comes behind the coding.
func (l *layer) drain() {
	l.seen, l.pos = nil, 0
	for {
		l.in = nil
		if l.eof || !l.yield(struct{}{}) {
			return
		}
	}
}

// copyFrom passes on what a decoder makes; false: it failed before the end.
func (l *layer) copyFrom(r io.Reader) bool {
	buf := outputs.Get().(*[4096]byte)
	defer outputs.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if l.emit(buf[:n]) != nil {
			return true
		}
		if err != nil {
			return err == io.EOF
		}
	}
}

func (l *layer) inflate(in *bufio.Reader) bool {
	z := flates.Get().(io.ReadCloser)
	defer flates.Put(z)
	_ = z.(flate.Resetter).Reset(in, nil) // has no error to return
	return l.copyFrom(z)
}

func (l *layer) unbrotli(in *bufio.Reader) bool {
	b, _ := in.Peek(1)
	narrow(b)
	z := brotlis.Get().(*brotli.Reader)
	defer brotlis.Put(z)
	_ = z.Reset(in) // has no error to return
	return l.copyFrom(z)
}

// unzlib reads zlib without its checksum (RFC 1950): who evades sends a wrong one.
func (l *layer) unzlib(in *bufio.Reader) bool {
	b, _ := in.Peek(2)
	skip := 2
	if len(b) == 2 && b[1]&0x20 != 0 {
		skip = 6
	}
	_, _ = in.Discard(skip)
	return l.inflate(in)
}

// gunzip reads the members of gzip without their checksums (RFC 1952).
func (l *layer) gunzip(in *bufio.Reader) bool {
	for {
		if !gzipHead(in) {
			return false
		}
		if !l.inflate(in) {
			return false
		}
		_, _ = in.Discard(8)
		if b, _ := in.Peek(2); len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b {
			return true
		}
	}
}

// gzipHead passes over the header of a member; flags that are reserved are taken for nothing.
func gzipHead(in *bufio.Reader) bool {
	var h [10]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return false
	}
	if h[3]&4 != 0 {
		var n [2]byte
		if _, err := io.ReadFull(in, n[:]); err != nil {
			return false
		}
		_, _ = in.Discard(int(n[0]) | int(n[1])<<8)
	}
	for _, flag := range []byte{8, 16} {
		if h[3]&flag == 0 {
			continue
		}
		for {
			c, err := in.ReadByte()
			if err != nil {
				return false
			}
			if c == 0 {
				break
			}
		}
	}
	if h[3]&2 != 0 {
		_, _ = in.Discard(2)
	}
	return true
}
