package header

// RawSum returns the ones' complement sum of b in the machine's order, not folded but below 1<<34: a message of which it is
// a multiple of 65 535, and not 0, is right. What is to be added to it must be swapped (RFC 1071 2.B). It is for who sums each
// packet and wants no word turned round; others take Sum (2026-11-30).
//
//go:noescape
func RawSum(b []byte) uint64

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
