package wireguard

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one message of the handshake, or the first data of a direction after it.
type Event struct {
	head event.Head
	Message
	Dir     packet.Dir
	Packets [2]uint64 // data messages of the flow so far, by direction
	Bytes   [2]uint64 // of them
}

// New returns an event for tests of those that read it.
func New(h event.Head, d packet.Dir, m Message) *Event { return &Event{head: h, Dir: d, Message: m} }

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// AppendEVE writes nothing: Suricata has no such record.
func (e *Event) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
