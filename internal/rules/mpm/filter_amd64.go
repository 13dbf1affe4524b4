package mpm

import "encoding/binary"

// gatherAVX2 looks up the windows of 8*steps positions from b on in bitmap and writes a byte of marks for each eight. It
// reads 8*steps+8 bytes.
//
//go:noescape
func gatherAVX2(marks, b *byte, steps int, bitmap *uint32, p *gatherArgs)

// pairsAVX2 looks up the windows at 16*steps positions, two bytes apart, from b on. It reads 32*steps+5 bytes.
//
//go:noescape
func pairsAVX2(marks, b *byte, steps int, bitmap *uint32, toWord uint64)

// shuffleAVX2 writes a bit of marks for each of 32*steps positions from b on. It reads 32*steps+3 bytes.
//
//go:noescape
func shuffleAVX2(marks, b *byte, steps int, t *nibbles)

// shuffle2AVX2 is shuffleAVX2 for windows of two bytes. It reads 32*steps+1 bytes.
//
//go:noescape
func shuffle2AVX2(marks, b *byte, steps int, t *nibbles)

func cpuid(leaf, sub uint32) (ax, bx, cx, dx uint32)

func xgetbv() uint32

var avx2 = hasAVX2()

// hasAVX2 asks the processor for AVX2, and whether the system saves the wide registers (Intel SDM volume 1, 14.7.1).
func hasAVX2() bool {
	if most, _, _, _ := cpuid(0, 0); most < 7 {
		return false
	}
	const osxsave, avx = 1 << 27, 1 << 28
	if _, _, c, _ := cpuid(1, 0); c&osxsave == 0 || c&avx == 0 || xgetbv()&6 != 6 {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&(1<<5) != 0
}

// mark sets bit i of the scratch's marks for each i < n where a window may begin in b, in pairs at i times two. It may
// write bits from n on.
func (g *group) mark(s *Scratch, b []byte, n int) {
	if g.paired > 0 {
		if g.filter != Gather {
			g.markPairs(s.marks[:], b, n)
			return
		}
		done := 0
		if len(b) >= 37 {
			done = min((n+15)/16, (len(b)-37)/32+1)
			pairsAVX2(&s.marks[0], &b[0], done, &g.bitmap[0], uint64(g.toWord))
		}
		if 16*done < n { // less than 37 bytes are left: go on where there is room to read beyond them
			copy(s.tail[:], b[32*done:])
			pairsAVX2(&s.marks[2*done], &s.tail[0], (n-16*done+15)/16, &g.bitmap[0], uint64(g.toWord))
		}
		return
	}
	switch g.filter {
	case Gather:
		done := 0
		if len(b) >= 16 {
			done = min((n+7)/8, (len(b)-16)/8+1)
			gatherAVX2(&s.marks[0], &b[0], done, &g.bitmap[0], g.gather)
		}
		if 8*done < n { // less than 16 bytes are left
			g.markPortable(s.marks[done:], b[8*done:], n-8*done)
		}
	case Shuffle:
		g.shuffle(s.marks[:], s, b, n, &g.nibbles[0])
		for i := 1; i < len(g.nibbles); i++ {
			g.shuffle(s.more[:], s, b, n, &g.nibbles[i])
			for k := 0; k < (n+7)/8; k += 8 {
				m := binary.LittleEndian.Uint64(s.marks[k:]) | binary.LittleEndian.Uint64(s.more[k:])
				binary.LittleEndian.PutUint64(s.marks[k:], m)
			}
		}
	default:
		g.markPortable(s.marks[:], b, n)
	}
}

func (g *group) shuffle(marks []byte, s *Scratch, b []byte, n int, t *nibbles) {
	search := shuffleAVX2
	if g.two {
		search = shuffle2AVX2
	}
	done := 0
	if len(b) >= 35 {
		done = min((n+31)/32, (len(b)-35)/32+1)
		search(&marks[0], &b[0], done, t)
	}
	if 32*done < n { // less than 35 bytes are left: go on where there is room to read beyond them
		copy(s.tail[:], b[32*done:])
		search(&marks[4*done], &s.tail[0], (n-32*done+31)/32, t)
	}
}
