package detect

import (
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// Ahead asks for the memory that the next events will need of the tables behind the border, so that the waits for it
// overlap: nearly all that an event costs there is such waits. It changes nothing, and what it asks for may belong to
// another connection with the same place in a table.
//
// It goes through the tables step by step, through all events for each: where one step asks for a place in an index, the next
// reads it, and asks for the record that it names. The memory is asked for, not read: a read that waits holds up all that
// comes after it (2026-11-30: reads were as slow as half of what they saved).
type Ahead struct {
	scope                       *Scope
	flows                       []*event.Flow    // of the events
	ids                         [AheadLen]uint64 // identifiers of their connections
	attempts                    [AheadLen]*Attempt
	logs                        [AheadLen]*serviceLog
	services, begun, hosts, net [AheadLen]uint32 // hashes
	ways                        [AheadLen]Way
	nServices, nBegun, nHosts   int
	nNet, nAttempts, nLogs      int
	looked                      uint64 // events so far
}

// AheadLen is how many events are looked up together.
const AheadLen = 32

// follower is a table that goes by the numbers or hashes of another. Its steps are those of Foresight.
type follower[K uint32 | Way] interface{ ahead(step int, of []K) }

// Foresight is a detector with tables of its own in which an event waits for memory.
type Foresight interface {
	// Ahead asks for what the next flow events will need. It comes for each step below Steps: what one step asks for, the next
	// can read.
	Ahead(step int, fs []*event.Flow)
}

// Steps is how many there are.
const Steps = 3

// Foresee lets a detector ask for memory ahead of its events.
func (s *Scope) Foresee(f Foresight) { s.foresight = append(s.foresight, f) }

// NewAhead returns what looks ahead for the tables of a scope.
func NewAhead(s *Scope) *Ahead { return &Ahead{scope: s, flows: make([]*event.Flow, 0, AheadLen)} }

const (
	// eventBusy is how much of a flow event is asked for whatever it tells; the marks behind that are for its end.
	eventBusy = unsafe.Offsetof(event.Flow{}.Marks) + (uintptr(event.MarkHandshake)+1)*unsafe.Sizeof(packet.Ref{})
	// hostBusy is how much of a known host an event asks for: up to its first clock.
	hostBusy = unsafe.Offsetof(hostRecord{}.Host) + unsafe.Offsetof(Host{}.Clocks) + unsafe.Sizeof(Clock{})
)

// Look asks for what the first AheadLen of es need, and for the events behind them.
func (a *Ahead) Look(es []event.Event) {
	a.nServices, a.nBegun, a.nHosts, a.nNet, a.nAttempts, a.nLogs = 0, 0, 0, 0, 0, 0
	a.flows = a.flows[:0]
	for _, e := range es[:min(len(es), AheadLen)] { // another processor may have made them
		if f, ok := e.(*event.Flow); ok {
			prefetch.Lines(unsafe.Pointer(f), eventBusy)
			a.flows = append(a.flows, f)
		}
	}
	a.looked += uint64(len(a.flows))
	for i, f := range a.flows {
		a.take(i, f)
	}
	l, h, n := a.scope.Ledger, a.scope.Hosts, a.scope.Nets
	ids := a.ids[:len(a.flows)]
	for _, t := range l.followers {
		t.ahead(0, a.services[:a.nServices])
	}
	for _, t := range a.scope.foresight {
		t.Ahead(0, a.flows)
	}

	for _, id := range ids {
		if x := l.byFlow.get(id); x != nil {
			prefetch.Lines(unsafe.Pointer(x), attemptBusy)
		}
	}
	for i := range min(a.nBegun, len(l.spare)) { // where new ones will be
		x := l.spare[len(l.spare)-1-i]
		prefetch.Lines(unsafe.Pointer(x), unsafe.Sizeof(*x))
	}
	for _, k := range a.begun[:a.nBegun] {
		if at := l.services.probe(k); at >= 0 {
			a.logs[a.nLogs] = l.order[at]
			a.nLogs++
		}
	}
	fresh := 0
	for _, k := range a.hosts[:a.nHosts] {
		if at := h.index.probe(k); at >= 0 {
			h.at(at).ask(hostBusy)
		} else {
			fresh++
		}
	}
	h.askOldest(fresh)
	for i, k := range a.net[:a.nNet] {
		a.ways[i] = Way(n.index.probe(k))
		if a.ways[i] >= 0 {
			prefetch.Line(unsafe.Pointer(&n.keys[a.ways[i]]))
		}
	}
	ways := a.ways[:a.nNet]
	for _, t := range l.followers {
		t.ahead(1, a.services[:a.nServices])
	}
	for _, c := range n.followers {
		c.ahead(1, ways)
	}
	for _, t := range a.scope.foresight {
		t.Ahead(1, a.flows)
	}

	for _, log := range a.logs[:a.nLogs] {
		prefetch.Lines(unsafe.Pointer(log), unsafe.Sizeof(*log))
	}
	for _, t := range l.followers {
		t.ahead(2, a.services[:a.nServices])
	}
	for _, c := range n.followers {
		c.ahead(2, ways)
	}
	for _, t := range a.scope.foresight {
		t.Ahead(2, a.flows)
	}
	for _, log := range a.logs[:a.nLogs] {
		if n := len(log.attempts); n > 0 {
			prefetch.Line(unsafe.Pointer(&log.attempts[n-1]))
		}
	}
}

// take notes what f needs, and asks for the places of it in the indices.
func (a *Ahead) take(i int, f *event.Flow) {
	l := a.scope.Ledger
	h := f.Head()
	tcp := h.Proto == packet.ProtoTCP
	if f.What == event.Started || tcp {
		k := svcKey{h.Vantage, Service{h.Server.Addr, h.Server.Port, h.Proto}}
		hash := l.hash(&k)
		if f.What == event.Started {
			a.begun[a.nBegun] = hash
			a.nBegun++
			l.services.ask(hash)
		}
		if tcp {
			a.services[a.nServices] = hash
			a.nServices++
		}
	}
	a.ids[i] = h.FlowID
	l.byFlow.ask(h.FlowID)
	switch f.What {
	case event.Started:
		a.host(h.Vantage, &h.Client.Addr)
	case event.Answered:
		a.host(h.Vantage, &h.Server.Addr)
	case event.Ended:
		prefetch.Lines(unsafe.Add(unsafe.Pointer(f), eventBusy), unsafe.Sizeof(*f)-eventBusy)
		if tcp {
			k := keyOf(h.Vantage, &h.Client.Addr, &h.Server.Addr)
			hash := a.scope.Nets.hash(&k)
			a.net[a.nNet] = hash
			a.nNet++
			a.scope.Nets.index.ask(hash)
		}
	}
}

func (a *Ahead) host(vantage uint16, addr *packet.Addr) {
	hash := a.scope.Hosts.hash(vantage, addr)
	a.hosts[a.nHosts] = hash
	a.nHosts++
	a.scope.Hosts.index.ask(hash)
}

// ask asks for the first place of a hash.
func (x *index) ask(hash uint32) {
	prefetch.Line(unsafe.Pointer(&x.slots[hash&uint32(len(x.slots)-1)]))
}

// probe returns the number of the first record with a hash, -1 for none.
func (x *index) probe(hash uint32) int {
	for i := hash; ; i++ {
		if s := x.slots[i&uint32(len(x.slots)-1)]; s.at == 0 || s.hash == hash {
			return int(s.at) - 1
		}
	}
}

func (m *flowMap) ask(id uint64) {
	prefetch.Line(unsafe.Pointer(&m.slots[home(id)&uint64(len(m.slots)-1)]))
}

func (r *hostRecord) ask(size uintptr) { prefetch.Lines(unsafe.Pointer(r), size) }

// askOldest asks for what n new hosts will need to take the places of the oldest.
func (t *Hosts) askOldest(n int) {
	if t.count < t.max {
		return
	}
	for i := range n {
		r := t.at((t.oldest + i) % t.max)
		r.ask(unsafe.Sizeof(*r))
	}
	for i := range n {
		r := t.at((t.oldest + i) % t.max)
		t.index.ask(t.hash(r.vantage, &r.addr))
	}
}

func (t *ByService[T]) ahead(step int, hashes []uint32) {
	switch step {
	case 0:
		for _, h := range hashes {
			t.index.ask(h)
		}
	case 1:
		for _, h := range hashes {
			if at := t.index.probe(h); at >= 0 {
				r := t.at(at)
				prefetch.Lines(unsafe.Pointer(r), unsafe.Sizeof(*r))
			}
		}
	}
}

func (c *Column[T]) ahead(step int, ways []Way) {
	if step == 0 || len(c.chunks) == 0 {
		return
	}
	for _, w := range ways {
		if w < 0 || int(w)/rowsInChunk >= len(c.chunks) {
			continue
		}
		p := &c.chunks[int(w)/rowsInChunk]
		if step == 1 {
			prefetch.Line(unsafe.Pointer(p))
		} else if chunk := *p; chunk != nil {
			r := &chunk[int(w)%rowsInChunk]
			prefetch.Lines(unsafe.Pointer(r), min(unsafe.Sizeof(*r), 256))
		}
	}
}
