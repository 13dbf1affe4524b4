package scan

import "firestorm/internal/packet"

// uses remembers which doors ordinary clients use. It is bounded: the door that was learned first makes room.
type uses struct {
	max  int
	m    map[door]*user
	ring []door
	next int
	lost bool // some were forgotten
}

// user is who had a conversation through a door: up to four clients.
type user struct {
	clients [4]uint32
	last    packet.Time
}

func newUses(most int) uses { return uses{max: most, m: map[door]*user{}} }

func (u *uses) add(x door, client uint32, at packet.Time) {
	r := u.m[x]
	if r == nil {
		if len(u.ring) < u.max {
			u.ring = append(u.ring, x)
		} else {
			delete(u.m, u.ring[u.next])
			u.ring[u.next] = x
			u.next = (u.next + 1) % u.max
			u.lost = true
		}
		r = &user{}
		u.m[x] = r
	}
	r.last = at
	for i, c := range r.clients {
		if c == client {
			return
		}
		if c == 0 {
			r.clients[i] = client
			return
		}
	}
}

// byOthers counts clients of a door that are not among except; at most four are known.
func (u *uses) byOthers(x door, except map[uint32]bool) int {
	r := u.m[x]
	if r == nil {
		return 0
	}
	n := 0
	for _, c := range r.clients {
		if c != 0 && !except[c] {
			n++
		}
	}
	return n
}
