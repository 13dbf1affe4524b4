package stream

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// What the usual way tells is what the long way tells: the same conversations, with what may go wrong in them, through a
// shard that may take it and one that may not.
func TestUsualWay(t *testing.T) {
	taken := 0
	for seed := range uint64(300) {
		o := Options{MaxRuns: 8, GapBytes: 5000, MemCap: 40_000}
		if seed%3 == 0 {
			o.Depth = 3000
		}
		if seed%5 == 0 {
			o.MemCap = 3000
		}
		var logs [2][]string
		var stats [2]Stats
		for way := range 2 {
			logs[way], stats[way] = play(rand.New(rand.NewPCG(seed, 8)), o, way == 1, &taken)
		}
		if !slices.Equal(logs[0], logs[1]) {
			for i, l := range logs[0] {
				if i >= len(logs[1]) || l != logs[1][i] {
					t.Fatalf("seed %d, line %d: %q, the long way %q", seed, i, l, append(logs[1], "nothing")[min(i, len(logs[1]))])
				}
			}
			t.Fatalf("seed %d: the long way told more: %q", seed, logs[1][len(logs[0]):])
		}
		if stats[0] != stats[1] {
			t.Fatalf("seed %d:\n%+v\n%+v", seed, stats[0], stats[1])
		}
	}
	if taken < 15_000 {
		t.Errorf("the usual way was taken by %d segments", taken)
	}
}

// side is a sender of play.
type side struct {
	isn       uint32
	next, had int64 // what it sent, what it has of the other
}

// play has four connections talk, by chance, and returns what was told.
func play(rng *rand.Rand, o Options, long bool, taken *int) ([]string, Stats) {
	s := New(o)
	s.long = long
	var log []string
	now := t0
	type conversation struct {
		*Conn
		sides [2]side
		lost  [2][][2]int64 // sent again later
	}
	open := func(n int) *conversation {
		v := &conversation{sides: [2]side{{isn: rng.Uint32()}, {isn: rng.Uint32()}}}
		stop := rng.IntN(400)
		scale := Side{HasScale: true, WScale: uint8(rng.IntN(4))}
		v.Conn = s.Open(&Start{Sides: [2]Side{scale, scale}}, sinkFunc(func(d packet.Dir, what string) {
			log = append(log, fmt.Sprintf("%d %v %s", n, d, what))
			if stop--; stop == 0 {
				switch rng.IntN(3) {
				case 0:
					s.Stop(v.Conn, d)
				case 1:
					s.Stop(v.Conn, d.Other())
				default:
					s.Drop(v.Conn)
				}
			}
		}))
		return v
	}
	frame := uint64(0)
	give := func(v *conversation, d packet.Dir, flags uint16, from, to, ack int64) {
		frame++
		me, peer := &v.sides[d], &v.sides[d.Other()]
		data := make([]byte, 1+to-from)
		for i := from; i < to; i++ {
			data[1+i-from] = byte(i)
		}
		if rng.IntN(50) == 0 && to > from {
			data[1+rng.IntN(int(to-from))]++ // another content than before, perhaps
		}
		p := packet.Packet{Data: data, PayloadOff: 1, PayloadLen: uint32(to - from), PayloadWire: uint32(to - from), Frame: frame, Time: now,
			Seq: me.isn + uint32(from), Ack: peer.isn + uint32(ack), TCPFlags: flags, Window: uint16(rng.IntN(4)) * 9000, Urgent: uint16(1 + rng.IntN(9))}
		if rng.IntN(60) == 0 && p.PayloadLen > 2 {
			p.PayloadLen -= 2 // the capture cut it
		}
		if v.steady && !long {
			*taken++
		}
		more := s.Segment(v.Conn, d, &p, rng.IntN(2) == 0)
		log = append(log, fmt.Sprintf("frame %d: %v %v", frame, more, p.Anomalies[:p.NAnomaly]))
		clear(data)
	}
	const ACK = packet.ACK
	for n := range 4 {
		v := open(n)
		for range 150 {
			d := packet.Dir(rng.IntN(2))
			me, peer := &v.sides[d], &v.sides[d.Other()]
			now = now.Add(time.Duration(rng.IntN(30)) * time.Millisecond)
			if rng.IntN(40) == 0 {
				now = now.Add(time.Duration(rng.IntN(1500)) * time.Millisecond)
			}
			size := int64(rng.IntN(1400))
			from := me.next
			switch rng.IntN(60) {
			case 0: // sent and not seen
				v.lost[d] = append(v.lost[d], [2]int64{from, from + size})
				me.next += size
				continue
			case 1: // again, with other cuts
				from = max(0, from-int64(rng.IntN(3000)<<(rng.IntN(2)*6)))
				give(v, d, ACK, from, from+size, me.had)
				me.next = max(me.next, from+size)
			case 2:
				give(v, d, ACK, from-1, from+int64(rng.IntN(2)), me.had) // is it still there?
			case 3:
				give(v, d, ACK|packet.URG, from, from+size, me.had)
				me.next += size
			case 4:
				if rng.IntN(10) == 0 {
					give(v, d, ACK|packet.FIN, from, from+size, me.had)
					me.next += size
				}
			case 5:
				if rng.IntN(20) == 0 {
					give(v, d, ACK|packet.RST, from, from, me.had)
				}
			case 6:
				give(v, d, ACK, from, from, peer.next+int64(rng.IntN(40000))) // of what nobody saw
			case 7:
				far := from + int64(rng.IntN(90000)) // beyond what the other side takes, perhaps
				give(v, d, ACK, far, far+int64(rng.IntN(60000)), me.had)
				if rng.IntN(2) == 0 {
					me.next = v.half[d].top
				}
			case 8:
				give(v, d, 0, from, from+size, 0)
				me.next += size
			case 9, 10:
				for _, l := range v.lost[d] {
					give(v, d, ACK, l[0], l[1], me.had)
				}
				v.lost[d] = nil
			case 11:
				give(v, d, ACK, from, from, max(0, me.had-int64(rng.IntN(900)))) // an old one
			default:
				if rng.IntN(3) > 0 {
					me.had = peer.next // acknowledges all
				} else if rng.IntN(3) == 0 {
					me.had += (peer.next - me.had) / 2
				}
				if rng.IntN(3) == 0 {
					size = 0
				}
				give(v, d, ACK, from, from+size, me.had)
				me.next += size
			}
			if rng.IntN(20) == 0 {
				s.Age(now)
			}
		}
		if n > 1 {
			s.Close(v.Conn, event.EndInput)
		}
	}
	return log, s.Stats()
}

// sinkFunc is told in words what a sink is told.
type sinkFunc func(d packet.Dir, what string)

func (f sinkFunc) Data(d packet.Dir, b []byte, mark bool, seen, released packet.Ref) {
	f(d, fmt.Sprintf("%d bytes %x %v %d/%d/%d", len(b), crc32.ChecksumIEEE(b), mark, seen.Frame, released.Frame, released.Time))
}
func (f sinkFunc) Gap(d packet.Dir, n uint64)  { f(d, fmt.Sprintf("gap %d", n)) }
func (f sinkFunc) Close(d packet.Dir, why End) { f(d, "close "+why.String()) }
