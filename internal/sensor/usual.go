package sensor

import (
	"encoding/binary"
	"math/bits"

	"firestorm/internal/packet"
)

// usual takes the packets of r from i to before to as long as they are what nearly all are, and returns the index of the
// first that is not: packet must take that one. It does what packet does, in one loop, with what packets add to counted
// once for all of them; a test compares the two (2026-11-30: a packet costs a third of what it does there). coming is what
// ahead found out of them, the first of them first.
//
// Usual is a packet of the same vantage as the one before, with time going on but no edge near, that is whole IP and its
// checksum not wrong, and that nobody saw before.
func (in *ingest) usual(r *round, i, to int, coming []coming) int {
	c := &in.clock
	if in.told != nil || in.ringed != nil || in.strict || in.long || !c.begun || !c.leap.IsZero() || in.lastEdge > c.now || i >= to {
		return i
	}
	ps := r.batch.Packets[i:to]
	vantage := ps[0].Vantage
	w := in.wire(vantage)
	if !w.any {
		return i
	}
	left := edgePackets - 1 - in.ordinal%edgePackets // the packet at which shards age goes the long way
	if uint64(len(ps)) > left {
		ps = ps[:left]
	}
	d, edge := w.dedup, in.lastEdge.Add(edgeEvery)
	keys, slots, now := d.keys, d.slots, c.now
	coming, shards := coming[:len(ps)], r.shard[i:][:len(ps)]
	var bytes uint64
	var kinds kind
	n := 0
	for ; n < len(ps); n++ {
		p, x := &ps[n], &coming[n]
		slot := x.key % dedupSlots
		s := &slots[slot]
		if p.Time < now || p.Time >= edge || p.Vantage != vantage || keys[slot] == x.key || s.kept || x.kind&notWhole != 0 {
			break
		}
		keys[slot] = x.key
		s.is(p)
		now = p.Time
		kinds |= x.kind
		bytes += uint64(p.WireLen)
		p.Ordinal = in.ordinal + uint64(n) + 1
		shards[n] = x.shard
	}
	if n == 0 {
		return i
	}
	ps, coming = ps[:n], coming[:n]
	in.senders.sound(ps)
	if d.pairs > 0 {
		for k := range ps {
			d.frame(&ps[k])
		}
	}
	last, a := &ps[n-1], &w.acc
	if kinds != 0 {
		for k := range coming {
			if coming[k].kind&cutShort != 0 {
				a.Truncated++
				in.counts.Truncated++
			}
			if coming[k].kind&unsummed != 0 {
				a.Offload++
			}
		}
	}
	in.ordinal, in.newest = last.Ordinal, now
	c.now, c.last = now, last.Ref()
	a.Head().Ordinal, a.Head().Seen = last.Ordinal, last.Ref()
	a.From, a.To = min(a.From, ps[0].Time), max(a.To, now)
	a.Packets += uint64(n)
	a.Bytes += bytes
	in.counts.Packets += uint64(n)
	in.counts.Bytes += bytes
	return i + n
}

// kind says how a packet that was decoded differs from what nearly all are. The first two are worth a count, no more.
type kind uint8

const (
	cutShort kind = 1 << iota // the capture kept fewer bytes than the wire had
	unsummed                  // its checksum is left to the card
	notWhole                  // no IP, a fragment, damaged, or speaks of another packet
)

// of looks at p, which is decoded. The key hashes what stays the same when a packet is copied or routed: everything of its
// headers but TTL, header checksum and link layer; the transport checksum stands for the payload.
//
// Of a packet without tunnel, options of IP or a third VLAN, whose transport header lies in memory, it takes the bytes that
// anyKey takes field by field: ports, numbers and flags of TCP are among the first 32 of the IP payload. Both find the same
// packets equal; a test compares (2026-11-30: two fifths of the instructions).
func (x *coming) of(p *packet.Packet) {
	src, dst := fold(&p.Src), fold(&p.Dst)
	x.shard = packet.ShardOfSum(src+dst, p.Vantage)
	x.kind = 0
	if int(p.WireLen) > len(p.Data) {
		x.kind = cutShort
	}
	from := int(p.L3) + 40
	switch p.IPVersion {
	case 4:
		from -= 20
	case 0:
		x.kind = notWhole
	}
	if p.L4Sum >= packet.SumBad {
		if x.kind |= unsummed; p.L4Sum == packet.SumBad {
			x.kind = notWhole
		}
	}
	if p.Missing != 0 || p.IPFlags&(packet.Fragment|packet.Reassembled) != 0 || p.EtherType == packet.EtherARP || p.HasQuoted {
		x.kind = notWhole
	}
	at := int(p.L4)
	if at > len(p.Data)-16 || from < at || at == 0 || p.Tunnel|uint32(p.VLANs[2]) != 0 {
		x.key = anyKey(p, src, dst)
		return
	}
	b := p.Data[at:]
	mid := b[min(len(b)-16, 16):] // up to 32 bytes are all read, some twice
	h := src + bits.RotateLeft64(dst, 17) +
		both(uint64(p.IPID)<<32|uint64(p.IPLen)^uint64(p.FragOff)<<16, uint64(p.Proto)<<56|uint64(p.Vantage)<<32|uint64(p.VLANs[0])<<16|uint64(p.VLANs[1])) +
		bits.RotateLeft64(both(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])), 1) +
		bits.RotateLeft64(both(binary.LittleEndian.Uint64(mid), binary.LittleEndian.Uint64(mid[8:])), 7) +
		// Timestamps may lie anywhere among the options of TCP.
		bits.RotateLeft64(both(binary.LittleEndian.Uint64(b[len(b)-8:]), uint64(p.TSVal)<<32|uint64(len(b))), 11)
	if p.NSACK != 0 { // duplicate acknowledgements of stacks without IP-ID differ in what they acknowledge selectively
		h += both(uint64(p.NSACK), uint64(p.SACK[0][1]))
	}
	x.key = h
}
