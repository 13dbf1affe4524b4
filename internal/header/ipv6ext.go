package header

// IPv6Ext is an extension header of the common form: next header, length, content (RFC 8200 4.2 to 4.6, RFC 6275
// mobility, HIP, shim6).
type IPv6Ext []byte

// ParseIPv6Ext returns the header at the start of b; false when b does not hold it whole.
func ParseIPv6Ext(b []byte) (IPv6Ext, bool) {
	if len(b) < 8 || int(b[1])*8+8 > len(b) {
		return nil, false
	}
	return IPv6Ext(b[:int(b[1])*8+8]), true
}

// NextHeader returns the protocol number of the next header.
func (h IPv6Ext) NextHeader() uint8 { return h[0] }

// Options returns the content after the length: the options of a hop-by-hop or destination header.
func (h IPv6Ext) Options() []byte { return h[2:] }

// RoutingType returns the type of a routing header.
func (h IPv6Ext) RoutingType() uint8 { return h[2] }

// SegmentsLeft returns how many nodes of a routing header are still to be visited.
func (h IPv6Ext) SegmentsLeft() uint8 { return h[3] }

// IPv6FragmentLen is the length of a fragment header, bytes.
const IPv6FragmentLen = 8

// IPv6Fragment is a fragment header (RFC 8200 4.5).
type IPv6Fragment []byte

// ParseIPv6Fragment returns the header at the start of b; false when b is too short.
func ParseIPv6Fragment(b []byte) (IPv6Fragment, bool) {
	if len(b) < IPv6FragmentLen {
		return nil, false
	}
	return IPv6Fragment(b[:IPv6FragmentLen]), true
}

// NextHeader returns the protocol number of what was fragmented.
func (h IPv6Fragment) NextHeader() uint8 { return h[0] }

// Offset returns the offset of the fragment, bytes.
func (h IPv6Fragment) Offset() int { return int(be16(h[2:]) &^ 7) }

// MoreFragments returns the M flag.
func (h IPv6Fragment) MoreFragments() bool { return h[3]&1 != 0 }

// ID returns the identification.
func (h IPv6Fragment) ID() uint32 { return be32(h[4:]) }

// NextIPv6Option splits the first option off the content of a hop-by-hop or destination header. Pad1 has a nil
// value. ok is false at the end, and with bad true where the list is damaged.
func NextIPv6Option(opts []byte) (kind uint8, value, rest []byte, ok, bad bool) {
	if len(opts) == 0 {
		return 0, nil, nil, false, false
	}
	if opts[0] == 0 {
		return 0, nil, opts[1:], true, false
	}
	if len(opts) < 2 || 2+int(opts[1]) > len(opts) {
		return opts[0], nil, nil, false, true
	}
	n := 2 + int(opts[1])
	return opts[0], opts[2:n], opts[n:], true, false
}

// AppendIPv6Options appends a hop-by-hop or destination header with the given option bytes, padded with PadN.
func AppendIPv6Options(b []byte, next uint8, options []byte) []byte {
	n := (2 + len(options) + 7) &^ 7
	b = append(b, next, uint8(n/8-1))
	b = append(b, options...)
	switch pad := n - 2 - len(options); {
	case pad == 1:
		b = append(b, 0)
	case pad > 1:
		b = append(b, 1, uint8(pad-2))
		b = append(b, make([]byte, pad-2)...)
	}
	return b
}

// AppendIPv6Fragment appends a fragment header; offset in bytes.
func AppendIPv6Fragment(b []byte, next uint8, offset int, more bool, id uint32) []byte {
	w := uint16(offset) &^ 7
	if more {
		w |= 1
	}
	return put32(put16(append(b, next, 0), w), id)
}
