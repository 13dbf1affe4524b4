package header

// GeneveMinLen is the length of a header without options, bytes.
const GeneveMinLen = 8

// Geneve is a Geneve header with its options (RFC 8926 3.4).
type Geneve []byte

// ParseGeneve returns the header at the start of b; false when b does not hold it whole or its version is not 0.
func ParseGeneve(b []byte) (Geneve, bool) {
	if len(b) < GeneveMinLen || b[0]>>6 != 0 {
		return nil, false
	}
	n := GeneveMinLen + int(b[0]&0x3f)*4
	if n > len(b) {
		return nil, false
	}
	return Geneve(b[:n]), true
}

// Protocol returns the EtherType of the payload; 0x6558 is an Ethernet frame.
func (h Geneve) Protocol() uint16 { return be16(h[2:]) }

// VNI returns the network identifier, 24 bits.
func (h Geneve) VNI() uint32 { return be32(h[4:]) >> 8 }

// Control reports a control packet.
func (h Geneve) Control() bool { return h[1]&0x80 != 0 }

// Options returns the option bytes.
func (h Geneve) Options() []byte { return h[GeneveMinLen:] }

// AppendGeneve appends a header without options.
func AppendGeneve(b []byte, protocol uint16, vni uint32) []byte {
	return put32(put16(append(b, 0, 0), protocol), vni<<8)
}
