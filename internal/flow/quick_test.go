package flow

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// talker is one conversation of TestQuick: its two ends and what they say next.
type talker struct {
	addr          [2]packet.Addr
	port          [2]uint16
	version       uint8
	tunnel        uint32
	stamps, plain bool // plain: no MSS, no scale
	scale         uint8
	snap, segment uint32 // 0: whole packets; not joined
	next, clock   [2]uint32
}

// TestQuick plays conversations with everything that may go wrong in them to two tables, one of which knows no quick path:
// they must say the same. Most packets are such that the quick path takes them. Two conversations are mixed, of IPv4, IPv6
// or in a tunnel, with and without their handshake, and one of the tables looks ahead as the sensor does.
func TestQuick(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 28))
	taken, packets := uint64(0), 0
	for round := range 4000 {
		x, y := New(Options{}), New(Options{Seed: 3})
		y.slow = true
		var ex, ey []event.Event
		now, n := t0, uint64(r.IntN(2)*(1<<32-100))
		var wait, late []packet.Packet
		step := []int{40_000, 1000}[r.IntN(2)]
		ahead := make([]Ahead, 64)
		flush := func() {
			for i := range wait {
				x.Look(&wait[i], &ahead[i])
			}
			for i := range wait {
				x.Find(&ahead[i])
			}
			for i := range wait {
				x.Touch(&ahead[i])
			}
			for i := range wait {
				hx, hy := x.PacketAhead(&wait[i], &ahead[i], &ex), y.Packet(&wait[i], &ey)
				if hx.Dir != hy.Dir || hx.New != hy.New {
					t.Fatalf("round %d, packet %d: %+v, %+v", round, wait[i].Frame, hx, hy)
				}
			}
			wait = wait[:0]
		}
		send := func(c *talker, d packet.Dir, flags uint16, size uint32) {
			n++
			now = now.Add(time.Duration(r.IntN(step)) * time.Microsecond)
			p := packet.Packet{Frame: n, Ordinal: n, Time: now, IPVersion: c.version, Proto: packet.ProtoTCP, L4: 34, TTL: 64 - uint8(d), IPFlags: packet.DontFragment,
				WireLen: 54 + size, IPLen: 40 + size, Data: make([]byte, 54+size), PayloadWire: size, TCPFlags: flags, Window: 500, Tunnel: c.tunnel,
				Src: c.addr[d], Dst: c.addr[d^1], SrcPort: c.port[d], DstPort: c.port[d^1], Seq: c.next[d], Ack: c.next[d^1]}
			if flags&packet.SYN != 0 {
				if !c.plain {
					p.TCPOpts, p.MSS, p.WScale = packet.OptMSS|packet.OptWScale|packet.OptSACKOK, 1460, c.scale
				}
				c.next[d]++
			}
			if flags&packet.ACK == 0 {
				p.Ack = 0
			}
			if c.stamps {
				c.clock[d] += uint32(r.IntN(3))
				p.TCPOpts, p.TSVal, p.TSEcr = p.TCPOpts|packet.OptTS, c.clock[d], c.clock[d^1]
			}
			if c.segment != 0 && size > c.segment {
				p.Offload.Segment = uint16(c.segment)
			}
			if c.snap != 0 && c.snap < p.WireLen {
				p.Data = p.Data[:c.snap]
			}
			c.next[d] += size
			if flags&packet.FIN != 0 {
				c.next[d]++
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
			case 15:
				now = now.Add(time.Duration(r.IntN(20)) * time.Hour)
				p.Time = now
			case 16:
				p.Frame -= min(p.Frame, uint64(r.IntN(20))) // another file's number, or none
				p.Source = 1
			case 17:
				p.Ack = c.next[d^1] - uint32(r.IntN(3000)) // not all of it, or once more
			case 18, 19, 20, 21:
				late = append(late, p) // overtaken by others
				return
			case 22:
				p.TCPFlags, p.PayloadWire = packet.RST, 0 // forged
				p.Seq += 1 << 30
			case 23:
				for range r.IntN(5) { // the receiver misses something
					q := p
					q.TCPFlags, q.PayloadWire, q.Seq, q.Ack = packet.ACK, 0, p.Seq, p.Ack-uint32(r.IntN(2))
					wait = append(wait, q)
				}
			}
			for len(late) > 0 && r.IntN(3) == 0 {
				late[0].Time = now
				n++
				late[0].Frame, late[0].Ordinal = n, n
				wait, late = append(wait, late[0]), late[1:]
			}
			for range 1 + r.IntN(400)/399 {
				packets++
				if wait = append(wait, p); len(wait) >= 16 || r.IntN(4) == 0 {
					flush()
				}
			}
		}
		var cs [2]talker
		for i := range cs {
			c := &cs[i]
			*c = talker{port: [2]uint16{uint16(4000 + i), 80}, version: 4, stamps: r.IntN(2) == 0, plain: r.IntN(8) == 0, scale: uint8(r.IntN(16)),
				next: [2]uint32{r.Uint32(), r.Uint32()}, clock: [2]uint32{r.Uint32(), r.Uint32()}}
			c.addr[0], c.addr[1] = packet.MustAddr("10.0.0.1"), packet.MustAddr("192.0.2.1")
			switch r.IntN(8) {
			case 0:
				c.version, c.addr[0], c.addr[1] = 6, packet.MustAddr("fd00::2"), packet.MustAddr("fd00::1")
			case 1:
				c.tunnel = 7
			case 2:
				c.addr[1], c.port[1] = c.addr[0], c.port[0] // a host that talks to itself on one port
			}
			switch r.IntN(8) {
			case 0:
				c.snap = 96
			case 1:
				c.segment = uint32(400 + r.IntN(1460))
			}
			if from := r.IntN(8); from < 7 { // else the capture begins later, at 6 within the handshake
				if from < 6 {
					send(c, packet.ToServer, packet.SYN, 0)
				} else {
					c.next[0]++
				}
				send(c, packet.ToClient, packet.SYN|packet.ACK, 0)
				send(c, packet.ToServer, packet.ACK, 0)
			}
		}
		small := r.IntN(4) == 0 // requests and answers, as of a terminal
		for range r.IntN(120) {
			c, d := &cs[r.IntN(2)], packet.Dir(r.IntN(2))
			size := uint32(r.IntN(1461))
			if small {
				size = uint32(r.IntN(40))
			}
			switch r.IntN(3) {
			case 0:
				send(c, d, packet.ACK, 0)
			default:
				send(c, d, packet.ACK|packet.PSH, size)
			}
		}
		for i := range cs {
			send(&cs[i], packet.ToServer, packet.ACK|packet.FIN, 0)
			send(&cs[i], packet.ToClient, packet.ACK|packet.FIN, 0)
			send(&cs[i], packet.ToServer, packet.ACK, 0)
		}
		flush()
		sx, sy := x.Stats(), y.Stats()
		taken += sx.Quick
		if sy.Quick != 0 || sx.MarksLost != sy.MarksLost || sx.DetailsLost != sy.DetailsLost || sx.Flows != sy.Flows {
			t.Errorf("round %d: counters %+v\nwithout the quick path: %+v", round, sx, sy)
		}
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
	if taken*2 < uint64(packets) {
		t.Errorf("the quick path took %d of %d packets", taken, packets)
	}
	t.Logf("%d of %d packets", taken, packets)
}
