package flow

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestIncarnation: the id of a flow between two IPv4 addresses is that of its key.
func TestIncarnation(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 30))
	for range 1000 {
		k := key{aport: uint16(r.Uint32()), bport: uint16(r.Uint32()), vantage: uint16(r.Uint32()), proto: uint8(r.Uint32())}
		for _, x := range []*packet.Addr{&k.a, &k.b} {
			*x = packet.Addr{10: 0xff, 11: 0xff, 12: uint8(r.Uint32()), 13: uint8(r.Uint32()), 14: uint8(r.Uint32()), 15: uint8(r.Uint32())}
		}
		i := k.ident(0)
		if i.whole() {
			t.Fatalf("%v is not taken for one between IPv4 addresses", k)
		}
		start := packet.Ref{Frame: r.Uint64() >> 16, Time: packet.Time(r.Int64()), Source: uint16(r.Uint32())}
		if x, y := i.incarnation(mappedLow(i.ends>>32), mappedLow(i.ends&(1<<32-1)), start), k.id(start); x != y {
			t.Fatalf("%v from %v: %x, by its key %x", k, start, x, y)
		}
	}
}

// TestSpareFilledAgain plays random packets to two tables, one of which fills its snapshots again as soon as they were looked
// at: they must say the same.
func TestSpareFilledAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 30))
	again, parts := 0, 0
	for round := range 200 {
		var spare event.Spare
		x, y := New(Options{}), New(Options{})
		x.Lend(&spare)
		known := map[*event.Flow]bool{}
		var ex, ey []event.Event
		same := func() {
			if len(ex) != len(ey) {
				t.Fatalf("round %d: %s\nof new snapshots: %s", round, says(ex), says(ey))
			}
			for i := range ex {
				f, ok := ex[i].(*event.Flow)
				if !ok {
					continue
				}
				if known[f] {
					again++
				}
				known[f] = true
				if f.Exchanges+f.Sides[0].RTTs != 0 {
					parts++
				}
				if c := f.Clone(); !reflect.DeepEqual(c, ey[i].(*event.Flow).Clone()) {
					t.Fatalf("round %d, event %d: %+v\nof a new snapshot: %+v", round, i, c, ey[i])
				}
			}
			spare.Give(ex)
			ex, ey = ex[:0], ey[:0]
		}
		now := t0
		next := [8][2]uint32{}
		for n := uint64(1); n < 300; n++ {
			now = now.Add(time.Duration(r.IntN(1<<r.IntN(24))) * time.Microsecond)
			i, d, size := r.IntN(8), packet.Dir(r.IntN(2)), uint32(r.IntN(2)*r.IntN(1460))
			p := packet.Packet{Frame: n, Ordinal: n, Time: now, IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: uint8(60 + r.IntN(4)), WireLen: 54 + size, IPLen: 40 + size,
				Data: make([]byte, 54+size), PayloadWire: size, Window: uint16(r.IntN(3) * 500), Src: packet.MustAddr("10.0.0.1"), Dst: packet.MustAddr("192.0.2.1"),
				SrcPort: 4000 + uint16(i), DstPort: 80, Seq: next[i][d], Ack: next[i][d^1],
				TCPFlags: []uint16{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK, packet.ACK, packet.ACK, packet.ACK | packet.FIN, packet.RST | packet.ACK}[r.IntN(8)]}
			if r.IntN(20) == 0 {
				p.Seq += uint32(r.IntN(5000))
			}
			switch i {
			case 6:
				p.Proto, p.TCPFlags = packet.ProtoUDP, 0
			case 7:
				p.Src, p.NVLAN, p.VLANs[0] = packet.MustAddr("2001:db8::1"), 1, 7
			}
			if d == packet.ToClient {
				p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			}
			next[i][d] += size
			if p.TCPFlags&(packet.SYN|packet.FIN) != 0 {
				next[i][d]++
			}
			x.Packet(&p, &ex)
			y.Packet(&p, &ey)
			same()
			if n%50 == 0 {
				x.Age(now, n, &ex)
				y.Age(now, n, &ey)
				same()
			}
		}
		x.End(now, 300, &ex)
		y.End(now, 300, &ey)
		same()
	}
	if again < 1000 || parts < 1000 {
		t.Errorf("%d snapshots were filled again, %d had talk parts", again, parts)
	}
}

// TestOrdered: live flows come in the order of their first packets, however far apart these are.
func TestOrdered(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 30))
	for round := range 200 {
		x := New(Options{})
		var out []event.Event
		for n := range r.IntN(100) {
			ord := r.Uint64() >> (16 + r.IntN(48)) // with few bits some are the same
			p := packet.Packet{Frame: ord + 1, Ordinal: ord, Time: t0.Add(time.Duration(r.IntN(100))), IPVersion: 4, Proto: packet.ProtoUDP, L4: 34, Src: packet.MustAddr("10.0.0.1"), Dst: packet.MustAddr("192.0.2.1"),
				SrcPort: uint16(n) + 1, DstPort: 53}
			if round%2 == 0 {
				p.Frame = ord
			}
			x.Packet(&p, &out)
		}
		got := x.ordered()
		if !slices.IsSortedFunc(got, func(i, j uint32) int {
			if x.before(i, j) {
				return -1
			}
			return 1
		}) {
			t.Fatalf("round %d: not in order", round)
		}
		if len(got) != x.Stats().Live {
			t.Fatalf("round %d: %d of %d", round, len(got), x.Stats().Live)
		}
	}
}
