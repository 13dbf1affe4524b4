package nbns

import (
	"encoding/binary"
	"strings"

	"firestorm/internal/packet"
)

// Message is a packet of the NetBIOS name service (RFC 1002 4.2).
type Message struct {
	ID       uint16
	Response bool
	Opcode   uint8 // 0 query, 5 registration, 6 release, 7 wait, 8 refresh
	RCode    uint8
	Name     string      // without its padding
	Suffix   byte        // sixteenth byte: 0x00 workstation, 0x20 file server, …
	Type     uint16      // 0x20 NB, 0x21 NBSTAT
	Addr     packet.Addr // of the first NB record; zero: none
}

// Types of records (RFC 1002 4.2.1.3).
const (
	typeNB     = 0x20
	typeNBSTAT = 0x21
)

// Opcodes (RFC 1002 4.2.1.1).
const (
	Query        = 0
	Registration = 5
	Release      = 6
	Refresh      = 8
)

const (
	headerLen = 12
	nameLen   = 34 // length, 32 letters, end
)

// Parse reads b. ok is false when it is not of that form.
func Parse(b []byte) (m Message, ok bool) {
	if len(b) < headerLen+nameLen+4 {
		return m, false
	}
	flags := binary.BigEndian.Uint16(b[2:])
	m = Message{ID: binary.BigEndian.Uint16(b), Response: flags&0x8000 != 0, Opcode: uint8(flags>>11) & 15, RCode: uint8(flags & 15)}
	qd, an, ar := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[10:])
	if qd > 1 || an > 64 || ar > 8 || qd == 0 && an == 0 {
		return m, false
	}
	if m.Name, m.Suffix, ok = name(b[headerLen:]); !ok {
		return m, false
	}
	off := headerLen + nameLen
	m.Type = binary.BigEndian.Uint16(b[off:])
	if m.Type != typeNB && m.Type != typeNBSTAT || binary.BigEndian.Uint16(b[off+2:]) != 1 {
		return m, false
	}
	if qd == 0 { // an answer: the first record has the name
		m.Addr = record(b[off+4:], m.Type)
		return m, true
	}
	off += 4
	if ar == 0 || off >= len(b) { // a registration gives its address in an additional record, whose name is a pointer
		return m, true
	}
	switch {
	case b[off] >= 0xc0:
		off += 2
	case b[off] == 32 && off+nameLen <= len(b):
		off += nameLen
	default:
		return m, true
	}
	if off+4 <= len(b) {
		m.Addr = record(b[off+4:], binary.BigEndian.Uint16(b[off:]))
	}
	return m, true
}

// record reads TTL, length and data of an NB record: flags and an address.
func record(b []byte, typ uint16) packet.Addr {
	if typ != typeNB || len(b) < 12 || binary.BigEndian.Uint16(b[4:]) < 6 {
		return packet.Addr{}
	}
	return packet.Addr4(b[8:12])
}

// name undoes the first-level encoding (RFC 1001 14.1): each half of a byte is a letter from A to P.
func name(b []byte) (s string, suffix byte, ok bool) {
	if len(b) < nameLen || b[0] != 32 || b[33] != 0 {
		return "", 0, false
	}
	var raw [16]byte
	for i := range raw {
		hi, lo := b[1+2*i]-'A', b[2+2*i]-'A'
		if hi > 15 || lo > 15 {
			return "", 0, false
		}
		raw[i] = hi<<4 | lo
	}
	return strings.TrimRight(string(raw[:15]), " \x00"), raw[15], true
}
