package esp

import "firestorm/internal/header"

// Message is the clear start of a packet.
type Message struct {
	AH  bool   // else ESP
	SPI uint32 // RFC 4303 2.1, RFC 4302 2.4
	Seq uint32 // low 32 bits of the sequence number
}

// Parse reads the header of ESP, or of AH, at the start of b; false: b does not hold it.
func Parse(ah bool, b []byte) (m Message, ok bool) {
	if ah {
		h, ok := header.ParseAH(b)
		if !ok {
			return m, false
		}
		return Message{true, h.SPI(), h.Seq()}, true
	}
	h, ok := header.ParseESP(b)
	if !ok {
		return m, false
	}
	return Message{false, h.SPI(), h.Seq()}, true
}
