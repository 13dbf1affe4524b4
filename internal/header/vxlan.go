package header

// VXLANLen is the length of a header, bytes.
const VXLANLen = 8

// VXLAN is a VXLAN header (RFC 7348 5), with the next-protocol field of VXLAN-GPE.
type VXLAN []byte

// ParseVXLAN returns the header at the start of b; false when b is too short or the VNI flag is not set.
func ParseVXLAN(b []byte) (VXLAN, bool) {
	if len(b) < VXLANLen || b[0]&0x08 == 0 {
		return nil, false
	}
	return VXLAN(b[:VXLANLen]), true
}

// VNI returns the network identifier, 24 bits.
func (h VXLAN) VNI() uint32 { return be32(h[4:]) >> 8 }

// NextProtocol returns the GPE next protocol (1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH), or 0 in plain VXLAN.
func (h VXLAN) NextProtocol() uint8 {
	if h[0]&0x04 == 0 {
		return 0
	}
	return h[3]
}

// AppendVXLAN appends a header.
func AppendVXLAN(b []byte, vni uint32) []byte { return put32(append(b, 8, 0, 0, 0), vni<<8) }
