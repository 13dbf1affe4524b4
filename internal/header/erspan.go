package header

// ERSPANLen and ERSPAN3Len are the lengths of the headers of type II and type III, bytes; type I has none.
const (
	ERSPANLen  = 8
	ERSPAN3Len = 12
)

// ERSPAN is the header of a mirrored frame in GRE (draft-foschiano-erspan-03), type II or III.
type ERSPAN []byte

// ParseERSPAN returns the header at the start of b: type II when version is 1, type III when it is 2, with the
// optional platform field. False when b is too short or of another version.
func ParseERSPAN(b []byte) (ERSPAN, bool) {
	if len(b) < ERSPANLen {
		return nil, false
	}
	n := ERSPANLen
	switch b[0] >> 4 {
	case 1:
	case 2:
		if n = ERSPAN3Len; len(b) < n {
			return nil, false
		}
		if b[11]&1 != 0 {
			n += 8
		}
	default:
		return nil, false
	}
	if n > len(b) {
		return nil, false
	}
	return ERSPAN(b[:n]), true
}

// Version returns 1 for type II, 2 for type III.
func (h ERSPAN) Version() uint8 { return h[0] >> 4 }

// VLAN returns the VLAN the mirrored frame came from.
func (h ERSPAN) VLAN() uint16 { return be16(h) & 0x0fff }

// Truncated reports that the mirrored frame was cut.
func (h ERSPAN) Truncated() bool { return h[2]&4 != 0 }

// Session returns the session identifier, 10 bits.
func (h ERSPAN) Session() uint16 { return be16(h[2:]) & 0x03ff }

// FrameType returns the P and FT fields of type III: 0 is an Ethernet frame, 2 an IP packet.
func (h ERSPAN) FrameType() uint8 {
	if h.Version() != 2 {
		return 0
	}
	return h[10] >> 2 & 0x1f
}

// AppendERSPAN appends a type II header.
func AppendERSPAN(b []byte, vlan, session uint16) []byte {
	return put32(put16(put16(b, 0x1000|vlan&0xfff), session&0x3ff), 0)
}
