package flow

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// TestClosedGoFirst: where room is wanted, a connection that closed a while ago goes before one that is open or waits
// for its answer. It counts as closed, not as thrown out, and its tombstone stays.
func TestClosedGoFirst(t *testing.T) {
	const lines = `
1 > S seq=1 sport=10
1 < SA seq=9 ack=2 dport=10
1 > A seq=2 ack=10 sport=10
1 > FA seq=2 ack=10 sport=10
1 < FA seq=10 ack=3 dport=10
1 > A seq=3 ack=11 sport=10
%s > S seq=1 sport=11
%s > S seq=1 sport=12
`
	for _, c := range []struct {
		at    string
		want  []string
		early uint64
	}{
		{"2.05", []string{"11 forced"}, 0}, // its last segments may still come again
		{"2.15", []string{"10 closed"}, 1},
	} {
		tab := New(Options{MaxFlows: 3})
		var evs []event.Event
		for _, l := range parse(t, shake+fmt.Sprintf(lines, "2", c.at)) {
			tab.Packet(l.p, &evs)
		}
		var got []string
		for _, f := range flowsOf(evs, event.Ended) {
			got = append(got, fmt.Sprint(f.Head().Client.Port, f.End))
			if (f.End == event.EndClosed) != (c.early == 1) {
				t.Errorf("at %s: ended with %v", c.at, f.End)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("at %s: got %v, want %v", c.at, got, c.want)
		}
		if s := tab.Stats(); s.ClosedEarly != c.early || s.Ended[event.EndEvicted] != 1-c.early || s.Tombstones != int(c.early) {
			t.Errorf("at %s: %d closed early, %d evicted, %d tombstones", c.at, s.ClosedEarly, s.Ended[event.EndEvicted], s.Tombstones)
		}
	}
}

// TestFullOfTalk: more connections with data than the table has parts for. It lets connections go, which a gate tells,
// and follows the others in full.
func TestFullOfTalk(t *testing.T) {
	const flows = 6000
	tab := New(Options{MaxFlows: flows})
	var out []event.Event
	p := packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000, DstPort: 80,
		Src: packet.MustAddr("10.0.0.1"), Dst: packet.MustAddr("192.0.2.1")}
	for i := range flows {
		p.SrcPort = uint16(i) + 1
		for n, flags := range []uint16{packet.SYN, packet.ACK | packet.PSH} {
			p.Frame++
			p.Ordinal++
			p.Time = t0.Add(time.Duration(i) * time.Millisecond)
			p.TCPFlags, p.Seq, p.PayloadWire, p.Ack = flags, uint32(1+n), uint32(n*10), uint32(n)*77
			tab.Packet(&p, &out)
		}
		out = out[:0]
	}
	s := tab.Stats()
	if s.Live != talkMax(flows) || s.Ended[event.EndEvicted] != uint64(flows-s.Live) || s.DetailsLost != 0 {
		t.Errorf("%d live of at most %d with data, %d evicted, %d without details", s.Live, talkMax(flows), s.Ended[event.EndEvicted], s.DetailsLost)
	}
	if m := MaxBytes(flows, flows); s.Bytes() > m {
		t.Errorf("%d bytes, more than the promised bound %d", s.Bytes(), m)
	}
}

// TestRoom: idle connections of the plain kind take all the bytes of a table, then such come that need a part beside the
// record, then closed ones leave tombstones. The bytes hold, each connection is followed and ends once, and what gave way
// is counted.
func TestRoom(t *testing.T) {
	for _, bytes := range []int{1, 300 << 10, 1 << 20} {
		tab := New(Options{MaxFlows: 20000, MaxBytes: bytes})
		limit := tab.room.max + 64<<10 // an index that grows is not refused
		var out []event.Event
		p := packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000, DstPort: 80}
		flows := uint64(0)
		send := func(up bool, flags uint16, seq, ack, size uint32) {
			p.Frame++
			p.Ordinal++
			p.Time = t0.Add(time.Duration(p.Frame) * time.Millisecond)
			p.TCPFlags, p.Seq, p.Ack, p.PayloadWire = flags, seq, ack, size
			q := p
			if !up {
				q.Src, q.Dst, q.SrcPort, q.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
			}
			tab.Packet(&q, &out)
			s := tab.Stats()
			if m := s.Bytes(); m > limit {
				t.Fatalf("%d bytes given: %d used, at most %d", bytes, m, limit)
			}
		}
		for kind, addrs := range [][2]string{{"10.0.0.1", "192.0.2.1"}, {"2001:db8::1", "2001:db8::2"}, {"10.0.0.2", "192.0.2.2"}} {
			p.Src, p.Dst = packet.MustAddr(addrs[0]), packet.MustAddr(addrs[1])
			for i := range 6000 {
				flows++
				p.SrcPort = uint16(i) + 1
				send(true, packet.SYN, 1, 0, 0)
				send(false, packet.SYN|packet.ACK, 9, 2, 0)
				send(true, packet.ACK, 2, 10, 0)
				if kind == 2 {
					send(true, packet.ACK|packet.PSH, 2, 10, 5)
					send(true, packet.ACK|packet.FIN, 7, 10, 0)
					send(false, packet.ACK|packet.FIN, 10, 8, 0)
					send(true, packet.ACK, 8, 11, 0)
				}
			}
		}
		s := tab.Stats()
		tab.End(p.Time, p.Ordinal, &out)
		checkLives(t, out)
		if s.Flows != flows || s.NoRoom != 0 || s.DetailsLost != 0 || s.Ended[event.EndEvicted] == 0 || s.TombsEvicted == 0 {
			t.Errorf("%d bytes given: %d flows of %d, %d not followed, %d evicted, %d tombstones thrown out, %d without details", bytes, s.Flows, flows,
				s.NoRoom, s.Ended[event.EndEvicted], s.TombsEvicted, s.DetailsLost)
		}
	}
}

// TestFullOfOld: a table is full of connections that came to nothing without a close. New ones, whose handshakes overlap, are
// followed in full, and a flood of requests leaves the others three quarters of the table.
func TestFullOfOld(t *testing.T) {
	const flows, flight = 1200, 60
	tab := New(Options{MaxFlows: flows})
	var out []event.Event
	p := packet.Packet{IPVersion: 4, Proto: packet.ProtoTCP, L4: 34, TTL: 64, Window: 8000}
	client, server := packet.MustAddr("10.0.0.1"), packet.MustAddr("192.0.2.1")
	now := t0
	send := func(up bool, port int, flags uint16, seq, ack uint32) {
		now += 1e5
		p.Frame++
		p.Ordinal, p.Time, p.TCPFlags, p.Seq, p.Ack = p.Frame, now, flags, seq, ack
		p.Src, p.Dst, p.SrcPort, p.DstPort = client, server, uint16(port), 80
		if !up {
			p.Src, p.Dst, p.SrcPort, p.DstPort = p.Dst, p.Src, p.DstPort, p.SrcPort
		}
		tab.Packet(&p, &out)
	}
	// open makes n connections, as many at a time as are in flight.
	open := func(first, n int) {
		for i := first; i < first+n; i += flight {
			for k := i; k < i+flight; k++ {
				send(true, k, packet.SYN, 1, 0)
			}
			for k := i; k < i+flight; k++ {
				send(false, k, packet.SYN|packet.ACK, 9, 2)
			}
			for k := i; k < i+flight; k++ {
				send(true, k, packet.ACK, 2, 10)
			}
		}
	}
	open(1, flows)
	now = now.Add(time.Minute)
	open(1+flows, 10*flows)
	s := tab.Stats()
	if s.Flows != 11*flows || s.Ended[event.EndEvicted] != 10*flows || s.EvictedNew != 0 || s.Live != flows {
		t.Errorf("%d flows of %d, %d evicted, of them %d before they were answered, %d live", s.Flows, 11*flows, s.Ended[event.EndEvicted], s.EvictedNew, s.Live)
	}
	for i := range 20 * flows { // each from a port of its own
		send(true, 20000+i, packet.SYN, 1, 0)
	}
	if got := tab.Stats(); got.Ended[event.EndEvicted]-s.Ended[event.EndEvicted]-(got.EvictedNew-s.EvictedNew) != flows/unheardShare || tab.unheard != flows/unheardShare {
		t.Errorf("a flood pushed out %d of %d, and holds %d", got.Ended[event.EndEvicted]-s.Ended[event.EndEvicted]-(got.EvictedNew-s.EvictedNew), flows, tab.unheard)
	}
	now = now.Add(answerWait)
	open(50000, flight) // what waited in vain goes before what was answered
	if got := tab.Stats(); tab.unheard != flows/unheardShare-flight {
		t.Errorf("%d unanswered left, %+v", tab.unheard, got)
	}
}

// TestLastChunks: a flow whose record and whose rare part both begin a new chunk, where one of the two has room, gets both
// from a flow that gives way. A sensor with a full table ended there (2026-11-30).
func TestLastChunks(t *testing.T) {
	tab := New(Options{MaxFlows: 1 << 14})
	var out []event.Event
	p := packet.Packet{IPVersion: 6, Proto: packet.ProtoTCP, L4: 54, TTL: 64, Window: 8000, TCPFlags: packet.SYN, DstPort: 80}
	p.Src, p.Dst = packet.MustAddr("fd00::1"), packet.MustAddr("fd00::2")
	send := func() {
		p.SrcPort++
		p.Frame++
		p.Ordinal, p.Time = p.Frame, t0.Add(time.Duration(p.Frame)*time.Millisecond)
		tab.Packet(&p, &out)
	}
	for tab.flows.own > 0 || tab.extras.own > 0 || tab.flows.next%chunkLen != 0 || tab.extras.next%chunkLen != 0 {
		send()
	}
	for _, spare := range []int{0, tab.flows.chunkBytes(), tab.extras.chunkBytes(), tab.flows.chunkBytes() + tab.extras.chunkBytes() - 1} {
		tab.room.max = tab.room.used + spare
		before := tab.Stats()
		send()
		if s := tab.Stats(); s.Flows != before.Flows+1 || s.NoRoom != 0 || s.Live != before.Live {
			t.Errorf("%d bytes left: %d flows more, %d without room, %d live of %d", spare, s.Flows-before.Flows, s.NoRoom, s.Live, before.Live)
		}
	}
}
