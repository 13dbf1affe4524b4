package stream

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

// Each policy in each relation of two segments: which bytes the target has when "new" overlaps "old".
func TestPolicies(t *testing.T) {
	type rel struct{ oldAt, oldLen, newAt, newLen int64 }
	rels := map[string]rel{
		"same":          {4, 4, 4, 4},
		"same, longer":  {4, 4, 4, 6},
		"same, shorter": {4, 4, 4, 2},
		"before":        {4, 4, 2, 4},
		"before, end":   {4, 4, 2, 6},
		"around":        {4, 4, 2, 8},
		"after":         {4, 4, 6, 4},
		"inside":        {4, 4, 5, 2},
		"after, end":    {4, 4, 6, 2},
	}
	wins := map[Policy]string{
		PolicyFirst:    "",
		PolicyLast:     "same;same, longer;same, shorter;before;before, end;around;after;inside;after, end",
		PolicyBSD:      "before;before, end;around",
		PolicyWindows:  "before;before, end;around",
		PolicyLinux:    "before;before, end;around;same, longer",
		PolicyOldLinux: "before;before, end;around;same, longer;same",
		PolicySolaris:  "before, end;around;same;same, longer;after",
	}
	for policy, list := range wins {
		for name, x := range rels {
			r := newRig(Options{Policy: func(packet.Addr) Policy { return policy }}, 9, 9)
			r.shake()
			r.seg(up, ack, x.oldAt, 0, strings.Repeat("o", int(x.oldLen)))
			r.seg(up, ack, x.newAt, 0, strings.Repeat("n", int(x.newLen)))
			r.seg(up, ack, 0, 0, "....")
			r.seg(down, ack, 0, 20, "")
			r.Close(r.id, event.EndInput)
			at := max(x.oldAt, x.newAt)
			want := byte('o')
			for _, w := range strings.Split(list, ";") {
				if w == name {
					want = 'n'
				}
			}
			if got := r.tape.data[up][at]; got != want {
				t.Errorf("%v, %s: %c, want %c (%q)", policy, name, got, want, r.tape.data[up])
			}
		}
		if p, ok := ParsePolicy(policy.String()); !ok || p != policy {
			t.Errorf("%v does not survive its name", policy)
		}
	}
	if p, ok := ParsePolicy("hpux11"); !ok || p != PolicySolaris {
		t.Error("hpux11")
	}
}

// The bytes do not depend on how they were cut, in which order they came, or where the numbers wrap.
func TestSegmentation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	whole := make([]byte, 200_000)
	for i := range whole {
		whole[i] = byte(rng.Uint32())
	}
	for _, size := range []int{1, 7, 1460, 65535} {
		for _, shuffle := range []int{1, 16} {
			n := len(whole)
			if size == 1 {
				n = 20_000
			}
			r := newRig(Options{}, 0xffff_0000, 5)
			r.shake()
			if size > 1<<15 {
				shuffle = min(shuffle, 2) // the rig's window is 64 KiB
			}
			var segs [][2]int
			for a := 0; a < n; a += size {
				segs = append(segs, [2]int{a, min(a+size, n)})
			}
			for i := 0; i < len(segs); i += shuffle {
				part := segs[i:min(i+shuffle, len(segs))]
				rng.Shuffle(len(part), func(a, b int) { part[a], part[b] = part[b], part[a] })
				top := 0
				for _, x := range part {
					r.seg(up, ack, int64(x[0]), 0, string(whole[x[0]:x[1]]))
					top = max(top, x[1])
				}
				r.seg(down, ack, 0, int64(top), "")
			}
			if !bytes.Equal(r.tape.data[up], whole[:n]) {
				t.Errorf("size %d, shuffle %d: %d bytes, not those sent", size, shuffle, len(r.tape.data[up]))
			}
			if r.stats.Bytes != 0 || r.stats.Gaps != 0 {
				t.Errorf("size %d: %+v", size, r.stats)
			}
		}
	}
}

// stopper stops or drops from inside Data.
type stopper struct {
	tape
	do func()
}

func (s *stopper) Data(d packet.Dir, b []byte, mark bool, seen, released packet.Ref) {
	s.tape.Data(d, b, mark, seen, released)
	s.do()
}

func TestStopInsideData(t *testing.T) {
	for _, drop := range []bool{false, true} {
		s := &stopper{}
		r := &rig{Shard: New(Options{}), c: 1, s: 1}
		r.id = r.Open(&Start{}, s)
		s.do = func() { r.Stop(r.id, up) }
		if drop {
			s.do = func() { r.Drop(r.id) }
		}
		r.shake()
		r.seg(up, ack, 0, 0, "ab")
		r.seg(up, ack, 2, 0, "cd")
		r.seg(down, ack, 0, 4, "x")
		if len(s.log) != 1 {
			t.Errorf("drop %v: %q", drop, s.log)
		}
		if live := r.stats.Live; drop != (live == 0) || r.stats.Bytes > 256 {
			t.Errorf("drop %v: %+v", drop, r.stats)
		}
		r.Close(r.id, event.EndInput)
		if r.stats.Live != 0 || r.stats.Bytes != 0 {
			t.Errorf("left: %+v", r.stats)
		}
	}
}

func TestRunsString(t *testing.T) {
	var q runs
	p := pool{limit: 1 << 20, used: new(int)}
	put := func(at int64, n int, data []byte) {
		i, j := q.overlap(at, at+int64(n))
		q.insert(&p, i, j, at, n, data, at, at+int64(n), packet.Ref{}, false, PolicyBSD)
	}
	put(0, 4, []byte("abcd"))
	put(8, 4, []byte("ijkl"))
	put(4, 2, nil)
	put(2, 8, []byte("CDEFGHIJ"))
	if got, want := q.String(), "[0,4) [4,10) [10,12)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if q.bytes() != 12 || q.differs(0, 1, 0, []byte("abcx")) != true {
		t.Error("bytes or differs")
	}
	q.reset(&p)
	if q.mem != 0 || !q.empty() {
		t.Errorf("%d bytes left", q.mem)
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(Options{}, 1, 1)
	r.shake()
	sink := &null{}
	r.id.sink = sink
	p := r.last
	p.Data = make([]byte, 1461)
	p.PayloadOff, p.PayloadLen, p.PayloadWire = 1, 1460, 1460
	q := r.last
	q.Data, q.PayloadLen, q.PayloadWire = nil, 0, 0
	p.Seq, p.Ack, q.Seq, q.Ack = r.c, r.s, r.s, r.c
	p.TCPFlags, q.TCPFlags = ack, ack
	run := func() {
		r.Segment(r.id, up, &p, false)
		p.Seq += 1460
		q.Ack = p.Seq
		r.Segment(r.id, down, &q, false)
	}
	run()
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations per segment", n)
	}
	if sink.n != 1002*1460 {
		t.Errorf("%d bytes", sink.n)
	}
}

type null struct{ n int }

func (s *null) Data(_ packet.Dir, b []byte, _ bool, _, _ packet.Ref) { s.n += len(b) }
func (s *null) Gap(packet.Dir, uint64)                               {}
func (s *null) Close(packet.Dir, End)                                {}
