package ntp

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Event is one NTP packet.
type Event struct {
	head event.Head
	Message
	Dir packet.Dir
}

// Head returns the common part.
func (e *Event) Head() *event.Head { return &e.head }

// Ends returns who asks and who answers, whichever of them the capture saw first.
func (e *Event) Ends() (asks, answers event.End) {
	asks, answers = e.head.Client, e.head.Server
	if (e.Dir == packet.ToClient) != (e.Mode == Server || e.Mode == Broadcast) {
		asks, answers = answers, asks
	}
	return asks, answers
}

// AppendEVE writes nothing: EVE has no record for NTP; its flows bear the name.
func (e *Event) AppendEVE(dst []byte, _ *event.EVE) []byte { return dst }
