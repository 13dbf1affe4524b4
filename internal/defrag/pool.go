package defrag

import "math/bits"

// Buffers come in powers of two from 256 bytes; the largest class holds the largest IPv6 datagram.
const (
	minClass = 8
	maxClass = 17
)

// pool keeps released buffers for the next fragment, up to limit bytes.
type pool struct {
	free  [maxClass + 1][][]byte
	held  int
	limit int
}

func class(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), minClass)
}

// get returns a buffer of n bytes with undefined content; n is at most 1<<maxClass.
func (p *pool) get(n int) []byte {
	c := class(n)
	if l := len(p.free[c]); l > 0 {
		b := p.free[c][l-1]
		p.free[c] = p.free[c][:l-1]
		p.held -= cap(b)
		return b[:n]
	}
	return make([]byte, n, 1<<c)
}

// put takes a buffer back; it must come from get.
func (p *pool) put(b []byte) {
	c := class(cap(b))
	if c > maxClass || cap(b) != 1<<c || p.held+cap(b) > p.limit {
		return
	}
	p.held += cap(b)
	p.free[c] = append(p.free[c], b)
}
