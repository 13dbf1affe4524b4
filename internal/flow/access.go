package flow

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Head returns the common part of an event about the flow of h, completed by p: roles, id and vantage are the flow's.
// h must come from the Packet call for p; h.Index must not be 0.
func (t *Table) Head(h Handle, k event.Kind, p *packet.Packet) event.Head {
	return t.head(t.flows.at(h.Index), k, p.Ref(), p.Ordinal, p)
}

// Last returns the head of an event about a live flow that its last packet completes.
func (t *Table) Last(index uint32, k event.Kind) event.Head {
	r := t.flows.at(index)
	return t.head(r, k, r.last(), t.ordinal(r), nil)
}

// ID returns the id of a live flow: the same on every run, never 0.
func (t *Table) ID(index uint32) uint64 {
	r := t.flows.at(index)
	k := t.key(r)
	return k.id(r.start())
}

// State returns the TCP state of a live flow.
func (t *Table) State(index uint32) event.TCPState { return t.flows.at(index).state }

// OneSided reports that the other side of a live flow was never seen though this one acknowledges it: nothing will
// release its data by an acknowledgement.
func (t *Table) OneSided(index uint32) bool { return t.flows.at(index).oneSided() }

// Visit calls f with the state of each live flow as of its last packet, in the order of first packets, until f returns
// false. It allocates; it is for consoles and state dumps, not for the packet path.
func (t *Table) Visit(f func(index uint32, x *event.Flow) bool) {
	for _, i := range t.ordered() {
		r := t.flows.at(i)
		x := event.NewSnapshot(t.head(r, event.KindFlow, r.last(), t.ordinal(r), nil))
		t.fill(r, x)
		if !f(i, x) {
			return
		}
	}
}

// Established reports that a live flow was heard both ways, for TCP that its handshake is complete or was before the
// capture.
func (t *Table) Established(index uint32) bool { return t.flows.at(index).bits.has(established) }

// Begun reports that a live flow began in the capture: of a TCP connection that its SYN was seen.
func (t *Table) Begun(index uint32) bool { return !t.flows.at(index).bits.has(midstream) }

// Streamed is how far the sequence numbers of a live flow went since its begin, by direction travelled: for TCP what was sent
// with SYN and FIN counted, modulo 2^32.
func (t *Table) Streamed(index uint32) (n [2]uint32) {
	r := t.flows.at(index)
	for d := range r.sides {
		if r.sides[d].packets > 0 {
			n[d] = r.sides[d].next - r.sides[d].isn
		}
	}
	return n
}

// Followed reports that the bytes of a flow may come as a stream: here those of all.
func (t *Table) Followed(uint32) bool { return true }

// First reports that one packet of a live flow travelled the way of h so far.
func (t *Table) First(h Handle) bool { return t.flows.at(h.Index).sides[h.Dir].packets == 1 }

// Counts returns the packets and bytes of a live flow by direction travelled, and when it began.
func (t *Table) Counts(index uint32) event.AlertFlow {
	r := t.flows.at(index)
	c := event.AlertFlow{Start: r.start().Time}
	for d := range r.sides {
		c.Packets[d], c.Bytes[d] = uint64(r.sides[d].packets), uint64(r.sides[d].bytes)
	}
	if m := t.rares(r); m.odd != 0 {
		for d, hi := range t.odds.at(m.odd).hi {
			c.Packets[d] |= uint64(hi[0]) << 32
			c.Bytes[d] |= uint64(hi[1]) << 32
		}
	}
	return c
}
