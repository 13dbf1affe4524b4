package mpm

import "encoding/binary"

// entry is what a candidate position is compared with: 32 bytes, half a line of the cache.
type entry struct {
	word  word   // eight bytes of the pattern around its window, or all of a shorter one
	pat   uint32 // index of the pattern
	rest  uint32 // index of its words in group.words, when it is longer than eight bytes
	back  uint16 // from the pattern's begin to its window
	lead  uint16 // from the eight bytes to the window
	len   uint16 // of the pattern
	words uint16 // number of its words; 0 when the eight bytes are all
}

// word compares up to eight bytes at once: a letter without regard to case lacks bit 0x20 in the mask, which lets through
// its two cases and nothing else.
type word struct{ value, mask uint64 }

func makeWord(p []byte, nocase bool) (w word) {
	for i, c := range p[:min(8, len(p))] {
		m := byte(0xff)
		if nocase && isLetter(c) {
			m = 0xdf
		}
		w.value |= uint64(c&m) << (8 * i)
		w.mask |= uint64(m) << (8 * i)
	}
	return w
}

// makeWords cuts a pattern of more than eight bytes into words; the last one overlaps the one before.
func makeWords(dst []word, p []byte, nocase bool) []word {
	for i := 0; i < len(p); i += 8 {
		dst = append(dst, makeWord(p[min(i, len(p)-8):], nocase))
	}
	return dst
}

// equalWords reports whether b is the pattern of these words; len(b) is the pattern's length.
func equalWords(b []byte, words []word) bool {
	last := len(b) - 8
	for i, w := range words {
		if binary.LittleEndian.Uint64(b[min(8*i, last):])&w.mask != w.value {
			return false
		}
	}
	return true
}

// loadWord returns the up to eight bytes of b as a little-endian number.
func loadWord(b []byte) (x uint64) {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	for i, c := range b {
		x |= uint64(c) << (8 * i)
	}
	return x
}
