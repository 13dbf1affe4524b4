package header

// ICMPLen is the length of the part that all ICMP and ICMPv6 messages share, bytes.
const ICMPLen = 8

// ICMPv4 types (IANA) that the program names.
const (
	ICMPv4EchoReply       = 0
	ICMPv4Unreachable     = 3
	ICMPv4SourceQuench    = 4
	ICMPv4Redirect        = 5
	ICMPv4Echo            = 8
	ICMPv4RouterAdvert    = 9
	ICMPv4RouterSolicit   = 10
	ICMPv4TimeExceeded    = 11
	ICMPv4ParameterProb   = 12
	ICMPv4Timestamp       = 13
	ICMPv4TimestampReply  = 14
	ICMPv4CodeFragNeeded  = 4 // code of ICMPv4Unreachable: datagram too big (RFC 1191)
	ICMPv4CodePort        = 3 // code of ICMPv4Unreachable: port
	ICMPv4CodeAdminFilter = 13
)

// ICMPv4 is the first eight bytes of an ICMP message (RFC 792).
type ICMPv4 []byte

// ParseICMPv4 returns the header at the start of b; false when b is too short.
func ParseICMPv4(b []byte) (ICMPv4, bool) {
	if len(b) < ICMPLen {
		return nil, false
	}
	return ICMPv4(b[:ICMPLen]), true
}

// Type returns the message type.
func (h ICMPv4) Type() uint8 { return h[0] }

// Code returns the code.
func (h ICMPv4) Code() uint8 { return h[1] }

// Checksum returns the checksum field.
func (h ICMPv4) Checksum() uint16 { return be16(h[2:]) }

// Rest returns the second word, whose meaning depends on the type.
func (h ICMPv4) Rest() uint32 { return be32(h[4:]) }

// ID returns the identifier of an echo message.
func (h ICMPv4) ID() uint16 { return be16(h[4:]) }

// Seq returns the sequence number of an echo message.
func (h ICMPv4) Seq() uint16 { return be16(h[6:]) }

// NextHopMTU returns the MTU of a fragmentation-needed error (RFC 1191 4); 0 from a router that does not say.
func (h ICMPv4) NextHopMTU() uint16 { return be16(h[6:]) }

// AppendICMPv4 appends a message with its checksum.
func AppendICMPv4(b []byte, typ, code uint8, rest uint32, data []byte) []byte {
	start := len(b)
	b = put32(append(b, typ, code, 0, 0), rest)
	b = append(b, data...)
	sum := Checksum(b[start:])
	b[start+2], b[start+3] = uint8(sum>>8), uint8(sum)
	return b
}
