package packet

import (
	"encoding/binary"
	"math/bits"
)

// Shards is how many parts the state of a sensor is cut into, by pairs of hosts. It never depends on the number of workers:
// results must not.
const Shards = 64

// Constants of the hash of pairs. A program in the kernel computes the same hash (capture, fanout.go).
const (
	FoldHigh  = 0xa0761d6478bd642f // mixed into the first half of an address
	FoldLow   = 0xe7037ed1a0b428db // and into the second
	PairPlace = 0x9e3779b97f4a7c15 // times the vantage
	PairLast  = 0xd6e8feb86659fd93 // the last factor
)

// Fold hashes an address to a word: both halves times each other, high word and low word together.
func (a *Addr) Fold() uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^FoldHigh, binary.LittleEndian.Uint64(a[8:])^FoldLow)
	return hi ^ lo
}

// ShardOfPair is the part of the state, 0 to Shards-1, that two hosts belong to, whichever of them sends.
func ShardOfPair(a, b *Addr, vantage uint16) uint8 {
	return ShardOfSum(a.Fold()+b.Fold(), vantage) // addition forgets the order
}

// ShardOfSum is ShardOfPair for who has the sum of both addresses' Fold at hand.
func ShardOfSum(sum uint64, vantage uint16) uint8 {
	hi, lo := bits.Mul64(sum^uint64(vantage)*PairPlace, PairLast)
	return uint8((hi ^ lo) >> 58)
}

// ShardOfNone is the part of the state of packets without hosts, as those of ARP.
func ShardOfNone(vantage uint16) uint8 { return uint8(vantage % Shards) }
