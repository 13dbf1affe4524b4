package header

import "encoding/binary"

// Lengths of the headers that cooked captures have in place of a link header, bytes.
const (
	SLLLen  = 16
	SLL2Len = 20
	NullLen = 4
)

// Packet types of SLL and SLL2: how the frame reached the capturing host.
const (
	SLLToUs      = 0
	SLLBroadcast = 1
	SLLMulticast = 2
	SLLToOther   = 3
	SLLFromUs    = 4
)

// SLL is the header of LINKTYPE_LINUX_SLL.
type SLL []byte

// ParseSLL returns the header at the start of b; false when b is too short.
func ParseSLL(b []byte) (SLL, bool) {
	if len(b) < SLLLen {
		return nil, false
	}
	return SLL(b[:SLLLen]), true
}

// PacketType returns how the frame reached the capturing host.
func (h SLL) PacketType() uint16 { return be16(h) }

// HardwareType returns the ARPHRD_ value of the interface.
func (h SLL) HardwareType() uint16 { return be16(h[2:]) }

// Addr returns the sender's link address, up to 8 bytes.
func (h SLL) Addr() []byte { return h[6 : 6+min(int(be16(h[4:])), 8)] }

// Protocol returns the EtherType of the payload; 1 and 4 are IEEE 802.3 frames.
func (h SLL) Protocol() uint16 { return be16(h[14:]) }

// SLL2 is the header of LINKTYPE_LINUX_SLL2.
type SLL2 []byte

// ParseSLL2 returns the header at the start of b; false when b is too short.
func ParseSLL2(b []byte) (SLL2, bool) {
	if len(b) < SLL2Len {
		return nil, false
	}
	return SLL2(b[:SLL2Len]), true
}

// Protocol returns the EtherType of the payload; 1 and 4 are IEEE 802.3 frames.
func (h SLL2) Protocol() uint16 { return be16(h) }

// Interface returns the index of the interface at the capturing host.
func (h SLL2) Interface() uint32 { return be32(h[4:]) }

// HardwareType returns the ARPHRD_ value of the interface.
func (h SLL2) HardwareType() uint16 { return be16(h[8:]) }

// PacketType returns how the frame reached the capturing host.
func (h SLL2) PacketType() uint8 { return h[10] }

// Addr returns the sender's link address, up to 8 bytes.
func (h SLL2) Addr() []byte { return h[12 : 12+min(int(h[11]), 8)] }

// Null is the address family before each packet of a BSD loopback capture (LINKTYPE_NULL, LINKTYPE_LOOP).
type Null []byte

// ParseNull returns the header at the start of b; false when b is too short.
func ParseNull(b []byte) (Null, bool) {
	if len(b) < NullLen {
		return nil, false
	}
	return Null(b[:NullLen]), true
}

// Family returns the address family. Its byte order is that of the capturing host; families are small, so the
// order that gives a small number is the right one. LINKTYPE_LOOP is always in network order.
func (h Null) Family() uint32 {
	if v := be32(h); v < 0x10000 {
		return v
	}
	return binary.LittleEndian.Uint32(h)
}
