package analyzer

import "strconv"

// DER is a series of ASN.1 elements with definite lengths and tags of one byte (X.690 8.1), lent.
type DER []byte

// Next cuts the first element off. False: there is none, or it is cut off; what is left stays.
func (d *DER) Next() (tag byte, content DER, ok bool) {
	b := *d
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, nil, false
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > 4 || len(b) < 2+k {
			return 0, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+k] {
			n = n<<8 | int(c)
		}
		head += k
	}
	if n > len(b)-head {
		return 0, nil, false
	}
	*d = b[head+n:]
	return b[0], b[head : head+n], true
}

// Of cuts the first element off if it has that tag.
func (d *DER) Of(tag byte) (content DER, ok bool) {
	if len(*d) == 0 || (*d)[0] != tag {
		return nil, false
	}
	_, content, ok = d.Next()
	return content, ok
}

// Uint is the content of an INTEGER that is not negative and fits.
func (d DER) Uint() (n uint64, ok bool) {
	if len(d) == 0 || len(d) > 9 || d[0]&0x80 != 0 || len(d) == 9 && d[0] != 0 {
		return 0, false
	}
	for _, c := range d {
		n = n<<8 | uint64(c)
	}
	return n, true
}

// AppendOID writes the content of an OBJECT IDENTIFIER: "1.3.6.1".
func (d DER) AppendOID(dst []byte) []byte {
	var v uint64
	first := true
	for _, c := range d {
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if first {
			top := min(v/40, 2)
			dst = strconv.AppendUint(dst, top, 10)
			v -= 40 * top
			first = false
		}
		dst = append(dst, '.')
		dst = strconv.AppendUint(dst, v, 10)
		v = 0
	}
	return dst
}
