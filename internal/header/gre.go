package header

// GREMinLen is the length of a header without optional fields, bytes.
const GREMinLen = 4

// GRE is a GRE header with its optional fields (RFC 2784, RFC 2890; version 1 is PPTP's, RFC 2637 4.1).
type GRE []byte

// ParseGRE returns the header at the start of b; false when b does not hold it whole. The source routes of
// RFC 1701 count as part of it.
func ParseGRE(b []byte) (GRE, bool) {
	if len(b) < GREMinLen {
		return nil, false
	}
	n := GREMinLen
	if b[0]&0xc0 != 0 && b[1]&7 == 0 { // checksum or routing: both words are there
		n += 4
	}
	if b[0]&0x20 != 0 {
		n += 4
	}
	if b[0]&0x10 != 0 {
		n += 4
	}
	if b[1]&7 == 1 && b[1]&0x80 != 0 {
		n += 4
	}
	if n > len(b) {
		return nil, false
	}
	if b[0]&0x40 != 0 && b[1]&7 == 0 {
		for {
			if n+4 > len(b) {
				return nil, false
			}
			family, l := be16(b[n:]), int(b[n+3])
			n += 4
			if family == 0 && l == 0 {
				break
			}
			n += l
		}
		if n > len(b) {
			return nil, false
		}
	}
	return GRE(b[:n]), true
}

// Version returns 0, or 1 for PPTP.
func (h GRE) Version() uint8 { return h[1] & 7 }

// Protocol returns the EtherType of the payload.
func (h GRE) Protocol() uint16 { return be16(h[2:]) }

// HasKey reports that there is a key.
func (h GRE) HasKey() bool { return h[0]&0x20 != 0 }

// HasSequence reports that there is a sequence number.
func (h GRE) HasSequence() bool { return h[0]&0x10 != 0 }

// HasChecksum reports that there is a checksum.
func (h GRE) HasChecksum() bool { return h[0]&0x80 != 0 }

// HasRouting reports source routes.
func (h GRE) HasRouting() bool { return h[0]&0x40 != 0 }

// Recursion returns the recursion control bits of RFC 1701; later RFCs want 0.
func (h GRE) Recursion() uint8 { return h[0] & 7 }

// Key returns the key, 0 without one. In version 1 it holds the payload length and the call ID.
func (h GRE) Key() uint32 {
	if !h.HasKey() {
		return 0
	}
	if h[0]&0xc0 != 0 && h.Version() == 0 {
		return be32(h[8:])
	}
	return be32(h[4:])
}

// AppendGRE appends a version 0 header; key nil means none.
func AppendGRE(b []byte, protocol uint16, key *uint32) []byte {
	if key == nil {
		return put16(append(b, 0, 0), protocol)
	}
	return put32(put16(append(b, 0x20, 0), protocol), *key)
}
