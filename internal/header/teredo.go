package header

// Teredo is what may stand between UDP and the IPv6 packet (RFC 4380 5.1.1).
type Teredo []byte

// ParseTeredo returns the authentication and origin indications at the start of b, which may be none; false when
// no IPv6 packet follows that fits into wire bytes, which is the length of the UDP payload as its header claims.
func ParseTeredo(b []byte, wire int) (Teredo, bool) {
	n := 0
	if len(b) >= 4 && b[0] == 0 && b[1] == 1 {
		n += 13 + int(b[2]) + int(b[3])
	}
	if len(b) >= n+2 && b[n] == 0 && b[n+1] == 0 {
		n += 8
	}
	if len(b) < n+IPv6Len || b[n]>>4 != 6 {
		return nil, false
	}
	if int(be16(b[n+4:]))+IPv6Len > wire-n {
		return nil, false
	}
	return Teredo(b[:n]), true
}
