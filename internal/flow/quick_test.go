package flow

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestQuick plays conversations with everything that may go wrong in them to two tables, one of which knows no quick path:
// they must say the same. Most packets are such that the quick path takes them.
func TestQuick(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 28))
	taken, packets := 0, 0
	for round := range 3000 {
		x, y := New(Options{}), New(Options{Seed: 3})
		y.slow = true
		var ex, ey []event.Event
		now, n := t0, uint64(0)
		stamps, scale, mss := r.IntN(2) == 0, uint8(r.IntN(8)), uint16(1460)
		next := [2]uint32{r.Uint32(), r.Uint32()}
		clock := [2]uint32{r.Uint32(), r.Uint32()}
		send := func(d packet.Dir, flags uint16, size uint32) {
			n++
			now = now.Add(time.Duration(r.IntN(40_000)) * time.Microsecond)
			p := packet.Packet{Frame: n, Ordinal: n, Time: now, IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64 - uint8(d), IPFlags: packet.DontFragment,
				WireLen: 54 + size, IPLen: 40 + size, Data: make([]byte, 54+size), PayloadWire: size, TCPFlags: flags, Window: 500,
				Src: packet.MustAddr("10.0.0.1"), Dst: packet.MustAddr("192.0.2.1"), SrcPort: 4000, DstPort: 80, Seq: next[d], Ack: next[d^1]}
			if d == packet.ToClient {
				p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			}
			if flags&packet.SYN != 0 {
				p.TCPOpts, p.MSS, p.WScale = packet.OptMSS|packet.OptWScale|packet.OptSACKOK, mss, scale
				next[d]++
			}
			if flags&packet.ACK == 0 {
				p.Ack = 0
			}
			if stamps {
				clock[d] += uint32(r.IntN(3))
				p.TCPOpts, p.TSVal, p.TSEcr = p.TCPOpts|packet.OptTS, clock[d], clock[d^1]
			}
			next[d] += size
			if flags&packet.FIN != 0 {
				next[d]++
			}
			switch r.IntN(500) { // what goes wrong
			case 0:
				return // lost before the sensor
			case 1:
				p.Seq -= uint32(r.IntN(3000)) // comes again, or what was never sent
			case 2:
				p.Seq += uint32(r.IntN(100_000))
			case 3:
				p.Ack += uint32(r.IntN(200_000)) - 100_000
			case 4:
				p.Window = uint16(r.IntN(2))
			case 5:
				p.Data = p.Data[:54]
			case 6:
				p.NSACK, p.SACK[0] = 1, [2]uint32{p.Ack + 100, p.Ack + 1560}
			case 7:
				p.TSVal -= 5
			case 8:
				now = now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
				p.Time = now
			case 9:
				p.Time = p.Time.Add(-time.Second)
			case 10:
				p.IPLen, p.WireLen, p.PayloadWire, p.Data = p.IPLen+4000, p.WireLen+4000, p.PayloadWire+4000, make([]byte, p.WireLen+4000)
			case 11:
				p.TTL = uint8(r.IntN(256))
			case 12:
				p.Missing = packet.NoSeq
			case 13:
				p.TCPFlags |= uint16(1 << r.IntN(9))
			case 14:
				p.Frame += 1 << 40
			}
			for range 1 + r.IntN(400)/399 {
				packets++
				before := x.Stats().Quick
				hx, hy := x.Packet(&p, &ex), y.Packet(&p, &ey)
				taken += int(x.Stats().Quick - before)
				if hx.Dir != hy.Dir || hx.New != hy.New {
					t.Fatalf("round %d, packet %d: %+v, %+v", round, n, hx, hy)
				}
			}
		}
		send(packet.ToServer, packet.SYN, 0)
		send(packet.ToClient, packet.SYN|packet.ACK, 0)
		send(packet.ToServer, packet.ACK, 0)
		for range r.IntN(60) {
			d := packet.Dir(r.IntN(2))
			switch r.IntN(3) {
			case 0:
				send(d, packet.ACK, 0)
			default:
				send(d, packet.ACK|packet.PSH, uint32(r.IntN(1461)))
			}
		}
		send(packet.ToServer, packet.ACK|packet.FIN, 0)
		send(packet.ToClient, packet.ACK|packet.FIN, 0)
		send(packet.ToServer, packet.ACK, 0)
		x.End(now, n, &ex)
		y.End(now, n, &ey)
		if len(ex) != len(ey) {
			t.Fatalf("round %d: %s\nwithout the quick path: %s", round, says(ex), says(ey))
		}
		for i := range ex {
			if !reflect.DeepEqual(ex[i], ey[i]) {
				t.Fatalf("round %d, event %d: %+v\nwithout the quick path: %+v", round, i, ex[i], ey[i])
			}
		}
	}
	if taken*3 < packets {
		t.Errorf("the quick path took %d of %d packets", taken, packets)
	}
	t.Logf("%d of %d packets", taken, packets)
}
