package header

// PPP protocol numbers (IANA) that the program names.
const (
	PPPIPv4           = 0x0021
	PPPVJCompressed   = 0x002d
	PPPVJUncompressed = 0x002f
	PPPIPv6           = 0x0057
	PPPMPLS           = 0x0281
	PPPMPLSMulticast  = 0x0283
	PPPIPCP           = 0x8021
	PPPIPv6CP         = 0x8057
	PPPLCP            = 0xc021
	PPPPAP            = 0xc023
	PPPLQR            = 0xc025
	PPPCHAP           = 0xc223
)

// PPP is the header of a PPP frame: perhaps address and control (RFC 1662 3.1), and the protocol, which may be
// compressed to one byte (RFC 1661 6.5).
type PPP []byte

// ParsePPP returns the header at the start of b; false when b is too short.
func ParsePPP(b []byte) (PPP, bool) {
	n := 0
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		n = 2
	}
	switch {
	case len(b) == 1 && b[0] == 0xff: // an address field whose control field is cut off
	case len(b) > n && b[n]&1 != 0:
		return PPP(b[:n+1]), true
	case len(b) >= n+2:
		return PPP(b[:n+2]), true
	}
	return nil, false
}

// Protocol returns the protocol number.
func (h PPP) Protocol() uint16 {
	n := len(h)
	if n == 1 || n == 3 {
		return uint16(h[n-1])
	}
	return be16(h[n-2:])
}

// AppendPPP appends a protocol field, with address and control when hdlc says so.
func AppendPPP(b []byte, protocol uint16, hdlc bool) []byte {
	if hdlc {
		b = append(b, 0xff, 0x03)
	}
	return put16(b, protocol)
}
