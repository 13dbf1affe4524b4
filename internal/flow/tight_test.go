package flow

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// traffic makes packets of many short conversations of all kinds, so that each kind of record is wanted at some time and
// all share the table's bytes.
type traffic struct {
	*rand.Rand
	n     uint64
	now   packet.Time
	plain int // of three conversations, so many need no extraPart
}

func (r *traffic) next() *packet.Packet {
	r.n++
	r.now = r.now.Add(time.Duration(r.IntN(2_000_000)))
	if r.IntN(5000) == 0 {
		r.now = r.now.Add(time.Duration(r.IntN(int(2 * time.Minute))))
	}
	p := &packet.Packet{Frame: r.n, Ordinal: r.n, Time: r.now, IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, WireLen: 60, Window: uint16(r.IntN(3) * 4000)}
	p.Src, p.Dst = packet.MustAddr(fmt.Sprintf("10.0.0.%d", r.IntN(3))), packet.MustAddr("10.0.1.1")
	if r.IntN(3) >= r.plain {
		p.IPVersion, p.Src, p.Dst = 6, packet.MustAddr("fd00::1"), packet.MustAddr("fd00::2")
	}
	p.SrcPort, p.DstPort = uint16(1+r.IntN(3000)), 80
	if r.IntN(3) == 0 {
		p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
	}
	p.TCPFlags = []uint16{packet.SYN, packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK, packet.ACK | packet.FIN, packet.RST, packet.ACK | packet.PSH}[r.IntN(8)]
	p.Seq, p.Ack = uint32(r.IntN(4)), uint32(r.IntN(4))
	if p.TCPFlags&packet.SYN == 0 {
		p.PayloadWire = uint32(r.IntN(3))
	}
	switch r.IntN(20) {
	case 0:
		p.Proto, p.TCPFlags = packet.ProtoUDP, 0
	case 1:
		p.NVLAN, p.VLANs[0] = 1, uint16(r.IntN(3))
	case 2:
		p.Missing = packet.NoSeq
	case 3:
		p.Quoted = packet.Quoted{Src: p.Dst, Dst: p.Src, SrcPort: p.DstPort, DstPort: p.SrcPort, Proto: packet.ProtoTCP, Seq: p.Ack, HasPorts: true}
		p.Proto, p.HasQuoted, p.ICMPType, p.ICMPCode = packet.ProtoICMP, true, 3, uint8(r.IntN(4))
	}
	return p
}

// TestTightBytes: records of all kinds share what bytes there are, however few: nothing panics, the bound holds, and what
// gives way does not depend on the seed of the index or on the quick path.
func TestTightBytes(t *testing.T) {
	const seeds, packets = 40, 6_000
	const flows, tombs = 4096, 2048
	least, most := New(Options{MaxFlows: flows, MaxTombstones: tombs}).room.used, MaxBytes(flows, tombs)
	for seed := range seeds {
		r := &traffic{Rand: rand.New(rand.NewPCG(uint64(seed), 9)), now: t0, plain: seed % 3}
		o := Options{MaxFlows: flows, MaxTombstones: tombs, MaxBytes: least + r.IntN(most-least)/4}
		x := New(o)
		o.Seed = 77
		y := New(o)
		y.slow = true
		var ex, ey []event.Event
		over := 0
		for range packets {
			p := r.next()
			x.Packet(p, &ex)
			y.Packet(p, &ey)
			over = max(over, x.room.used-x.room.max)
		}
		// Who comes into a record that is free again takes an entry of the index, which is never refused.
		if most := indexEntry * (len(x.flows.chunks)*chunkLen + tombs); over > most {
			t.Errorf("seed %d: %d bytes over %d, at most %d", seed, over, x.room.max, most)
		}
		s := x.Stats()
		x.End(r.now, r.n, &ex)
		y.End(r.now, r.n, &ey)
		checkLives(t, ex)
		if !reflect.DeepEqual(ex, ey) {
			t.Fatalf("seed %d: the seed of the index or the quick path changed the events", seed)
		}
		if x.flows.live+x.parts() != 0 {
			t.Fatalf("seed %d: parts left over: %+v", seed, x.Stats())
		}
		if s.Ended[event.EndEvicted] == 0 {
			t.Errorf("seed %d: nothing gave way: %d bytes of %d, %d live", seed, x.room.used, x.room.max, s.Live)
		}
	}
}
