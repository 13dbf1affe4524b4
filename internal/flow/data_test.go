package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/packet"
)

func TestSegments(t *testing.T) {
	type want struct{ retrans, gap, ooo, gaps uint32 }
	for _, c := range []struct {
		name, script string
		want         want // of the client's side
		events       string
	}{
		{"in order", "1 > PA seq=1001 ack=5001 len=100\n1 > PA seq=1101 ack=5001 len=100\n1 < A seq=5001 ack=1201", want{}, ""},
		{"seen twice", "1 > PA seq=1001 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100", want{retrans: 1}, ""},
		{"acknowledged and seen twice", "1 > PA seq=1001 ack=5001 len=100\n1.1 < A seq=5001 ack=1101\n1.3 > PA seq=1001 ack=5001 len=100", want{retrans: 1},
			" stream.pkt_spurious_retransmission@6"},
		{"lost before the sensor", "1 > PA seq=1101 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100", want{gap: 1}, ""},
		{"overtaken", "1 > PA seq=1101 ack=5001 len=100\n1.001 > PA seq=1001 ack=5001 len=100", want{ooo: 1}, ""},
		{"early, but after three duplicate acknowledgements", "1 < A seq=5001 ack=1001\n1 > PA seq=1101 ack=5001 len=100\n1.0005 < A seq=5001 ack=1001\n1.0006 < A seq=5001 ack=1001\n1.0007 < A seq=5001 ack=1001\n1.001 > PA seq=1001 ack=5001 len=100", want{gap: 1}, ""},
		{"lost by the capture", "1 > PA seq=1101 ack=5001 len=100\n1.3 < A seq=5001 ack=1201", want{gaps: 1}, ""},
		{"end lost by the capture", "1 > PA seq=1001 ack=5001 len=100\n1.3 < A seq=5001 ack=1301", want{gaps: 1}, ""},
		{"keep-alive", "1 > PA seq=1001 ack=5001 len=100\n1.1 < A seq=5001 ack=1101\n60 > A seq=1100 ack=5001 len=1\n60.1 < A seq=5001 ack=1101\n120 > A seq=1100 ack=5001\n120.1 < A seq=5001 ack=1101", want{}, ""},
		{"two holes, filled backwards", "1 > PA seq=1101 ack=5001 len=100\n1 > PA seq=1301 ack=5001 len=100\n2 > PA seq=1201 ack=5001 len=100\n2 > PA seq=1001 ack=5001 len=100\n2 < A seq=5001 ack=1401", want{gap: 2}, ""},
		{"middle of a hole", "1 > PA seq=1301 ack=5001 len=100\n2 > PA seq=1101 ack=5001 len=100\n2.1 > PA seq=1001 ack=5001 len=100\n2.2 > PA seq=1201 ack=5001 len=100\n2.3 < A seq=5001 ack=1401", want{gap: 3}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, shake+c.script)
			if got, w := says(evs), "started@1 answered@2 established@3"+c.events+" ended:shutdown"; got != w {
				t.Errorf("events\n got %s\nwant %s", got, w)
			}
			s := flowsOf(evs, event.Ended)[0].Sides[packet.ToServer]
			if got := (want{s.Retrans, s.RetransGap, s.OutOfOrder, s.Gaps}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if s.Retrans > 0 && s.RetransRefs[0].IsZero() || s.RetransGap > 0 && s.GapRefs[0].IsZero() {
				t.Error("no reference")
			}
		})
	}
}

// TestWrap runs the same exchange with numbers that pass 2^32: it must be told the same way.
func TestWrap(t *testing.T) {
	lines := parse(t, shake+`
1   > PA seq=1001 ack=5001 len=100
1.1 < A  seq=5001 ack=1101
1.2 > PA seq=1101 ack=5001 len=100
1.5 > PA seq=1101 ack=5001 len=100
1.6 < PA seq=5201 ack=1201 len=50
1.7 < PA seq=5001 ack=1201 len=200
1.8 > A  seq=1201 ack=5251
2   < FA seq=5251 ack=1201
2.1 > FA seq=1201 ack=5252
2.2 < A  seq=5252 ack=1202
`)
	want := ""
	for _, shift := range []uint32{0, 1<<32 - 1001, 1<<32 - 1050, 1<<32 - 1101, 1<<32 - 1202, 1<<32 - 5001, 1<<32 - 5100, 1<<32 - 5252, 1 << 31} {
		moved := make([]line, len(lines))
		for i, l := range lines {
			p := *l.p
			p.Seq += shift
			if p.TCPFlags&packet.ACK != 0 {
				p.Ack += shift
			}
			moved[i].p = &p
		}
		evs := runLines(New(Options{}), moved)
		f := flowsOf(evs, event.Ended)[0]
		got := says(evs)
		if f.Sides[0].Retrans != 1 || f.Sides[1].RetransGap != 1 || f.Sides[0].Next != 1202+shift || f.Sides[1].Acked != 5252+shift {
			t.Errorf("shift %d: %+v", shift, f.Sides)
		}
		if want == "" {
			want = got
		} else if got != want {
			t.Errorf("shift %d:\n got %s\nwant %s", shift, got, want)
		}
	}
}

func TestStall(t *testing.T) {
	const data = shake + `
1    > PA seq=1001 ack=5001 len=10 df
1.1  < A  seq=5001 ack=1011
301  > PA seq=1011 ack=5001 len=10 df
302  > PA seq=1011 ack=5001 len=10 df
304  > PA seq=1011 ack=5001 len=10 df
`
	const begin = "started@1 answered@2 established@3 "
	for _, c := range []struct {
		name, script, want string
		check              func(t *testing.T, f *event.Flow)
	}{
		{"idle, then silence", data + "308 > PA seq=1011 ack=5001 len=10 df", "stalled@9 ended:shutdown", func(t *testing.T, f *event.Flow) {
			s := f.Stall
			if s.Tries != 4 || s.First.Frame != 6 || s.Last.Frame != 9 || s.Before.Frame != 5 || s.IdleBefore != 299900*time.Millisecond ||
				s.PeerSpoke || s.SmallPassed || !s.DF || !s.Handshake || s.Seq != 1011 || s.IPLen != 50 {
				t.Errorf("%+v", s)
			}
			if f.IdleSurvived >= 299*time.Second {
				t.Errorf("idle survived %v though nothing came back", f.IdleSurvived)
			}
		}},
		{"said by time", data + "age 304.9\nage 305.1", "stalled ended:shutdown", nil},
		{"not yet", data + "age 304.9", "ended:shutdown", nil},
		{"resumed", data + "age 306\n307 < A seq=5001 ack=1021", "stalled resumed@9 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if f.IdleSurvived < 299*time.Second || f.IdleFrom.Frame != 5 || f.IdleTo.Frame != 6 {
				t.Errorf("idle survived %v", f.IdleSurvived)
			}
		}},
		{"answered in time", data + "304.1 < A seq=5001 ack=1021\nage 320", "ended:shutdown", nil},
		{"other side speaks", data + "304.5 < A seq=5001 ack=1011\nage 306", "stalled ended:shutdown", func(t *testing.T, f *event.Flow) {
			if !f.Stall.PeerSpoke {
				t.Errorf("%+v", f.Stall)
			}
		}},
		{"one segment answered by RST", shake + "400 > PA seq=1001 ack=5001 len=10\n400.1 < R seq=5001 ttl=50", "reset@5 ended:shutdown", func(t *testing.T, f *event.Flow) {
			s := f.Stall
			if !s.EndedByRST || s.RSTTTL != 50 || s.RST.Frame != 5 || s.First.Frame != 4 || s.Before.Frame != 3 || s.Tries != 1 || s.IdleBefore < 399*time.Second {
				t.Errorf("%+v", s)
			}
		}},
		{"large segments vanish, small ones pass", shake + `
1   > PA seq=1001 ack=5001 len=100
1.1 < A  seq=5001 ack=1101
1.2 < A  seq=5001 ack=1101 len=1460 df
1.2 < PA seq=6461 ack=1101 len=300 df
1.3 > A  seq=1101 ack=5001 sack=6461-6761
1.6 < A  seq=5001 ack=1101 len=1460 df
2.2 < A  seq=5001 ack=1101 len=1460 df
3.4 < A  seq=5001 ack=1101 len=1460 df
`, "stalled@11 ended:shutdown", func(t *testing.T, f *event.Flow) {
			s := f.Stall
			if !s.SmallPassed || s.IPLen != 1500 || s.Dir != packet.ToClient || s.Tries != 4 || s.First.Frame != 6 || !s.DF {
				t.Errorf("%+v", s)
			}
			if f.Sides[1].MaxDelivered != 40 && f.Sides[1].MaxDelivered != 0 {
				t.Errorf("delivered %d", f.Sides[1].MaxDelivered)
			}
		}},
		{"closed window is no loss", shake + `
1   > PA seq=1001 ack=5001 len=100
1.1 < A  seq=5001 ack=1101 win=0
2   > A  seq=1101 ack=5001 len=1
3   > A  seq=1101 ack=5001 len=1
4   > A  seq=1101 ack=5001 len=1
6   < A  seq=5001 ack=1101 win=0
`, "stalled@9 ended:shutdown", func(t *testing.T, f *event.Flow) {
			if !f.Stall.WindowClosed || f.Sides[0].Retrans != 0 {
				t.Errorf("%+v retrans %d", f.Stall, f.Sides[0].Retrans)
			}
			z := f.Sides[1]
			if z.ZeroCount != 1 || z.ZeroProbes != 3 || z.ZeroLongest != 4900*time.Millisecond || z.ZeroFrom.Frame != 5 || !z.ZeroTo.IsZero() {
				t.Errorf("%+v", z)
			}
		}},
		{"data beyond the own FIN", shake + "1 > FA seq=1001 ack=5001\n1.1 > PA seq=1002 ack=5001 len=10", "half_closed@4 stream.data_after_fin@5 ended:shutdown", nil},
		{"last data again after the FIN", shake + "1 > PA seq=1001 ack=5001 len=10\n1.1 > FA seq=1011 ack=5001\n1.2 > PA seq=1001 ack=5001 len=10\n1.3 < A seq=5001 ack=1012",
			"half_closed@5 ended:shutdown", nil},
		{"FIN in vain", shake + "1 > FA seq=1001 ack=5001\n2 > FA seq=1001 ack=5001\n4 > FA seq=1001 ack=5001\nage 9", "half_closed@4 stalled ended:shutdown", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			if got, want := says(evs), begin+c.want; got != want {
				t.Fatalf("events\n got %s\nwant %s", got, want)
			}
			if c.check != nil {
				f := flowsOf(evs, event.Ended)[0]
				c.check(t, f)
			}
		})
	}
}

func TestExchanges(t *testing.T) {
	evs := run(t, Options{}, shake+`
1   > PA seq=1001 ack=5001 len=100
1.1 > PA seq=1101 ack=5001 len=100
2.1 < PA seq=5001 ack=1201 len=50
2.2 < PA seq=5051 ack=1201 len=50
3   > PA seq=1201 ack=5101 len=50
3.1 < PA seq=5101 ack=1251 len=50
`)
	if got, want := says(evs), "started@1 answered@2 established@3 exchange@6 ended:shutdown"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	x := evs[3].(*event.Exchange)
	if x.Think != time.Second || x.Request.Frame != 5 || x.Response.Frame != 6 || x.Count != 1 || x.Retrans || x.RTT != 20*time.Millisecond {
		t.Errorf("%+v", x)
	}
	f := flowsOf(evs, event.Ended)[0]
	if f.Exchanges != 2 || f.ThinkTotal != 1100*time.Millisecond || f.ThinkMax != time.Second {
		t.Errorf("%d exchanges, %v, %v", f.Exchanges, f.ThinkTotal, f.ThinkMax)
	}
	if d := f.Sides[1].MaxDelivered; d != 90 {
		t.Errorf("delivered %d", d)
	}
	// Server first: the greeting is no answer.
	evs = run(t, Options{}, shake+"5 < PA seq=5001 ack=1001 len=50\n5.1 > PA seq=1001 ack=5051 len=9\n5.2 < PA seq=5051 ack=1010 len=9")
	if f := flowsOf(evs, event.Ended)[0]; f.Exchanges != 1 || f.ThinkMax != 100*time.Millisecond {
		t.Errorf("%d exchanges, %v", f.Exchanges, f.ThinkMax)
	}
}

// What the capture lost decides how long an answer seems to take: where the answer's begin or the request's end is missing,
// nothing is measured.
func TestExchangesWithHoles(t *testing.T) {
	for _, c := range []struct {
		name, lines string
		total       time.Duration
	}{
		{"the answer's begin", "1 > PA seq=1001 ack=5001 len=100\n2.1 < PA seq=5051 ack=1101 len=50", 0},
		{"the request's end", "1 > PA seq=1001 ack=5001 len=100\n2.1 < PA seq=5001 ack=1201 len=50", 0},
		{"the answer's begin comes late", "1 > PA seq=1001 ack=5001 len=100\n2.1 < PA seq=5051 ack=1101 len=50\n2.2 < PA seq=5001 ack=1101 len=50", 0},
		{"the second answer's begin", "1 > PA seq=1001 ack=5001 len=100\n1.1 < PA seq=5001 ack=1101 len=50\n1.2 > PA seq=1101 ack=5051 len=100\n3 < PA seq=5151 ack=1201 len=50",
			100 * time.Millisecond},
	} {
		evs := run(t, Options{}, shake+c.lines)
		if f := flowsOf(evs, event.Ended)[0]; f.ThinkTotal != c.total || f.Exchanges == 0 || strings.Contains(says(evs), "exchange") {
			t.Errorf("%s: %d exchanges, %v, %s", c.name, f.Exchanges, f.ThinkTotal, says(evs))
		}
	}
}

// The server speaks unasked: the longest silence before that is kept, the greeting does not count.
func TestUnasked(t *testing.T) {
	for _, c := range []struct {
		script string
		want   time.Duration
	}{
		{"1 < PA seq=5001 ack=1001 len=50\n1.1 > PA seq=1001 ack=5051 len=9\n1.2 < PA seq=5051 ack=1010 len=9", 0},
		{"1 > PA seq=1001 ack=5001 len=9\n1.1 < PA seq=5001 ack=1010 len=9\n2.6 < PA seq=5010 ack=1010 len=9\n3 < PA seq=5019 ack=1010 len=9", 1500 * time.Millisecond},
	} {
		evs := run(t, Options{}, shake+c.script)
		if f := flowsOf(evs, event.Ended)[0]; f.Unasked != c.want {
			t.Errorf("%q: %v, want %v", c.script, f.Unasked, c.want)
		}
	}
}

func TestWindow(t *testing.T) {
	const begin = "started@1 answered@2 established@3 "
	for _, c := range []struct{ name, script, want string }{
		{"inside", shake + "1 > A seq=1001 ack=5001 len=1000", ""},
		{"far beyond the receiver's window", shake + "1 > A seq=900001 ack=5001 len=10", "stream.est_packet_out_of_window@4 "},
		{"long acknowledged", shake + "1 > PA seq=1001 ack=5001 len=8000\n1.1 < A seq=5001 ack=9001\n1.2 > PA seq=9001 ack=5001 len=8000\n1.3 < A seq=5001 ack=17001\n1.5 > PA seq=1001 ack=5001 len=100",
			"stream.est_pkt_before_last_ack@8 "},
		{"acknowledges what nobody sent", shake + "1 > A seq=1001 ack=90000000", "stream.est_invalid_ack@4 "},
		{"once per direction", shake + "1 > A seq=900001 ack=5001 len=10\n2 > A seq=99000001 ack=5001 len=10", "stream.est_packet_out_of_window@4 "},
		{"older clock", "0 > S seq=1000 ts=50\n0.1 < SA seq=5000 ack=1001 ts=7\n0.2 > A seq=1001 ack=5001 ts=51\n1 > PA seq=1001 ack=5001 len=5 ts=40", "stream.pkt_invalid_timestamp@4 "},
		{"RST with data", shake + "1 > R seq=1001 len=5", "stream.rst_with_data@4 reset@4 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			evs := run(t, Options{}, c.script)
			if got, want := says(evs), begin+c.want+"ended:shutdown"; got != want {
				t.Fatalf("events\n got %s\nwant %s", got, want)
			}
		})
	}
	evs := run(t, Options{}, shake+"1 > A seq=900001 ack=5001 len=10")
	if f := flowsOf(evs, event.Ended)[0]; f.Sides[0].Next != 1001 || f.Sides[0].Gaps != 0 {
		t.Errorf("a forged number was taken: next %d", f.Sides[0].Next)
	}
	// A capture that lost a megabyte is corrected by the second packet in the new place.
	evs = run(t, Options{}, shake+"1 > A seq=90001001 ack=5001 len=10\n1 > A seq=90001011 ack=5001 len=10\n1 < A seq=5001 ack=90001021")
	if f := flowsOf(evs, event.Ended)[0]; f.Sides[0].Next != 90001021 {
		t.Errorf("not corrected: next %d", f.Sides[0].Next)
	}
	// Scaled windows; window and flight are told.
	evs = run(t, Options{}, "0 > S seq=1000 ws=7\n0.1 < SA seq=5000 ack=1001 ws=3\n0.2 > A seq=1001 ack=5001 win=1000\n1 < A seq=5001 ack=1001 len=100000 win=10")
	f := flowsOf(evs, event.Ended)[0]
	if f.Sides[0].MaxWindow != 128000 || f.Sides[1].MaxFlight != 100000 || f.Sides[1].WScale != 3 || f.Sides[1].Super != 1 {
		t.Errorf("window %d, flight %d, super %d", f.Sides[0].MaxWindow, f.Sides[1].MaxFlight, f.Sides[1].Super)
	}
}

func TestResetThenData(t *testing.T) {
	evs := run(t, Options{}, shake+"1 < R seq=5001 ttl=44\n1.01 < R seq=5001 ttl=60\n1.1 < PA seq=5001 ack=1001 len=10")
	if got, want := says(evs), "started@1 answered@2 established@3 reset@4 stream.suspected_rst_inject@6 ended:shutdown"; got != want {
		t.Errorf("events\n got %s\nwant %s", got, want)
	}
	f := flowsOf(evs, event.Ended)[0]
	if r := f.Resets[packet.ToClient]; r.Count != 2 || r.TTLMin != 44 || r.TTLMax != 60 || r.After.Frame != 6 {
		t.Errorf("%+v", r)
	}
}

// TestHeld: write, write, read; the second write waits for an acknowledgement that is held back for 40 ms. The way from
// the sensor to each end shows in the handshake: what belongs to it is no delay, wherever the sensor stands.
func TestHeld(t *testing.T) {
	for _, c := range []struct {
		name             string
		synack, ack      float64 // of the handshake, after the SYN
		held, next       float64 // the acknowledgement after the first write, the second write after the acknowledgement
		waits            uint32
		each             time.Duration
		answerAcked, off float64 // when an answer is acknowledged, how long its request took to come
	}{
		{"at the writer", 0.020, 0.0201, 0.061, 0.0002, 5, 41 * time.Millisecond, 0.0001, 0.08},
		{"at the reader", 0.0001, 0.0601, 0.0401, 0.060, 5, 40 * time.Millisecond, 0.060, 0.16},
		{"at the reader, whose neighbour was asked for first", 0.0001, 0.1201, 0.0401, 0.060, 5, 40 * time.Millisecond, 0.060, 0.16},
		{"at the reader of a program that pauses by itself", 0.0001, 0.0601, 0.0401, 0.020, 0, 0, 0.060, 0.16},
		{"at the reader of a program that pauses longer", 0.0001, 0.0601, 0.0401, 0.080, 0, 0, 0.060, 0.16},
		{"a long way, no delay", 0.060, 0.0601, 0.0605, 0.0002, 0, 0, 0.0001, 0.16},
	} {
		script := fmt.Sprintf("0 > S seq=1000 mss=1460\n%.4f < SA seq=5000 ack=1001 mss=1460\n%.4f > A seq=1001 ack=5001\n", c.synack, c.ack)
		seq, answer := uint32(1001), 5001
		for k := range 6 {
			b := float64(k + 1)
			script += fmt.Sprintf("%.4f > PA seq=%d ack=%d len=20\n%.4f < A seq=%d ack=%d\n%.4f > PA seq=%d ack=%d len=30\n",
				b, seq, answer, b+c.held, answer, seq+20, b+c.held+c.next, seq+20, answer)
			seq += 50
			script += fmt.Sprintf("%.4f < PA seq=%d ack=%d len=5\n%.4f > A seq=%d ack=%d\n", b+c.off, answer, seq, b+c.off+c.answerAcked, seq, answer+5)
			answer += 5
		}
		f := flowsOf(run(t, Options{}, script), event.Ended)[0]
		s := f.Sides[0]
		if want := c.waits; want == 0 && s.HeldWaits != 0 || want != 0 && (s.HeldWaits < want || s.HeldTotal.Round(time.Millisecond) != time.Duration(s.HeldWaits)*c.each) || f.Sides[1].HeldWaits != 0 {
			t.Errorf("%s: %d waits, %v; of the other side %d", c.name, s.HeldWaits, s.HeldTotal, f.Sides[1].HeldWaits)
		}
	}
}

// TestMidstreamKeepAlive: a capture that begins with a keep-alive has lost nothing.
func TestMidstreamKeepAlive(t *testing.T) {
	f := flowsOf(run(t, Options{}, "0 > A seq=999 ack=500\n0.01 < A seq=500 ack=1000\n1 > PA seq=1000 ack=500 len=10\n1.1 < A seq=500 ack=1010"), event.Ended)[0]
	if s := f.Sides[0]; s.Gaps != 0 || s.RetransGap != 0 || s.Retrans != 0 || s.Next != 1010 || !f.Midstream {
		t.Errorf("%+v", s)
	}
	// Nor has one that begins while data is under way.
	f = flowsOf(run(t, Options{}, "0 > A seq=999 ack=500\n0.01 < A seq=3000 ack=999 len=100\n0.02 > A seq=999 ack=3100"), event.Ended)[0]
	if s := f.Sides[1]; s.Gaps != 0 || s.GapBytes != 0 {
		t.Errorf("%+v", s)
	}
}

// TestNeedless tells repeats of what was lost from repeats of what had arrived.
func TestNeedless(t *testing.T) {
	for _, c := range []struct {
		name, script     string
		spurious, dsacks uint32
	}{
		{"lost", "1 > PA seq=1001 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1101", 0, 0},
		{"its acknowledgement was lost", "1 > PA seq=1001 ack=5001 len=100\n1.1 < A seq=5001 ack=1101\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1101 sack=1001-1101", 1, 1},
		{"overtaken behind the sensor", "1 > PA seq=1001 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1101\n1.5 < A seq=5001 ack=1101 sack=1001-1101", 0, 1},
		{"overtaken, and the receiver sends no DSACK", "1 > PA seq=1001 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1101\n1.5 < A seq=5001 ack=1101", 0, 1},
		{"lost, and the window opens afterwards", "1 > PA seq=1001 ack=5001 len=100\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1101 win=100\n1.5 < A seq=5001 ack=1101 win=900", 0, 0},
		{"a hole is no report of a copy", "1 > PA seq=1001 ack=5001 len=100\n1 > PA seq=1101 ack=5001 len=100\n1.1 < A seq=5001 ack=1001 sack=1101-1201\n1.3 > PA seq=1001 ack=5001 len=100\n1.4 < A seq=5001 ack=1201", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := flowsOf(run(t, Options{}, shake+c.script), event.Ended)[0].Sides[packet.ToServer]
			if s.Retrans != 1 || s.Spurious != c.spurious || s.DSACKs != c.dsacks {
				t.Errorf("%d repeats, %d of them needless, %d reported as copies; want 1, %d, %d", s.Retrans, s.Spurious, s.DSACKs, c.spurious, c.dsacks)
			}
		})
	}
}
