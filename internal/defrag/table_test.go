package defrag

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"firestorm/internal/header"
	"firestorm/internal/packet"
)

// frag describes a fragment under test.
type frag struct {
	id    uint32
	off   int
	more  bool
	data  []byte
	ttl   uint8
	proto uint8
	v6    bool
	hop   bool // IPv6: a hop-by-hop header in front
	at    time.Duration
	dst   string
}

const t0 = packet.Time(1_700_000_000_000_000_000)

var frameNo uint64

func (f frag) bytes() []byte {
	if f.ttl == 0 {
		f.ttl = 64
	}
	if f.proto == 0 {
		f.proto = packet.ProtoUDP
	}
	flag := uint16(0)
	if f.v6 {
		if f.more {
			flag = 1
		}
		b := make([]byte, 40, 64+len(f.data))
		b[0], b[6], b[7] = 0x60, packet.ProtoFragment, f.ttl
		copy(b[8:], netip.MustParseAddr("2001:db8::1").AsSlice())
		copy(b[24:], netip.MustParseAddr("2001:db8::2").AsSlice())
		if f.hop {
			b[6] = packet.ProtoHopByHop
			b = append(b, packet.ProtoFragment, 0, 5, 2, 0, 0, 1, 0)
		}
		b = append(b, f.proto, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(f.off)|flag)
		b = binary.BigEndian.AppendUint32(b, f.id)
		b = append(b, f.data...)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return b
	}
	if f.more {
		flag = 0x2000
	}
	if f.dst == "" {
		f.dst = "192.0.2.2"
	}
	b := make([]byte, 20, 20+len(f.data))
	b[0], b[8], b[9] = 0x45, f.ttl, f.proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(f.data)))
	binary.BigEndian.PutUint16(b[4:], uint16(f.id))
	binary.BigEndian.PutUint16(b[6:], uint16(f.off/8)|flag)
	copy(b[12:], netip.MustParseAddr("192.0.2.1").AsSlice())
	copy(b[16:], netip.MustParseAddr(f.dst).AsSlice())
	binary.BigEndian.PutUint16(b[10:], header.Checksum(b))
	return append(b, f.data...)
}

func (f frag) packet() *packet.Packet {
	frameNo++
	b := f.bytes()
	p := &packet.Packet{Data: b, WireLen: uint32(len(b)), Link: packet.LinkRaw, Frame: frameNo, Time: t0.Add(f.at)}
	packet.Decode(p, nil)
	return p
}

// give offers p, then overwrites the bytes it lent: the table must hold copies.
func give(t *Table, p *packet.Packet) bool {
	lent := p.Data
	ok := t.Packet(p)
	for i := range lent {
		lent[i] = 0xdb
	}
	return ok
}

func fill(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func hasAnomaly(p *packet.Packet, a packet.Anomaly) bool {
	for _, x := range p.Anomalies[:p.NAnomaly] {
		if x == a {
			return true
		}
	}
	return false
}

// The scenario of Novak's paper: nine fragments with holes, then eight that overlap them. One letter is 8 bytes.
var novak = []struct {
	off, n int
	c      byte
}{
	{0, 24, 'A'}, {32, 16, 'B'}, {48, 24, 'C'}, {80, 8, 'D'}, {104, 16, 'E'}, {120, 24, 'F'}, {144, 16, 'G'},
	{160, 16, 'H'}, {176, 8, 'I'}, {8, 32, 'J'}, {48, 24, 'K'}, {72, 24, 'L'}, {96, 24, 'M'}, {128, 8, 'N'},
	{152, 8, 'O'}, {160, 8, 'P'}, {176, 16, 'Q'},
}

func TestPolicies(t *testing.T) {
	for _, tc := range []struct {
		policy Policy
		want   string
	}{
		{PolicyBSD, "AAAJJBCCCLLLMMMFFFGGHHIQ"},
		{PolicyBSDRight, "AJJJBBKKKLDLMEEFNFGOPHQQ"},
		{PolicyLinux, "AAAJJBKKKLLLMMMFFFGGPHQQ"},
		{PolicyWindows, "AAAJBBCCCLLLMEEFFFGGHHIQ"},
		{PolicySolaris, "AAAJBBCCCLLLMMMFFFGGHHIQ"},
		{PolicyFirst, "AAAJBBCCCLDLMEEFFFGGHHIQ"},
		{PolicyLast, "AJJJJBKKKLLLMMMFNFGOPHQQ"},
	} {
		t.Run(tc.policy.String(), func(t *testing.T) {
			tab := New(Options{Policy: func(packet.Addr) Policy { return tc.policy }})
			for i, f := range novak {
				p := frag{id: 9, off: f.off, more: i < len(novak)-1, data: fill(f.c, f.n), proto: 200}.packet()
				ok := give(tab, p)
				if ok != (i == len(novak)-1) {
					t.Fatalf("fragment %c: completed = %v", f.c, ok)
				}
				if over := hasAnomaly(p, packet.BadIPv4FragOverlap); over != (f.c >= 'J') {
					t.Errorf("fragment %c: overlap anomaly = %v", f.c, over)
				}
				if ok {
					packet.DecodeDatagram(p, nil)
					var got strings.Builder
					for b := p.IPPayload(); len(b) > 0; b = b[8:] {
						got.WriteByte(b[0])
					}
					if got.String() != tc.want {
						t.Errorf("got  %s\nwant %s", got.String(), tc.want)
					}
				}
			}
			if s := tab.Stats(); s.Overlaps != 8 || s.Conflicts != 8 || s.Bytes != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestByPrefix(t *testing.T) {
	choose := ByPrefix([]Rule{
		{netip.MustParsePrefix("10.0.0.0/8"), PolicyLinux},
		{netip.MustParsePrefix("10.1.0.0/16"), PolicyWindows},
		{netip.MustParsePrefix("10.1.0.0/16"), PolicyFirst},
	})
	for a, want := range map[string]Policy{"10.2.3.4": PolicyLinux, "10.1.3.4": PolicyWindows, "192.0.2.1": PolicyBSD} {
		if got := choose(packet.MustAddr(a)); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
	for p := PolicyBSD; p <= PolicySolaris; p++ {
		if got, ok := ParsePolicy(p.String()); !ok || got != p {
			t.Errorf("%v does not survive its name", p)
		}
	}
}

func TestAnyOrder(t *testing.T) {
	whole := counting(8*3 + 5)
	binary.BigEndian.PutUint16(whole, 1000)
	binary.BigEndian.PutUint16(whole[2:], 53)
	binary.BigEndian.PutUint16(whole[4:], uint16(len(whole)))
	orders := [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}, {0, 0, 1, 1, 2, 2, 3}}
	for _, v6 := range []bool{false, true} {
		for _, order := range orders {
			tab := New(Options{})
			for n, i := range order {
				f := frag{id: 1, off: i * 8, more: i < 3, data: whole[i*8 : min(i*8+8, len(whole))], v6: v6, hop: v6}
				p := f.packet()
				if ok := give(tab, p); ok != (n == len(order)-1) {
					t.Fatalf("v6 %v order %v: fragment %d completed = %v", v6, order, i, ok)
				} else if !ok {
					continue
				}
				if got := len(tab.Refs()); got != 4 {
					t.Errorf("%d refs", got)
				}
				if tab.Refs()[3] != p.Ref() {
					t.Errorf("last ref is not the completing frame")
				}
				packet.DecodeDatagram(p, &packet.Options{Checksums: packet.ChecksumsAll})
				if p.SrcPort != 1000 || p.DstPort != 53 || p.Proto != packet.ProtoUDP || p.IPFlags&packet.Fragment != 0 {
					t.Errorf("decoded %+v", p)
				}
				if !bytes.Equal(p.IPPayload(), whole) && !v6 {
					t.Errorf("v6 %v: payload % x", v6, p.IPPayload())
				}
				if !bytes.HasSuffix(p.Data, whole) || v6 && len(p.Data) != 48+len(whole) {
					t.Errorf("datagram % x", p.Data)
				}
				if !v6 && p.IPSum != packet.SumGood {
					t.Errorf("header checksum %v", p.IPSum)
				}
				for _, a := range p.Anomalies[:p.NAnomaly] {
					if a == packet.BadIPv4TruncPkt || a == packet.BadIPv6TruncPkt {
						t.Errorf("anomaly %v", a)
					}
				}
			}
			if s := tab.Stats(); s.Overlaps != 0 || s.Datagrams != 1 || s.Bytes != 0 || s.Waiting != 0 {
				t.Errorf("stats %+v", s)
			}
		}
	}
}

// step is one line of a script: offer a fragment, or let time pass.
type step struct {
	f       frag
	cut     int // captured bytes, 0 = all
	done    bool
	anomaly packet.Anomaly
}

func TestScripts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		o     Options
		steps []step
		want  func(s Stats) bool
	}{
		{"zero length", Options{}, []step{{f: frag{off: 8}}}, func(s Stats) bool { return s.Discarded[ReasonZeroLength] == 1 && s.Waiting == 0 }},
		{"not a multiple of 8", Options{}, []step{{f: frag{more: true, data: fill('a', 9)}, anomaly: packet.BadIPv4FragIgnored}},
			func(s Stats) bool { return s.Discarded[ReasonBadLength] == 1 }},
		{"not a multiple of 8, IPv6", Options{}, []step{{f: frag{v6: true, more: true, data: fill('a', 9)}, anomaly: packet.BadIPv6FragInvalidLength}},
			func(s Stats) bool { return s.Discarded[ReasonBadLength] == 1 }},
		{"ping of death", Options{}, []step{
			{f: frag{more: true, data: fill('a', 1480), proto: packet.ProtoICMP}},
			{f: frag{off: 65528, data: fill('a', 100), proto: packet.ProtoICMP}, anomaly: packet.BadIPv4FragPktTooLarge}},
			func(s Stats) bool { return s.Discarded[ReasonTooLarge] == 1 && s.Datagrams == 0 }},
		{"ping of death, IPv6", Options{}, []step{{f: frag{v6: true, off: 65528, data: fill('a', 9)}, anomaly: packet.BadIPv6FragPktTooLarge}},
			func(s Stats) bool { return s.Discarded[ReasonTooLarge] == 1 }},
		{"largest", Options{}, []step{
			{f: frag{v6: true, more: true, data: fill('a', 32768)}},
			{f: frag{v6: true, off: 32768, data: fill('a', 32767)}, done: true}},
			func(s Stats) bool { return s.Datagrams == 1 }},
		{"teardrop", Options{}, []step{
			{f: frag{more: true, data: fill('a', 40)}},
			{f: frag{off: 24, data: fill('b', 4)}, anomaly: packet.BadIPv4FragOverlap}},
			func(s Stats) bool { return s.Overlaps == 1 && s.Discarded[ReasonEndConflict] == 1 }},
		{"overlap in IPv6 spoils what came and what comes", Options{}, []step{
			{f: frag{v6: true, more: true, data: fill('a', 16)}},
			{f: frag{v6: true, off: 8, more: true, data: fill('a', 16)}, anomaly: packet.BadIPv6FragOverlap},
			{f: frag{v6: true, off: 24, data: fill('a', 16)}},
			{f: frag{v6: true, more: true, data: fill('a', 24)}}},
			func(s Stats) bool { return s.Discarded[ReasonOverlap] == 4 && s.Datagrams == 0 }},
		{"copies in IPv6 are harmless", Options{}, []step{
			{f: frag{v6: true, more: true, data: fill('a', 16)}},
			{f: frag{v6: true, more: true, data: fill('a', 16)}},
			{f: frag{v6: true, off: 16, data: fill('a', 3)}, done: true},
			{f: frag{v6: true, off: 16, data: fill('a', 3)}}},
			func(s Stats) bool { return s.Duplicates == 2 && s.Datagrams == 1 }},
		{"the end moves", Options{}, []step{
			{f: frag{off: 16, data: fill('a', 8)}},
			{f: frag{off: 24, data: fill('b', 8)}, anomaly: packet.BadIPv4FragIgnored},
			{f: frag{off: 24, more: true, data: fill('b', 8)}, anomaly: packet.BadIPv4FragIgnored}},
			func(s Stats) bool { return s.Discarded[ReasonEndConflict] == 2 }},
		{"minimum TTL", Options{MinTTL: 5}, []step{
			{f: frag{more: true, data: fill('a', 8), ttl: 5}},
			{f: frag{off: 8, data: fill('a', 8), ttl: 4}}},
			func(s Stats) bool { return s.Discarded[ReasonLowTTL] == 1 && s.Waiting == 1 }},
		{"timeout", Options{}, []step{
			{f: frag{more: true, data: fill('a', 8)}},
			{f: frag{off: 8, data: fill('a', 8), at: time.Minute}}},
			func(s Stats) bool { return s.GivenUp[ReasonTimeout] == 1 && s.Waiting == 1 }},
		{"identification used again soon", Options{}, []step{
			{f: frag{more: true, data: fill('a', 8)}},
			{f: frag{off: 8, data: fill('a', 8)}, done: true},
			{f: frag{more: true, data: fill('b', 8), at: time.Second}},
			{f: frag{off: 8, data: fill('b', 8), at: time.Second}, done: true}},
			func(s Stats) bool { return s.Datagrams == 2 && s.Duplicates == 0 }},
		{"tiny first fragment", Options{}, []step{
			{f: frag{more: true, data: fill('a', 8), proto: packet.ProtoTCP}},
			{f: frag{off: 8, data: fill('a', 20), proto: packet.ProtoTCP}, done: true}},
			func(s Stats) bool { return s.TinyFirst == 1 }},
		{"too many fragments", Options{MaxFragments: 2}, []step{
			{f: frag{more: true, data: fill('a', 8)}},
			{f: frag{off: 8, more: true, data: fill('a', 8)}},
			{f: frag{off: 16, data: fill('a', 8)}, anomaly: packet.BadIPv4FragIgnored}},
			func(s Stats) bool { return s.Discarded[ReasonTooMany] == 1 }},
		{"table full", Options{MaxDatagrams: 1}, []step{
			{f: frag{id: 1, more: true, data: fill('a', 8)}},
			{f: frag{id: 2, more: true, data: fill('a', 8)}}},
			func(s Stats) bool { return s.GivenUp[ReasonFull] == 1 && s.Waiting == 1 }},
		{"cut by the capture", Options{}, []step{
			{f: frag{more: true, data: fill('a', 80)}, cut: 60},
			{f: frag{off: 80, data: fill('a', 8)}}},
			func(s Stats) bool { return s.Discarded[ReasonTruncated] == 1 && s.Waiting == 1 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var gone []Incomplete
			tc.o.Incomplete = func(i Incomplete) { gone = append(gone, i) }
			tab := New(tc.o)
			for i, s := range tc.steps {
				p := s.f.packet()
				if s.cut > 0 {
					p.Data = p.Data[:s.cut]
					packet.Decode(p, nil)
				}
				if ok := give(tab, p); ok != s.done {
					t.Errorf("step %d: completed = %v", i, ok)
				}
				if s.anomaly != 0 && !hasAnomaly(p, s.anomaly) {
					t.Errorf("step %d: no %v in %v", i, s.anomaly, p.Anomalies[:p.NAnomaly])
				}
			}
			s := tab.Stats()
			if !tc.want(s) {
				t.Errorf("stats %+v", s)
			}
			tab.End()
			if b := tab.Stats().Bytes; b != 0 {
				t.Errorf("%d bytes left", b)
			}
			balance(t, tab.Stats(), tab)
			if tc.name == "cut by the capture" && !gone[0].Truncated {
				t.Errorf("the record does not say that the capture cut it: %+v", gone)
			}
		})
	}
}

// balance holds the promise of Stats after the end: each fragment ended somewhere.
func balance(t *testing.T, s Stats, tab *Table) {
	t.Helper()
	var lost uint64
	for _, n := range s.Discarded {
		lost += n
	}
	if s.Datagrams == 0 && lost+s.Duplicates != s.Fragments {
		t.Errorf("%d fragments, %d discarded, %d duplicates", s.Fragments, lost, s.Duplicates)
	}
}

func TestMarks(t *testing.T) {
	var gone []uint32
	tab := New(Options{High: 10_000, Low: 5_000, Incomplete: func(i Incomplete) {
		if i.Why != ReasonMemory {
			t.Errorf("reason %v", i.Why)
		}
		gone = append(gone, i.ID)
	}})
	for id := uint32(1); id <= 40; id++ {
		give(tab, frag{id: id, more: true, data: fill('x', 1024)}.packet())
		if b := tab.Stats().Bytes; b > 10_000 {
			t.Fatalf("%d bytes held", b)
		}
	}
	for i, id := range gone {
		if id != uint32(i+1) {
			t.Fatalf("evicted %v: not oldest first", gone)
		}
	}
	if len(gone) < 20 {
		t.Errorf("only %d evicted", len(gone))
	}
}

func TestIncompleteRecord(t *testing.T) {
	var got []Incomplete
	tab := New(Options{Incomplete: func(i Incomplete) { got = append(got, i) }})
	first := frag{id: 7, more: true, data: fill('x', 16), proto: packet.ProtoUDP}.packet()
	give(tab, first)
	tab.Age(t0.Add(59 * time.Second))
	if len(got) != 0 {
		t.Fatal("too early")
	}
	tab.Age(t0.Add(60 * time.Second))
	if len(got) != 1 || got[0].Why != ReasonTimeout || got[0].First != first.Ref() || !got[0].HasFirst || got[0].Total != 0 ||
		got[0].Bytes != 16 || got[0].Proto != packet.ProtoUDP || got[0].Src != packet.MustAddr("192.0.2.1") {
		t.Errorf("%+v", got)
	}
}

func TestPiecesString(t *testing.T) {
	var ps pieces
	var room pieces
	for i, r := range [][2]uint32{{0, 24}, {32, 48}, {8, 40}} {
		a, b := ps.overlap(r[0], r[1])
		ps, room = ps.insert(a, b, r[0], r[1], uint32(i), PolicyBSD, room)
	}
	if got, want := ps.String(), "[0,24)=0 [24,40)=2 [40,48)=1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if ps.size() != 48 {
		t.Errorf("size %d", ps.size())
	}
}

func TestSteadyStateAllocations(t *testing.T) {
	tab := New(Options{})
	a, b := frag{more: true, data: fill('a', 1480)}.packet(), frag{off: 1480, data: fill('b', 500)}.packet()
	run := func() {
		p, q := *a, *b
		q.Time = p.Time
		tab.Packet(&p)
		if !tab.Packet(&q) {
			t.Fatal("not completed")
		}
		tab.Recycle(q.Data)
		a.Time = a.Time.Add(time.Second)
		b.Time = a.Time
		tab.Age(a.Time)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 0 {
		t.Errorf("%v allocations per datagram", n)
	}
}
