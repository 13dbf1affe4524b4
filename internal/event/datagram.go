package event

import (
	"time"

	"firestorm/internal/packet"
)

// Datagram is an IP datagram that came in fragments, when it is whole, or when it is given up. Head's Client is its sender and
// Server its receiver, with ports where the fragment that has them was seen; Seen is its last fragment.
type Datagram struct {
	head      Head
	Whole     bool
	First     packet.Ref    // first fragment that came
	Fragments uint32        // that were seen, doubles not counted; of a whole one 0
	Bytes     uint32        // of its data; of one that is not whole, those that came
	HasFirst  bool          // the fragment at offset 0 was seen
	Waited    time.Duration // after the last fragment, until it was given up
	Truncated bool          // the capture cut fragments: it may have been whole
}

// Head returns the common part.
func (x *Datagram) Head() *Head { return &x.head }

// NewDatagram returns an event with head h.
func NewDatagram(h Head) *Datagram {
	h.Kind = KindDatagram
	return &Datagram{head: h}
}

// AppendEVE writes nothing: Suricata has no such record.
func (x *Datagram) AppendEVE(dst []byte, _ *EVE) []byte { return dst }
