package nbns

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one packet of the name service.
type Event struct {
	head event.Head
	Message
	Dir packet.Dir
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// EachName tells the address that a machine registers for its own name, or that somebody answers with (event.Namer).
// Names of groups and of services that many machines share say nothing about one of them.
func (e *Event) EachName(f func(event.Name)) {
	claims := !e.Response && (e.Opcode == Registration || e.Opcode == Refresh) || e.Response && e.Opcode == Query && e.RCode == 0
	if claims && !e.Addr.IsZero() && (e.Suffix == 0 || e.Suffix == 0x20) {
		f(event.Name{Addr: e.Addr, Name: e.Name, From: event.NameNBNS})
	}
}

// AppendEVE writes nothing: EVE has no record for it.
func (e *Event) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
