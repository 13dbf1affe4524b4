package refused

import (
	"time"

	"firestorm/internal/packet"
)

// targets counts the distinct ports, or servers, that refused one client.
type targets struct {
	seen  map[target]struct{}
	order []target // the first few, in order
	first packet.Ref
	last  packet.Ref
	more  bool // the room ended: there are at least this many
}

type target struct {
	addr packet.Addr
	port uint16
}

// many reports more targets than a client with a broken service meets.
func (t *targets) many() bool { return t != nil && len(t.seen) > manyTargets }

// spreadKey is a client with the server it tries (and no port), or with the port it tries (and no server).
type spreadKey struct {
	vantage uint16
	client  packet.Addr
	server  packet.Addr
	port    uint16
}

// spreads bounds all targets together: beyond the room nothing new is learned.
type spreads struct {
	room int
	m    map[spreadKey]*targets
}

func newSpreads(room int) *spreads { return &spreads{room: room, m: map[spreadKey]*targets{}} }

// namedTargets is how many targets a text can name.
const namedTargets = 16

// add counts a target; nil when there is no room to know the client at all.
func (s *spreads) add(k spreadKey, addr packet.Addr, port uint16, at packet.Ref) *targets {
	t := s.m[k]
	if t == nil {
		if s.room <= 0 {
			return nil
		}
		s.room--
		t = &targets{seen: map[target]struct{}{}, first: at}
		s.m[k] = t
	}
	t.last = at
	x := target{addr, port}
	if _, known := t.seen[x]; known {
		return t
	}
	if s.room <= 0 {
		t.more = true
		return t
	}
	s.room--
	t.seen[x] = struct{}{}
	if len(t.order) < namedTargets {
		t.order = append(t.order, x)
	}
	return t
}

// forgetAfter is how long a client must rest for its refusals to be forgotten: longer than scanners wait between tries
// as a rule, short enough that a monitor's daily round is not one search.
const forgetAfter = 10 * time.Minute

// age forgets clients that were not refused for a while.
func (s *spreads) age(now packet.Time) {
	for k, t := range s.m {
		if now.Sub(t.last.Time) > forgetAfter {
			s.room += 1 + len(t.seen)
			delete(s.m, k)
		}
	}
}
