package detect

import (
	"fmt"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Tracked remembers what connection trackers said of connections, so that a detector can state when a NAT forgot one
// instead of a bound. It has two generations of so many connections each: what is older goes when both are full.
type Tracked struct {
	most     int
	new, old map[trackedKey]*trackedConn
	any      bool
}

// NewTracked returns a memory of some most connections.
func NewTracked(most int) *Tracked { return &Tracked{most: max(most/2, 1)} }

// trackedKey is a connection as packets show it, on either side of a translation.
type trackedKey struct {
	ends  event.Ends
	proto uint8
}

// trackedConn is what was said of the connections with one key, the newest first.
type trackedConn struct {
	forgot [8]TrackedAt // a request that is refused again and again makes some
	begun  [8]TrackedAt
}

// TrackedAt is a moment in a tracker's memory.
type TrackedAt struct {
	At    packet.Time
	Inner event.End // the client before the translation
}

// Handle learns from an event; the border calls it before the detectors see the event.
func (t *Tracked) Handle(x *event.Tracked) {
	t.any = true
	if x.What != event.TrackerNew && x.What != event.TrackerForgot {
		return
	}
	proto, at := x.Head().Proto, TrackedAt{x.Head().Seen.Time, x.Inner.Client}
	t.note(trackedKey{x.Outer, proto}, x.What, at)
	if x.Inner != x.Outer {
		t.note(trackedKey{x.Inner, proto}, x.What, at)
	}
}

func (t *Tracked) note(k trackedKey, what event.TrackerSays, at TrackedAt) {
	c := t.new[k]
	if c == nil {
		if len(t.new) >= t.most {
			t.old, t.new = t.new, nil
		}
		if t.new == nil {
			t.new = map[trackedKey]*trackedConn{}
		}
		if c = t.old[k]; c == nil {
			c = &trackedConn{}
		}
		t.new[k] = c
	}
	list := &c.begun
	if what == event.TrackerForgot {
		list = &c.forgot
	}
	copy(list[1:], list[:])
	list[0] = at
}

func (t *Tracked) get(f *event.Head) *trackedConn {
	if t == nil || !t.any {
		return nil
	}
	k := trackedKey{event.Ends{Client: f.Client, Server: f.Server}, f.Proto}
	if c := t.new[k]; c != nil {
		return c
	}
	return t.old[k]
}

// trackedSlack is how much later than a packet an event may be that the packet brought about: a tracker lets an entry go when
// a packet finds it over, and is read a little later.
const trackedSlack = 100 * time.Millisecond

// Memory is what a tracker said of a connection between two of its packets.
type Memory struct {
	Known bool // it said something
	// Forgot is when it let the connection go, where it did so on its own: well before the later packet.
	Forgot packet.Time
	// ByPacket tells that it let it go only when the later packet came: it was over then, for how long is not known, or it
	// was replaced.
	ByPacket bool
	Was, Is  event.End // the client before the translation, of the connection and of the one that the later packet began; zero: not said
}

// Between returns what was said of the connection of h from one of its packets to another.
func (t *Tracked) Between(h *event.Head, from, to packet.Time) (m Memory) {
	c := t.get(h)
	if c == nil {
		return m
	}
	for i := len(c.forgot) - 1; i >= 0; i-- { // the first one in the time counts: later ones may be of what the packet began
		x := c.forgot[i]
		if x.At == 0 || x.At < from || x.At > to.Add(trackedSlack) {
			continue
		}
		m.Known, m.Was = true, x.Inner
		if m.ByPacket = x.At > to.Add(-trackedSlack); !m.ByPacket {
			m.Forgot = x.At
		}
		break
	}
	for i := len(c.begun) - 1; i >= 0; i-- {
		if x := c.begun[i]; x.At >= to.Add(-trackedSlack) && x.At <= to.Add(trackedSlack) && x.At != 0 {
			m.Is = x.Inner
		}
	}
	return m
}

// Translated reports that the tracker's client is not the one that the packets show.
func (m *Memory) Translated(seen event.End) bool {
	return m.Known && m.Was != seen && m.Was != (event.End{})
}

// lostTracked is what a gate says where events of the tracker were lost.
func lostTracked(n uint64) string {
	return fmt.Sprintf("events of the connection tracker were lost (%d times or more): where it is not said when a connection was forgotten, that is not known", n)
}
