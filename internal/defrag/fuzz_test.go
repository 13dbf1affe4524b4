package defrag

import (
	"bytes"
	"testing"

	"firestorm/internal/packet"
)

// FuzzTable feeds scripted fragments of one datagram, three bytes each, and compares with a naive array: for each byte
// the fragment that owns it, settled by the same policy. Any raw bytes go through Decode as well and must not panic.
func FuzzTable(f *testing.F) {
	f.Add(uint8(0), []byte{0, 3, 1, 4, 2, 1, 1, 4, 1, 6, 3, 0})
	f.Add(uint8(4), []byte{0, 1, 1, 0, 1, 1, 1, 1, 0})
	f.Add(uint8(6), frag{v6: true, more: true, data: fill('a', 16)}.bytes())
	f.Fuzz(func(t *testing.T, pol uint8, script []byte) {
		policy := Policy(pol % uint8(len(policyNames)))
		raw := &packet.Packet{Data: bytes.Clone(script), WireLen: uint32(len(script)), Link: packet.LinkRaw}
		packet.Decode(raw, nil)
		New(Options{}).Packet(raw)

		tab := New(Options{Policy: func(packet.Addr) Policy { return policy }})
		type owner struct{ from, to uint32 }
		var model [256 * 16]byte
		var owners [256 * 16]owner
		total := uint32(0)
		highest := uint32(0)
		for n := 0; len(script) >= 3 && n < 64; n++ {
			off, size, more := uint32(script[0])*8, uint32(script[1]%16+1)*8, script[2]&1 != 0
			script = script[3:]
			if off == 0 && !more {
				continue // not a fragment
			}
			data := fill(byte(n+1), int(size))
			end := off + size
			p := frag{id: 3, off: int(off), more: more, data: data, proto: 200}.packet()
			done := give(tab, p)
			if total != 0 && (end > total || !more && end != total) || !more && end < highest {
				if done {
					t.Fatal("completed by a fragment with another end")
				}
				continue
			}
			if !more {
				total = end
			}
			highest = max(highest, end)
			for i := off; i < end; i++ {
				o := owners[i]
				if o.to == 0 || policy.newWins(off, end, o.from, o.to) {
					model[i], owners[i] = byte(n+1), owner{off, end}
				}
			}
			whole := total != 0
			for i := uint32(0); i < total; i++ {
				whole = whole && owners[i].to != 0
			}
			if done != whole {
				t.Fatalf("completed = %v, model says %v", done, whole)
			}
			if done {
				packet.DecodeDatagram(p, nil)
				if !bytes.Equal(p.IPPayload(), model[:total]) {
					t.Fatalf("%v: got %v\nwant %v", policy, p.IPPayload(), model[:total])
				}
				return
			}
		}
		tab.End()
		if s := tab.Stats(); s.Bytes != 0 || s.Waiting != 0 {
			t.Fatalf("left over: %+v", s)
		}
	})
}

func BenchmarkTwoFragments(b *testing.B) {
	tab := New(Options{})
	x, y := frag{more: true, data: fill('a', 1480)}.packet(), frag{off: 1480, data: fill('b', 500)}.packet()
	b.ReportAllocs()
	for range b.N {
		p, q := *x, *y
		tab.Packet(&p)
		tab.Packet(&q)
		tab.Recycle(q.Data)
		x.Time = x.Time.Add(linger + 1)
		y.Time = x.Time
		tab.Age(x.Time)
	}
}
