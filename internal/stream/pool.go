package stream

import "math/bits"

// Buffers come in powers of two from 64 bytes to 64 KiB, which holds the payload of any segment.
const (
	minClass = 6
	maxClass = 16
)

// pool keeps released buffers for the next segment, up to limit bytes.
type pool struct {
	free  [maxClass + 1][][]byte
	held  int
	limit int
}

// get returns a buffer of n bytes with undefined content, n at most 1<<maxClass.
func (p *pool) get(n int) []byte {
	c := max(bits.Len(uint(max(n, 1)-1)), minClass)
	if l := len(p.free[c]); l > 0 {
		b := p.free[c][l-1]
		p.free[c] = p.free[c][:l-1]
		p.held -= cap(b)
		return b[:n]
	}
	return make([]byte, n, 1<<c)
}

// put takes back a buffer of get.
func (p *pool) put(b []byte) {
	if p.held+cap(b) > p.limit {
		return
	}
	c := bits.Len(uint(cap(b) - 1))
	p.held += cap(b)
	p.free[c] = append(p.free[c], b[:0])
}
