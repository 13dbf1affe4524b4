package flow

// SeqLess reports a < b in the serial arithmetic of RFC 9293 3.4: modulo 2^32. Numbers exactly 2^31 apart are neither.
func SeqLess(a, b uint32) bool { return int32(b-a) > 0 }

// SeqLessEq reports a <= b in serial arithmetic.
func SeqLessEq(a, b uint32) bool { return a == b || SeqLess(a, b) }

// SeqMax returns the later of two numbers.
func SeqMax(a, b uint32) uint32 {
	if SeqLess(a, b) {
		return b
	}
	return a
}
