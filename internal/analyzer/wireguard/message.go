package wireguard

import "encoding/binary"

// Types of messages (WireGuard, NDSS 2017, 5.4).
const (
	Initiation = 1
	Response   = 2
	CookieRepl = 3
	Transport  = 4
)

// Sizes of the messages, bytes; those of Transport are at least minTransport and go in steps of 16.
const (
	sizeInitiation = 148
	sizeResponse   = 92
	sizeCookie     = 64
	minTransport   = 32
)

// Message is what can be read of one message.
type Message struct {
	Type     uint8
	Sender   uint32 // index that its sender chose; of types 1 and 2
	Receiver uint32 // index that the receiver chose; of types 2, 3 and 4
	Counter  uint64 // of type 4
	Len      int    // bytes
}

// Parse reads b; false: no message of WireGuard.
func Parse(b []byte) (m Message, ok bool) {
	if len(b) < minTransport || b[1]|b[2]|b[3] != 0 {
		return m, false
	}
	m = Message{Type: b[0], Len: len(b)}
	switch m.Type {
	case Initiation:
		m.Sender = binary.LittleEndian.Uint32(b[4:])
		return m, len(b) == sizeInitiation
	case Response:
		m.Sender, m.Receiver = binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
		return m, len(b) == sizeResponse
	case CookieRepl:
		m.Receiver = binary.LittleEndian.Uint32(b[4:])
		return m, len(b) == sizeCookie
	case Transport:
		m.Receiver, m.Counter = binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint64(b[8:])
		return m, len(b)%16 == 0
	}
	return m, false
}

// parseCut reads a message that was wire bytes long.
func parseCut(b []byte, wire int) (Message, bool) {
	if len(b) < 16 || wire > 1<<16 || wire < len(b) {
		return Message{}, false
	}
	var whole [sizeInitiation]byte
	n := copy(whole[:], b)
	if b[0] == Transport {
		m := Message{Type: Transport, Receiver: binary.LittleEndian.Uint32(b[4:]), Counter: binary.LittleEndian.Uint64(b[8:]), Len: wire}
		return m, b[1]|b[2]|b[3] == 0 && wire%16 == 0 && wire >= minTransport
	}
	if n > wire || wire > len(whole) {
		return Message{}, false
	}
	return Parse(whole[:wire])
}
