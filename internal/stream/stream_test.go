package stream

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

const (
	up, down = packet.ToServer, packet.ToClient
	t0       = packet.Time(1_700_000_000_000_000_000)
)

// tape is a sink that writes down what it gets.
type tape struct {
	data [2][]byte // gaps as '?', at most 64 of each
	log  []string
	refs bool
}

func (s *tape) Data(d packet.Dir, b []byte, mark bool, seen, released packet.Ref) {
	s.data[d] = append(s.data[d], b...)
	entry := fmt.Sprintf("%s %q", arrow(d), b)
	if s.refs {
		entry += fmt.Sprintf(" %d/%d", seen.Frame, released.Frame)
	}
	s.log = append(s.log, entry)
	for i := range b { // the bytes are lent: what happens to them afterwards must hurt nobody
		b[i] = 0xdb
	}
}

func (s *tape) Gap(d packet.Dir, n uint64) {
	s.data[d] = append(s.data[d], bytes.Repeat([]byte{'?'}, int(min(n, 64)))...)
	s.log = append(s.log, fmt.Sprintf("%s gap %d", arrow(d), n))
}

func (s *tape) Close(d packet.Dir, why End) {
	s.log = append(s.log, fmt.Sprintf("%s close %v", arrow(d), why))
}

func arrow(d packet.Dir) string {
	if d == up {
		return ">"
	}
	return "<"
}

// rig is a shard with one connection whose two streams begin at the numbers c and s.
type rig struct {
	*Shard
	tape   tape
	id     *Conn
	c, s   uint32 // sequence numbers of the first bytes
	frame  uint64
	at     time.Duration
	last   packet.Packet
	marked bool // of the next segments
}

func newRig(o Options, c, s uint32) *rig {
	r := &rig{Shard: New(o), c: c, s: s}
	r.id = r.Open(&Start{}, &r.tape)
	return r
}

// seg gives a segment; seq and ack count from the first byte of each stream.
func (r *rig) seg(d packet.Dir, flags uint16, seq, ack int64, data string) bool {
	r.frame++
	p := &r.last
	*p = packet.Packet{Data: append([]byte{0}, data...), PayloadOff: 1, PayloadLen: uint32(len(data)), PayloadWire: uint32(len(data)),
		Frame: r.frame, Time: t0.Add(r.at), TCPFlags: flags, Window: 0xffff, Proto: packet.ProtoTCP, IPVersion: 4}
	mine, other := r.c, r.s
	if d == down {
		mine, other = other, mine
	}
	p.Seq, p.Ack = mine+uint32(seq), other+uint32(ack)
	lent := p.Data
	ok := r.Segment(r.id, d, p, r.marked)
	for i := range lent {
		lent[i] = 0xdb
	}
	return ok
}

// shake makes the handshake.
func (r *rig) shake() {
	r.seg(up, packet.SYN, -1, 0, "")
	r.seg(down, packet.SYN|packet.ACK, -1, 0, "")
	r.seg(up, packet.ACK, 0, 0, "")
}

func (r *rig) want(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := strings.Join(r.tape.log, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if r.id.half[0].q.empty() && r.id.half[1].q.empty() && r.stats.Bytes != 0 {
		t.Errorf("%d bytes held by nobody", r.stats.Bytes)
	}
}

func (r *rig) has(a packet.Anomaly) bool {
	for _, x := range r.last.Anomalies[:r.last.NAnomaly] {
		if x == a {
			return true
		}
	}
	return false
}

const (
	ack = packet.ACK
	fin = packet.FIN | packet.ACK
)

func TestConversations(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    Options
		play func(t *testing.T, r *rig)
		want []string
	}{
		{"released by the acknowledgement", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "GET")
			if len(r.tape.log) != 0 {
				t.Error("released too early")
			}
			r.seg(down, ack, 0, 3, "200")
			r.seg(up, ack, 3, 3, "")
		}, []string{`> "GET"`, `< "200"`}},
		{"in part", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "abcdef")
			r.seg(down, ack, 0, 2, "")
			r.seg(down, ack, 0, 6, "")
		}, []string{`> "ab"`, `> "cdef"`}},
		{"out of order", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 4, 0, "ef")
			r.seg(up, ack, 0, 0, "ab")
			r.seg(up, ack, 2, 0, "cd")
			r.seg(down, ack, 0, 6, "")
		}, []string{`> "ab"`, `> "cd"`, `> "ef"`}},
		{"repeats", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(up, ack, 0, 0, "abcd")
			r.seg(down, ack, 0, 4, "")
			r.seg(up, ack, 0, 0, "XXXX")
			r.seg(up, ack, 2, 0, "XXef")
			r.seg(down, ack, 0, 6, "")
			if r.stats.Discarded[ReasonOld] != 1 || r.stats.Conflicts != 0 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`> "ab"`, `> "cd"`, `> "ef"`}},
		{"FIN both ways", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, fin, 0, 0, "bye")
			r.seg(down, ack, 0, 4, "")
			r.seg(down, fin, 0, 4, "")
			if r.seg(up, ack, 4, 1, "") {
				t.Error("still open")
			}
		}, []string{`> "bye"`, `> close fin`, `< close fin`}},
		{"FIN before the data", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, fin, 3, 0, "")
			r.seg(up, ack, 0, 0, "bye")
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "bye"`, `> close fin`}},
		{"data after FIN", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, fin, 0, 0, "bye")
			r.seg(up, ack, 3, 0, "evil")
			r.seg(up, ack, 2, 0, "evil")
			r.seg(down, ack, 0, 4, "")
			if r.stats.Discarded[ReasonAfterFIN] != 2 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`> "bye"`, `> close fin`}},
		{"acknowledged data survives RST", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "abc")
			r.seg(down, packet.RST|ack, 0, 3, "")
			if r.seg(up, ack, 3, 0, "late") {
				t.Error("still open")
			}
		}, []string{`> "abc"`, `< close reset`, `> close reset`}},
		{"the last word before RST, not acknowledged", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "hello")
			r.seg(down, ack, 0, 5, "alert")
			r.seg(down, packet.RST|ack, 5, 5, "")
		}, []string{`> "hello"`, `< "alert"`, `< close reset`, `> close reset`}},
		{"RST of who did not hear the last word", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "hello")
			r.seg(down, ack, 0, 5, "alert")
			r.seg(up, packet.RST, 5, 0, "")
		}, []string{`> "hello"`, `< "alert"`, `> close reset`, `< close reset`}},
		{"both sides' last words", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "hello")
			r.seg(down, ack, 0, 0, "alert")
			r.seg(down, packet.RST|ack, 5, 0, "")
		}, []string{`> "hello"`, `< "alert"`, `< close reset`, `> close reset`}},
		{"the last word behind a hole", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "hello")
			r.seg(down, ack, 3, 5, "alert")
			r.seg(down, packet.RST|ack, 8, 5, "")
		}, []string{`> "hello"`, `< gap 3`, `< "alert"`, `< close reset`, `> close reset`}},
		{"the end of the input, the last word not acknowledged", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "hello")
			r.seg(down, ack, 0, 5, "alert")
			r.Close(r.id, event.EndInput)
		}, []string{`> "hello"`, `< "alert"`, `> close input`, `< close input`}},
		{"RST outside the window", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, packet.RST, 1<<28, 0, "")
			r.seg(up, packet.RST, -5, 0, "")
			r.seg(up, ack, 0, 0, "ab")
			r.seg(down, ack, 0, 2, "")
			if r.stats.Discarded[ReasonOutOfWindow] != 1 || r.stats.Discarded[ReasonInvalidRST] != 1 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`> "ab"`}},
		{"refused", Options{}, func(t *testing.T, r *rig) {
			r.seg(up, packet.SYN, -1, 0, "")
			r.s = 0
			r.seg(down, packet.RST|ack, 0, 0, "")
		}, []string{`< close reset`, `> close reset`}},
		{"a hole that is acknowledged and never filled", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(up, ack, 5, 0, "fg")
			r.seg(down, ack, 0, 7, "")
			r.at += 999 * time.Millisecond
			r.seg(down, ack, 0, 7, "")
			r.at += time.Millisecond
			r.Age(t0.Add(r.at))
		}, []string{`> "ab"`, `> gap 3`, `> "fg"`}},
		{"the other side turns up, then a hole", Options{}, func(t *testing.T, r *rig) {
			r.seg(up, ack, 0, 0, "ab")
			r.seg(up, ack, 5, 0, "fg")
			r.at += 500 * time.Millisecond
			r.seg(down, ack, 0, 7, "")
			r.at += time.Second
			r.Age(t0.Add(r.at))
		}, []string{`> "ab"`, `> gap 3`, `> "fg"`}},
		{"a hole that is filled after its acknowledgement: the capture reordered", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(down, ack, 0, 4, "")
			r.seg(up, ack, 2, 0, "cd")
			r.at += 10 * time.Millisecond
			r.seg(up, ack, 0, 0, "ab")
		}, []string{`> "ab"`, `> "cd"`}},
		{"much data behind a hole", Options{GapBytes: 4}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 1, 0, "bcdef")
			r.seg(down, ack, 0, 6, "")
		}, []string{`> gap 1`, `> "bcdef"`}},
		{"one-sided", Options{}, func(t *testing.T, r *rig) {
			r.seg(down, ack, 0, 0, "ab")
			r.at += time.Second
			r.seg(down, ack, 2, 0, "cd")
			r.seg(down, ack, 5, 0, "fg")
			r.at += time.Second
			r.Age(t0.Add(r.at))
			r.seg(down, fin, 7, 0, "")
			if r.stats.OneSided != 1 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`< "ab"`, `< "cd"`, `< gap 1`, `< "fg"`, `< close fin`}},
		{"mid-stream, first packets out of order", Options{}, func(t *testing.T, r *rig) {
			r.seg(up, ack, 1003, 5000, "def")
			r.seg(up, ack, 1000, 5000, "abc")
			r.seg(down, ack, 5000, 1006, "xyz")
			r.seg(up, ack, 1006, 5003, "")
			r.seg(up, ack, 990, 5003, "old")
		}, []string{`> "abc"`, `> "def"`, `< "xyz"`}},
		{"data in the SYN, taken", Options{}, func(t *testing.T, r *rig) {
			r.seg(up, packet.SYN, -1, 0, "GET")
			r.seg(down, packet.SYN|ack, -1, 3, "")
			r.seg(up, ack, 3, 0, "!")
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "GET"`, `> "!"`}},
		{"data in the SYN, refused", Options{Policy: func(packet.Addr) Policy { return PolicyFirst }}, func(t *testing.T, r *rig) {
			r.seg(up, packet.SYN, -1, 0, "bad")
			r.seg(down, packet.SYN|ack, -1, 0, "")
			if !r.has(packet.Stream3WHSSynAckTFODataIgnored) {
				t.Error("no anomaly")
			}
			r.seg(up, ack, 0, 0, "GET")
			r.seg(down, ack, 0, 3, "")
		}, []string{`> "GET"`}},
		{"depth", Options{Depth: 4}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "abcdef")
			r.seg(down, ack, 0, 6, "")
			r.seg(up, ack, 6, 0, "gh")
			r.seg(down, ack, 0, 8, "")
			if r.stats.Discarded[ReasonAfterEnd] != 1 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`> "abcd"`, `> close depth`}},
		{"urgent byte", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.last.Urgent = 3
			r.urg(up, 0, 3, "abXd")
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "ab"`, `> "d"`}},
		{"urgent byte in line", Options{Urgent: UrgentInline}, func(t *testing.T, r *rig) {
			r.shake()
			r.urg(up, 0, 3, "abXd")
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "abXd"`}},
		{"keep-alive", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(down, ack, 0, 2, "")
			r.seg(up, ack, 1, 0, "\x00")
			r.seg(up, ack, 1, 0, "")
			if r.stats.KeepAlives != 2 {
				t.Errorf("%+v", r.stats)
			}
		}, []string{`> "ab"`}},
		{"outside the window", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 1<<24, 0, "far")
			if r.stats.Discarded[ReasonOutOfWindow] != 1 || !r.has(packet.StreamEstPacketOutOfWindow) {
				t.Errorf("%+v", r.stats)
			}
		}, nil},
		{"acknowledges what was never allowed", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(down, ack, 0, 1<<24, "")
			if r.stats.Discarded[ReasonInvalidACK] != 1 || !r.has(packet.StreamPktInvalidAck) {
				t.Errorf("%+v", r.stats)
			}
		}, nil},
		{"conflicting data", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "good")
			r.seg(up, ack, 0, 0, "evil")
			if !r.has(packet.StreamReassemblyOverlapDifferentData) {
				t.Error("no anomaly")
			}
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "good"`}},
		{"new data splits old", Options{Policy: func(packet.Addr) Policy { return PolicyLast }}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "abcdefgh")
			r.seg(up, ack, 3, 0, "XY")
			r.seg(down, ack, 0, 8, "")
		}, []string{`> "abc"`, `> "XY"`, `> "fgh"`}},
		{"cut by the capture", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.cut(up, 0, "abcd", 2)
			r.seg(up, ack, 4, 0, "ef")
			r.seg(down, ack, 0, 6, "")
		}, []string{`> "ab"`, `> gap 2`, `> "ef"`}},
		{"cut by the capture, then repeated whole", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.cut(up, 0, "abcd", 2)
			r.seg(up, ack, 0, 0, "abcd")
			r.seg(down, ack, 0, 4, "")
		}, []string{`> "ab"`, `> "cd"`}},
		{"the flow ends with data that nobody acknowledged", Options{}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(up, ack, 3, 0, "d")
			r.Close(r.id, event.EndInput)
		}, []string{`> "ab"`, `> gap 1`, `> "d"`, `> close input`, `< close input`}},
		{"over the memory limit", Options{MemCap: 2000}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			for i := range int64(12) {
				r.seg(up, ack, 3+i, 0, "x")
				if r.stats.Bytes > 2000 {
					t.Errorf("%d bytes", r.stats.Bytes)
				}
			}
			if r.stats.Evicted == 0 {
				t.Error("not counted")
			}
			r.tape.log = r.tape.log[:3]
		}, []string{`> "ab"`, `> gap 1`, `> "x"`}},
		{"too many runs", Options{MaxRuns: 2}, func(t *testing.T, r *rig) {
			r.shake()
			r.seg(up, ack, 8, 0, "x")
			r.seg(up, ack, 6, 0, "x")
			r.seg(up, ack, 4, 0, "x")
			if r.stats.Discarded[ReasonTooManyHoles] != 1 || !r.has(packet.StreamReassemblyInsertLimit) {
				t.Errorf("%+v", r.stats)
			}
		}, nil},
		{"a new SYN before any answer", Options{}, func(t *testing.T, r *rig) {
			r.seg(up, packet.SYN, -1, 0, "")
			r.c += 1 << 30
			r.shake()
			r.seg(up, ack, 0, 0, "ab")
			r.seg(down, ack, 0, 2, "")
		}, []string{`> "ab"`}},
	} {
		for _, start := range []uint32{1000, 0xfffffffe} {
			t.Run(fmt.Sprintf("%s/%d", tc.name, start), func(t *testing.T) {
				r := newRig(tc.o, start, start+77)
				tc.play(t, r)
				r.want(t, tc.want...)
			})
		}
	}
}

func (r *rig) urg(d packet.Dir, seq int64, ptr uint16, data string) {
	p := packet.Packet{Data: []byte("\x00" + data), PayloadOff: 1, PayloadLen: uint32(len(data)), PayloadWire: uint32(len(data)),
		Time: t0, TCPFlags: ack | packet.URG, Urgent: ptr, Window: 0xffff, Seq: r.c + uint32(seq), Ack: r.s}
	r.Segment(r.id, d, &p, false)
}

func (r *rig) cut(d packet.Dir, seq int64, data string, kept int) {
	p := packet.Packet{Data: []byte("\x00" + data[:kept]), PayloadOff: 1, PayloadLen: uint32(kept), PayloadWire: uint32(len(data)),
		Time: t0, TCPFlags: ack, Window: 0xffff, Seq: r.c + uint32(seq), Ack: r.s}
	r.Segment(r.id, d, &p, false)
}

func TestRefs(t *testing.T) {
	r := newRig(Options{}, 1, 1)
	r.tape.refs = true
	r.shake()
	r.seg(up, ack, 2, 0, "cd") // frame 4
	r.seg(up, ack, 0, 0, "ab") // frame 5
	r.seg(down, ack, 0, 4, "") // frame 6
	r.want(t, `> "ab" 5/6`, `> "cd" 4/6`)
}

// marks is a sink that writes down which bytes came with the mark of their packet.
type marks struct {
	null
	of []bool
}

func (s *marks) Data(d packet.Dir, b []byte, mark bool, _, _ packet.Ref) {
	for range b {
		s.of = append(s.of, mark)
	}
}

// TestMark: a packet's mark goes with its bytes, whoever releases them, and only with those of them that count.
func TestMark(t *testing.T) {
	r := newRig(Options{}, 100, 200)
	sink := &marks{}
	r.id = r.Open(&Start{}, sink)
	r.shake()
	for _, x := range []struct {
		seq  int64
		data string
		mark bool
	}{{2, "cd", false}, {0, "ab", true}, {4, "ef", true}, {7, "h", true}, {3, "xxx", false}} { // BSD: what begins earlier counts, here xx for ef
		r.marked = x.mark
		r.seg(up, packet.ACK, x.seq, 0, x.data)
	}
	r.marked = false
	r.seg(down, packet.ACK, 0, 5, "")
	r.seg(down, packet.ACK, 0, 6, "")
	r.seg(up, packet.ACK, 6, 0, "g")
	r.seg(down, packet.ACK, 0, 8, "")
	if want := []bool{true, true, false, false, false, false, false, true}; !slices.Equal(sink.of, want) {
		t.Errorf("%v, want %v", sink.of, want)
	}
}
