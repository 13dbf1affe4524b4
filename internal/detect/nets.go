package detect

import (
	"encoding/binary"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Nets numbers the pairs of networks that connections go between. Gates and half of the detectors remember something of
// each pair: they share one look-up for an event, and keep what they know in a Column by its number (2026-11-28: a map
// each took 6 % of a run).
type Nets struct {
	index index
	keys  []netsKey // by number
	most  int
	head  *event.Head // the last that was asked for, and its answer
	way   Way
	// followers are the columns by these numbers.
	followers []follower[Way]
	// Lost counts questions about pairs beyond the table's room.
	Lost uint64
}

// Way is the number of two networks at one vantage, in the order client, server. It is good as long as its Nets.
type Way int32

// NoWay is the way between networks for which there was no room, or which nobody asked for.
const NoWay Way = -1

// netsKey is two prefixes (packet.Addr.Prefix) as eight bytes each, and the vantage with whether each is of IPv4.
type netsKey struct{ from, to, rest uint64 }

// NewNets returns a table for at most max pairs.
func NewNets(most int) *Nets { return &Nets{index: newIndex(), most: most} }

func keyOf(vantage uint16, from, to *packet.Addr) (k netsKey) {
	var f, t uint64
	k.from, f = netOf(from)
	k.to, t = netOf(to)
	k.rest = uint64(vantage)<<2 | f<<1 | t
	return k
}

// netOf cuts an address as packet.Addr.Prefix does.
func netOf(a *packet.Addr) (net, four uint64) {
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if hi == 0 && lo>>32 == 0xffff {
		return lo &^ 0xff, 1
	}
	return hi, 0
}

func (n *Nets) hash(k *netsKey) uint32 {
	return uint32(fold(fold(k.from^n.index.seed, k.to^0x9e3779b97f4a7c15), k.rest^0xaef17502108ef2d9^n.index.seed))
}

// LetGo says that the event at hand is over, and may be another one when it comes again.
func (n *Nets) LetGo() { n.head = nil }

// Of returns the way of a flow's event from its client to its server.
func (n *Nets) Of(h *event.Head) Way {
	if n.head != h {
		k := keyOf(h.Vantage, &h.Client.Addr, &h.Server.Addr)
		n.head, n.way = h, n.number(&k)
	}
	return n.way
}

func (n *Nets) number(k *netsKey) Way {
	hash := n.hash(k)
	if w := n.find(k, hash); w != NoWay {
		return w
	}
	if len(n.keys) >= n.most {
		n.Lost++
		return NoWay
	}
	n.index.put(hash, len(n.keys))
	n.keys = append(n.keys, *k)
	return Way(len(n.keys) - 1)
}

// Find returns the way between the networks of two addresses; NoWay when no event asked for it.
func (n *Nets) Find(vantage uint16, from, to packet.Addr) Way {
	k := keyOf(vantage, &from, &to)
	return n.find(&k, n.hash(&k))
}

func (n *Nets) find(k *netsKey, hash uint32) Way {
	slots := n.index.slots
	for i := hash; ; i++ {
		s := slots[i&uint32(len(slots)-1)]
		if s.at == 0 {
			return NoWay
		}
		if s.hash == hash && n.keys[s.at-1] == *k {
			return Way(s.at - 1)
		}
	}
}

// Column keeps a value for each way that someone knows something of.
type Column[T any] struct {
	chunks [][]row[T] // of rowsInChunk, for the reason that servicesInChunk has; nil: none of its ways has a value
	rows   int
	most   int
	whose  whose
}

type row[T any] struct {
	used  bool
	value T
}

const rowsInChunk = 32

// NewColumn returns a column for at most max ways.
func NewColumn[T any](n *Nets, most int) *Column[T] {
	c := &Column[T]{most: most}
	n.followers = append(n.followers, c)
	return c
}

// Of says whose table it is, and what it holds.
func (c *Column[T]) Of(s *Scope, detector, what string) *Column[T] {
	c.whose = whose{s, detector, what}
	return c
}

// Len is how many ways have a value.
func (c *Column[T]) Len() int { return c.rows }

// Get returns the value of a way, nil when it has none.
func (c *Column[T]) Get(w Way) *T {
	if w < 0 || int(w)/rowsInChunk >= len(c.chunks) {
		return nil
	}
	if chunk := c.chunks[int(w)/rowsInChunk]; chunk != nil && chunk[int(w)%rowsInChunk].used {
		return &chunk[int(w)%rowsInChunk].value
	}
	return nil
}

// Own returns the value of a way, a new one when it has none; nil when there is no room for it.
func (c *Column[T]) Own(w Way) (v *T, fresh bool) {
	if v = c.Get(w); v != nil {
		return v, false
	}
	if w < 0 || c.rows >= c.most {
		if w >= 0 {
			c.whose.lost()
		}
		return nil, false
	}
	for int(w)/rowsInChunk >= len(c.chunks) {
		c.chunks = append(c.chunks, nil)
	}
	chunk := c.chunks[int(w)/rowsInChunk]
	if chunk == nil {
		chunk = make([]row[T], rowsInChunk)
		c.chunks[int(w)/rowsInChunk] = chunk
	}
	r := &chunk[int(w)%rowsInChunk]
	r.used = true
	c.rows++
	return &r.value, true
}
