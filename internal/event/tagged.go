package event

import "firestorm/internal/packet"

// Tagged is a packet of a connection, or of a host, that a rule's "tag" marked when it matched: what came after the packet that
// alerted.
type Tagged struct {
	head  Head
	Dir   packet.Dir
	Frame []byte // the packet as captured; owned by the event
	Link  packet.LinkType
	Wire  uint32 // length of the packet on the wire, in bytes
	Maybe bool   // it is told only if one of its hosts is tagged
}

// NewTagged returns an event with head h.
func NewTagged(h Head) *Tagged {
	h.Kind = KindTagged
	return &Tagged{head: h}
}

// Head returns the common part.
func (x *Tagged) Head() *Head { return &x.head }

// AppendEVE writes a packet record.
func (x *Tagged) AppendEVE(dst []byte, c *EVE) []byte {
	dst = AppendEVEHead(dst, &x.head, "packet", x.Dir, c)
	dst = AppendEVEPacket(dst, x.Frame, x.Link)
	return AppendEVETail(dst, &x.head, c)
}
