package header

// LLCLen is the length of an LLC header with one control byte, SNAPLen that of a SNAP header after it, bytes.
const (
	LLCLen  = 3
	SNAPLen = 5
)

// LLC is an LLC header (IEEE 802.2 3.2): two service access points and the control field.
type LLC []byte

// ParseLLC returns the header at the start of b, with a second control byte in numbered frames; false when b is
// too short.
func ParseLLC(b []byte) (LLC, bool) {
	if len(b) < LLCLen {
		return nil, false
	}
	if b[2]&3 == 3 {
		return LLC(b[:LLCLen]), true
	}
	if len(b) < LLCLen+1 {
		return nil, false
	}
	return LLC(b[:LLCLen+1]), true
}

// DSAP returns the destination service access point: 0xaa SNAP, 0x42 spanning tree, 0x06 IP.
func (h LLC) DSAP() uint8 { return h[0] }

// SSAP returns the source service access point.
func (h LLC) SSAP() uint8 { return h[1] }

// Control returns the first control byte; 3 is unnumbered information.
func (h LLC) Control() uint8 { return h[2] }

// SNAP is the header after an LLC header to 0xaa (IEEE 802 9.2).
type SNAP []byte

// ParseSNAP returns the header at the start of b; false when b is too short.
func ParseSNAP(b []byte) (SNAP, bool) {
	if len(b) < SNAPLen {
		return nil, false
	}
	return SNAP(b[:SNAPLen]), true
}

// OUI returns the organisation; 0 means that Type is an EtherType.
func (h SNAP) OUI() uint32 { return be32(h) >> 8 }

// Type returns the protocol within the organisation.
func (h SNAP) Type() uint16 { return be16(h[3:]) }
