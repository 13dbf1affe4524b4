package sensor

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

// someFrame is a frame of a small network: mostly TCP between a few hosts, with what else there is on a wire.
func someFrame(r *rand.Rand) []byte {
	host := func() string { return fmt.Sprintf("10.0.%d.%d", r.IntN(2), 1+r.IntN(5)) }
	src, dst := fmt.Sprintf("%s:%d", host(), 1024+r.IntN(3)), fmt.Sprintf("%s:%d", host(), 80+r.IntN(2))
	data := string(make([]byte, r.IntN(50)))
	var b []byte
	switch r.IntN(12) {
	case 0:
		b = packettest.UDP{Src: src, Dst: dst, Payload: data}.Frame()
	case 1:
		b = packettest.ARP{SenderIP: "10.0.0.1", TargetIP: "10.0.0.2"}.Frame()
	case 2:
		b = packettest.TCP{Src: "[2001:db8::1]:1024", Dst: "[2001:db8::2]:80", Seq: r.Uint32N(9), Flags: packet.ACK, Payload: data}.Frame()
	default:
		b = packettest.TCP{Src: src, Dst: dst, Seq: r.Uint32N(1 << 20), Ack: r.Uint32N(3), Flags: packet.ACK, Payload: data, BadChecksum: r.IntN(20) == 0}.Frame()
	}
	switch r.IntN(10) {
	case 0:
		b[r.IntN(len(b))] ^= byte(1 << r.IntN(8)) // damaged
	case 1:
		if len(b) > 22 {
			b[20] |= 0x20 // a fragment, with a wrong header checksum
		}
	case 2:
		b = append(b[:12:12], append([]byte{0x81, 0, 0, byte(r.IntN(3))}, b[12:]...)...)
	case 3:
		clear(b[6:12])
	}
	return b
}

// traffic is frames of someFrame with what disturbs a capture: copies, routed packets and loops, clocks that are set, frames
// cut short, and several places of capture.
func traffic(r *rand.Rand, n int) []capture.Frame {
	var out []capture.Frame
	at := packet.Time(1_700_000_000e9)
	places := 1 + r.IntN(2)*2
	for len(out) < n {
		at = at.Add(time.Duration(r.IntN(1_000_000)))
		switch r.IntN(400) {
		case 0:
			at = at.Add(-3 * time.Second)
		case 1:
			at = at.Add(2 * time.Hour)
		case 2:
			at = at.Add(1500 * time.Millisecond)
		}
		f := capture.Frame{Data: someFrame(r), Time: at, Source: uint16(r.IntN(places)), Link: packet.LinkEthernet}
		if r.IntN(300) == 0 {
			f.Time = at.Add(5 * time.Hour) // one stray stamp
		} else if r.IntN(20) == 0 {
			f.Time = at.Add(-time.Duration(r.IntN(1_000_000)))
		}
		if r.IntN(20) == 0 {
			f.WireLen = uint32(len(f.Data) + 100)
		}
		out = append(out, f)
		for r.IntN(12) == 0 && len(f.Data) > 34 { // again, as it is or a hop later
			g := f
			g.Data = append([]byte(nil), f.Data...)
			g.Data[22] -= byte(r.IntN(3))
			at = at.Add(time.Duration(r.IntN(300_000)))
			g.Time = at
			out = append(out, g)
			f = g
		}
	}
	return out
}

// What ingest makes of packets does not depend on whether the usual ones are taken together.
func TestUsual(t *testing.T) {
	for seed := range uint64(6) {
		frames := traffic(rand.New(rand.NewPCG(seed, 1)), 2000)
		sums := []packet.Checksums{packet.ChecksumsAuto, packet.ChecksumsNone, packet.ChecksumsAll}[seed%3]
		var ins [2]*ingest
		var rounds [2]round
		for i := range ins {
			m := capture.NewMemory(frames)
			m.Chunk = 100 + int(seed*137%900)
			s, err := newRun(&Options{Source: m, Workers: 1, Checksums: sums, MaxMemory: 64 << 20})
			if err != nil {
				t.Fatal(err)
			}
			ins[i] = s.in
		}
		ins[1].long = true
		for n := 0; ; n++ {
			errs := [2]error{ins[0].next(&rounds[0]), ins[1].next(&rounds[1])}
			if a, b := said(ins[0], &rounds[0]), said(ins[1], &rounds[1]); a != b || !errors.Is(errs[0], errs[1]) {
				t.Fatalf("seed %d, round %d:\n%s %v\nwant\n%s %v", seed, n, a, errs[0], b, errs[1])
			}
			if !alike(ins[0], ins[1]) {
				t.Fatalf("seed %d, round %d: another state", seed, n)
			}
			if errors.Is(errs[0], io.EOF) {
				break
			}
			if errs[0] != nil {
				t.Fatal(errs[0])
			}
		}
	}
}

// alike reports that two ingests remember the same.
func alike(a, b *ingest) bool {
	if a.senders != b.senders || a.clock != b.clock || a.span != b.span || !reflect.DeepEqual(a.counts, b.counts) || len(a.wires) != len(b.wires) {
		return false
	}
	for i := range a.wires {
		v, w := &a.wires[i], &b.wires[i]
		if v.acc != w.acc || v.lastARP != w.lastARP || v.any != w.any {
			return false
		}
		d, e := v.dedup, w.dedup
		if *d.keys != *e.keys || *d.slots != *e.slots || !reflect.DeepEqual(d.again, e.again) || d.proven != e.proven ||
			d.told != e.told || d.toldSince != e.toldSince || d.doubled != e.doubled || d.pairs != e.pairs || d.paired != e.paired {
			return false
		}
	}
	return true
}

// Packets of which none is odd are taken together but for those at which state ages.
func TestUsualTakes(t *testing.T) {
	var frames []capture.Frame
	for i := range 3000 {
		f := packettest.TCP{Src: "10.0.0.1:1024", Dst: "10.0.0.2:80", Seq: uint32(i), Flags: packet.ACK, Payload: "x"}.Frame()
		frames = append(frames, capture.Frame{Data: f, Time: packet.Time(1e18).Add(time.Duration(i) * time.Microsecond), Link: packet.LinkEthernet})
	}
	m := capture.NewMemory(frames)
	m.Chunk = aheadLen
	s, err := newRun(&Options{Source: m, Workers: 1, Checksums: packet.ChecksumsAuto, MaxMemory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var r round
	if err := s.in.next(&r); err != nil {
		t.Fatal(err)
	}
	r.batch.Release()
	if err := m.Next(&r.batch); err != nil {
		t.Fatal(err)
	}
	s.in.ahead(r.batch.Packets)
	if n := s.in.usual(&r, 0, aheadLen, s.in.coming[:]); n != aheadLen {
		t.Errorf("only %d packets were taken", n)
	}
}

// said is what a round hands on, and where ingest stands.
func said(in *ingest, r *round) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v %+v %v %v %v %v %v %v %v %v\n", r.shard, r.edges, r.final, r.begin, r.now, r.last, in.ordinal, in.lastEdge, in.newest, in.active)
	for _, e := range r.events {
		fmt.Fprintf(&s, "%+v\n", e)
	}
	for i := range r.batch.Packets {
		fmt.Fprintln(&s, r.batch.Packets[i].Ordinal)
	}
	return s.String()
}

// Packets have the same key where all their fields give the same, and only there.
func TestKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	any := func(p *packet.Packet) uint64 { return anyKey(p, fold(&p.Src), fold(&p.Dst)) }
	key := func(p *packet.Packet) uint64 {
		var x coming
		x.of(p)
		return x.key
	}
	same, raw := 0, 0
	for i := range 60_000 {
		a := someFrame(r)
		if i%3 == 0 && len(a) > 60 && a[23] == packet.ProtoTCP { // options of TCP, in any order
			a[46] = byte(5+r.IntN(11)) << 4
			at := 54
			for _, k := range r.Perm(4) {
				o := [][]byte{{1}, {1, 1}, {8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, {5, 10, 0, 0, 0, 1, 0, 0, 0, 9}}[k]
				at += copy(a[at:], o)
			}
		}
		b := append([]byte(nil), a...)
		for range r.IntN(3) {
			b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
		}
		p, q := packettest.Decode(a), packettest.Decode(b)
		if p.IPVersion == 0 || q.IPVersion == 0 {
			continue
		}
		if want, got := any(p) == any(q), key(p) == key(q); want != got {
			t.Fatalf("%x\n%x\nequal %v, want %v", a, b, got, want)
		} else if want {
			same++
		}
		if key(p) != any(p) {
			raw++
		}
	}
	if same < 10_000 || raw < 20_000 {
		t.Errorf("%d pairs were the same, %d keys were made from bytes", same, raw)
	}
}
