package header

// sumAVX2 returns the sum of the n bytes from b on, taken as 32-bit words in the machine's order; n is a multiple of 64
// and not 0.
//
//go:noescape
func sumAVX2(b *byte, n int) uint64

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

// sumBlocks returns the ones' complement sum of the whole blocks of 64 bytes in b, and what is left of b. Wide registers
// take a third of the time from a few hundred bytes on (2026-11-28); below wideFrom they do not pay.
func sumBlocks(b []byte) (sum uint64, rest []byte) {
	if n := len(b) &^ 63; n >= wideFrom && avx2 {
		return sumAVX2(&b[0], n), b[n:]
	}
	return sumWords(b)
}

const wideFrom = 128
