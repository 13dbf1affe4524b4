package header

// VLANLen is the length of a tag after its tag protocol identifier, bytes.
const VLANLen = 4

// VLAN is a tag as it stands behind its EtherType: control information and the next EtherType (IEEE 802.1Q 9.6).
type VLAN []byte

// ParseVLAN returns the tag at the start of b; false when b is too short.
func ParseVLAN(b []byte) (VLAN, bool) {
	if len(b) < VLANLen {
		return nil, false
	}
	return VLAN(b[:VLANLen]), true
}

// ID returns the VLAN identifier, 0 to 4095; 0 means that only the priority is tagged.
func (h VLAN) ID() uint16 { return be16(h) & 0x0fff }

// Priority returns the priority code point, 0 to 7.
func (h VLAN) Priority() uint8 { return h[0] >> 5 }

// DropEligible returns the DEI bit.
func (h VLAN) DropEligible() bool { return h[0]&0x10 != 0 }

// Type returns the EtherType of what follows.
func (h VLAN) Type() uint16 { return be16(h[2:]) }

// AppendVLAN appends a tag: identifier, priority and the next EtherType.
func AppendVLAN(b []byte, id uint16, priority uint8, etherType uint16) []byte {
	return put16(put16(b, id&0x0fff|uint16(priority)<<13), etherType)
}
