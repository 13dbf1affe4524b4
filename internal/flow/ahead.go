package flow

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"firestorm/internal/packet"
	"firestorm/internal/prefetch"
)

// Ahead is what is known of a packet before its turn: its key and hash, and where its record probably lies. It is the
// caller's, to be used again for another packet; its zero value is good.
//
// A record and its parts are the memory that a packet is most likely to wait for. For a handful of packets at a time Look,
// Find and Touch ask for it, one after the other, so that those waits overlap (2026-11-23; asked for rather than read
// since 2026-11-28).
type Ahead struct {
	id      ident
	h       uint64 // 0 = not computed yet
	r       *rec   // of guess
	guess   uint32 // slab number found by tag alone; 0 = none
	swapped bool   // the packet's source is the key's b
	keyed   bool   // id and swapped are set, and k where id does not say it all
	k       key
}

// name says what flow a packet between two ends belongs to.
func (a *Ahead) name(seed uint64, src, dst *packet.Addr, sport, dport, vantage uint16, tunnel uint32, proto uint8) {
	a.swapped, a.keyed = makeKey(&a.k, src, dst, sport, dport, vantage, tunnel, proto), true
	a.h = 0
	if a.id = a.k.ident(0); a.id.whole() {
		a.h = a.k.hash(seed)
		a.id.ends = a.h
	}
}

// hash is that of id.
func (a *Ahead) hash(seed uint64) uint64 {
	if a.h == 0 {
		a.h = a.id.hash(seed)
	}
	return a.h
}

// key is the whole key of the packet that a was named after.
func (a *Ahead) key() *key {
	if !a.id.whole() {
		a.k = a.id.key()
	}
	return &a.k
}

// Look names the flow of p and asks for its slot of the index. Nothing in t changes.
//
// Packets come in trains: what belongs to the connection whose packet took the quick path last needs no search, and nothing
// to be asked for (2026-11-30: three packets of four in a capture of a small network).
func (t *Table) Look(p *packet.Packet, a *Ahead) {
	a.keyed, a.guess, a.h = false, 0, 0
	if p.Proto != packet.ProtoTCP && p.Proto != packet.ProtoUDP || p.IPFlags&packet.Fragment != 0 {
		return
	}
	le := binary.LittleEndian
	src, dst := le.Uint64(p.Src[8:]), le.Uint64(p.Dst[8:])
	if le.Uint64(p.Src[:8])|le.Uint64(p.Dst[:8])|uint64(p.Tunnel) == 0 && uint32(src) == mapped>>32 && uint32(dst) == mapped>>32 {
		// Two IPv4 addresses, as nearly always: the short form at once, without the key (2026-11-30: a third of the
		// instructions).
		x := uint64(bits.ReverseBytes32(uint32(src>>32)))<<16 | uint64(p.SrcPort)
		y := uint64(bits.ReverseBytes32(uint32(dst>>32)))<<16 | uint64(p.DstPort)
		a.swapped, a.keyed = x > y, true
		x, y = min(x, y), max(x, y)
		a.id = ident{x>>16<<32 | y>>16, x<<48 | y&0xffff<<32 | uint64(p.Vantage)<<16 | uint64(p.Proto)<<8}
	} else {
		a.name(t.opt.Seed, &p.Src, &p.Dst, p.SrcPort, p.DstPort, p.Vantage, p.Tunnel, p.Proto)
	}
	if a.id == t.hot {
		a.guess, a.r = t.hotIndex, t.flows.at(t.hotIndex)
		return
	}
	h := a.hash(t.opt.Seed)
	if x := t.index.part(h); x.used != 0 {
		prefetch.Line(unsafe.Pointer(&x.slots[x.home(uint32(h))]))
	}
}

// Find asks for the record that the index has for a packet that Look has seen.
func (t *Table) Find(a *Ahead) {
	h := a.h
	x := t.index.part(h)
	if a.guess != 0 || x.used == 0 || !a.keyed {
		return
	}
	tag := uint32(h)
	for i := x.home(tag); ; {
		s := x.slots[i]
		if uint32(s>>32) == tag {
			n := uint32(s)
			if n == 0 {
				return
			}
			a.guess, a.r = n, t.flows.at(n)
			prefetch.Lines3(unsafe.Pointer(a.r))
			return
		}
		if s == 0 {
			return
		}
		if i++; int(i) == len(x.slots) {
			i = 0
		}
	}
}

// Index is the record that Find found for the packet, 0 for none. It may be another flow's with the same tag.
func (a *Ahead) Index() uint32 {
	if !a.keyed {
		return 0
	}
	return a.guess
}

// Touch asks for what belongs to the record that Find found.
func (t *Table) Touch(a *Ahead) {
	if a.guess == 0 || a.guess == t.hotIndex {
		return
	}
	r := a.r
	if a.id.whole() && r.extra != 0 {
		prefetch.Line(unsafe.Pointer(t.extras.at(r.extra)))
	}
	if r.talk != 0 {
		prefetch.Lines3(unsafe.Pointer(t.talks.at(r.talk)))
	}
}

// same compares keys in whole words: the compiler's own comparison of the structure calls a routine for each address
// (2026-11-23).
func (k *key) same(o *key) bool {
	le := binary.LittleEndian
	d := le.Uint64(k.a[:8]) ^ le.Uint64(o.a[:8])
	d |= le.Uint64(k.a[8:]) ^ le.Uint64(o.a[8:])
	d |= le.Uint64(k.b[:8]) ^ le.Uint64(o.b[:8])
	d |= le.Uint64(k.b[8:]) ^ le.Uint64(o.b[8:])
	d |= uint64(k.tunnel^o.tunnel) | uint64(k.aport^o.aport) | uint64(k.bport^o.bport) | uint64(k.vantage^o.vantage) | uint64(k.proto^o.proto)
	return d == 0
}
