package header

// LLDP TLV types (IEEE 802.1AB 8.5).
const (
	LLDPEnd        = 0
	LLDPChassisID  = 1
	LLDPPortID     = 2
	LLDPTTL        = 3
	LLDPSystemName = 5
	LLDPSystemDesc = 6
)

// NextLLDP splits the first TLV off an LLDP data unit. ok is false at the end, and with bad true where the list is
// damaged.
func NextLLDP(b []byte) (typ uint8, value, rest []byte, ok, bad bool) {
	if len(b) == 0 {
		return 0, nil, nil, false, false
	}
	if len(b) < 2 {
		return 0, nil, nil, false, true
	}
	typ = b[0] >> 1
	n := 2 + int(be16(b)&0x1ff)
	if typ == LLDPEnd {
		return 0, nil, nil, false, n != 2
	}
	if n > len(b) {
		return typ, nil, nil, false, true
	}
	return typ, b[2:n], b[n:], true, false
}
