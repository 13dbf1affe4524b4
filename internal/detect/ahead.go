package detect

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Ahead reads what the next events will need of the tables behind the border, so that the waits for memory of several
// events overlap: nearly all that an event costs there is such waits. It changes nothing, and what it reads may belong to
// another connection with the same place in a table.
//
// It goes through the tables one after the other, through all events for each: a processor overlaps what lies within a
// few hundred instructions (2026-11-28: event by event gave nothing).
type Ahead struct {
	scope                          *Scope
	flows                          [AheadLen]uint64 // identifiers of connections that are known
	attempts                       [AheadLen]*Attempt
	services, begun, hosts, nets   [AheadLen]uint32 // hashes
	ways                           [AheadLen]Way
	nFlows, nServices, nBegun      int
	nHosts, nNets, nAttempts, nWay int
	sum                            uint64 // keeps what was read; nobody looks at it
}

// AheadLen is how many events are looked up together.
const AheadLen = 32

// follower is a table that goes by the numbers or hashes of another; touch reads its records for all of them.
type follower[K uint32 | Way] interface{ touch(of []K) uint64 }

// NewAhead returns what looks ahead for the tables of a scope.
func NewAhead(s *Scope) *Ahead { return &Ahead{scope: s} }

// Look reads for the first AheadLen of es.
func (a *Ahead) Look(es []event.Event) {
	a.nFlows, a.nServices, a.nBegun, a.nHosts, a.nNets, a.nAttempts, a.nWay = 0, 0, 0, 0, 0, 0, 0
	es = es[:min(len(es), AheadLen)]
	for _, e := range es { // another processor may have made them
		if f, ok := e.(*event.Flow); ok {
			a.sum += uint64(f.What) + f.Head().FlowID + f.Sides[0].Packets
		}
	}
	for _, e := range es {
		if f, ok := e.(*event.Flow); ok {
			a.take(f)
		}
	}
	l, h, n := a.scope.Ledger, a.scope.Hosts, a.scope.Nets
	a.sum += l.byFlow.touch(a.flows[:a.nFlows]) + l.services.touch(a.begun[:a.nBegun]) + h.index.touch(a.hosts[:a.nHosts]) + n.index.touch(a.nets[:a.nNets])
	for _, id := range a.flows[:a.nFlows] {
		if x := l.byFlow.get(id); x != nil {
			a.attempts[a.nAttempts] = x
			a.nAttempts++
		}
	}
	for _, x := range a.attempts[:a.nAttempts] {
		a.sum += x.touch()
	}
	for _, k := range a.nets[:a.nNets] {
		if at := n.index.probe(k); at >= 0 {
			a.ways[a.nWay] = Way(at)
			a.nWay++
			a.sum += n.keys[at].rest
		}
	}
	for _, k := range a.begun[:a.nBegun] {
		if at := l.services.probe(k); at >= 0 {
			a.sum += uint64(len(l.order[at].attempts))
		}
	}
	h.touchOldest(a.nHosts)
	for _, k := range a.hosts[:a.nHosts] {
		if at := h.index.probe(k); at >= 0 {
			a.sum += h.at(at).touch()
		}
	}
	for _, t := range l.followers {
		a.sum += t.touch(a.services[:a.nServices])
	}
	for _, c := range n.followers {
		a.sum += c.touch(a.ways[:a.nWay])
	}
}

// take notes what f needs.
func (a *Ahead) take(f *event.Flow) {
	h := f.Head()
	tcp := h.Proto == packet.ProtoTCP
	if f.What == event.Started || tcp {
		k := svcKey{h.Vantage, Service{h.Server.Addr, h.Server.Port, h.Proto}}
		hash := a.scope.Ledger.hash(&k)
		if f.What == event.Started {
			a.begun[a.nBegun] = hash
			a.nBegun++
		}
		if tcp {
			a.services[a.nServices] = hash
			a.nServices++
		}
	}
	a.flows[a.nFlows] = h.FlowID
	a.nFlows++
	switch f.What {
	case event.Started:
		a.hosts[a.nHosts] = a.scope.Hosts.hash(h.Vantage, &h.Client.Addr)
		a.nHosts++
	case event.Answered:
		a.hosts[a.nHosts] = a.scope.Hosts.hash(h.Vantage, &h.Server.Addr)
		a.nHosts++
	case event.Ended:
		if tcp {
			k := keyOf(h.Vantage, &h.Client.Addr, &h.Server.Addr)
			a.nets[a.nNets] = a.scope.Nets.hash(&k)
			a.nNets++
		}
	}
}

// touch reads the first place of each hash.
func (x *index) touch(hashes []uint32) (sum uint64) {
	for _, h := range hashes {
		sum += uint64(x.slots[h&uint32(len(x.slots)-1)].at)
	}
	return sum
}

// probe returns the number of the first record with a hash, -1 for none.
func (x *index) probe(hash uint32) int {
	for i := hash; ; i++ {
		if s := x.slots[i&uint32(len(x.slots)-1)]; s.at == 0 || s.hash == hash {
			return int(s.at) - 1
		}
	}
}

func (m *flowMap) touch(ids []uint64) (sum uint64) {
	for _, id := range ids {
		sum += m.slots[home(id)&uint64(len(m.slots)-1)].id
	}
	return sum
}

// touch reads each cache line of the attempt that an event writes.
func (a *Attempt) touch() uint64 { return a.Bytes[0] + a.Start.Frame + a.End.Frame + uint64(a.Retrans) }

func (r *hostRecord) touch() uint64 { return uint64(r.TTLs[0]) + r.Last.Frame }

func (t *ByService[T]) touch(hashes []uint32) uint64 {
	sum := t.index.touch(hashes)
	for _, h := range hashes {
		if at := t.index.probe(h); at >= 0 {
			sum += uint64(t.at(at).key.Port)
		}
	}
	return sum
}

func (c *Column[T]) touch(ways []Way) (sum uint64) {
	for _, w := range ways {
		if c.Get(w) != nil {
			sum++
		}
	}
	return sum
}
