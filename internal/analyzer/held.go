package analyzer

import (
	"cmp"
	"slices"
	"unsafe"

	"firestorm/internal/event"
)

// What a flow costs before its reader keeps anything, in bytes.
const (
	sessionSize = 1088 // with what the reassembly beneath keeps
	chunkSize   = int(unsafe.Sizeof(chunk{}))
	prefixSize  = 2 * ProbeLimit
	// restShare is which part of Options.MaxHeld what is at rest may take.
	restShare = 8
)

// interest says whether somebody reads a flow.
type interest uint8

const (
	interested interest = iota // somebody does, or may
	settled                    // bytes were seen and nobody wants more
	givenUp                    // there was no room to read on
)

// own counts n more bytes for s.
func (s *session) own(n int) {
	s.owned += n
	s.x.stats.Held += n
}

// keeps asks the reader of s what it keeps.
func (s *session) keeps() {
	n := 0
	if s.holder != nil {
		n = s.holder.Held()
	}
	s.own(n - s.kept)
	s.kept = n
}

// weight is how many bytes s takes at rest.
func (s *session) weight() int {
	return sessionSize + cap(s.buf) + cap(s.held)*chunkSize
}

// mayRest reports whether n bytes more may wait for their next use, and counts them.
func (x *Dispatcher) mayRest(n int) bool {
	if x.resting+n > x.o.MaxHeld/restShare {
		return false
	}
	x.resting += n
	return true
}

// fit gives flows up, those first that were longest without a packet, until three quarters of Options.MaxHeld are left,
// once that was reached. Looking through all of them then is cheaper than keeping them in order for every packet.
func (x *Dispatcher) fit() {
	if x.stats.Held > x.o.MaxHeld {
		x.makeRoom()
	}
}

func (x *Dispatcher) makeRoom() {
	var all []*session
	for i := range x.flows {
		if s := x.flows[i].s; s != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *session) int {
		return cmp.Or(cmp.Compare(a.heard, b.heard), cmp.Compare(a.index, b.index))
	})
	for _, s := range all {
		if x.stats.Held <= x.o.MaxHeld*3/4 {
			return
		}
		x.giveUp(s)
	}
}

// giveUp ends the reading of a flow for lack of room.
func (x *Dispatcher) giveUp(s *session) {
	if s.message != nil && s.holder == nil { // it knows nothing that the next datagram could need
		x.retire(s.index)
		return
	}
	index, probing := s.index, s.def < 0
	x.end(s, event.EndEvicted)
	if probing && s.def < 0 {
		x.stats.ProbeFull++
		if !s.tcp { // of a stream its end was the last question
			x.stats.Unknown++
		}
	} else {
		x.stats.GivenUp++
	}
	x.stats.gaveUp(x.now, x.now)
	x.settle(s)
	x.flows[index].interest = givenUp
}
