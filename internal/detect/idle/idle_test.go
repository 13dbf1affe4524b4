package idle_test

import (
	"fmt"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/idle"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// scene writes connections by hand: all of them begin at second 1, packets of the server have TTL 61.
type scene struct {
	*detecttest.Bench
	id uint64
}

func newScene(t *testing.T) *scene {
	return &scene{detecttest.NewBench(t, nil, idle.Def), 0}
}

func (s *scene) open(client int, at float64) (detecttest.Flow, *event.Flow) {
	s.id++
	f := detecttest.Flow{ID: s.id, Client: fmt.Sprintf("10.0.0.%d:%d", client, 2000+s.id), Server: "10.9.0.9:22"}
	x := s.Connect(f, at, 0.02, 61)
	for d := range x.Sides {
		v := &x.Sides[d]
		v.Packets, v.Next, v.Acked, v.SeqKnown, v.MaxDelivered = 5, 2000, 2000, true, 300
		if d == int(packet.ToServer) {
			v.TTLFirst, v.TTLMin, v.TTLMax = 64, 64, 64
		}
	}
	return f, x
}

// emit sends a further event of the connection.
func (s *scene) emit(f detecttest.Flow, x *event.Flow, what event.What, at float64) *event.Flow {
	y := *x.Clone()
	seen := s.Ref(f.Vantage, at)
	*y.Head() = s.Head(f, seen)
	y.What, y.Last = what, seen
	s.Send(&y)
	return &y
}

// dies lets the connection speak after a pause in vain, from second at on, for so long. change may alter the stall.
func (s *scene) dies(client int, at, pause, tried float64, change func(*event.Flow)) (detecttest.Flow, *event.Flow) {
	f, x := s.open(client, at-pause-0.1)
	x.Stall = event.Stall{Dir: packet.ToServer, Before: s.Ref(0, at-pause), First: s.Ref(0, at), Last: s.Ref(0, at+tried), Tries: 5, IPLen: 92, DF: true, Handshake: true,
		IdleBefore: time.Duration(pause * float64(time.Second))}
	if change != nil {
		change(x)
	}
	return f, s.emit(f, x, event.Stalled, at+tried+1)
}

// lives lets a connection pause, go on, and end.
func (s *scene) lives(client int, from, to, pause float64) {
	f, x := s.open(client, from)
	if pause > 0 {
		x.IdleSurvived, x.IdleFrom, x.IdleTo = time.Duration(pause*float64(time.Second)), s.Ref(0, to-pause-1), s.Ref(0, to-1)
	}
	s.emit(f, x, event.Ended, to)
}

// cut ends the connection by a reset in answer to data after a pause.
func (s *scene) cut(client int, at, pause float64, ttl uint8, change func(*event.Flow)) {
	f, x := s.open(client, at-pause-0.1)
	rst := s.Ref(0, at+0.01)
	x.Stall = event.Stall{Dir: packet.ToServer, Before: s.Ref(0, at-pause), First: s.Ref(0, at), Last: s.Ref(0, at), Tries: 1, IPLen: 92, EndedByRST: true, RST: rst, RSTTTL: ttl, Handshake: true,
		IdleBefore: time.Duration(pause * float64(time.Second))}
	x.Refusal = event.RST{Ref: rst, Dir: packet.ToClient, Seq: 2000, TTL: ttl, Valid: true}
	if change != nil {
		change(x)
	}
	s.emit(f, s.emit(f, x, event.Reset, at+0.01), event.Ended, at+0.02)
}

// control lets three connections pause for 100 s and outlive all deaths, and new ones be answered every 2 s.
func (s *scene) control(from, to float64) {
	for i := range 3 {
		s.lives(20+i, from, to+float64(i), 100)
	}
}

func (s *scene) news(from, to float64) {
	for at := from; at < to; at += 2 {
		s.open(30, at)
	}
}

func TestTimer(t *testing.T) {
	long := func(f *event.Flow) { f.Stall.IPLen = 1400 }
	for _, c := range []struct {
		name   string
		play   func(s *scene)
		want   finding.Confidence
		none   bool
		says   []string
		saynot []string
	}{
		{"three deaths, three survivors", func(s *scene) {
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1010, 320, 8, nil)
			s.dies(3, 1020, 310, 8, nil)
			s.news(999, 1030)
			s.control(500, 1100)
		}, finding.Certain, false, []string{"after a silence of between 100.0 s and 300.0 s (high, certain, 3)", "chance does not spare just the 3"}, nil},
		{"one death", func(s *scene) { s.dies(1, 1000, 300, 8, nil); s.news(999, 1030); s.control(500, 1100) }, finding.Possible, false,
			[]string{"or: a fault that happened to come during a pause: 1 case so far", "or: one of several ways"}, nil},
		{"no survivor", func(s *scene) {
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1010, 320, 8, nil)
			s.dies(3, 1020, 310, 8, nil)
			s.news(999, 1030)
		}, finding.Possible, false, []string{"a silence of 300.0 s or less", "no lower bound"}, nil},
		{"deaths that no single moment explains", func(s *scene) {
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1400, 300, 8, nil)
			s.dies(3, 1800, 300, 8, nil)
			s.news(999, 1830)
			s.control(500, 2000)
		}, finding.Certain, false, []string{"no moment lies within all the pauses"}, nil},
		{"a server that is gone for a minute and back", func(s *scene) {
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1010, 320, 8, nil)
			s.dies(3, 1020, 310, 8, nil)
			for i := range 3 { // asked in vain, answered when it is back
				s.Connect(detecttest.Flow{ID: uint64(90 + i), Client: fmt.Sprintf("10.0.0.60:%d", 900+i), Server: "10.9.0.9:22"}, 1005+10*float64(i), 55, 61)
			}
			s.news(1060, 1090)
			s.lives(20, 500, 900, 100)
		}, finding.Possible, false, []string{"or: the other machine went away at that moment", "or: the way between was cut"}, nil},
		{"they recover", func(s *scene) {
			for i := range 3 {
				f, x := s.dies(i+1, 1000+float64(i), 300, 8, nil)
				s.emit(f, x, event.Resumed, 1020+float64(i))
			}
			s.news(999, 1030)
		}, 0, true, nil, nil},
		{"the other end speaks later", func(s *scene) {
			f, x := s.dies(1, 1000, 300, 8, nil)
			x.Stall.PeerSpoke = true
			s.emit(f, x, event.Ended, 1030)
		}, 0, true, nil, nil},
		{"longer pauses survive", func(s *scene) {
			for i := range 3 {
				s.dies(i+1, 1000+float64(i), 80, 8, nil)
			}
			s.news(999, 1030)
			s.control(500, 1100)
		}, 0, true, nil, nil},
		{"one dies sooner than others survived: it is not counted", func(s *scene) {
			s.dies(4, 990, 50, 8, nil)
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1010, 320, 8, nil)
			s.dies(3, 1020, 310, 8, nil)
			s.news(999, 1030)
			s.control(500, 1100)
		}, finding.Certain, false, []string{"(high, certain, 4)", "3 connections died after a pause"}, []string{"silent for 50.0 s"}},
		{"others die without a pause", func(s *scene) {
			s.dies(4, 990, 0.2, 8, nil)
			s.dies(1, 1000, 300, 8, nil)
			s.dies(2, 1010, 320, 8, nil)
			s.dies(3, 1020, 310, 8, nil)
			s.news(999, 1030)
			s.control(500, 1100)
		}, finding.Likely, false, []string{"10.0.0.4:2001 died without such a pause at 990.00 s"}, nil},
		{"too large for the way", func(s *scene) {
			for i := range 3 {
				s.dies(i+1, 1000+float64(i), 300, 8, long)
			}
			s.news(999, 1030)
		}, 0, true, nil, nil},
		{"a smaller packet passed", func(s *scene) {
			s.dies(1, 1000, 300, 8, func(f *event.Flow) { f.Stall.SmallPassed = true })
		}, 0, true, nil, nil},
		{"a closed window", func(s *scene) {
			s.dies(1, 1000, 300, 8, func(f *event.Flow) { f.Stall.WindowClosed = true })
		}, 0, true, nil, nil},
		{"no pause", func(s *scene) { s.dies(1, 1000, 1.9, 8, nil) }, 0, true, nil, nil},
		{"clients that went to sleep", func(s *scene) {
			for i := range 3 {
				s.dies(i+1, 1000+10*float64(i), 300, 8, func(f *event.Flow) { f.Stall.Dir = packet.ToClient })
			}
			s.news(999, 1030)
			s.control(500, 1100)
		}, finding.Possible, false, []string{"nothing shows that 10.0.0.1 was there", "10.9.0.9:22 → 10.0.0.1:2001 silent"}, nil},
		{"a device answers", func(s *scene) {
			s.cut(1, 1000, 300, 63, nil)
			s.cut(2, 1010, 320, 63, nil)
			s.cut(3, 1020, 310, 63, nil)
			s.control(500, 1100)
		}, finding.Certain, false, []string{"a reset with TTL 63; the other end's packets have 61"}, nil},
		{"a reset from farther away", func(s *scene) { s.cut(1, 1000, 300, 60, nil) }, 0, true, nil, nil},
		{"a reset from as far, counted from 128", func(s *scene) { s.cut(1, 1000, 300, 125, nil) }, 0, true, nil, nil},
		{"the server sends with that TTL too", func(s *scene) {
			s.cut(1, 1000, 300, 63, nil)
			f := detecttest.Flow{ID: 99, Client: "10.0.0.50:999", Server: "10.9.0.9:22"}
			s.Connect(f, 1200, 0.02, 63)
		}, 0, true, nil, nil},
		{"the server comes back and resets", func(s *scene) {
			f, x := s.dies(1, 1000, 300, 8, nil)
			x.Stall.EndedByRST, x.Stall.RST, x.Stall.RSTTTL = true, s.Ref(0, 1015), 125 // as far away, counted from 128
			x.Refusal = event.RST{Dir: packet.ToClient, Seq: 2000, TTL: 125, HasACK: true}
			s.emit(f, x, event.Reset, 1015)
		}, 0, true, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			c.play(s)
			expect(t, s.End(), timeout, c.want, c.none, c.says, c.saynot)
		})
	}
}

func TestRestart(t *testing.T) {
	announce := func(s *scene, at float64) {
		a := event.NewARP(event.Head{Seen: s.Ref(0, at)})
		a.Op, a.SenderIP, a.TargetIP = 1, packet.MustAddr("10.9.0.9"), packet.MustAddr("10.9.0.9")
		s.Send(a)
	}
	for _, c := range []struct {
		name string
		play func(s *scene)
		want finding.Confidence
		none bool
		says []string
	}{
		{"two, and nothing to tell it from a timer", func(s *scene) { s.cut(1, 1000, 300, 61, nil); s.cut(2, 1010, 300, 61, nil) }, finding.Likely, false,
			[]string{"10.9.0.9 no longer knew 2 connections", "or: a load balancer in the server's place"}},
		{"two, after an announcement", func(s *scene) {
			announce(s, 900)
			s.cut(1, 1000, 300, 61, nil)
			s.cut(2, 1010, 300, 61, nil)
		}, finding.Certain, false, []string{"10.9.0.9 announced its address at 900.00 s"}},
		{"an announcement before both fell silent", func(s *scene) {
			announce(s, 650)
			s.cut(1, 1000, 300, 61, nil)
			s.cut(2, 1010, 300, 61, nil)
		}, finding.Likely, false, nil},
		{"longer pauses survive", func(s *scene) { s.lives(5, 100, 600, 400); s.cut(1, 1000, 300, 61, nil); s.cut(2, 1010, 300, 61, nil) }, finding.Certain, false,
			[]string{"a silence of 400.0 s was survived"}},
		{"one", func(s *scene) { s.cut(1, 1000, 300, 61, nil) }, finding.Possible, false, []string{"or: a single confused connection"}},
		{"no single moment", func(s *scene) { announce(s, 900); s.cut(1, 1000, 300, 61, nil); s.cut(2, 1400, 300, 61, nil) }, finding.Possible, false, nil},
		{"another connection is still known", func(s *scene) {
			announce(s, 900)
			s.cut(1, 1000, 300, 61, nil)
			s.cut(2, 1010, 300, 61, nil)
			s.lives(3, 500, 1100, 0)
		}, finding.Possible, false, []string{"another connection to 10.9.0.9 lived on over that time"}},
		{"a program aborts", func(s *scene) { s.cut(1, 1000, 300, 61, func(f *event.Flow) { f.Refusal.HasACK = true }) }, 0, true, nil},
		{"another number", func(s *scene) { s.cut(1, 1000, 300, 61, func(f *event.Flow) { f.Refusal.Seq = 7 }) }, 0, true, nil},
		{"it closed first", func(s *scene) {
			s.cut(1, 1000, 300, 61, func(f *event.Flow) { f.Marks[event.MarkServerFIN] = f.Stall.Before })
		}, 0, true, nil},
		{"no pause", func(s *scene) { s.cut(1, 1000, 1, 61, nil) }, 0, true, nil},
		{"begun before the capture", func(s *scene) { s.cut(1, 1000, 300, 61, func(f *event.Flow) { f.Midstream = true }) }, 0, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			c.play(s)
			expect(t, s.End(), halfOpen, c.want, c.none, c.says, nil)
		})
	}
}

// TestMadeRoom: what made room for others may have spoken against it, so that it stays open.
func TestMadeRoom(t *testing.T) {
	for _, c := range []struct {
		others int
		want   finding.Confidence
		says   string
	}{
		{100, finding.Likely, "10.0.0.4:2001 died without such a pause at 990.00 s"},
		{4000, finding.Likely, "whether others died without a pause is not known"},
	} {
		s := newScene(t)
		s.dies(4, 990, 0.2, 8, nil)
		s.dies(1, 1000, 300, 8, nil)
		s.dies(2, 1010, 320, 8, nil)
		s.dies(3, 1020, 310, 8, nil)
		s.news(999, 1030)
		s.control(500, 1100)
		for i := range c.others {
			s.id++
			f := detecttest.Flow{ID: s.id, Client: fmt.Sprintf("10.77.%d.%d:1000", i/200, i%200), Server: "10.88.0.9:22"}
			x := event.NewFlow(s.Head(f, s.Ref(0, 1200)))
			x.What = event.Stalled
			x.OwnRare()
			x.Sides[0].MaxDelivered = 300
			x.Stall = event.Stall{IPLen: 92, Tries: 3, Before: s.Ref(0, 1199.9), First: s.Ref(0, 1200), Last: s.Ref(0, 1200)}
			s.Send(x)
			s.emit(f, x, event.Ended, 1200)
		}
		expect(t, s.End(), "tcp-idle-timeout-drop", c.want, false, []string{c.says}, nil)
	}
}

// TestFull: with no room for what lived, nothing is certain, and nothing grows.
func TestFull(t *testing.T) {
	var got []*finding.Instance
	scope := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 4}, func(i *finding.Instance) { got = append(got, i) })
	d := idle.Def.New(scope)
	s := newScene(t)
	for i := range 9 {
		f := detecttest.Flow{ID: uint64(i + 1), Client: fmt.Sprintf("10.0.%d.1:1000", i), Server: "10.9.0.9:22"}
		x := event.NewFlow(s.Head(f, s.Ref(0, 400)))
		x.What = event.Stalled
		x.Stall = event.Stall{IdleBefore: time.Minute, IPLen: 92, Tries: 3, Before: s.Ref(0, 300), First: s.Ref(0, 360), Last: s.Ref(0, 370)}
		d.Handle(x)
	}
	if len(got) != 2 {
		t.Fatalf("%d reports with room for 2", len(got))
	}
	b := finding.NewBuilder(&finding.Group{Code: idle.Def.Codes[0], Count: 1, Kept: []finding.Instance{*got[0]}})
	if !d.Compose(&finding.Group{Code: idle.Def.Codes[0], Count: 1, Kept: []finding.Instance{*got[0]}}, b) {
		t.Fatal("not composed")
	}
	f, err := b.Done()
	if err != nil || f.Confidence > finding.Possible {
		t.Fatalf("%v %v", f, err)
	}
	detecttest.Says(t, f, "there were more connections than --max-memory lets me remember")
}

func expect(t *testing.T, fs []*finding.Finding, code string, want finding.Confidence, none bool, says, saysNot []string) {
	t.Helper()
	if none {
		for _, f := range fs {
			t.Errorf("unexpected %s\n%s", f.Code.ID, detecttest.Text(f))
		}
		return
	}
	if len(fs) != 1 || fs[0].Code.ID != code || fs[0].Confidence != want {
		for _, f := range fs {
			t.Errorf("%s %s\n%s", f.Code.ID, f.Confidence, detecttest.Text(f))
		}
		t.Fatalf("want one %s %s, got %d", code, want, len(fs))
	}
	detecttest.Says(t, fs[0], says...)
	detecttest.SaysNot(t, fs[0], saysNot...)
}
