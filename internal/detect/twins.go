package detect

import "firestorm/internal/packet"

// Twins knows which flows of two vantages are one connection, seen before and after a NAT or firewall.
type Twins struct {
	flow  map[uint64]uint64 // flow → its twin
	first map[uint64]bool   // the flow of each pair that stands for both: the one nearer to the client
	trace func(packet.Ref) Trace
	names []string
}

// Trace is what became of one packet at the other vantage.
type Trace struct {
	Known   bool       // the packet belongs to joined flows, so that its absence means something
	Seen    bool       // it was seen there
	Ref     packet.Ref // where
	Vantage uint16     // the other vantage
	Changed []string   // what the box between changed, in words
	Removed uint16     // TCP options of a SYN that were taken out on the way (packet.Opt bits)
}

// NewTwins returns an empty join; trace answers for single packets.
func NewTwins(names []string, trace func(packet.Ref) Trace) *Twins {
	return &Twins{flow: map[uint64]uint64{}, first: map[uint64]bool{}, trace: trace, names: names}
}

// Pair records that flow near (the client's side) and far are one connection.
func (t *Twins) Pair(near, far uint64) {
	t.flow[near], t.flow[far] = far, near
	t.first[near] = true
}

// Of returns the twin of a flow, or 0.
func (t *Twins) Of(flow uint64) uint64 {
	if t == nil {
		return 0
	}
	return t.flow[flow]
}

// Same returns the flow that stands for both of a pair, or the flow itself.
func (t *Twins) Same(flow uint64) uint64 {
	if t == nil || t.flow[flow] == 0 || t.first[flow] {
		return flow
	}
	return t.flow[flow]
}

// Near reports that the flow is the client's side of a joined pair.
func (t *Twins) Near(flow uint64) bool { return t != nil && t.first[flow] }

// Trace says what became of the packet at the other vantage.
func (t *Twins) Trace(r packet.Ref) Trace {
	if t == nil {
		return Trace{}
	}
	return t.trace(r)
}

// Name returns the name of a vantage.
func (t *Twins) Name(v uint16) string {
	if t == nil || int(v) >= len(t.names) {
		return ""
	}
	return t.names[v]
}
