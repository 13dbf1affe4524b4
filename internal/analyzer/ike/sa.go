package ike

import "encoding/binary"

// Transform types, numbered as in RFC 7296 3.3.2; those from 240 on are attributes of version 1 that version 2 does not
// have.
const (
	TypeEncr  uint8 = 1
	TypePRF   uint8 = 2
	TypeInteg uint8 = 3
	TypeDH    uint8 = 4
	TypeESN   uint8 = 5

	TypeHash         uint8 = 240 // RFC 2409 appendix A
	TypeAuth         uint8 = 241
	TypeLifeType     uint8 = 242
	TypeLifeDuration uint8 = 243
)

// Transform is one algorithm of a proposal. In version 1 those with the same Num belong together, in version 2 each may
// be chosen alone.
type Transform struct {
	Proposal uint8 // number of its proposal
	Num      uint8 // version 1: number of the transform that it is an attribute of
	Proto    uint8 // 1 IKE, 2 AH, 3 ESP
	Type     uint8
	KeyBits  uint16 // key length attribute; 0 none
	ID       uint32 // number in the registry of the type; of TypeLifeDuration the value
}

func (m *Message) add(t Transform) {
	if len(m.Transforms) == maxTransforms {
		m.Left++
		return
	}
	m.Transforms = append(m.Transforms, t)
}

// sa1 reads an SA payload of version 1 (RFC 2408 3.4 to 3.6, RFC 2409 appendix A).
func (m *Message) sa1(b []byte) {
	if len(b) < 8 {
		m.Malformed = !m.Cut
		return
	}
	eachPart(m, b[8:], func(p []byte) { // proposal: number, protocol, SPI size, number of transforms, SPI
		if len(p) < 4 || 4+int(p[2]) > len(p) {
			m.Malformed = !m.Cut
			return
		}
		number, proto := p[0], p[1]
		eachPart(m, p[4+int(p[2]):], func(t []byte) { // transform: number, id, two bytes of nothing, attributes
			if len(t) < 4 {
				m.Malformed = !m.Cut
				return
			}
			m.attributes1(Transform{Proposal: number, Num: t[0], Proto: proto}, t[4:])
		})
	})
}

// attributes1 reads the attributes of a phase 1 transform.
func (m *Message) attributes1(base Transform, b []byte) {
	encr, bits := -1, uint16(0)
	for len(b) >= 4 {
		kind := binary.BigEndian.Uint16(b)
		value, n := uint32(binary.BigEndian.Uint16(b[2:])), 4
		if kind&0x8000 == 0 { // type, length, value
			n = 4 + int(value)
			if n > len(b) {
				m.Malformed = !m.Cut
				return
			}
			value = 0
			for _, x := range b[4:min(n, 8)] {
				value = value<<8 | uint32(x)
			}
		}
		t := base
		t.ID = value
		switch kind & 0x7fff {
		case 1:
			t.Type, encr = TypeEncr, len(m.Transforms)
		case 2:
			t.Type = TypeHash
		case 3:
			t.Type = TypeAuth
		case 4:
			t.Type = TypeDH
		case 11:
			t.Type = TypeLifeType
		case 12:
			t.Type = TypeLifeDuration
		case 14:
			bits = uint16(value)
		}
		if t.Type != 0 {
			m.add(t)
		}
		b = b[n:]
	}
	if encr >= 0 && encr < len(m.Transforms) {
		m.Transforms[encr].KeyBits = bits
	}
}

// sa2 reads an SA payload of version 2 (RFC 7296 3.3).
func (m *Message) sa2(b []byte) {
	eachPart(m, b, func(p []byte) {
		if len(p) < 4 || 4+int(p[2]) > len(p) {
			m.Malformed = !m.Cut
			return
		}
		number, proto := p[0], p[1]
		eachPart(m, p[4+int(p[2]):], func(t []byte) { // transform: type, nothing, id, attributes
			if len(t) < 4 {
				m.Malformed = !m.Cut
				return
			}
			x := Transform{Proposal: number, Proto: proto, Type: t[0], ID: uint32(binary.BigEndian.Uint16(t[2:]))}
			if a := t[4:]; len(a) >= 4 && binary.BigEndian.Uint16(a) == 0x8000|14 {
				x.KeyBits = binary.BigEndian.Uint16(a[2:])
			}
			if x.Type >= TypeEncr && x.Type <= TypeESN {
				m.add(x)
			}
		})
	})
}

// eachPart calls f with each of the substructures in b: last or more, nothing, length of the whole, contents.
func eachPart(m *Message, b []byte, f func([]byte)) {
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			m.Malformed = !m.Cut
			return
		}
		f(b[4:n])
		if b[0] == 0 { // the last one
			return
		}
		b = b[n:]
	}
}
