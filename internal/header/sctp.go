package header

// SCTPLen is the length of the common header, bytes.
const SCTPLen = 12

// SCTP is the common header (RFC 9260 3.1).
type SCTP []byte

// ParseSCTP returns the header at the start of b; false when b is too short.
func ParseSCTP(b []byte) (SCTP, bool) {
	if len(b) < SCTPLen {
		return nil, false
	}
	return SCTP(b[:SCTPLen]), true
}

// SrcPort returns the source port.
func (h SCTP) SrcPort() uint16 { return be16(h) }

// DstPort returns the destination port.
func (h SCTP) DstPort() uint16 { return be16(h[2:]) }

// VerificationTag returns the verification tag; 0 in an INIT.
func (h SCTP) VerificationTag() uint32 { return be32(h[4:]) }

// NextSCTPChunk splits the first chunk off (RFC 9260 3.2), past its padding. ok is false at the end, and with
// bad true where the list is damaged.
func NextSCTPChunk(b []byte) (typ, flags uint8, value, rest []byte, ok, bad bool) {
	if len(b) == 0 {
		return 0, 0, nil, nil, false, false
	}
	if len(b) < 4 {
		return 0, 0, nil, nil, false, true
	}
	n := int(be16(b[2:]))
	if n < 4 || n > len(b) {
		return b[0], b[1], nil, nil, false, true
	}
	return b[0], b[1], b[4:n], b[min((n+3)&^3, len(b)):], true, false
}
