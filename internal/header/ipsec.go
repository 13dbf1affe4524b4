package header

// ESPLen is the length of the clear part of ESP, AHMinLen that of AH before its check value, bytes.
const (
	ESPLen   = 8
	AHMinLen = 12
)

// ESP is the clear start of an ESP packet (RFC 4303 2).
type ESP []byte

// ParseESP returns the header at the start of b; false when b is too short.
func ParseESP(b []byte) (ESP, bool) {
	if len(b) < ESPLen {
		return nil, false
	}
	return ESP(b[:ESPLen]), true
}

// SPI returns the security parameters index.
func (h ESP) SPI() uint32 { return be32(h) }

// Seq returns the sequence number, its low 32 bits.
func (h ESP) Seq() uint32 { return be32(h[4:]) }

// AH is an authentication header (RFC 4302 2).
type AH []byte

// ParseAH returns the header at the start of b; false when b does not hold it whole.
func ParseAH(b []byte) (AH, bool) {
	if len(b) < AHMinLen {
		return nil, false
	}
	n := int(b[1])*4 + 8
	if n < AHMinLen || n > len(b) {
		return nil, false
	}
	return AH(b[:n]), true
}

// NextHeader returns the protocol number of what follows.
func (h AH) NextHeader() uint8 { return h[0] }

// Reserved returns the reserved field, 0 in a sound header.
func (h AH) Reserved() uint16 { return be16(h[2:]) }

// SPI returns the security parameters index.
func (h AH) SPI() uint32 { return be32(h[4:]) }

// Seq returns the sequence number, its low 32 bits.
func (h AH) Seq() uint32 { return be32(h[8:]) }
