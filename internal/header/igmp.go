package header

// IGMPLen is the length of the fixed part, bytes.
const IGMPLen = 8

// IGMP types (RFC 3376 4, RFC 2236 2.1, RFC 3488).
const (
	IGMPQuery    = 0x11
	IGMPv1Report = 0x12
	IGMPv2Report = 0x16
	IGMPLeave    = 0x17
	IGMPv3Report = 0x22
	RGMPHello    = 0xff
	RGMPBye      = 0xfe
	RGMPJoin     = 0xfd
	RGMPLeave    = 0xfc
)

// IGMP is an IGMP message (RFC 3376).
type IGMP []byte

// ParseIGMP returns the message in b; false when b is too short.
func ParseIGMP(b []byte) (IGMP, bool) {
	if len(b) < IGMPLen {
		return nil, false
	}
	return IGMP(b), true
}

// Type returns the message type.
func (h IGMP) Type() uint8 { return h[0] }

// MaxRespTime returns the response time code; 0 means version 1.
func (h IGMP) MaxRespTime() uint8 { return h[1] }

// Group returns the group address; in a version 3 report the first word is reserved and a record count.
func (h IGMP) Group() [4]byte { return [4]byte(h[4:8]) }

// Records returns the number of group records that a version 3 report claims.
func (h IGMP) Records() int {
	if h[0] != IGMPv3Report {
		return 0
	}
	return int(be16(h[6:]))
}
