package ruletraffic

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// berFaults is what asn1 looks for among the elements that begin at a place.
type berFaults struct {
	bits, digits, long bool
	most               int // of a length
	from               int
}

// berOption reads asn1:double_overflow, oversize_length 2048, relative_offset 4.
func berOption(o *Option) (check, error) {
	c := check{kind: aBER, neg: o.Neg}
	for _, w := range strings.Split(o.Value, ",") {
		f := strings.Fields(w)
		n := 0
		if len(f) == 2 {
			var err error
			if n, err = strconv.Atoi(f[1]); err != nil {
				return c, err
			}
		}
		switch f[0] {
		case "bitstring_overflow":
			c.ber.bits = true
		case "double_overflow":
			c.ber.digits = true
		case "oversize_length":
			c.ber.long, c.ber.most = true, n
		case "absolute_offset", "relative_offset":
			c.ber.from, c.relative = n, f[0] == "relative_offset"
		}
	}
	return c, nil
}

// element is one that has a fault, of each kind that is asked for the first.
func (f *berFaults) element() []byte {
	switch {
	case f.bits:
		return []byte{0x30, 4, 3, 2, 0x20, 0} // 32 unused bits of 8, within a sequence
	case f.digits:
		return []byte{9, 0x82, 1, 1, 3, '1', '.', 'E', '0'} // 257 bytes of which most are cut off
	}
	return binary.BigEndian.AppendUint32([]byte{4, 0x84}, uint32(f.most)+1)
}

// in reports whether one of the elements of b has a fault. Only lengths of four bytes and less, and tags of one, are read.
func (f *berFaults) in(b []byte, deep int) bool {
	for len(b) > 1 && deep < 10 {
		n, head := int(b[1]), 2
		if n > 0x80 {
			if head += n - 0x80; n > 0x84 || len(b) < head {
				return false
			}
			n = int(binary.BigEndian.Uint32(append(make([]byte, 4-(head-2)), b[2:head]...)))
		} else if n == 0x80 {
			return f.in(b[head:], deep+1)
		}
		if f.long && n > f.most {
			return true
		}
		in := b[head:min(len(b), head+n)]
		if b[0]&0x20 != 0 && f.in(in, deep+1) {
			return true
		}
		if len(in) > 0 && (f.bits && b[0] == 3 && int(in[0]) > 8*n-8 || f.digits && b[0] == 9 && in[0] < 0x40 && n > 256) {
			return true
		}
		b = b[head+len(in):]
	}
	return false
}
