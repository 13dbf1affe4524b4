package pmtud_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/pmtud"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// scene writes connections of 10.0.0.x to 10.9.0.9:80 by hand.
type scene struct {
	*detecttest.Bench
	id uint64
}

func (s *scene) open(client int, at float64) (detecttest.Flow, *event.Flow) {
	s.id++
	f := detecttest.Flow{ID: s.id, Client: fmt.Sprintf("10.0.0.%d:%d", client, 2000+s.id), Server: "10.9.0.9:80"}
	return f, s.Connect(f, at, 0.02, 61)
}

func (s *scene) emit(f detecttest.Flow, x *event.Flow, what event.What, at float64) *event.Flow {
	y := *x.Clone()
	seen := s.Ref(f.Vantage, at)
	*y.Head() = s.Head(f, seen)
	y.What, y.Last = what, seen
	s.Send(&y)
	return &y
}

// hangs lets a packet of size bytes be sent tries times in vain from second at on; change may alter the event.
func (s *scene) hangs(client int, at float64, size, tries uint32, change func(*event.Flow)) (detecttest.Flow, *event.Flow) {
	f, x := s.open(client, at-0.1)
	x.Stall = event.Stall{Dir: packet.ToServer, Before: s.Ref(0, at-0.05), First: s.Ref(0, at), Last: s.Ref(0, at+6), Tries: tries, IPLen: size, DF: true, Handshake: true}
	if change != nil {
		change(x)
	}
	return f, s.emit(f, x, event.Stalled, at+7)
}

// arrives lets a packet of that size arrive on another connection.
func (s *scene) arrives(client int, at float64, size uint32) {
	f, x := s.open(client, at)
	x.Sides[packet.ToServer].MaxDelivered = size
	s.emit(f, x, event.Ended, at+0.5)
}

// tells lets a router say that its link carries mtu bytes.
func (s *scene) tells(client int, at float64, mtu uint32, flow uint64) {
	x := event.NewICMPError(event.Head{FlowID: flow, Proto: packet.ProtoTCP, Seen: s.Ref(0, at)})
	x.Version, x.Type, x.Code, x.MTU, x.Fresh = 4, 3, 4, mtu, true
	x.Sender = packet.MustAddr("10.5.0.1")
	x.Quoted.Src, x.Quoted.Dst = packet.MustAddr(fmt.Sprintf("10.0.0.%d", client)), packet.MustAddr("10.9.0.9")
	s.Send(x)
}

func TestBlackHoleByHand(t *testing.T) {
	sacked := func(f *event.Flow) { f.Stall.SmallPassed = true }
	for _, c := range []struct {
		name string
		play func(s *scene)
		want finding.Confidence
		none bool
		says []string
	}{
		{"two, smaller ones reported", func(s *scene) {
			s.hangs(1, 10, 1500, 5, sacked)
			s.hangs(2, 12, 1500, 5, sacked)
			s.arrives(3, 30, 600)
		}, finding.Certain, false, []string{"a link on the way carries only between 600 and 1499 bytes", "2 connections, 10 transmissions, all of 1500 bytes or more"}},
		{"one, often", func(s *scene) { s.hangs(1, 10, 1500, 5, sacked) }, finding.Certain, false, []string{"a smaller packet sent later arrived"}},
		{"one, three times", func(s *scene) { s.hangs(1, 10, 1500, 3, sacked) }, finding.Likely, false, []string{"or: chance: the packet lost was a large one"}},
		{"nothing else seen", func(s *scene) { s.hangs(1, 10, 1500, 5, nil) }, finding.Possible, false, []string{"or: ordinary loss", "or: a receiver that stopped", "or: chance"}},
		{"new connections meanwhile", func(s *scene) { s.hangs(1, 10, 1500, 5, nil); s.open(2, 12) }, finding.Certain, false, []string{"new connections with it came up meanwhile"}},
		{"new connections before", func(s *scene) { s.open(2, 8); s.hangs(1, 10, 1500, 5, nil) }, finding.Possible, false, nil},
		{"the receiver sends", func(s *scene) { s.hangs(1, 10, 1500, 5, func(f *event.Flow) { f.Stall.PeerSpoke = true }) }, finding.Possible, false,
			[]string{"or: ordinary loss", "the receiver went on sending meanwhile"}},
		{"the receiver repeats its SYN/ACK", func(s *scene) {
			s.hangs(1, 10, 1500, 5, func(f *event.Flow) {
				f.Stall.PeerSpoke, f.Marks[event.MarkSYNACKLast] = true, packet.Ref{Frame: 900, Time: detecttest.At(12)}
			})
		}, finding.Possible, false, []string{"or: a receiver that stopped"}},
		{"small ones vanish too", func(s *scene) {
			s.hangs(3, 9, 90, 3, nil)
			s.hangs(1, 10, 1500, 5, sacked)
			s.hangs(2, 12, 1500, 5, sacked)
		}, finding.Likely, false, []string{"a packet that no path is too narrow for vanished too, at 9.00 s"}},
		{"that size arrives", func(s *scene) {
			s.hangs(1, 10, 1500, 5, sacked)
			s.hangs(2, 12, 1500, 5, sacked)
			s.arrives(3, 30, 1500)
		}, 0, true, nil},
		{"it arrives after all", func(s *scene) {
			f, x := s.hangs(1, 10, 1500, 5, sacked)
			s.emit(f, x, event.Resumed, 20)
		}, 0, true, nil},
		{"more repeats are counted", func(s *scene) {
			f, x := s.hangs(1, 10, 1500, 3, sacked)
			x.Stall.Tries, x.Stall.Last = 8, s.Ref(0, 60)
			s.emit(f, x, event.Ended, 61)
		}, finding.Certain, false, []string{"sent 1500 bytes 8 times within 50.0 s", "1 connection hung, the first for 50.0 s"}},
		{"may be cut", func(s *scene) { s.hangs(1, 10, 1500, 5, func(f *event.Flow) { f.Stall.DF = false }) }, 0, true, nil},
		{"a closed window", func(s *scene) { s.hangs(1, 10, 1500, 5, func(f *event.Flow) { f.Stall.WindowClosed = true }) }, 0, true, nil},
		{"as large as what arrived before", func(s *scene) {
			s.hangs(1, 10, 1400, 5, func(f *event.Flow) { f.Sides[packet.ToServer].MaxDelivered = 1400 })
		}, 0, true, nil},
		{"small enough for every path", func(s *scene) { s.hangs(1, 10, 576, 5, sacked) }, 0, true, nil},
		{"told, and goes on", func(s *scene) {
			s.hangs(1, 10, 1500, 5, sacked)
			s.tells(1, 10.1, 1300, 1)
			s.hangs(2, 20, 1500, 5, sacked)
		}, finding.Likely, false, []string{"10.5.0.1 said at 10.10 s that its link carries 1300 bytes; 10.0.0.1 went on with 1500 bytes until 16.00 s",
			"or: a sender that ignores the message about size: a capture at 10.0.0.1 decides", "filtered between here and there, or ignored"}},
		{"told of a wider link", func(s *scene) { s.hangs(1, 10, 1500, 5, sacked); s.tells(1, 10.1, 1500, 1) }, finding.Certain, false,
			[]string{"not: a sender that ignores the message about size: no such message came by here"}},
		{"told at the end", func(s *scene) { s.hangs(1, 10, 1500, 5, sacked); s.tells(1, 40, 1300, 1) }, finding.Certain, false, nil},
		{"the server's packets", func(s *scene) {
			s.hangs(1, 10, 1500, 5, func(f *event.Flow) { f.Stall.Dir, f.Stall.SmallPassed = packet.ToClient, true })
			s.arrives(3, 30, 1500)
		}, finding.Certain, false, []string{"packets of 1500 bytes from 10.9.0.9 to 10.0.0.1 vanish", "remedy: at the server: let 10.9.0.9 find out by itself"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{detecttest.NewBench(t, nil, pmtud.Def), 0}
			c.play(s)
			fs := s.End()
			if c.none {
				for _, f := range fs {
					t.Errorf("unexpected\n%s", detecttest.Text(f))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want {
				for _, f := range fs {
					t.Errorf("%s\n%s", f.Confidence, detecttest.Text(f))
				}
				t.Fatalf("want one %s, got %d", c.want, len(fs))
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}

// TestNamesTheFilter: two captures, the message in one of them; which one of several is told does not depend on chance.
func TestNamesTheFilter(t *testing.T) {
	for range 20 {
		tw := detect.NewTwins([]string{"near", "far", "farther"}, func(packet.Ref) detect.Trace { return detect.Trace{} })
		tw.Pair(1, 77)
		s := &scene{detecttest.NewBench(t, tw, pmtud.Def), 0}
		for i, src := range []string{"192.0.2.1", "192.0.3.1", "192.0.4.1"} { // the NAT's address, and others of its kind
			x := event.NewICMPError(event.Head{FlowID: uint64(76 + i), Proto: packet.ProtoTCP, Vantage: 1, Seen: s.Ref(1, 10.1)})
			x.Version, x.Type, x.Code, x.MTU, x.Fresh, x.Sender = 4, 3, 4, uint32(1300+i), true, packet.MustAddr("10.5.0.1")
			x.Quoted.Src, x.Quoted.Dst = packet.MustAddr(src), packet.MustAddr("10.9.0.9")
			s.Send(x)
		}
		s.hangs(1, 10, 1500, 5, func(f *event.Flow) { f.Stall.SmallPassed = true })
		fs := s.End()
		if len(fs) != 1 || fs[0].Confidence != finding.Certain {
			t.Fatalf("%v", fs)
		}
		detecttest.Says(t, fs[0], "10.5.0.1 said that its link carries 1301 bytes; the message was seen at far and never here: the box between filters it")
	}
}
