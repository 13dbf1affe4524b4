package stream

import (
	"bytes"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// FuzzReassemble plays segments and acknowledgements of one direction, three bytes each, and compares with a naive
// model: an array in which each byte knows the extent of the segment that owns it.
func FuzzReassemble(f *testing.F) {
	f.Add(uint8(0), uint32(1), []byte{0, 0, 4, 0, 2, 9, 1, 8, 0})
	f.Add(uint8(3), uint32(0xffffff00), []byte{0, 9, 4, 0, 2, 9, 0, 2, 4, 1, 200, 0, 0, 0, 30})
	f.Add(uint8(6), uint32(7), []byte{0, 9, 4, 1, 9, 0, 0, 9, 4, 0, 1, 44})
	f.Fuzz(func(t *testing.T, pol uint8, start uint32, script []byte) {
		script = script[:min(len(script), 300)]
		policy := Policy(pol % uint8(len(policyNames)))
		r := newRig(Options{Policy: func(packet.Addr) Policy { return policy }}, start, 5)
		r.shake()
		const size = 256 + 512
		type extent struct{ from, to int64 }
		var bytesOf [size]byte
		var owner [size]extent
		var base, acked int64
		var want []byte
		release := func(limit int64) {
			for base < limit && owner[base].to != 0 {
				want = append(want, bytesOf[base])
				base++
			}
		}
		for n := byte(1); len(script) >= 3; n++ {
			kind, at, extra := script[0], int64(script[1]), int64(script[2])
			script = script[3:]
			if kind&1 == 1 {
				acked = max(acked, at)
				r.seg(down, ack, 0, at, "")
				release(acked)
				continue
			}
			from, to := at, at+extra+2
			r.seg(up, ack, from, 0, string(bytes.Repeat([]byte{n}, int(to-from))))
			for i := max(from, base); i < to; i++ {
				if o := owner[i]; o.to == 0 || policy.newWins(from, to, o.from, o.to) {
					bytesOf[i], owner[i] = n, extent{from, to}
				}
			}
			release(acked)
		}
		if !bytes.Equal(r.tape.data[up], want) {
			t.Fatalf("%v: got %v\nwant %v", policy, r.tape.data[up], want)
		}
		r.Close(r.id, event.EndInput)
		last := int64(size)
		for last > base && owner[last-1].to == 0 {
			last--
		}
		for base < last {
			from := base
			for owner[base].to == 0 {
				base++
			}
			want = append(want, bytes.Repeat([]byte{'?'}, int(min(base-from, 64)))...)
			release(last)
		}
		if !bytes.Equal(r.tape.data[up], want) {
			t.Fatalf("%v, closed: got %v\nwant %v", policy, r.tape.data[up], want)
		}
		if r.stats.Bytes != 0 || r.stats.Live != 0 || r.waiting.head != nil {
			t.Fatalf("left over: %+v", r.stats)
		}
	})
}

// FuzzSegment throws whole header fields at a connection: nothing may panic, and nothing may be left behind.
func FuzzSegment(f *testing.F) {
	f.Add([]byte{0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 9, 0, 9, 9, 0, 0, 7})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 1000)]
		r := newRig(Options{MemCap: 3000, Depth: 500, GapBytes: 300, MaxRuns: 5}, 0, 0)
		at := t0
		for len(script) >= 10 {
			b := script[:10]
			script = script[10:]
			p := packet.Packet{Data: bytes.Repeat(b[9:10], 301), PayloadOff: 1, PayloadLen: uint32(b[6]), PayloadWire: uint32(b[6]) + uint32(b[7]>>7),
				TCPFlags: uint16(b[1]), Window: uint16(b[8]) << 6, Urgent: uint16(b[7]), Frame: 1,
				Seq: uint32(b[2])<<24 + uint32(b[3]), Ack: uint32(b[4])<<24 + uint32(b[5])}
			at = at.Add(time.Duration(b[0]>>1) * 10 * time.Millisecond)
			p.Time = at
			r.Segment(r.id, packet.Dir(b[0]&1), &p, false)
			r.Age(at)
			if r.stats.Bytes > 3000 {
				t.Fatalf("%d bytes held", r.stats.Bytes)
			}
			if got := len(r.tape.data[0]); r.id.half[0].sent > 500 {
				t.Fatalf("%d bytes past the depth", got)
			}
		}
		r.Close(r.id, event.EndInput)
		if r.stats.Bytes != 0 || r.stats.Live != 0 || r.waiting.head != nil {
			t.Fatalf("left over: %+v", r.stats)
		}
	})
}

func benchmark(b *testing.B, swap int) {
	s := New(Options{})
	id := s.Open(&Start{}, &null{})
	data := make([]byte, 1461)
	p := packet.Packet{Data: data, PayloadOff: 1, PayloadLen: 1460, PayloadWire: 1460, TCPFlags: ack, Window: 0xffff, Time: t0}
	q := packet.Packet{TCPFlags: ack, Window: 0xffff, Time: t0}
	b.SetBytes(1460)
	b.ReportAllocs()
	s.Segment(id, up, &p, false)
	seq := uint32(1460)
	for i := range b.N {
		p.Seq = seq
		if swap > 0 {
			switch i % swap { // two neighbours change places
			case 0:
				p.Seq += 1460
			case 1:
				p.Seq -= 1460
			}
		}
		s.Segment(id, up, &p, false)
		seq += 1460
		if i%2 == 1 {
			q.Ack = seq
			s.Segment(id, down, &q, false)
		}
	}
	if b.N > 1000 && s.stats.Gaps > 0 {
		b.Fatalf("%+v", s.stats)
	}
}

func BenchmarkInOrder(b *testing.B)      { benchmark(b, 0) }
func BenchmarkReordered1pc(b *testing.B) { benchmark(b, 100) }
