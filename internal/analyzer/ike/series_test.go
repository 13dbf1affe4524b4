package ike

import (
	"encoding/binary"
	"fmt"
	"maps"
	"testing"

	"firestorm/internal/analyzer"
	"firestorm/internal/analyzer/esp"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// datagram is ESP in UDP, n bytes long.
func datagram(spi, seq uint32, n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, spi)
	return append(binary.BigEndian.AppendUint32(b, seq), make([]byte, n-8)...)
}

type sent4500 struct {
	back bool
	b    []byte
}

// TestMidstream: a flow on port 4500 that begins with ESP is known by its numbers, and nothing else is taken for it.
func TestMidstream(t *testing.T) {
	one := func(n int, f func(i uint32) []byte) (out []sent4500) {
		for i := range n {
			out = append(out, sent4500{false, f(uint32(i))})
		}
		return out
	}
	good := func(i uint32) []byte { return datagram(0xc0ffee01, 900+i, 132) }
	ike := append([]byte{0, 0, 0, 0}, header2(Informational2, flagInitiator, 0).bytes()...)
	both := func(n int) (out []sent4500) {
		for i := range uint32(n) {
			out = append(out, sent4500{false, good(i)}, sent4500{true, datagram(0xbeef0001, 50+i, 132)})
		}
		return out
	}
	for _, c := range []struct {
		name     string
		port     string
		sent     []sent4500
		want     [2]uint64 // packets of ESP by direction
		messages int
	}{
		{"one direction", "4500", one(5, good), [2]uint64{5, 0}, 0},
		{"the least", "4500", one(4, good), [2]uint64{4, 0}, 0},
		{"too few", "4500", one(3, good), [2]uint64{}, 0},
		{"both directions", "4500", both(6), [2]uint64{6, 6}, 0},
		{"few in each direction", "4500", both(3), [2]uint64{}, 0},
		{"keepalives between", "4500", append(append(one(2, good), sent4500{false, []byte{0xff}}, sent4500{true, []byte{0xff}}), one(4, func(i uint32) []byte { return good(i + 2) })...), [2]uint64{6, 0}, 0},
		{"IKE soon", "4500", append(append(one(2, good), sent4500{true, ike}), one(2, func(i uint32) []byte { return good(i + 2) })...), [2]uint64{4, 0}, 1},
		{"some lost", "4500", one(5, func(i uint32) []byte { return datagram(0x1000, 1+i*60, 132) }), [2]uint64{5, 0}, 0},
		{"another port", "4501", one(8, good), [2]uint64{}, 0},
		{"port 500", "500", one(8, good), [2]uint64{}, 0},
		{"numbers that jump", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, 1+i*65, 132) }), [2]uint64{}, 0},
		{"numbers that rest", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, 7, 132) }), [2]uint64{}, 0},
		{"numbers that fall", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, 900-i, 132) }), [2]uint64{}, 0},
		{"numbers of the other byte order", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, (i+1)<<24, 132) }), [2]uint64{}, 0},
		{"a reserved SPI", "4500", one(8, func(i uint32) []byte { return datagram(255, 1+i, 132) }), [2]uint64{}, 0},
		{"an SPI for each", "4500", one(8, func(i uint32) []byte { return datagram(0x1000+i, 1+i, 132) }), [2]uint64{}, 0},
		{"lengths that no padding makes", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, 1+i, 130) }), [2]uint64{}, 0},
		{"too short", "4500", one(8, func(i uint32) []byte { return datagram(0x1000, 1+i, 16) }), [2]uint64{}, 0},
		{"RTP", "4500", one(8, func(i uint32) []byte { return datagram(0x80000000|i, i*160, 172) }), [2]uint64{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			for _, s := range c.sent {
				u := packettest.UDP{Src: "10.0.0.1:" + c.port, Dst: "10.0.0.2:" + c.port, Payload: string(s.b)}
				if s.back {
					u.Src, u.Dst = u.Dst, u.Src
				}
				p := u.Packet()
				p.Frame = r.n + 1
				r.give(p)
			}
			r.end()
			if n := r.d.Stats().Held; n != 0 {
				t.Errorf("%d bytes held after the end", n)
			}
			var got [2]uint64
			messages := 0
			for _, e := range r.out {
				switch x := e.(type) {
				case *esp.Event:
					got[x.Dir] = max(got[x.Dir], x.Packets)
					if x.Missing > 0 && c.name != "some lost" || x.Late+x.Repeated+x.Old > 0 || x.Dir == packet.ToServer && x.First.Frame != 1 {
						t.Errorf("%+v", x.Facts)
					}
				case *Event:
					messages++
				}
			}
			if got != c.want || messages != c.messages {
				t.Errorf("%d packets, %d messages, want %d and %d", got, messages, c.want, c.messages)
			}
		})
	}
}

// TestMidstreamOfCapture: what comes after the first packet of ESP of a real tunnel is counted to the last one.
func TestMidstreamOfCapture(t *testing.T) {
	last := func(r *rig) map[uint32]uint64 {
		out := map[uint32]uint64{}
		for _, e := range r.out {
			if x, ok := e.(*esp.Event); ok && x.Packets > 1 {
				out[x.SPI] = max(out[x.SPI], x.Packets)
			}
		}
		return out
	}
	r, began := newRig(t, nil), false
	for i, f := range frames(t, "esp-one-way/inside.pcap") {
		p := decode(f, uint64(i+1))
		if began = began || (p.SrcPort == PortNATT || p.DstPort == PortNATT) && len(p.Payload()) > 4 && p.Payload()[0] != 0; began {
			r.give(p)
		}
	}
	r.end()
	w := replay(t, "esp-one-way/inside.pcap")
	w.end()
	whole, half := last(w), last(r)
	if len(half) == 0 || !maps.Equal(whole, half) {
		t.Errorf("from the middle %v, whole %v", half, whole)
	}
}

// TestMidstreamBounded: flows that may become something hold no more than there is room for.
func TestMidstreamBounded(t *testing.T) {
	reg, err := analyzer.NewRegistry([]analyzer.Def{Def}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, nil)
	const room = 64 << 10
	if r.d, err = analyzer.NewDispatcher(reg, analyzer.DispatchOptions{Head: r.flows.Head, MaxHeld: room}); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		r.give(packettest.UDP{Src: fmt.Sprintf("10.0.%d.%d:4500", i/200, i%200), Dst: "10.9.0.2:4500", Payload: string(datagram(0x1000, 1, 132))}.Packet())
		if n := r.d.Stats().Held; n > room {
			t.Fatalf("%d bytes held", n)
		}
	}
	if s := r.d.Stats(); s.ProbeFull == 0 || s.Held == 0 {
		t.Errorf("%+v", s)
	}
	r.end()
	if n := r.d.Stats().Held; n != 0 {
		t.Errorf("%d bytes held after the end", n)
	}
}
