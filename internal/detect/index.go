package detect

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"firestorm/internal/packet"
)

// index finds numbered records by the hash of their key: open addressing, eight bytes for each slot and no pointers. A
// look-up touches one cache line of it and one of the record, a map one or two more (2026-11-23). The hash is keyed, so
// that nobody who picks addresses can fill one place; what is found does not depend on the key.
type index struct {
	slots []slot // a power of two, at most three quarters of it used
	used  int
	seed  uint64 // the same for all of a run: a hash serves several tables
}

// slot is one place: a record's number plus one (0: free), and its hash.
type slot struct{ hash, at uint32 }

var seed = rand.Uint64()

func newIndex() index { return index{slots: make([]slot, 64), seed: seed} }

// hash returns the hash of an address and what else belongs to the key.
func (x *index) hash(a *packet.Addr, rest uint64) uint32 {
	h := fold(binary.LittleEndian.Uint64(a[:8])^x.seed^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(a[8:])^0xd1b54a32d192ed03)
	return uint32(fold(h^x.seed, rest^0xaef17502108ef2d9^h))
}

// wide returns a keyed hash of a second address, for the rest of a key.
func (x *index) wide(a *packet.Addr) uint64 {
	return fold(binary.LittleEndian.Uint64(a[:8])^x.seed^0xa0761d6478bd642f, binary.LittleEndian.Uint64(a[8:])^0xe7037ed1a0b428db)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// put adds a record that is not in the index.
func (x *index) put(hash uint32, number int) {
	if 4*(x.used+1) > 3*len(x.slots) {
		old := x.slots
		x.slots = make([]slot, 2*len(old))
		for _, s := range old {
			if s.at != 0 {
				x.place(s)
			}
		}
	}
	x.place(slot{hash, uint32(number) + 1})
	x.used++
}

func (x *index) place(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].at != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

// drop removes a record. Those behind it that would no longer be found move up.
func (x *index) drop(hash uint32, number int) {
	mask := uint32(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i].at != uint32(number)+1 {
		if x.slots[i].at == 0 {
			return
		}
		i = (i + 1) & mask
	}
	x.used--
	for j := (i + 1) & mask; x.slots[j].at != 0; j = (j + 1) & mask {
		if home := x.slots[j].hash & mask; (j-home)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot{}
}

// Index finds the records of a detector's own table, which numbers them, by the hash of their key.
type Index struct{ x index }

// NewIndex returns an empty index.
func NewIndex() Index { return Index{newIndex()} }

// Hash returns the hash of an address and what else belongs to the key.
func (x *Index) Hash(a *packet.Addr, rest uint64) uint32 { return x.x.hash(a, rest) }

// Put adds a record that is not in the index.
func (x *Index) Put(hash uint32, number int) { x.x.put(hash, number) }

// Drop removes a record.
func (x *Index) Drop(hash uint32, number int) { x.x.drop(hash, number) }

// Ask asks for the memory where a search for a hash begins.
func (x *Index) Ask(hash uint32) { x.x.ask(hash) }

// Len is how many records there are.
func (x *Index) Len() int { return x.x.used }

// Probe goes through the records with one hash; whoever asks compares their keys.
type Probe struct{ hash, at uint32 }

// At returns a probe for a hash.
func At(hash uint32) Probe { return Probe{hash, hash} }

// Next returns the number of the next record of the probe; -1: there are no more.
func (x *Index) Next(p *Probe) int {
	slots := x.x.slots
	for {
		s := slots[p.at&uint32(len(slots)-1)]
		p.at++
		if s.at == 0 {
			return -1
		}
		if s.hash == p.hash {
			return int(s.at) - 1
		}
	}
}
