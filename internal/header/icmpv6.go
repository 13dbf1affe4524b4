package header

// ICMPv6 types (IANA) that the program names.
const (
	ICMPv6Unreachable    = 1
	ICMPv6PacketTooBig   = 2
	ICMPv6TimeExceeded   = 3
	ICMPv6ParameterProb  = 4
	ICMPv6Echo           = 128
	ICMPv6EchoReply      = 129
	ICMPv6RouterSolicit  = 133
	ICMPv6RouterAdvert   = 134
	ICMPv6NeighborSol    = 135
	ICMPv6NeighborAdvert = 136
	ICMPv6Redirect       = 137
)

// ICMPv6 is the first eight bytes of an ICMPv6 message (RFC 4443 2.1).
type ICMPv6 []byte

// ParseICMPv6 returns the header at the start of b; false when b is too short.
func ParseICMPv6(b []byte) (ICMPv6, bool) {
	if len(b) < ICMPLen {
		return nil, false
	}
	return ICMPv6(b[:ICMPLen]), true
}

// Type returns the message type; below 128 are errors.
func (h ICMPv6) Type() uint8 { return h[0] }

// Code returns the code.
func (h ICMPv6) Code() uint8 { return h[1] }

// Checksum returns the checksum field.
func (h ICMPv6) Checksum() uint16 { return be16(h[2:]) }

// Rest returns the second word: identifier and sequence, MTU, or pointer.
func (h ICMPv6) Rest() uint32 { return be32(h[4:]) }

// AppendICMPv6 appends a message with its checksum over the pseudo-header.
func AppendICMPv6(b []byte, typ, code uint8, rest uint32, src, dst [16]byte, data []byte) []byte {
	start := len(b)
	b = put32(append(b, typ, code, 0, 0), rest)
	b = append(b, data...)
	sum := ^Sum(PseudoSum(src[:], dst[:], 58, len(b)-start), b[start:])
	b[start+2], b[start+3] = uint8(sum>>8), uint8(sum)
	return b
}
