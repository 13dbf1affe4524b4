package sensor

import "firestorm/internal/packet"

// Shards is how many parts the state is cut into.
const Shards = packet.Shards

// shardOf names the part of the state that a packet belongs to: an unordered hash of the innermost address pair,
// without ports, so that fragments, reuse of ports, data channels and pair-wide state meet in one place. An ICMP error
// goes where the packet it quotes went. What has no IP goes by vantage.
func shardOf(p *packet.Packet) uint8 {
	if p.IPVersion == 0 {
		return packet.ShardOfNone(p.Vantage)
	}
	if p.HasQuoted {
		return shardOfPair(&p.Quoted.Src, &p.Quoted.Dst, p.Vantage)
	}
	return shardOfPair(&p.Src, &p.Dst, p.Vantage)
}

// shardOfPair is the shard of two hosts.
func shardOfPair(a, b *packet.Addr, vantage uint16) uint8 { return packet.ShardOfPair(a, b, vantage) }

func fold(a *packet.Addr) uint64 { return a.Fold() }
