package detect

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Wants names the events that can change what a detector finds; it is not called for others. The zero value wants all.
type Wants struct {
	TCP    []event.What // events of TCP flows
	Other  []event.What // events of flows of other protocols
	Kinds  []event.Kind // events other than those of flows
	Named  []string     // events of analyzers, by the name in analyzer.Def.Kinds
	Reused bool         // of all those of flows only where an earlier connection had the same ports (event.Flow.Prev)
}

// All reports that nothing was named: every event is wanted.
func (w *Wants) All() bool { return len(w.TCP)+len(w.Other)+len(w.Kinds)+len(w.Named) == 0 }

// Choice lists, for each sort of event, who wants it, as indices into the list that it was made from, in its order.
type Choice struct {
	tcp, other [16][]Listener
	kinds      [256][]Listener
}

// Listener is one who may want an event.
type Listener struct {
	Index  int
	reused bool
}

// NewChoice returns the choice among detectors with these wants. kind numbers the events that Wants names; those of
// analyzers that are not in the program have the number 0, and never come.
func NewChoice(wants []Wants, kind func(name string) event.Kind) *Choice {
	c := &Choice{}
	for i := range wants {
		w := &wants[i]
		l := Listener{i, w.Reused}
		add := func(lists [][]Listener, n int) {
			if n < len(lists) {
				lists[n] = append(lists[n], l)
			}
		}
		if w.All() {
			for n := range c.tcp {
				add(c.tcp[:], n)
				add(c.other[:], n)
			}
			for n := range c.kinds {
				add(c.kinds[:], n)
			}
			continue
		}
		for _, x := range w.TCP {
			add(c.tcp[:], int(x))
		}
		for _, x := range w.Other {
			add(c.other[:], int(x))
		}
		for _, x := range w.Kinds {
			add(c.kinds[:], int(x))
		}
		for _, x := range w.Named {
			if k := kind(x); k != event.KindNone {
				add(c.kinds[:], int(k))
			}
		}
	}
	return c
}

// For returns those who may want e; of them, Pass says who does. The list must not be changed.
func (c *Choice) For(e event.Event) (list []Listener, reused bool) {
	if f, ok := e.(*event.Flow); ok {
		lists := &c.other
		if f.Head().Proto == packet.ProtoTCP {
			lists = &c.tcp
		}
		return lists[f.What&15], f.Prev != nil
	}
	return c.kinds[e.Head().Kind], true
}

// Pass reports whether the listener wants an event of which For said whether its ports were used before.
func (l Listener) Pass(reused bool) bool { return reused || !l.reused }
