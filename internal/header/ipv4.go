package header

// IPv4MinLen is the length of a header without options, bytes.
const IPv4MinLen = 20

// IPv4 is an IPv4 header with its options (RFC 791 3.1).
type IPv4 []byte

// ParseIPv4 returns the header at the start of b; false when b does not hold it whole, or when its version or
// header length is wrong.
func ParseIPv4(b []byte) (IPv4, bool) {
	if len(b) < IPv4MinLen || b[0]>>4 != 4 {
		return nil, false
	}
	n := int(b[0]&15) * 4
	if n < IPv4MinLen || n > len(b) {
		return nil, false
	}
	return IPv4(b[:n]), true
}

// TOS returns the type-of-service byte: DSCP and ECN.
func (h IPv4) TOS() uint8 { return h[1] }

// TotalLen returns the length of the packet as it claims, bytes; 0 before segmentation offload.
func (h IPv4) TotalLen() uint16 { return be16(h[2:]) }

// ID returns the identification.
func (h IPv4) ID() uint16 { return be16(h[4:]) }

// DontFragment returns the DF flag.
func (h IPv4) DontFragment() bool { return h[6]&0x40 != 0 }

// MoreFragments returns the MF flag.
func (h IPv4) MoreFragments() bool { return h[6]&0x20 != 0 }

// FragmentOffset returns the offset of the fragment, bytes.
func (h IPv4) FragmentOffset() int { return int(be16(h[6:])&0x1fff) * 8 }

// TTL returns the time to live.
func (h IPv4) TTL() uint8 { return h[8] }

// Protocol returns the protocol number of the payload.
func (h IPv4) Protocol() uint8 { return h[9] }

// Checksum returns the header checksum.
func (h IPv4) Checksum() uint16 { return be16(h[10:]) }

// ChecksumOK reports that the header checksum is right.
func (h IPv4) ChecksumOK() bool { return Sum(0, h) == 0xffff }

// Src returns the source address.
func (h IPv4) Src() [4]byte { return [4]byte(h[12:16]) }

// Dst returns the destination address.
func (h IPv4) Dst() [4]byte { return [4]byte(h[16:20]) }

// Options returns the option bytes.
func (h IPv4) Options() []byte { return h[IPv4MinLen:] }

// IPv4 option types (IANA).
const (
	IPv4OptEnd         = 0
	IPv4OptNop         = 1
	IPv4OptRecordRoute = 7
	IPv4OptTimestamp   = 68
	IPv4OptSecurity    = 130
	IPv4OptLSRR        = 131
	IPv4OptESecurity   = 133
	IPv4OptCIPSO       = 134
	IPv4OptStreamID    = 136
	IPv4OptSSRR        = 137
	IPv4OptRouterAlert = 148
)

// NextOption splits the first TLV off a list of IPv4 or TCP options. One-byte options have a nil value. ok is
// false at the end of the list, and with bad true where the list is damaged.
func NextOption(opts []byte) (kind uint8, value, rest []byte, ok, bad bool) {
	if len(opts) == 0 || opts[0] == 0 {
		return 0, nil, nil, false, false
	}
	if opts[0] == 1 {
		return 1, nil, opts[1:], true, false
	}
	if len(opts) < 2 || opts[1] < 2 || int(opts[1]) > len(opts) {
		return opts[0], nil, nil, false, true
	}
	return opts[0], opts[2:opts[1]], opts[opts[1]:], true, false
}

// IPv4Fields are the fields that AppendIPv4 writes. Options are padded to whole words; Offset is in bytes.
type IPv4Fields struct {
	TOS, TTL, Protocol            uint8
	ID                            uint16
	DontFragment, MoreFragments   bool
	Offset                        int
	Src, Dst                      [4]byte
	Options                       []byte
	TotalLen, Checksum            uint16 // written as they are when ForceLen or ForceChecksum says so
	ForceLen, ForceChecksum, Evil bool
}

// AppendIPv4 appends a header with its checksum, and the payload.
func AppendIPv4(b []byte, f *IPv4Fields, payload []byte) []byte {
	start := len(b)
	hlen := IPv4MinLen + (len(f.Options)+3)&^3
	total := uint16(hlen + len(payload))
	if f.ForceLen {
		total = f.TotalLen
	}
	frag := uint16(f.Offset / 8)
	if f.Evil {
		frag |= 0x8000
	}
	if f.DontFragment {
		frag |= 0x4000
	}
	if f.MoreFragments {
		frag |= 0x2000
	}
	b = append(b, 0x40|uint8(hlen/4), f.TOS)
	b = put16(b, total)
	b = put16(b, f.ID)
	b = put16(b, frag)
	b = append(b, f.TTL, f.Protocol, 0, 0)
	b = append(b, f.Src[:]...)
	b = append(b, f.Dst[:]...)
	b = append(b, f.Options...)
	for len(b)-start < hlen {
		b = append(b, 0)
	}
	sum := Checksum(b[start:])
	if f.ForceChecksum {
		sum = f.Checksum
	}
	b[start+10], b[start+11] = uint8(sum>>8), uint8(sum)
	return append(b, payload...)
}
