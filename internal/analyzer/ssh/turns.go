package ssh

import (
	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// turns adds up what each side sends before the other speaks, after encryption began. The first turns of a login are
// these (RFC 4252, RFC 4253 10): the client asks for the service, the server accepts; the client asks with the method
// "none", the server refuses and lists its methods. From then on each refusal has the size of that one, unless the list
// changes; "success" is the shortest message of all.
type turns struct {
	sizes  [maxTurns]uint32 // of the server's turns
	n      int
	run    uint32
	dir    packet.Dir
	begun  bool
	broken bool
}

// maxTurns is how many of the server's turns are looked at: a server lets nobody try so often in one connection.
const maxTurns = 32

// add takes n bytes of direction d. It returns true when the outcome is known, or will not be.
func (t *turns) add(d packet.Dir, n int) bool {
	if t.begun && d != t.dir {
		t.turn()
	}
	t.dir, t.begun = d, true
	t.run += uint32(n)
	_, outcome := t.judge()
	return t.broken || t.n == maxTurns || outcome == event.LoginAccepted
}

func (t *turns) turn() {
	if t.dir == packet.ToClient && t.n < maxTurns {
		t.sizes[t.n] = t.run
		t.n++
	}
	t.run = 0
}

// end says that nothing follows.
func (t *turns) end() {
	if t.begun {
		t.turn()
		t.begun = false
	}
}

// judge says how often a password or key was refused, and whether somebody was let in in the end. It says nothing after a
// gap, nor of a client that leaves "none" out.
func (t *turns) judge() (refused int, o event.LoginOutcome) {
	if t.broken || t.n < 3 {
		return 0, event.LoginUnknown
	}
	list := t.sizes[1] // the refusal of "none"
	for i := 2; i < t.n; i++ {
		switch size := t.sizes[i]; {
		case size == list:
			refused++
		case size < list && (i+1 < t.n || t.begun): // and the client went on
			return refused, event.LoginAccepted
		case size > list && i+1 == t.n && !t.begun: // refused, and shown out
			refused++
		}
	}
	if refused > 0 && !t.begun {
		o = event.LoginRefused
	}
	return refused, o
}
