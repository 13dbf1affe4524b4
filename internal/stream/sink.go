package stream

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// End says why a direction of a stream ended.
type End uint8

// Ends of a direction.
const (
	EndNone    End = iota
	EndFIN         // the sender closed, and all before its FIN was released
	EndReset       // RST
	EndDepth       // Options.Depth was reached: the rest is not looked at
	EndClosed      // the flow record was closed (its TCP connection was over)
	EndTimeout     // the flow was idle too long
	EndReused      // the same ports began a new connection
	EndEvicted     // the flow table was full
	EndInput       // the input ended
)

var endNames = [...]string{"none", "fin", "reset", "depth", "closed", "timeout", "reused", "evicted", "input"}

// String returns the end in one lower-case word.
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "unknown"
}

// EndOf translates why a flow record was closed.
func EndOf(r event.EndReason) End {
	switch r {
	case event.EndTimeout:
		return EndTimeout
	case event.EndReused:
		return EndReused
	case event.EndEvicted:
		return EndEvicted
	case event.EndInput:
		return EndInput
	}
	return EndClosed
}

// Sink takes the bytes of one connection. A call may use Stop and Drop of its Shard, nothing else of it.
type Sink interface {
	// Data delivers the next bytes of direction d. b is lent for the call: it is overwritten afterwards, copy what
	// you keep. mark is what Segment was told of the packet that carried b. seen is the segment that carried b, released the packet that let it go: an acknowledgement, or the
	// segment itself; its Frame is 0 when time or the end of the flow did. Empty b is never delivered.
	Data(d packet.Dir, b []byte, mark bool, seen, released packet.Ref)
	// Gap says that the next n bytes of direction d are missing: acknowledged, but never seen; or not kept.
	Gap(d packet.Dir, n uint64)
	// Close ends direction d. Nothing follows for it. It comes once, unless the direction was stopped or dropped.
	Close(d packet.Dir, why End)
}
