package sensor

import (
	"encoding/binary"
	"math/bits"

	"firestorm/internal/packet"
)

// Shards is how many parts the state is cut into. It never depends on the number of workers: results must not.
const Shards = 64

// shardOf names the part of the state that a packet belongs to: an unordered hash of the innermost address pair,
// without ports, so that fragments, reuse of ports, data channels and pair-wide state meet in one place. An ICMP error
// goes where the packet it quotes went. What has no IP goes by vantage.
func shardOf(p *packet.Packet) uint8 {
	if p.IPVersion == 0 {
		return uint8(p.Vantage % Shards)
	}
	if p.HasQuoted {
		return shardOfPair(&p.Quoted.Src, &p.Quoted.Dst, p.Vantage)
	}
	return shardOfPair(&p.Src, &p.Dst, p.Vantage)
}

// shardOfPair is the shard of two hosts.
func shardOfPair(a, b *packet.Addr, vantage uint16) uint8 {
	h := fold(a) + fold(b) // addition forgets the order
	h ^= uint64(vantage) * 0x9e3779b97f4a7c15
	hi, lo := bits.Mul64(h, 0xd6e8feb86659fd93)
	return uint8((hi ^ lo) >> 58)
}

func fold(a *packet.Addr) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^0xa0761d6478bd642f, binary.LittleEndian.Uint64(a[8:])^0xe7037ed1a0b428db)
	return hi ^ lo
}
