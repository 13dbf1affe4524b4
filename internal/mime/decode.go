package mime

import "bytes"

type encoding uint8

const (
	plain encoding = iota
	base64
	quotedPrintable
	uuencode
)

// encodingOf reads Content-Transfer-Encoding (RFC 2045 6.1). What is not known is taken as it is.
func encodingOf(value []byte) encoding {
	switch string(bytes.ToLower(bytes.TrimSpace(value))) {
	case "base64":
		return base64
	case "quoted-printable":
		return quotedPrintable
	case "x-uuencode", "uuencode", "x-uue":
		return uuencode
	}
	return plain
}

// decoder undoes an encoding, piece by piece.
type decoder struct {
	encoding encoding
	have     [4]byte // base64: digits of a group; quoted-printable: "=", and a digit behind it
	n        int
}

func (d *decoder) reset(e encoding) { *d = decoder{encoding: e} }

// decode appends what a piece of a line says. soft: the line goes on in the next one. bad: it says something that the
// encoding does not know, which was passed over, or taken as it is.
func (d *decoder) decode(dst []byte, p *piece) (out []byte, soft, bad bool) {
	switch d.encoding {
	case base64:
		for b := p.b; len(b) > 0; {
			if d.n == 0 { // whole groups at once, which most lines are made of: a call for each digit took 60 instructions (2026-11-30)
				for len(b) >= 4 {
					h := [4]byte{digits[b[0]], digits[b[1]], digits[b[2]], digits[b[3]]}
					if h[0]|h[1]|h[2]|h[3] >= pad {
						break
					}
					dst = append(dst, h[0]<<2|h[1]>>4, h[1]<<4|h[2]>>2, h[2]<<6|h[3])
					b = b[4:]
				}
				if len(b) == 0 {
					break
				}
			}
			dst, bad = d.digit(dst, b[0], bad)
			b = b[1:]
		}
		return dst, false, bad
	case quotedPrintable:
		return d.quoted(dst, p)
	case uuencode:
		if p.at > 0 || string(p.b) == "end" {
			return dst, false, false
		}
		if _, ok := uubegin(p.b); ok {
			return dst, false, false
		}
		return uudecode(dst, p.b), false, false
	}
	return append(dst, p.b...), false, false
}

// digits are the values of the alphabet (RFC 4648 4), with pad for "=" and none for all else.
var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = none
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['='] = pad
	return t
}()

const (
	pad  = 64 // with the bit that no value has
	none = 65
)

// digit takes a digit of base64. Others are passed over (RFC 2045 6.8), and what is behind padding begins anew.
func (d *decoder) digit(dst []byte, c byte, bad bool) ([]byte, bool) {
	v := digits[c]
	switch {
	case v == none:
		return dst, bad || c != ' ' && c != '\t'
	case v == pad:
		if d.n < 2 {
			bad = bad || d.n == 1
			return dst, bad
		}
		dst = d.group(dst)
		return dst, bad
	}
	d.have[d.n] = v
	if d.n++; d.n == 4 {
		dst = d.group(dst)
	}
	return dst, bad
}

// group appends the bytes of the digits that are there.
func (d *decoder) group(dst []byte) []byte {
	h := d.have
	if d.n >= 2 {
		dst = append(dst, h[0]<<2|h[1]>>4)
	}
	if d.n >= 3 {
		dst = append(dst, h[1]<<4|h[2]>>2)
	}
	if d.n == 4 {
		dst = append(dst, h[2]<<6|h[3])
	}
	d.n = 0
	return dst
}

// end appends what waits for more that does not come.
func (d *decoder) end(dst []byte) []byte {
	switch d.encoding {
	case base64:
		return d.group(dst)
	case quotedPrintable:
		dst = append(dst, d.have[:d.n]...)
		d.n = 0
	}
	return dst
}

// quoted undoes quoted-printable (RFC 2045 6.7).
func (d *decoder) quoted(dst []byte, p *piece) (out []byte, soft, bad bool) {
	b := p.b
	for len(b) > 0 || d.n > 0 {
		if d.n == 0 {
			i := bytes.IndexByte(b, '=')
			if i < 0 {
				return append(dst, b...), false, bad
			}
			dst = append(dst, b[:i]...)
			d.have[0], d.n = '=', 1
			b = b[i+1:]
		}
		for d.n < 3 && len(b) > 0 {
			d.have[d.n] = b[0]
			d.n++
			b = b[1:]
		}
		if d.n < 3 {
			if !p.last {
				return dst, false, bad // the line goes on
			}
			rest := bytes.TrimRight(d.have[1:d.n], " \t")
			if len(rest) == 0 { // "=" at the end of a line
				d.n = 0
				return dst, true, bad
			}
			dst, bad = append(dst, d.have[:d.n]...), true
			d.n = 0
			continue
		}
		hi, lo := hex(d.have[1]), hex(d.have[2])
		d.n = 0
		if hi > 15 || lo > 15 {
			if p.last && len(bytes.TrimRight(b, " \t")) == 0 && len(bytes.TrimRight(d.have[1:3], " \t")) == 0 {
				return dst, true, bad // blanks behind the "="
			}
			bad = true
			if dst = append(dst, '='); d.have[1] == '=' { // that one may begin something
				d.have[1], d.n = d.have[2], 2
				continue
			}
			if dst = append(dst, d.have[1]); d.have[2] == '=' {
				d.n = 1
				continue
			}
			dst = append(dst, d.have[2])
			continue
		}
		dst = append(dst, hi<<4|lo)
	}
	return dst, false, bad
}

func hex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

// uudecode appends what a line of uuencode says; a line that is shorter than it says gives what is there.
func uudecode(dst, line []byte) []byte {
	if len(line) == 0 {
		return dst
	}
	n := int(line[0]-' ') & 63
	line = line[1:]
	for ; n > 0 && len(line) >= 2; n -= 3 {
		var v [4]byte
		for i := range min(4, len(line)) {
			v[i] = (line[i] - ' ') & 63
		}
		three := [3]byte{v[0]<<2 | v[1]>>4, v[1]<<4 | v[2]>>2, v[2]<<6 | v[3]}
		dst = append(dst, three[:min(n, 3)]...)
		line = line[min(4, len(line)):]
	}
	return dst
}
