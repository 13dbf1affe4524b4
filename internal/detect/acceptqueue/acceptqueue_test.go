package acceptqueue

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var server = event.End{Addr: packet.MustAddr("198.51.100.2"), Port: 443}

func ref(frame int, at time.Duration) packet.Ref {
	return packet.Ref{Frame: uint64(frame), Time: packet.Time(0).Add(time.Hour + at)}
}

// flow is the n-th connection, begun n seconds into the input.
func flow(n int, what event.What) *event.Flow {
	at := time.Duration(n) * time.Second
	f := event.NewFlow(event.Head{FlowID: uint64(n), Proto: packet.ProtoTCP, Server: server,
		Client: event.End{Addr: packet.MustAddr("192.0.2.1"), Port: uint16(40000 + n)}})
	f.What = what
	f.Start, f.Last = ref(100*n, at), ref(100*n+99, at+15*time.Second)
	f.Marks[event.MarkSYN] = f.Start
	f.SYNTries = 1
	c := &f.Sides[packet.ToServer]
	c.Packets, c.SYNSeen, c.ISN, c.Acked = 3, true, 1000, 1001
	return f
}

// granted is one whose handshake was done and whose client sent data.
func granted(n int, what event.What) *event.Flow {
	f := flow(n, what)
	at := time.Duration(n) * time.Second
	f.Marks[event.MarkSYNACK], f.Marks[event.MarkHandshake], f.Marks[event.MarkClientData] = ref(100*n+1, at), ref(100*n+2, at), ref(100*n+3, at)
	f.SYNACKTries = 1
	f.Sides[packet.ToServer].Payload = 100
	f.Sides[packet.ToClient].Packets = 1
	return f
}

func taken(n int) []*event.Flow { return []*event.Flow{granted(n, event.Established)} }

// parkedFlow had its data acknowledged and never answered; its client gave up at the end.
func parkedFlow(n int) []*event.Flow {
	f := granted(n, event.Ended)
	f.Sides[packet.ToServer].Acked = 1101
	f.Marks[event.MarkClientFINACK] = f.Last
	return append(taken(n), f)
}

func silentFlow(n int) []*event.Flow {
	var out []*event.Flow
	for _, w := range []event.What{event.Silent, event.Ended} {
		f := flow(n, w)
		f.SYNTries = 5
		f.Marks[event.MarkSYN2], f.Marks[event.MarkSYNLast] = ref(100*n+1, time.Duration(n+1)*time.Second), ref(100*n+4, time.Duration(n+8)*time.Second)
		out = append(out, f)
	}
	return out
}

// muteFlow is granted, then not heard; again is how often the SYN/ACK was sent.
func muteFlow(n, again int, change func(*event.Flow)) []*event.Flow {
	out := taken(n)
	for _, w := range []event.What{event.Stalled, event.Ended} {
		f := granted(n, w)
		f.SYNACKTries = uint32(again)
		f.Stall = event.Stall{Dir: packet.ToServer, Tries: 4, Seq: 1001, First: f.Marks[event.MarkClientData], Last: ref(100*n+9, time.Duration(n+5)*time.Second)}
		if change != nil {
			change(f)
		}
		out = append(out, f)
	}
	return out
}

func servedFlow(n int) []*event.Flow {
	f := granted(n, event.Ended)
	f.Marks[event.MarkServerData] = ref(100*n+5, time.Duration(n)*time.Second+time.Second)
	f.Sides[packet.ToClient].Payload = 100
	f.Sides[packet.ToServer].Acked = 1101
	return append(taken(n), f)
}

func judge(t *testing.T, flows ...[]*event.Flow) *finding.Finding {
	t.Helper()
	var got []*finding.Instance
	l := detect.NewLedger(100)
	d := Def.New(detect.NewScope(l, detect.NewHosts(10), nil, detect.Limits{Entries: 100}, func(i *finding.Instance) { got = append(got, i) }))
	// Events come in order of What, as time goes by: all handshakes, then silence, then the ends.
	for _, w := range []event.What{event.Established, event.Silent, event.Stalled, event.Resumed, event.Answered, event.Ended} {
		for _, fs := range flows {
			for _, f := range fs {
				if f.What == w {
					l.Handle(f)
					d.Handle(f)
				}
			}
		}
	}
	d.Tick(0)
	d.End(0)
	if n := len(d.(*detector).open); n != 0 {
		t.Errorf("%d flows remembered after their end", n)
	}
	if len(got) == 0 {
		return nil
	}
	g := &finding.Group{Code: Def.Codes[0], Count: len(got), First: got[0].First, Last: got[0].Last}
	for _, i := range got {
		g.Kept = append(g.Kept, *i)
	}
	b := finding.NewBuilder(g)
	if !d.Compose(g, b) {
		return nil
	}
	f, err := b.Done()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestJudge(t *testing.T) {
	late := silentFlow(12)
	late = append(late[:1], granted(12, event.Answered), servedFlow(12)[1])
	for _, c := range []struct {
		name  string
		flows [][]*event.Flow
		want  string
	}{
		{"queued, then silence", [][]*event.Flow{parkedFlow(1), silentFlow(2), silentFlow(3)}, "likely firewall"},
		{"one victim", [][]*event.Flow{parkedFlow(1), silentFlow(2)}, ""},
		{"nobody was ever taken", [][]*event.Flow{silentFlow(2), silentFlow(3)}, ""},
		{"taken and served: the port is blocked since", [][]*event.Flow{servedFlow(1), silentFlow(2), silentFlow(3)}, ""},
		{"queued, then granted and not heard", [][]*event.Flow{parkedFlow(1), muteFlow(2, 1, nil), muteFlow(3, 1, nil)}, "certain"},
		{"granted again and again", [][]*event.Flow{muteFlow(2, 3, nil), muteFlow(3, 3, nil)}, "likely firewall"},
		{"granted again and again, some served", [][]*event.Flow{muteFlow(2, 3, nil), muteFlow(3, 3, nil), servedFlow(4)}, "possible firewall"},
		{"granted once: the data is lost", [][]*event.Flow{muteFlow(2, 1, nil), muteFlow(3, 1, nil)}, ""},
		{"later data is lost", [][]*event.Flow{parkedFlow(1), muteFlow(2, 3, func(f *event.Flow) { f.Stall.Seq = 5000 }), muteFlow(3, 3, func(f *event.Flow) { f.Stall.Seq = 5000 })}, ""},
		{"the server had spoken", [][]*event.Flow{parkedFlow(1), muteFlow(2, 3, func(f *event.Flow) { f.Sides[1].Payload = 9 }), muteFlow(3, 3, func(f *event.Flow) { f.Sides[1].Payload = 9 })}, ""},
		{"answered late", [][]*event.Flow{parkedFlow(1), late, silentFlow(2)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if f := judge(t, c.flows...); f != nil {
				got = f.Confidence.String()
				for _, x := range f.CouldBe {
					got += " " + x.ID
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestServerGone: requests wait for an answer, and then the whole server is silent. That is not its queue.
func TestServerGone(t *testing.T) {
	p := parkedFlow(1)
	p[1].Marks[event.MarkClientFINACK] = packet.Ref{}
	f := judge(t, p, silentFlow(2), silentFlow(3))
	if f == nil || f.Confidence != finding.Possible || !strings.Contains(f.CouldBe[len(f.CouldBe)-1].Text, "nothing was heard from it meanwhile") {
		t.Errorf("got %+v", f)
	}
}
