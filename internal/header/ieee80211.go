package header

import "encoding/binary"

// Radiotap is the header of a captured radio frame (radiotap.org); all of it is little-endian.
type Radiotap []byte

// ParseRadiotap returns the header at the start of b; false when b does not hold it whole.
func ParseRadiotap(b []byte) (Radiotap, bool) {
	if len(b) < 8 || b[0] != 0 {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 || n > len(b) {
		return nil, false
	}
	return Radiotap(b[:n]), true
}

// Radiotap flags.
const (
	RadiotapShortPreamble = 0x02
	RadiotapFCS           = 0x10 // the frame ends with its checksum
	RadiotapPad           = 0x20 // the MAC header is padded to 32 bits
	RadiotapBadFCS        = 0x40
)

// Flags returns the flags field, 0 when absent.
func (h Radiotap) Flags() uint8 {
	present := binary.LittleEndian.Uint32(h[4:])
	off := 8
	for w := present; w&(1<<31) != 0; off += 4 { // further words of presence bits
		if off+4 > len(h) {
			return 0
		}
		w = binary.LittleEndian.Uint32(h[off:])
	}
	if present&1 != 0 { // TSFT, aligned to 8
		off = (off+7)&^7 + 8
	}
	if present&2 == 0 || off >= len(h) {
		return 0
	}
	return h[off]
}

// IEEE80211 is the MAC header of a data frame (IEEE 802.11 9.3.2.1).
type IEEE80211 []byte

// ParseIEEE80211 returns the header at the start of b; false when b does not hold it whole. Frames that are not
// data frames yield their first ten bytes.
func ParseIEEE80211(b []byte) (IEEE80211, bool) {
	if len(b) < 10 {
		return nil, false
	}
	h := IEEE80211(b)
	n := 10
	if h.IsData() {
		n = 24
		if b[1]&3 == 3 {
			n += 6
		}
		if h.IsQoS() {
			n += 2
			if b[1]&0x80 != 0 { // order bit: HT control follows
				n += 4
			}
		}
	}
	if n > len(b) {
		return nil, false
	}
	return IEEE80211(b[:n]), true
}

// IsData reports a data frame of any kind.
func (h IEEE80211) IsData() bool { return h[0]&0x0f == 0x08 }

// IsQoS reports a data frame with QoS control.
func (h IEEE80211) IsQoS() bool { return h[0]&0x8f == 0x88 }

// HasBody reports a data frame that carries data: not a null function or a bare poll.
func (h IEEE80211) HasBody() bool { return h.IsData() && h[0]&0x40 == 0 }

// Protected reports an encrypted body.
func (h IEEE80211) Protected() bool { return h[1]&0x40 != 0 }

// MoreFragments reports that the frame's body continues in the next one.
func (h IEEE80211) MoreFragments() bool { return h[1]&0x04 != 0 }

// Fragment returns the fragment number of a data frame.
func (h IEEE80211) Fragment() uint8 { return h[22] & 0x0f }

// AMSDU reports several frames in one; only in a QoS data frame.
func (h IEEE80211) AMSDU() bool {
	if !h.IsQoS() {
		return false
	}
	off := 24
	if h[1]&3 == 3 {
		off = 30
	}
	return h[off]&0x80 != 0
}

// Dst returns the final destination of a data frame, by the ToDS and FromDS bits.
func (h IEEE80211) Dst() [6]byte {
	if h[1]&1 != 0 {
		return [6]byte(h[16:22])
	}
	return [6]byte(h[4:10])
}

// Src returns the original sender of a data frame.
func (h IEEE80211) Src() [6]byte {
	switch h[1] & 3 {
	case 2:
		return [6]byte(h[16:22])
	case 3:
		return [6]byte(h[24:30])
	}
	return [6]byte(h[10:16])
}
