package detecttest

import (
	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

// Without leaves out every frame that host sent: the capture saw one direction only.
func Without(host string) Mutation {
	return func() capture.Fault { return capture.DropWhere(capture.FromHost(packet.MustAddr(host))) }
}

// WithoutSYN leaves out requests and their SYN/ACKs: every connection was open before the capture began.
func WithoutSYN() capture.Fault {
	return capture.DropWhere(Packet(func(p *packet.Packet) bool { return p.Proto == packet.ProtoTCP && p.TCPFlags&packet.SYN != 0 }))
}

// WithoutICMP leaves out ICMP and ICMPv6 errors.
func WithoutICMP() capture.Fault {
	return capture.DropWhere(Packet(func(p *packet.Packet) bool { return p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 }))
}

// WithoutARP leaves out ARP.
func WithoutARP() capture.Fault {
	return capture.DropWhere(Packet(func(p *packet.Packet) bool { return p.EtherType == 0x0806 }))
}

// Short cuts frames to 96 bytes.
func Short() capture.Fault { return capture.Truncate(96) }

// Lossy loses every 20th frame.
func Lossy() capture.Fault { return capture.DropEvery(20) }

// Doubled shows every frame twice, as a mirror of both directions of two ports does.
func Doubled() capture.Fault { return capture.Duplicate(1, 0) }

// Packet makes a predicate on frames from one on decoded packets.
func Packet(is func(*packet.Packet) bool) func(*capture.Frame) bool {
	return func(f *capture.Frame) bool {
		p := packet.Packet{Data: f.Data, Link: f.Link, WireLen: max(f.WireLen, uint32(len(f.Data)))}
		packet.Decode(&p, nil)
		return is(&p)
	}
}

// Named is a mutation with the name its subtest gets.
type Named struct {
	Name string
	Make Mutation
}

// Damages are the ways to damage a capture of client and server that every detector is tested with.
func Damages(client, server string) []Named {
	return []Named{
		{"no packets from the server", Without(server)},
		{"no packets from the client", Without(client)},
		{"no SYN", WithoutSYN},
		{"96 bytes of each frame", Short},
		{"every 20th frame lost", Lossy},
		{"every frame twice", Doubled},
	}
}
