package event

import "firestorm/internal/packet"

// Buffered is an event whose parts rules can ask for: what detectors and outputs see of a protocol is what rules see.
type Buffered interface {
	Event
	// EachBuffer calls f for each part, by the rule language's name for it, with the way it travelled. The bytes are good
	// until f returns.
	EachBuffer(f func(name string, dir packet.Dir, b []byte))
}
