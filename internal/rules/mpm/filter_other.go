//go:build !amd64

package mpm

const avx2 = false

// mark sets bit i of the scratch's marks for each i < n where a window may begin in b, in pairs at i times two. It may
// write bits from n on.
func (g *group) mark(s *Scratch, b []byte, n int) {
	if g.paired > 0 {
		g.markPairs(s.marks[:], b, n)
		return
	}
	g.markPortable(s.marks[:], b, n)
}
