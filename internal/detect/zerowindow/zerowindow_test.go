package zerowindow

import (
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func ref(frame uint64, at time.Duration) packet.Ref {
	return packet.Ref{Frame: frame, Time: packet.Time(0).Add(time.Hour + at)}
}

// shut is a flow whose side dir shut its window for span.
func shut(dir packet.Dir, span time.Duration, probes uint32) *event.Flow {
	f := event.NewFlow(event.Head{FlowID: 7, Proto: packet.ProtoTCP, Seen: ref(30, 9*time.Second),
		Client: event.End{Addr: packet.MustAddr("192.0.2.1"), Port: 40000}, Server: event.End{Addr: packet.MustAddr("198.51.100.2"), Port: 443}})
	f.What = event.Ended
	f.Start, f.Last = ref(1, 0), ref(30, 9*time.Second)
	s := &f.Sides[dir]
	s.TTLFirst, s.TTLMin, s.TTLMax = 60, 60, 60
	s.ZeroCount, s.ZeroTotal, s.ZeroLongest, s.ZeroProbes = 1, span, span, probes
	s.ZeroFrom, s.ZeroTo = ref(10, time.Second), ref(20, time.Second+span)
	return f
}

func judge(t *testing.T, f *event.Flow) *finding.Finding {
	t.Helper()
	var got []*finding.Instance
	s := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), nil, detect.Limits{Entries: 10}, func(i *finding.Instance) { got = append(got, i) })
	d := Def.New(s)
	d.Handle(f)
	d.Tick(f.Last.Time)
	d.End(f.Last.Time)
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
	out, err := b.Done()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name string
		flow func() *event.Flow
		want string // confidence, "" for no finding
	}{
		{"shut and probed", func() *event.Flow { return shut(packet.ToClient, time.Second, 3) }, "certain"},
		{"shut for a moment", func() *event.Flow { return shut(packet.ToClient, 199*time.Millisecond, 1) }, ""},
		{"nothing to send", func() *event.Flow { return shut(packet.ToClient, time.Minute, 0) }, ""},
		{"two TTLs", func() *event.Flow { f := shut(packet.ToClient, time.Second, 3); f.Sides[1].TTLMax = 64; return f }, "likely"},
		{"never opened", func() *event.Flow {
			f := shut(packet.ToClient, time.Second, 3)
			f.Sides[1].ZeroTo = packet.Ref{}
			return f
		}, "likely"},
		{"never opened, but answering", func() *event.Flow {
			f := shut(packet.ToClient, time.Second, 3)
			f.Sides[1].ZeroTo = packet.Ref{}
			f.Stall = event.Stall{Tries: 3, WindowClosed: true, PeerSpoke: true, Last: ref(25, 2*time.Second)}
			return f
		}, "certain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if f := judge(t, c.flow()); f != nil {
				got = f.Confidence.String()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestClientReads blames the client's program where the client does not read.
func TestClientReads(t *testing.T) {
	f := judge(t, shut(packet.ToServer, 12*time.Second, 3))
	if want := "the program on 192.0.2.1 that talks to 198.51.100.2:443 does not read what it is sent: its receive window was shut for 12.0 s"; f.Title != want {
		t.Errorf("got %q\nwant %q", f.Title, want)
	}
	if f.Severity != finding.High || f.Remedy[0].Where != finding.AtClient {
		t.Errorf("severity %s, remedy %s", f.Severity, f.Remedy[0].Where)
	}
}
