package header

// UDPLen is the length of a header, bytes.
const UDPLen = 8

// UDP is a UDP header (RFC 768).
type UDP []byte

// ParseUDP returns the header at the start of b; false when b is too short.
func ParseUDP(b []byte) (UDP, bool) {
	if len(b) < UDPLen {
		return nil, false
	}
	return UDP(b[:UDPLen]), true
}

// SrcPort returns the source port.
func (h UDP) SrcPort() uint16 { return be16(h) }

// DstPort returns the destination port.
func (h UDP) DstPort() uint16 { return be16(h[2:]) }

// Len returns the length of header and payload as it claims, bytes.
func (h UDP) Len() uint16 { return be16(h[4:]) }

// Checksum returns the checksum; 0 means none was made, which only IPv4 allows.
func (h UDP) Checksum() uint16 { return be16(h[6:]) }

// AppendUDP appends a header with its checksum over the pseudo-header of src and dst (4 or 16 bytes each), and
// the payload.
func AppendUDP(b []byte, srcPort, dstPort uint16, src, dst, payload []byte) []byte {
	start := len(b)
	n := UDPLen + len(payload)
	b = put16(put16(b, srcPort), dstPort)
	b = put16(put16(b, uint16(n)), 0)
	b = append(b, payload...)
	sum := ^Sum(PseudoSum(src, dst, 17, n), b[start:])
	if sum == 0 {
		sum = 0xffff
	}
	b[start+6], b[start+7] = uint8(sum>>8), uint8(sum)
	return b
}
