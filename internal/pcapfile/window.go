package pcapfile

import (
	"errors"
	"io"
)

// window is the unread part of the input: cur.buf[r:w].
type window struct {
	src  io.Reader
	pool *Pool
	cur  *Block
	r, w int
	base int64 // offset in the input of cur.buf[0]
	// eof is what the source said at its end: io.EOF or the reason why it cannot go on. When follow is set,
	// io.EOF is not kept: the source is asked again.
	eof    error
	follow bool
}

// growStep bounds how far a block grows ahead of the bytes that really arrived: a length field may lie.
const growStep = 1 << 20

// offset returns the input offset of the next unread byte.
func (w *window) offset() int64 { return w.base + int64(w.r) }

// have returns the number of unread bytes in memory.
func (w *window) have() int { return w.w - w.r }

// need makes sure that n unread bytes lie together in memory. Its error is the source's own; what was read
// stays, so a later call may go on.
func (w *window) need(n int) error {
	if w.w-w.r >= n {
		return nil
	}
	return w.fill(n)
}

func (w *window) fill(n int) error {
	for w.w-w.r < n {
		if w.eof != nil {
			return w.eof
		}
		w.room(n)
		k, err := w.read(w.cur.buf[w.w:])
		w.w += k
		if err != nil && !(errors.Is(err, io.EOF) && w.follow) {
			w.eof = err
		}
		if k == 0 && err != nil {
			return err
		}
	}
	return nil
}

// read asks the source until it gives bytes or an error; a source that gives neither is at fault.
func (w *window) read(p []byte) (int, error) {
	for range 100 {
		n, err := w.src.Read(p)
		if n < 0 || n > len(p) {
			return 0, errors.New("reader returned an impossible count")
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// room makes sure that n bytes from r on fit into the current block, at least as far as the bytes that really
// arrived justify, and that it can take at least one more byte. At most one read per block is a short one.
func (w *window) room(n int) {
	rest := w.w - w.r
	if w.cur == nil {
		w.cur, w.r, w.w = w.pool.get(BlockSize), 0, 0
	}
	size := len(w.cur.buf)
	if size-w.r >= n {
		return
	}
	n = min(n, 2*rest+growStep)
	next := w.cur
	if w.cur.refs.Load() != 1 || n > size || size > BlockSize && n <= BlockSize {
		next = w.pool.get(n)
	}
	copy(next.buf, w.cur.buf[w.r:w.w])
	if next != w.cur {
		w.cur.Release()
	}
	w.base += int64(w.r)
	w.cur, w.r, w.w = next, 0, rest
}

// close gives the current block back.
func (w *window) close() {
	if w.cur != nil {
		w.cur.Release()
		w.cur = nil
		w.r, w.w = 0, 0
	}
}
