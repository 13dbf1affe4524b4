package flow

import (
	"math/bits"

	"firestorm/internal/packet"
)

// idSeed is that of the hash in a flow's id, which is the same on every run.
const idSeed = 0x6669726573746f72

// mappedLow is the second half of an IPv4 address as a packet.Addr, read as a little-endian number.
func mappedLow(ip uint64) uint64 { return uint64(bits.ReverseBytes32(uint32(ip)))<<32 | mapped>>32 }

// incarnation is key.id for two IPv4 addresses, given as mappedLow has them, without the key: each event of a flow asks for it
// (2026-11-30).
func (i ident) incarnation(a, b uint64, start packet.Ref) uint64 {
	h := fold(idSeed^0x9e3779b97f4a7c15, a^0xd1b54a32d192ed03)
	h ^= fold(idSeed^0xaef17502108ef2d9, b^0x2545f4914f6cdd1d^h)
	h = fold(i.rest>>32^h, i.rest>>8&(1<<24-1)^idSeed^0x8cb92ba72f3d8dd7)
	return named(fold(h^idSeed, 0xa0761d6478bd642f^h), start)
}

// named makes the id of a flow of the hash of its key and its first packet.
func named(h uint64, start packet.Ref) uint64 {
	h = fold(h^start.Frame, uint64(start.Time)^0xe7037ed1a0b428db)
	h = fold(h^uint64(start.Source), 0x8ebc6af09c88c6e3)
	if h == 0 {
		return 1
	}
	return h
}
