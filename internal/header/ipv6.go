package header

// IPv6Len is the length of the fixed header, bytes.
const IPv6Len = 40

// IPv6 is the fixed IPv6 header (RFC 8200 3).
type IPv6 []byte

// ParseIPv6 returns the header at the start of b; false when b is too short or of another version.
func ParseIPv6(b []byte) (IPv6, bool) {
	if len(b) < IPv6Len || b[0]>>4 != 6 {
		return nil, false
	}
	return IPv6(b[:IPv6Len]), true
}

// TrafficClass returns the traffic class: DSCP and ECN.
func (h IPv6) TrafficClass() uint8 { return uint8(be16(h) >> 4) }

// FlowLabel returns the flow label, 20 bits.
func (h IPv6) FlowLabel() uint32 { return be32(h) & 0xfffff }

// PayloadLen returns the length of everything after the fixed header, bytes; 0 in a jumbogram.
func (h IPv6) PayloadLen() uint16 { return be16(h[4:]) }

// NextHeader returns the protocol number of the next header.
func (h IPv6) NextHeader() uint8 { return h[6] }

// HopLimit returns the hop limit.
func (h IPv6) HopLimit() uint8 { return h[7] }

// Src returns the source address.
func (h IPv6) Src() [16]byte { return [16]byte(h[8:24]) }

// Dst returns the destination address.
func (h IPv6) Dst() [16]byte { return [16]byte(h[24:40]) }

// IPv6Fields are the fields that AppendIPv6 writes.
type IPv6Fields struct {
	TrafficClass, NextHeader, HopLimit uint8
	FlowLabel                          uint32
	Src, Dst                           [16]byte
	PayloadLen                         uint16 // written as it is when ForceLen says so
	ForceLen                           bool
}

// AppendIPv6 appends a header and the payload, which starts with the extension headers if there are any.
func AppendIPv6(b []byte, f *IPv6Fields, payload []byte) []byte {
	n := uint16(len(payload))
	if f.ForceLen {
		n = f.PayloadLen
	}
	b = put32(b, 6<<28|uint32(f.TrafficClass)<<20|f.FlowLabel&0xfffff)
	b = put16(b, n)
	b = append(b, f.NextHeader, f.HopLimit)
	b = append(b, f.Src[:]...)
	b = append(b, f.Dst[:]...)
	return append(b, payload...)
}
