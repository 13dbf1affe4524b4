package ftp

// recordHandshake is the TLS record type that a connection begins with (RFC 8446 5.1).
const recordHandshake = 22

// records skips the TLS records of one direction.
type records struct {
	on   bool
	head [5]byte
	have int
	left int // bytes of the current record
}

// skip passes over records. It returns what is not one: then clear text is back, and t.on is false. ok is false when the
// bytes are neither.
func (t *records) skip(b []byte) (rest []byte, ok bool) {
	for len(b) > 0 {
		if t.left > 0 {
			n := min(t.left, len(b))
			t.left -= n
			b = b[n:]
			continue
		}
		if t.have == 0 && (b[0] < 20 || b[0] > 24) {
			t.on = false
			return b, true
		}
		n := copy(t.head[t.have:], b)
		t.have += n
		b = b[n:]
		if t.have == len(t.head) {
			if t.head[1] != 3 {
				return nil, false
			}
			t.left, t.have = int(t.head[3])<<8|int(t.head[4]), 0
		}
	}
	return nil, true
}
