//go:build !amd64

package header

// RawSum returns the ones' complement sum of b in the machine's order, not folded but below 1<<34: a message of which it is
// a multiple of 65 535, and not 0, is right. What is to be added to it must be swapped (RFC 1071 2.B).
func RawSum(b []byte) uint64 { return sumWords(b) }
