package header

// MPLSLen is the length of one label stack entry, bytes.
const MPLSLen = 4

// MPLS is one label stack entry (RFC 3032 2.1).
type MPLS []byte

// ParseMPLS returns the entry at the start of b; false when b is too short.
func ParseMPLS(b []byte) (MPLS, bool) {
	if len(b) < MPLSLen {
		return nil, false
	}
	return MPLS(b[:MPLSLen]), true
}

// Label returns the label, 20 bits; 0 to 15 are reserved (RFC 7274).
func (h MPLS) Label() uint32 { return be32(h) >> 12 }

// TrafficClass returns the traffic class, 0 to 7.
func (h MPLS) TrafficClass() uint8 { return h[2] >> 1 & 7 }

// Bottom reports the last entry of the stack.
func (h MPLS) Bottom() bool { return h[2]&1 != 0 }

// TTL returns the time to live.
func (h MPLS) TTL() uint8 { return h[3] }

// AppendMPLS appends an entry.
func AppendMPLS(b []byte, label uint32, bottom bool, ttl uint8) []byte {
	w := label<<12 | uint32(ttl)
	if bottom {
		w |= 0x100
	}
	return put32(b, w)
}
