package scan

import (
	"unsafe"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// uses remembers which doors ordinary clients use. It is bounded: the door that was learned first makes room, and its place
// in the ring is the new one's.
type uses struct {
	max   int
	index detect.Index // of ring
	ring  []usedDoor
	next  int
	lost  bool // some were forgotten
}

// usedDoor is a door and who had a conversation through it: up to four clients.
type usedDoor struct {
	door
	clients [4]uint32
	last    packet.Time
}

func newUses(most int) uses { return uses{max: most, index: detect.NewIndex()} }

func (u *uses) hash(x *door) uint32 {
	return u.index.Hash(&x.addr, uint64(x.port)<<8|uint64(x.proto))
}

// find returns what is known of a door, nil for nothing.
func (u *uses) find(x *door) *usedDoor { return u.at(x, u.hash(x)) }

func (u *uses) at(x *door, hash uint32) *usedDoor {
	for p := detect.At(hash); ; {
		n := u.index.Next(&p)
		if n < 0 {
			return nil
		}
		if r := &u.ring[n]; r.door == *x {
			return r
		}
	}
}

// ask asks for what add will need; its place in the index was asked for.
func (u *uses) ask(hash uint32) {
	p := detect.At(hash)
	if n := u.index.Next(&p); n >= 0 {
		prefetch.Lines(unsafe.Pointer(&u.ring[n]), unsafe.Sizeof(u.ring[n]))
	}
}

func (u *uses) add(x *door, client uint32, at packet.Time) {
	hash := u.hash(x)
	r := u.at(x, hash)
	if r == nil {
		n := len(u.ring)
		if n < u.max {
			u.ring = append(u.ring, usedDoor{})
		} else {
			n = u.next
			u.index.Drop(u.hash(&u.ring[n].door), n)
			u.next = (u.next + 1) % u.max
			u.lost = true
		}
		r = &u.ring[n]
		*r = usedDoor{door: *x}
		u.index.Put(hash, n)
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
func (u *uses) byOthers(x *door, except map[uint32]bool) int {
	r := u.find(x)
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
