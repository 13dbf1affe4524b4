package flow

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// conversation returns n short connections of distinct clients, interleaved, some unanswered.
func conversation(n int) []line {
	rng := rand.New(rand.NewPCG(1, 2))
	var out []line
	frame := uint64(0)
	for round := 0; round < 6; round++ {
		for c := 0; c < n; c++ {
			p := &packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000, WireLen: 54, IPLen: 40, Data: make([]byte, 54)}
			client := packet.MustAddr("10.1.0.0")
			binary.BigEndian.PutUint16(client[14:], uint16(c/7))
			server := packet.MustAddr("192.0.2.1")
			sport := uint16(20000 + c)
			frame++
			p.Frame, p.Ordinal = frame, frame
			p.Time = t0 + packet.Time(round)*packet.Time(2*time.Second) + packet.Time(c)*1000 + packet.Time(rng.IntN(1000))
			up := func() { p.Src, p.Dst, p.SrcPort, p.DstPort = client, server, sport, 80 }
			down := func() { p.Src, p.Dst, p.SrcPort, p.DstPort = server, client, 80, sport }
			isn := uint32(c) * 7919
			switch {
			case c%3 == 0: // never answered
				up()
				p.TCPFlags, p.Seq = packet.SYN, isn
			case round == 0:
				up()
				p.TCPFlags, p.Seq = packet.SYN, isn
			case round == 1:
				down()
				p.TCPFlags, p.Seq, p.Ack = packet.SYN|packet.ACK, 5, isn+1
			case round == 2:
				up()
				p.TCPFlags, p.Seq, p.Ack = packet.ACK, isn+1, 6
			case round == 3 && c%5 == 1:
				down()
				p.TCPFlags, p.Seq = packet.RST, 6
			case round == 3:
				down()
				p.TCPFlags, p.Seq, p.Ack = packet.FIN|packet.ACK, 6, isn+1
			case round == 4:
				up()
				p.TCPFlags, p.Seq, p.Ack = packet.FIN|packet.ACK, isn+1, 7
			default:
				down()
				p.TCPFlags, p.Seq, p.Ack = packet.ACK, 7, isn+2
			}
			out = append(out, line{p: p})
		}
		out = append(out, line{age: t0.Add(time.Duration(round+1) * 2 * time.Second)})
	}
	return out
}

func TestSeedDoesNotMatter(t *testing.T) {
	lines := conversation(300)
	for _, o := range []Options{{}, {MaxFlows: 100, MaxTombstones: 20}} {
		var first []event.Event
		var evicted uint64
		for seed := uint64(0); seed < 4; seed++ {
			o.Seed = seed * 0x9e3779b97f4a7c15
			tab := New(o)
			evs := runLines(tab, lines)
			if seed == 0 {
				first = evs
				st := tab.Stats()
				evicted = st.Ended[event.EndEvicted]
				if o.MaxFlows == 100 && (evicted == 0 || st.EvictedNew == 0 || st.TombsEvicted == 0 || st.EvictedTo == 0) {
					t.Errorf("nothing evicted: %+v", st)
				}
				continue
			}
			if !reflect.DeepEqual(evs, first) {
				t.Fatalf("MaxFlows %d: seed %d gives other events: %d, %d", o.MaxFlows, seed, len(evs), len(first))
			}
		}
	}
}

func TestEvictionOrder(t *testing.T) {
	// Room for three: an established flow, then unanswered ones. The oldest unanswered goes first, the established last.
	evs := run(t, Options{MaxFlows: 3}, shake+`
1 > S seq=1 sport=10
2 > S seq=1 sport=11
3 > S seq=1 sport=12
4 < SA seq=9 ack=2 dport=12
4 > A seq=2 ack=10 sport=12
5 > S seq=1 sport=13
5.5 < RA ack=2 dport=13
6 > S seq=1 sport=14
6.5 > S seq=1 sport=15
`)
	var got []string
	for _, f := range flowsOf(evs, event.Ended) {
		got = append(got, fmt.Sprint(f.Head().Client.Port, f.End))
	}
	want := []string{"10 forced", "11 forced", "2268 forced", "14 forced", "12 shutdown", "13 shutdown", "15 shutdown"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTimeGoesBackwards(t *testing.T) {
	// Absurd clocks: no panic, no loop, each flow ends once.
	tab := New(Options{MaxFlows: 50})
	var out []event.Event
	times := []packet.Time{t0, 0, 1<<63 - 1, -1 << 63, t0 + 5, -5, 1 << 62}
	for i, n := range times {
		for k, l := range parse(t, shake+"1 > PA seq=1001 ack=5001 len=5\n2 > PA seq=1001 ack=5001 len=5\n3 < FA seq=5001 ack=1006") {
			l.p.Time = n + packet.Time(k)
			l.p.SrcPort += uint16(i)
			l.p.DstPort += uint16(i)
			tab.Packet(l.p, &out)
		}
		tab.Age(n, uint64(i), &out)
	}
	tab.End(t0, 99, &out)
	checkLives(t, out)
}

// TestClockJump: one absurd time must not end the flows that go on with sane ones.
func TestClockJump(t *testing.T) {
	evs := run(t, Options{}, shake+`
0.5     > S  seq=1 sport=5
90000   > udp len=1 sport=9
0.6     > S  seq=1 sport=5
1       > PA seq=1001 ack=5001 len=5
age 90000
1.1     < A  seq=5001 ack=1006
age 90000
2       > FA seq=1006 ack=5001
`)
	want := "started@1 answered@2 established@3 started@4 started@5 half_closed@9 ended:shutdown ended:shutdown ended:shutdown"
	if got := says(evs); got != want {
		t.Errorf("events\n got %s\nwant %s", got, want)
	}
}

// TestNothingLeft: when all has ended and every tombstone's life is over, no part of any record remains.
func TestNothingLeft(t *testing.T) {
	for _, o := range []Options{{}, {MaxFlows: 100, MaxTombstones: 20}} {
		tab := New(o)
		var evs []event.Event
		for _, l := range conversation(300) {
			if l.p == nil {
				tab.Age(l.age, 0, &evs)
			} else {
				tab.Packet(l.p, &evs)
			}
		}
		n := tab.parts()
		tab.Age(tab.clock.Add(100*time.Second), 1<<40, &evs)
		if x := tab.Stats().Tombstones; x == 0 || n == 0 {
			t.Errorf("%d tombstones, %d parts", x, n)
		}
		tab.Age(t0.Add(3*time.Hour), 1<<40, &evs)
		s := tab.Stats()
		if n := tab.parts(); n != 0 || s.Live != 0 || s.Tombstones != 0 {
			t.Errorf("%d parts, %d flows, %d tombstones left", n, s.Live, s.Tombstones)
		}
		used := 0
		for _, x := range []*index{&tab.index, &tab.graves.index} {
			for k := range x.parts {
				used += x.parts[k].used
			}
		}
		if used != 0 {
			t.Errorf("%d slots left", used)
		}
	}
}

// parts counts the parts of all live flows.
func (t *Table) parts() int {
	return t.talks.live + t.extras.live + t.mores.live + t.closes.live + t.odds.live + t.losses.live + t.stalls.live + t.priors.live + t.idles.live + t.helds.live
}

// checkLives holds for any input: Started before everything else of a flow, Ended exactly once and last.
func checkLives(t testing.TB, evs []event.Event) {
	t.Helper()
	state := map[uint64]int{}
	for _, e := range evs {
		id := e.Head().FlowID
		f, ok := e.(*event.Flow)
		if !ok {
			if id != 0 && state[id] != 1 {
				t.Fatalf("%T of flow %x in state %d", e, id, state[id])
			}
			continue
		}
		switch f.What {
		case event.Started:
			if state[id] == 1 {
				t.Fatalf("flow %x started twice", id)
			}
			state[id] = 1
		case event.Ended:
			if state[id] != 1 {
				t.Fatalf("flow %x ended in state %d", id, state[id])
			}
			state[id] = 2
		default:
			if state[id] != 1 {
				t.Fatalf("%v of flow %x in state %d", f.What, id, state[id])
			}
		}
	}
	for id, s := range state {
		if s != 2 {
			t.Fatalf("flow %x never ended", id)
		}
	}
}

func TestMark(t *testing.T) {
	base := packet.Ref{Frame: 1000, Time: t0, Source: 3}
	for _, c := range []struct {
		r    packet.Ref
		want packet.Ref // zero: cannot be stored
	}{
		{base, base},
		{packet.Ref{Frame: 1, Time: t0 - 10_000_000, Source: 9}, packet.Ref{Frame: 1, Time: t0 - 10_000_000, Source: 9}},
		{packet.Ref{Frame: 1000 + 1<<31 - 1, Time: t0 + 1}, packet.Ref{Frame: 1000 + 1<<31 - 1, Time: t0 + 1}},
		{packet.Ref{Frame: 1000 + 1<<31, Time: t0}, packet.Ref{}},
		{packet.Ref{Frame: 1001, Time: t0 + 1<<45 - 1}, packet.Ref{Frame: 1001, Time: t0 + 1<<45 - 1}},
		{packet.Ref{Frame: 1001, Time: t0 + 1<<45 + 1024 + 7}, packet.Ref{Frame: 1001, Time: t0 + 1<<45 + 1024}},
		{packet.Ref{Frame: 1001, Time: 1<<63 - 1}, packet.Ref{}},
		{packet.Ref{}, packet.Ref{}},
	} {
		m, ok := pack(base.Time, base.Frame, c.r)
		if got := m.ref(base.Time, base.Frame); got != c.want || ok == c.want.IsZero() {
			t.Errorf("%+v became %+v (%v), want %+v", c.r, got, ok, c.want)
		}
	}
}

func TestIndex(t *testing.T) {
	// Against a map, with hashes that collide much.
	rng := rand.New(rand.NewPCG(3, 4))
	var x index
	ref := map[uint32]uint64{}
	for step := 0; step < 20000; step++ {
		n := uint32(rng.IntN(400) + 1)
		if h, ok := ref[n]; ok {
			x.remove(h, n)
			delete(ref, n)
		} else {
			h := uint64(rng.IntN(3))<<60 | uint64(rng.IntN(40))
			x.insert(h, n)
			ref[n] = h
		}
		if step%100 == 0 {
			for n := uint32(1); n <= 400; n++ {
				h, ok := ref[n]
				found := ok && x.find(h, func(m uint32) bool { return m == n }) == n
				if found != ok {
					t.Fatalf("step %d: number %d found %v, want %v", step, n, found, ok)
				}
			}
		}
	}
}

func TestSeqCompare(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		less bool
	}{{1, 2, true}, {2, 1, false}, {5, 5, false}, {0xffffffff, 0, true}, {0, 0xffffffff, false}, {161519517, 3172654578, false},
		{0, 1 << 31, false}, {1 << 31, 0, false}} {
		if SeqLess(c.a, c.b) != c.less {
			t.Errorf("SeqLess(%d, %d) is %v", c.a, c.b, !c.less)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, most uintptr
	}{{"rec", unsafe.Sizeof(rec{}), 192}, {"talkPart", unsafe.Sizeof(talkPart{}), 192}, {"extraPart", unsafe.Sizeof(extraPart{}), 72},
		{"morePart", unsafe.Sizeof(morePart{}), 56}, {"closePart", unsafe.Sizeof(closePart{}), 48}, {"mark", unsafe.Sizeof(mark{}), 12}} {
		t.Logf("%s %d bytes", c.name, c.got)
		if c.got > c.most {
			t.Errorf("%s takes %d bytes, at most %d", c.name, c.got, c.most)
		}
	}
}

// fill makes n flows with a handshake; close also closes each and starts its successor, which leaves a tombstone.
func fill(tab *Table, first, n int, out *[]event.Event) {
	p := packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000, WireLen: 54, IPLen: 40, Data: make([]byte, 54), DstPort: 80}
	server := packet.MustAddr("192.0.2.1")
	for c := first; c < first+n; c++ {
		client := packet.MustAddr("10.0.0.0")
		binary.BigEndian.PutUint32(client[12:], 10<<24|uint32(c>>14))
		port := uint16(c&0x3fff) + 30000
		send := func(up bool, flags uint16, seq, ack uint32) {
			p.Frame++
			p.Ordinal++
			p.Time = t0 + packet.Time(c)
			p.TCPFlags, p.Seq, p.Ack = flags, seq, ack
			if up {
				p.Src, p.Dst, p.SrcPort, p.DstPort = client, server, port, 80
			} else {
				p.Src, p.Dst, p.SrcPort, p.DstPort = server, client, 80, port
			}
			tab.Packet(&p, out)
			*out = (*out)[:0]
		}
		send(true, packet.SYN, 1, 0)
		send(false, packet.SYN|packet.ACK, 9, 2)
		send(true, packet.ACK, 2, 10)
	}
}

func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a million flows; run without -short")
	}
	const shards, flows = 64, 1 << 20
	const each = flows / shards
	// One shard stands for all: they are alike. Twice as many connections as fit: half of them end as tombstones.
	tab := New(Options{MaxFlows: each, MaxTombstones: each, Want: Wants(event.Ended)})
	var out []event.Event
	fill(tab, 0, 2*each, &out)
	s := tab.Stats()
	if s.Live != each || s.Tombstones != each {
		t.Fatalf("%d flows, %d tombstones", s.Live, s.Tombstones)
	}
	total := s.Bytes() * shards
	t.Logf("%d flows and tombstones: %d MB (flows %d, tombstones %d, indexes %d, details %d bytes each); bound with all details %d MB", flows, total>>20,
		s.FlowBytes/each, s.TombstoneBytes/each, s.IndexBytes/each, s.DetailBytes/each, MaxBytes(each, each)*shards>>20)
	if total > 420<<20 {
		t.Errorf("%d MB", total>>20)
	}
	if m := MaxBytes(each, each); s.Bytes() > m {
		t.Errorf("%d bytes, more than the promised bound %d", s.Bytes(), m)
	}
}

func TestAllocations(t *testing.T) {
	tab := New(Options{})
	var out []event.Event
	for _, l := range parse(t, shake+"1 > PA seq=1001 ack=5001 len=100\n1.1 < PA seq=5001 ack=1101 len=100") {
		tab.Packet(l.p, &out)
	}
	ls := parse(t, "2 > PA seq=1101 ack=5101 len=100\n2.1 < PA seq=5101 ack=1201 len=100")
	up, down := ls[0].p, ls[1].p
	out = make([]event.Event, 0, 100)
	if n := testing.AllocsPerRun(1000, func() {
		tab.Packet(up, &out)
		tab.Packet(down, &out)
		up.Seq, up.Ack, down.Seq, down.Ack = up.Seq+100, up.Ack+100, down.Seq+100, down.Ack+100
		up.Time, down.Time = up.Time+1e6, down.Time+1e6
	}); n != 0 {
		t.Errorf("%v allocations for packets that complete no event", n)
	}
	if len(out) != 0 {
		t.Fatalf("events: %s", says(out))
	}
	syn := parse(t, "9 > S seq=1 sport=9")[0].p
	tab.Packet(syn, &out)
	if n := testing.AllocsPerRun(100, func() {
		syn.Seq++
		out = out[:0]
		tab.Packet(syn, &out) // ends one attempt and starts the next: two events
	}); n > 2 {
		t.Errorf("%v allocations for two events", n)
	}
}

func BenchmarkPacket(b *testing.B) {
	const live = 5000
	tab := New(Options{Want: Wants(event.Ended)})
	var out []event.Event
	fill(tab, 0, live, &out)
	p := packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000, WireLen: 1054, IPLen: 1040, PayloadWire: 1000, Data: make([]byte, 1054),
		TCPFlags: packet.ACK, Ack: 10}
	server := packet.MustAddr("192.0.2.1")
	seq := make([]uint32, live)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		c := int(uint32(n) * 2654435761 % live)
		p.Frame++
		p.Time = t0 + 1e6 + packet.Time(n)*1000
		p.Src = packet.Addr{10: 0xff, 11: 0xff, 12: 10, 15: byte(c >> 14)}
		p.Dst, p.SrcPort, p.DstPort = server, uint16(c&0x3fff)+30000, 80
		if seq[c]&1 == 0 {
			p.PayloadWire, p.Seq, p.Ack = 1000, 2+1000*(seq[c]/2), 10
		} else {
			p.PayloadWire, p.Seq, p.Ack = 0, 10, 2+1000*(seq[c]/2+1)
			p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		}
		seq[c]++
		tab.Packet(&p, &out)
	}
	b.StopTimer()
	if len(out) > 0 {
		b.Fatalf("%d events, first %s", len(out), says(out[:1]))
	}
}

// FuzzTable feeds packets made of the input: whatever comes, flows live in order, limits hold and nothing panics.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x00\x02\x00\x01\x00\x00\x00\x00\x01\x12\x01\x09\x02\x00\x00\x00\x00\x10\x02\x0a\x00\x00\x00\x00"))
	f.Add([]byte("\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02\x00\x01\xf0\x00\x00\x00\x00\x02\x00\x01\xff\x00\x00\x00"))
	// A closed connection gave way, or not, by how the parts of the index happened to grow.
	f.Add([]byte("T\x00\x00\x00\x00\x00\x00\x00\x00\x19\x00\x00\x00\x00\x00\x11\x00\x04\x00\x00\x00\x00\x00\x00:\x00\x00\x00\a\x00\x00\x00\x80\x00\x00\x00\x04\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Options{MaxFlows: 8, MaxTombstones: 4}
		x, y := New(o), New(Options{MaxFlows: 8, MaxTombstones: 4, Seed: 77})
		y.slow = true // the quick path must change nothing
		var ex, ey []event.Event
		now := t0
		n := uint64(0)
		for ; len(b) >= 8; b = b[8:] {
			n++
			p := &packet.Packet{Frame: n, Ordinal: n, IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: b[7] | 1, WireLen: 60}
			p.Src, p.Dst = packet.MustAddr("10.0.0.1"), packet.MustAddr("10.0.0.2")
			p.SrcPort, p.DstPort = uint16(b[0]>>4)+1, 80
			if b[0]&1 != 0 {
				p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			}
			p.TCPFlags = uint16(b[1])
			p.Seq = uint32(b[2])<<24 + uint32(b[3])
			p.Ack = uint32(b[3])<<24 + uint32(b[2])
			if b[0]&8 != 0 { // small numbers, so that packets fit together
				p.Seq, p.Ack = uint32(b[2]), uint32(b[3])
			}
			step := time.Duration(int8(b[4])) * 100 * time.Millisecond
			if b[5]&0x80 != 0 {
				step *= 1 << (b[5] & 31)
			}
			now = now.Add(step)
			p.Time = now
			p.PayloadWire = uint32(b[5] & 15)
			p.Window = uint16(b[6]) & 0x70
			p.TCPOpts = uint16(b[6] & 15)
			p.WScale = b[7]
			p.NSACK = b[7] & 7
			p.SACK[0] = [2]uint32{p.Ack + 1, p.Ack + uint32(b[7])}
			switch b[0] & 6 {
			case 2:
				p.Proto = packet.ProtoUDP
			case 4:
				p.Missing = packet.NoSeq
			case 6:
				p.Quoted = packet.Quoted{Src: p.Dst, Dst: p.Src, SrcPort: p.DstPort, DstPort: p.SrcPort, Proto: packet.ProtoTCP, Seq: p.Ack, HasPorts: true}
				p.Proto, p.HasQuoted, p.ICMPType, p.ICMPCode = packet.ProtoICMP, true, 3, b[1]
			}
			x.Packet(p, &ex)
			y.Packet(p, &ey)
			if b[6]&0x80 != 0 {
				x.Age(now, n, &ex)
				y.Age(now, n, &ey)
			}
			if x.flows.live > 8 || x.graves.live > 4 {
				t.Fatalf("%d flows, %d tombstones", x.flows.live, x.graves.live)
			}
		}
		x.End(now, n, &ex)
		y.End(now, n, &ey)
		checkLives(t, ex)
		if !reflect.DeepEqual(ex, ey) {
			t.Fatal("the seed or the quick path changed the events")
		}
		if x.flows.live+x.parts() != 0 {
			t.Fatalf("parts left over: %+v", x.Stats())
		}
	})
}

func TestStatsAdd(t *testing.T) {
	a := Stats{Flows: 1, TombsEvicted: 1, EvictedFrom: 50, EvictedTo: 60}
	a.Add(Stats{Flows: 2, Live: 3, TombsEvicted: 2, EvictedFrom: 40, EvictedTo: 55, Ended: [6]uint64{5: 7}})
	a.Add(Stats{Flows: 4})
	want := Stats{Flows: 7, Live: 3, TombsEvicted: 3, EvictedFrom: 40, EvictedTo: 60, Ended: [6]uint64{5: 7}}
	if a != want {
		t.Errorf("got %+v, want %+v", a, want)
	}
	// Each field is summed: one that is new and forgotten shows here.
	var ones, zero Stats
	v := reflect.ValueOf(&ones).Elem()
	for i := 0; i < v.NumField(); i++ {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			f.SetUint(1)
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
		case reflect.Array:
			for k := 0; k < f.Len(); k++ {
				f.Index(k).SetUint(1)
			}
		}
	}
	zero.Add(ones)
	if zero != ones {
		t.Errorf("Add lost something: %+v", zero)
	}
}
