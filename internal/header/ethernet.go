package header

// EthernetLen is the length of an Ethernet II header without tags, bytes.
const EthernetLen = 14

// EtherTypeMin is the smallest value of the type field that is an EtherType; below it is the length of an
// IEEE 802.3 frame's LLC data.
const EtherTypeMin = 0x0600

// Ethernet is the header of an Ethernet frame (IEEE 802.3 3.2).
type Ethernet []byte

// ParseEthernet returns the header at the start of b; false when b is too short.
func ParseEthernet(b []byte) (Ethernet, bool) {
	if len(b) < EthernetLen {
		return nil, false
	}
	return Ethernet(b[:EthernetLen]), true
}

// Dst returns the destination address.
func (h Ethernet) Dst() [6]byte { return [6]byte(h[0:6]) }

// Src returns the source address.
func (h Ethernet) Src() [6]byte { return [6]byte(h[6:12]) }

// Type returns the EtherType, or the length of the LLC data when below EtherTypeMin.
func (h Ethernet) Type() uint16 { return be16(h[12:]) }

// AppendEthernet appends a header.
func AppendEthernet(b []byte, dst, src [6]byte, etherType uint16) []byte {
	b = append(b, dst[:]...)
	b = append(b, src[:]...)
	return put16(b, etherType)
}
