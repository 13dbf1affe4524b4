package flow

import (
	"encoding/binary"
	"errors"

	"firestorm/internal/packet"
)

// keptGraves bounds what of the tombstones of one table is kept over a restart, in bytes: the newest, some 1 500 of them.
const keptGraves = 64 << 10

// AppendGraves appends the tombstones for LoadGraves, the newest that find room, to dst.
func (t *Table) AppendGraves(dst []byte) []byte {
	g := &t.graves
	left := -int(g.head)
	for _, c := range g.chunks {
		left += int(c.used)
	}
	dst = binary.AppendVarint(dst, int64(g.base))
	var b tomb
	for k, c := range g.chunks {
		at := uint32(0)
		if k == 0 {
			at = g.head
		}
		for int32(at) < c.used {
			n := g.decode((g.first+uint32(k))<<graveBits|at+graveStart, &b)
			if b.bits&tombDead == 0 && left <= keptGraves {
				dst = binary.AppendUvarint(dst, uint64(n))
				dst = append(dst, c.b[at:int(at)+n]...)
			}
			at += uint32(n)
			left -= n
		}
	}
	return dst
}

var errGraves = errors.New("it holds no tombstones")

// LoadGraves takes tombstones that AppendGraves wrote in another run with the same Options.Seed, before the first packet. Their
// frames are those of an earlier input: packet.Earlier. With an error none, or some, were taken.
func (t *Table) LoadGraves(b []byte) (err error) {
	defer func() {
		if recover() != nil { // a text that ends in the middle of a number
			err = errGraves
		}
	}()
	r := graveReader{b: b}
	base := packet.Time(r.int())
	g := &t.graves
	for len(r.b) > 0 {
		n := int(r.uint())
		if n < graveLeast/2 || n > graveMost || n > len(r.b) {
			return errGraves
		}
		text := r.b[:n]
		r.b = r.b[n:]
		var x tomb
		if decodeTomb(text, base, &x) != n {
			return errGraves
		}
		for _, ref := range [...]*packet.Ref{&x.start, &x.last, &x.answer, &x.fin[0], &x.fin[1], &x.closed} {
			if !ref.IsZero() {
				ref.Source = packet.Earlier
			}
		}
		h := binary.LittleEndian.Uint64(text)
		if g.live >= g.max {
			t.forgetOldest(true)
		}
		size := g.encode(h, &x)
		for !g.roomFor(size) {
			t.forgetOldest(true)
		}
		g.index.insert(h, g.add(size))
	}
	return nil
}
