package mpm

import "bytes"

// singles holds the patterns of one byte.
type singles struct {
	patterns []distinct     // of the set, borrowed
	few      []int          // patterns, when IndexByte for each is faster than a look at each byte
	of       *[256][2]int32 // else up to two patterns for each byte, one more than their index; 0 is none
}

// maxFew is up to how many patterns of one byte are searched each for itself.
const maxFew = 32

func newSingles(all []distinct, members []int) *singles {
	s := &singles{patterns: all}
	if len(members) <= maxFew {
		s.few = members
		return s
	}
	s.of = new([256][2]int32)
	for _, m := range members {
		c := all[m].bytes[0]
		if all[m].nocase {
			s.of[c][1], s.of[c&^0x20][1] = int32(m+1), int32(m+1)
		} else {
			s.of[c][0] = int32(m + 1)
		}
	}
	return s
}

func (s *singles) size() int {
	if s.of != nil {
		return 56 + 8*len(s.of)
	}
	return 56 + 8*len(s.few)
}

func (s *singles) scan(sc *Scratch, b []byte) {
	for _, m := range s.few {
		d := &s.patterns[m]
		if d.from >= len(b) {
			continue
		}
		part := b[d.from:min(d.to, len(b))]
		c := d.bytes[0]
		at := bytes.IndexByte(part, c)
		if d.nocase {
			if at >= 0 {
				part = part[:at]
			}
			if other := bytes.IndexByte(part, c&^0x20); other >= 0 {
				at = other
			}
		}
		if at >= 0 {
			sc.hit(uint32(m), d.from+at)
		}
	}
	if s.few != nil {
		return
	}
	for i, c := range b {
		for _, m := range s.of[c] {
			if m == 0 || sc.found(uint32(m-1)) {
				continue
			}
			if d := &s.patterns[m-1]; i >= d.from && i < d.to {
				sc.hit(uint32(m-1), i)
			}
		}
	}
}
