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
