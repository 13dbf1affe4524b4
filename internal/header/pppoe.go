package header

// PPPoELen is the length of a header, bytes.
const PPPoELen = 6

// PPPoE codes (RFC 2516 4, 5).
const (
	PPPoESession = 0x00
	PPPoEPADO    = 0x07
	PPPoEPADI    = 0x09
	PPPoEPADR    = 0x19
	PPPoEPADS    = 0x65
	PPPoEPADT    = 0xa7
)

// PPPoE is a PPPoE header (RFC 2516 4).
type PPPoE []byte

// ParsePPPoE returns the header at the start of b; false when b is too short.
func ParsePPPoE(b []byte) (PPPoE, bool) {
	if len(b) < PPPoELen {
		return nil, false
	}
	return PPPoE(b[:PPPoELen]), true
}

// VersionType returns version and type, 0x11.
func (h PPPoE) VersionType() uint8 { return h[0] }

// Code returns the packet code.
func (h PPPoE) Code() uint8 { return h[1] }

// Session returns the session identifier.
func (h PPPoE) Session() uint16 { return be16(h[2:]) }

// Len returns the length of the payload, bytes.
func (h PPPoE) Len() uint16 { return be16(h[4:]) }

// NextPPPoETag splits the first tag off a discovery payload. ok is false at the end, and with bad true where the
// list is damaged.
func NextPPPoETag(b []byte) (typ uint16, value, rest []byte, ok, bad bool) {
	if len(b) == 0 {
		return 0, nil, nil, false, false
	}
	if len(b) < 4 || 4+int(be16(b[2:])) > len(b) {
		return 0, nil, nil, false, true
	}
	n := 4 + int(be16(b[2:]))
	return be16(b), b[4:n], b[n:], true, false
}

// AppendPPPoE appends a header for n bytes of payload.
func AppendPPPoE(b []byte, code uint8, session uint16, n int) []byte {
	return put16(put16(append(b, 0x11, code), session), uint16(n))
}
