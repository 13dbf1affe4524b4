package header

// GTPUMinLen is the length of a header without optional fields, bytes.
const GTPUMinLen = 8

// GTPUData is the message type of a user packet (G-PDU).
const GTPUData = 255

// GTPU is a GTPv1-U header with its optional fields and extension headers (3GPP TS 29.281 5).
type GTPU []byte

// ParseGTPU returns the header at the start of b; false when b does not hold it whole, or when it is not version
// 1 with the protocol type bit.
func ParseGTPU(b []byte) (GTPU, bool) {
	if len(b) < GTPUMinLen || b[0]&0xf0 != 0x30 {
		return nil, false
	}
	n := GTPUMinLen
	if b[0]&7 != 0 { // any of E, S, PN brings all four bytes
		if n += 4; len(b) < n {
			return nil, false
		}
		if b[0]&4 != 0 {
			for next := b[11]; next != 0; {
				if n >= len(b) || b[n] == 0 {
					return nil, false
				}
				n += int(b[n]) * 4
				if n > len(b) {
					return nil, false
				}
				next = b[n-1]
			}
		}
	}
	return GTPU(b[:n]), true
}

// Type returns the message type.
func (h GTPU) Type() uint8 { return h[1] }

// Len returns the length of what follows the first eight bytes, bytes.
func (h GTPU) Len() uint16 { return be16(h[2:]) }

// TEID returns the tunnel endpoint identifier, which the receiver chose: it differs by direction.
func (h GTPU) TEID() uint32 { return be32(h[4:]) }

// AppendGTPU appends a user packet's header for n bytes of payload.
func AppendGTPU(b []byte, teid uint32, n int) []byte {
	return put32(put16(append(b, 0x30, GTPUData), uint16(n)), teid)
}
