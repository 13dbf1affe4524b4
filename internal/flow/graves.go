package flow

import (
	"encoding/binary"
	"time"

	"firestorm/internal/packet"
)

// graves are the tombstones of a table, oldest first, in a queue of bytes: each is written as numbers of variable length
// relative to one another, which takes some 60 bytes where a fixed form took 128, and loses nothing however far apart
// they lie (2026-11-28). The key is held as its 64-bit keyed hash alone: two keys with one hash are as good as impossible
// for whoever does not know the seed.
//
// A tombstone's number is its place: chunk number << 14 | offset. No chunk is moved; one that all have left is used again.
type graves struct {
	index  index
	chunks []*graveChunk
	spare  []*graveChunk
	first  uint32 // number of chunks[0]
	head   uint32 // offset of the oldest tombstone in chunks[0]
	live   int    // tombstones, those taken by a new flow included
	max    int    // limit of them
	base   packet.Time
	room   *room
	share  int // bytes of room that nobody else may have
	own    int // what is left of them
	most   int // bytes at most
	held   int // of them taken
	text   [graveMost]byte
}

const (
	graveBits  = 14
	graveStart = 4  // offset of the first tombstone in a chunk, so that no number is 0
	graveLeast = 40 // bytes of a tombstone
	graveMost  = 8 + 2 + 2*10 + 3 + 5*(2*10+3) + 10 + 16
)

type graveChunk struct {
	used int32 // end of the last tombstone
	b    [1<<graveBits - graveStart]byte
}

const graveChunkBytes = 1 << graveBits

// limit sets how many tombstones there may be and which room they share.
func (g *graves) limit(m *room, most int) {
	g.room, g.max = m, most
	g.index.limit(m)
	g.share = max(m.max/reserveShare, graveChunkBytes)
	m.reserve(&g.own, g.share)
	g.most = max(m.max/graveShare, graveChunkBytes)
}

// at returns the bytes from tombstone n on.
func (g *graves) at(n uint32) []byte {
	return g.chunks[(n>>graveBits-g.first)&(1<<(32-graveBits)-1)].b[n&(1<<graveBits-1)-graveStart:]
}

func (g *graves) hash(n uint32) uint64 { return binary.LittleEndian.Uint64(g.at(n)) }

// kill marks tombstone n as taken.
func (g *graves) kill(n uint32) {
	b := g.at(n)[8:]
	binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)|uint16(tombDead))
}

// headNumber is the number of the oldest tombstone.
func (g *graves) headNumber() uint32 { return g.first<<graveBits | g.head + graveStart }

// dead reports whether the oldest tombstone is taken.
func (g *graves) dead() bool {
	return tombBits(binary.LittleEndian.Uint16(g.at(g.headNumber())[8:]))&tombDead != 0
}

// oldest is when the oldest tombstone's flow had its last packet.
func (g *graves) oldest() packet.Time {
	r := graveReader{b: g.at(g.headNumber())[10:]}
	start := g.base + packet.Time(r.int())
	r.uint()
	r.uint()
	return start + packet.Time(r.int())
}

// encode writes b into g.text and returns its length.
func (g *graves) encode(h uint64, b *tomb) int {
	if g.live == 0 {
		g.base = b.start.Time
	}
	src := b.start.Source
	for _, r := range [...]*packet.Ref{&b.last, &b.answer, &b.fin[0], &b.fin[1], &b.closed} {
		if r.Frame != 0 && r.Source != src {
			b.bits |= tombSources
		}
	}
	set := func(r *packet.Ref, bit tombBits) {
		if r.Frame != 0 {
			b.bits |= bit
		}
	}
	set(&b.answer, tombAnswer)
	set(&b.fin[0], tombFIN0)
	set(&b.fin[1], tombFIN1)
	if b.closed == b.last && b.closed.Frame != 0 {
		b.bits |= tombLast
	} else {
		set(&b.closed, tombClosed)
	}
	le := binary.LittleEndian
	x := le.AppendUint64(g.text[:0], h)
	x = le.AppendUint16(x, uint16(b.bits))
	x = binary.AppendVarint(x, int64(b.start.Time-g.base))
	x = binary.AppendUvarint(x, b.start.Frame)
	x = binary.AppendUvarint(x, uint64(src))
	ref := func(base, r *packet.Ref) {
		x = binary.AppendVarint(x, int64(r.Time-base.Time)) // may wrap, and back
		x = binary.AppendVarint(x, int64(r.Frame-base.Frame))
		if b.bits&tombSources != 0 {
			x = binary.AppendUvarint(x, uint64(r.Source))
		}
	}
	ref(&b.start, &b.last)
	if b.bits&tombAnswer != 0 {
		ref(&b.start, &b.answer)
	}
	if b.bits&tombFIN0 != 0 {
		ref(&b.last, &b.fin[0])
	}
	if b.bits&tombFIN1 != 0 {
		ref(&b.last, &b.fin[1])
	}
	if b.bits&tombClosed != 0 {
		ref(&b.last, &b.closed)
	}
	if b.bits&tombFIN != 0 {
		x = binary.AppendUvarint(x, uint64(b.rtt))
	}
	for d := range b.end {
		x = le.AppendUint32(x, b.end[d])
		if b.bits&(tombTS0<<d) != 0 {
			x = le.AppendUint32(x, b.ts[d])
		}
	}
	return len(x)
}

// decode reads tombstone n into b and returns its length.
func (g *graves) decode(n uint32, b *tomb) int { return decodeTomb(g.at(n), g.base, b) }

// decodeTomb reads what encode wrote when the first start of its graves was base.
func decodeTomb(text []byte, base packet.Time, b *tomb) int {
	le := binary.LittleEndian
	*b = tomb{bits: tombBits(le.Uint16(text[8:]))}
	r := graveReader{b: text[10:]}
	b.start.Time = base + packet.Time(r.int())
	b.start.Frame = r.uint()
	b.start.Source = uint16(r.uint())
	ref := func(base, to *packet.Ref) {
		to.Time = base.Time + packet.Time(r.int())
		to.Frame = base.Frame + uint64(r.int())
		to.Source = b.start.Source
		if b.bits&tombSources != 0 {
			to.Source = uint16(r.uint())
		}
	}
	ref(&b.start, &b.last)
	if b.bits&tombAnswer != 0 {
		ref(&b.start, &b.answer)
	}
	if b.bits&tombFIN0 != 0 {
		ref(&b.last, &b.fin[0])
	}
	if b.bits&tombFIN1 != 0 {
		ref(&b.last, &b.fin[1])
	}
	if b.bits&tombClosed != 0 {
		ref(&b.last, &b.closed)
	} else if b.bits&tombLast != 0 {
		b.closed = b.last
	}
	if b.bits&tombFIN != 0 {
		b.rtt = time.Duration(r.uint())
	}
	for d := range b.end {
		b.end[d] = r.word()
		if b.bits&(tombTS0<<d) != 0 {
			b.ts[d] = r.word()
		}
	}
	b.bits &^= tombSources | tombAnswer | tombFIN0 | tombFIN1 | tombClosed | tombLast
	return len(text) - len(r.b)
}

// graveReader reads what encode wrote.
type graveReader struct{ b []byte }

func (r *graveReader) int() int64 {
	v, n := binary.Varint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *graveReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *graveReader) word() uint32 {
	v := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// roomFor says whether n bytes can be added; if not, the oldest tombstone must go.
func (g *graves) roomFor(n int) bool {
	if k := len(g.chunks); k > 0 && int(g.chunks[k-1].used)+n <= len(g.chunks[k-1].b) {
		return true
	}
	var c *graveChunk
	switch k := len(g.spare); {
	case k > 0:
		c = g.spare[k-1]
		g.spare = g.spare[:k-1]
		c.used = 0
	case g.live > 0 && g.held+graveChunkBytes > g.most:
		return false
	case g.live > 0 && !g.room.take(&g.own, graveChunkBytes):
		return false
	default:
		c = new(graveChunk)
		g.held += graveChunkBytes
	}
	g.chunks = append(g.chunks, c)
	return true
}

// add appends the n bytes of g.text and returns the tombstone's number.
func (g *graves) add(n int) uint32 {
	k := len(g.chunks) - 1
	c := g.chunks[k]
	at := uint32(c.used)
	copy(c.b[at:], g.text[:n])
	c.used += int32(n)
	g.live++
	return (g.first+uint32(k))<<graveBits | at + graveStart
}

// pop reads the oldest tombstone into b and drops it, from the index too; dead says that it was taken.
func (g *graves) pop(b *tomb) (dead bool) {
	n := g.headNumber()
	h := g.hash(n)
	size := g.decode(n, b)
	if dead = b.bits&tombDead != 0; !dead {
		g.index.remove(h, n)
	}
	g.live--
	if g.head += uint32(size); int32(g.head) == g.chunks[0].used {
		g.spare = append(g.spare, g.chunks[0])
		copy(g.chunks, g.chunks[1:])
		g.chunks[len(g.chunks)-1] = nil
		g.chunks = g.chunks[:len(g.chunks)-1]
		g.first++
		g.head = 0
	}
	return dead
}

// giveBack gives a spare chunk back to the room, unless it is of the graves' own share.
func (g *graves) giveBack() bool {
	k := len(g.spare)
	if k == 0 || g.held-graveChunkBytes < g.share {
		return false
	}
	g.spare[k-1] = nil
	g.spare = g.spare[:k-1]
	g.held -= graveChunkBytes
	g.room.used -= graveChunkBytes
	return true
}

func (g *graves) bytes() int {
	return (len(g.chunks)+len(g.spare))*graveChunkBytes + (cap(g.chunks)+cap(g.spare))*8
}
