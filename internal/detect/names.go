package detect

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Names remembers what addresses were called in the capture, and where that was seen. It is bounded: the oldest name
// makes room for the newest.
type Names struct {
	max  int
	by   map[packet.Addr]NameSeen
	ring []packet.Addr // in order of the first name; next is the oldest once it is full
	next int
	// Evicted counts names forgotten for lack of room.
	Evicted uint64
}

// NameSeen is a name with the frame it stands in.
type NameSeen struct {
	Name string
	From event.NameSource
	Ref  packet.Ref
}

// NewNames returns a table for the names of at most max addresses, at least one.
func NewNames(most int) *Names { return &Names{max: max(most, 1), by: map[packet.Addr]NameSeen{}} }

// Handle learns from an event; the border calls it before the detectors see the event.
func (t *Names) Handle(e event.Event) {
	if n, ok := e.(event.Namer); ok {
		ref := n.Head().Seen
		n.EachName(func(x event.Name) { t.learn(x, ref) })
	}
}

// learn keeps the first name of the most trustworthy source.
func (t *Names) learn(x event.Name, ref packet.Ref) {
	if x.Name == "" || x.Addr.IsZero() || len(x.Name) > event.MaxName {
		return
	}
	old, ok := t.by[x.Addr]
	if ok && old.From <= x.From {
		return
	}
	if !ok {
		if len(t.ring) < t.max {
			t.ring = append(t.ring, x.Addr)
		} else {
			delete(t.by, t.ring[t.next])
			t.ring[t.next] = x.Addr
			t.next = (t.next + 1) % t.max
			t.Evicted++
		}
	}
	t.by[x.Addr] = NameSeen{x.Name, x.From, ref}
}

// Get returns the name of an address; ok is false when none was seen. A nil table knows none.
func (t *Names) Get(a packet.Addr) (n NameSeen, ok bool) {
	if t == nil {
		return n, false
	}
	n, ok = t.by[a]
	return n, ok
}
