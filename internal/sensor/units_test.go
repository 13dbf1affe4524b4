package sensor

import (
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
	"firestorm/internal/packettest"
)

const sec = packet.Time(time.Second)

func TestClock(t *testing.T) {
	type step struct {
		at     packet.Time
		now    packet.Time
		jumped bool
	}
	for name, steps := range map[string][]step{
		"forward":                  {{100 * sec, 100 * sec, false}, {101 * sec, 101 * sec, false}},
		"small step back":          {{100 * sec, 100 * sec, false}, {100*sec - sec/2, 100 * sec, false}, {101 * sec, 101 * sec, false}},
		"set back":                 {{100 * sec, 100 * sec, false}, {50 * sec, 50 * sec, true}, {51 * sec, 51 * sec, false}},
		"stray stamp":              {{100 * sec, 100 * sec, false}, {9e9 * sec, 100 * sec, false}, {101 * sec, 101 * sec, false}},
		"leap that stays":          {{100 * sec, 100 * sec, false}, {9000 * sec, 100 * sec, false}, {9001 * sec, 9001 * sec, true}},
		"absurd first":             {{1<<63 - 1, 1<<63 - 1, false}, {100 * sec, 100 * sec, true}},
		"two different stray ones": {{100 * sec, 100 * sec, false}, {9e9 * sec, 100 * sec, false}, {1e9 * sec, 100 * sec, false}, {101 * sec, 101 * sec, false}},
	} {
		var c clock
		for i, s := range steps {
			_, jumped := c.see(packet.Ref{Frame: uint64(i + 1), Time: s.at})
			if c.now != s.now || jumped != s.jumped {
				t.Errorf("%s, step %d: now %d jumped %v, want %d %v", name, i, c.now/sec, jumped, s.now/sec, s.jumped)
			}
		}
	}
}

func decoded(frame []byte, at packet.Time, n uint64) *packet.Packet {
	p := &packet.Packet{Data: frame, WireLen: uint32(len(frame)), Link: packet.LinkEthernet, Time: at, Frame: n, Ordinal: n}
	packet.Decode(p, nil)
	return p
}

func TestShardIsUnordered(t *testing.T) {
	a := decoded(packettest.TCP{Src: "10.0.0.1:1234", Dst: "10.0.0.2:80", Flags: packet.SYN}.Frame(), 0, 1)
	b := decoded(packettest.TCP{Src: "10.0.0.2:80", Dst: "10.0.0.1:1234", Flags: packet.SYN | packet.ACK}.Frame(), 0, 2)
	c := decoded(packettest.UDP{Src: "10.0.0.2:53", Dst: "10.0.0.1:99"}.Frame(), 0, 3)
	if shardOf(a) != shardOf(b) || shardOf(a) != shardOf(c) {
		t.Error("packets of one pair of hosts are in different shards")
	}
	seen := map[uint8]int{}
	for i := 0; i < 4096; i++ {
		p := packet.Packet{IPVersion: 4, Src: packet.Addr4([]byte{10, 0, byte(i >> 8), byte(i)}), Dst: packet.Addr4([]byte{10, 1, 0, 1})}
		seen[shardOf(&p)]++
	}
	for s, n := range seen {
		if n > 4096/Shards*3 {
			t.Errorf("shard %d holds %d of 4096 hosts", s, n)
		}
	}
	if len(seen) != Shards {
		t.Errorf("%d shards used", len(seen))
	}
}

func TestDedup(t *testing.T) {
	frame := func(ttl uint8, id uint16) *packet.Packet {
		p := decoded(packettest.TCP{Src: "10.0.0.1:1234", Dst: "10.0.0.2:80", Flags: packet.ACK, Payload: "hello hello hello"}.Frame(), 0, 1)
		p.TTL, p.IPID = ttl, uint32(id)
		return p
	}
	type step struct {
		ttl  uint8
		id   uint16
		at   time.Duration
		want repeat
	}
	for name, steps := range map[string][]step{
		"mirror":              {{64, 1, 0, notSeen}, {64, 1, 100 * time.Microsecond, isCopy}, {64, 1, 200 * time.Microsecond, isCopy}},
		"retransmission":      {{64, 1, 0, notSeen}, {64, 2, 100 * time.Microsecond, notSeen}},
		"same again, later":   {{64, 1, 0, notSeen}, {64, 1, 50 * time.Millisecond, notSeen}},
		"routed":              {{64, 1, 0, notSeen}, {63, 1, time.Millisecond, isRouted}},
		"loop":                {{64, 1, 0, notSeen}, {62, 1, time.Millisecond, notSeen}, {60, 1, 2 * time.Millisecond, isLoop}, {58, 1, 3 * time.Millisecond, isLoop}},
		"no constant step":    {{64, 1, 0, notSeen}, {62, 1, time.Millisecond, notSeen}, {57, 1, 2 * time.Millisecond, notSeen}},
		"higher TTL is other": {{60, 1, 0, notSeen}, {64, 1, time.Millisecond, notSeen}},
	} {
		d := newDedup()
		for i, s := range steps {
			p := frame(s.ttl, s.id)
			p.Time = packet.Time(s.at)
			if got, _ := seen(d, p); got != s.want {
				t.Errorf("%s, packet %d: %d, want %d", name, i+1, got, s.want)
			}
		}
	}
}

func TestDamagedChecksums(t *testing.T) {
	var s senders
	p := decoded(packettest.TCP{Src: "10.0.0.1:1234", Dst: "10.0.0.2:80", Flags: packet.ACK}.Frame(), 0, 1)
	p.L4Sum = packet.SumBad
	for i := 0; i < 5; i++ {
		if s.damaged(p) {
			t.Fatal("a sender that is always wrong offloads its checksums")
		}
	}
	var h senders
	good := *p
	good.L4Sum = packet.SumGood
	for i := 0; i < 10; i++ {
		h.damaged(&good)
	}
	if !h.damaged(p) {
		t.Error("one wrong packet among right ones is damaged")
	}
}

// recorder notes the order in which the border hands out events.
type recorder struct{ ords []uint64 }

func (r *recorder) Event(e event.Event) error {
	r.ords = append(r.ords, e.Head().Ordinal)
	return nil
}

func ev(ord uint64) event.Event { return event.NewAnomaly(event.Head{Ordinal: ord}) }

// The border's order depends on ordinals, edges and shards alone, not on which worker made an event.
func TestBorderOrder(t *testing.T) {
	split := func(n int) []uint64 {
		r := &round{edges: []edge{{after: 1, ordinal: 4, now: 1}}, final: true, out: make([]output, n)}
		for _, o := range []uint64{1, 2, 3, 4, 5, 6} {
			w := &r.out[int(o)%n]
			w.events = append(w.events, ev(o))
		}
		for _, a := range []struct {
			edge  int
			shard uint8
			ord   uint64
		}{{0, 3, 403}, {0, 5, 405}, {0, 8, 408}, {1, 1, 901}, {1, 2, 902}} {
			w := &r.out[int(a.shard)%n]
			w.aged = append(w.aged, aged{a.edge, a.shard, []event.Event{ev(a.ord)}})
		}
		rec := &recorder{}
		s, err := newRun(&Options{Workers: 1, Sinks: []EventSink{rec}, MaxMemory: 64 << 20})
		if err != nil {
			t.Fatal(err)
		}
		s.border.round(r)
		return rec.ords
	}
	want := []uint64{1, 2, 3, 4, 403, 405, 408, 5, 6, 901, 902}
	for _, n := range []int{1, 2, 3, 8} {
		got := split(n)
		if len(got) != len(want) {
			t.Fatalf("%d workers: %v", n, got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%d workers: %v, want %v", n, got, want)
				break
			}
		}
	}
}

// TestRulesTakeTheirShare: tables have what rules leave of the memory, and a quarter at least; the collector has room for what
// stays.
func TestRulesTakeTheirShare(t *testing.T) {
	none, heap := bounds(400<<20, 0, false)
	if none != limitsFor(400<<20) || heap != 400<<20-programSize {
		t.Errorf("without rules: %+v, %d", none, heap)
	}
	for _, kept := range []bool{false, true} {
		alone, _ := bounds(400<<20, 0, kept)
		some, heap := bounds(400<<20, 190<<20, kept)
		if some.flows*perFollowed > some.bytes || some.bytes > alone.bytes/2 || some.hosts >= alone.hosts || heap != 400<<20-programSize {
			t.Errorf("with rules, memories kept %v: %+v, %d", kept, some, heap)
		}
	}
	if kept, heap := bounds(400<<20, 0, true); kept.bytes*3/2 > limitsFor(300<<20).bytes || kept.hosts != limitsFor(300<<20).hosts || heap != 400<<20-programSize {
		t.Errorf("with memories that are kept: %+v, %d", kept, heap)
	}
	if most, heap := bounds(100<<20, 190<<20, false); most.hosts != limitsFor(25<<20).hosts || most.flows < 64 || heap != 285<<20 {
		t.Errorf("with rules that take all: %+v, %d", most, heap)
	}
}

func TestLimitsFollowMemoryAlone(t *testing.T) {
	small, large := limitsFor(64<<20), limitsFor(1<<30)
	if small.flows >= large.flows || small.flows < 64 || small.attempts == 0 || small.hosts == 0 || small.pairs == 0 {
		t.Errorf("64 MiB: %+v, 1 GiB: %+v", small, large)
	}
}
