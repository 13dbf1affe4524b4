package serverslow

import (
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

var (
	client = event.End{Addr: packet.MustAddr("192.0.2.1"), Port: 40000}
	server = event.End{Addr: packet.MustAddr("198.51.100.2"), Port: 443}
)

func ref(frame uint64, at time.Duration) packet.Ref {
	return packet.Ref{Frame: frame, Time: packet.Time(0).Add(time.Hour + at)}
}

// exchange is the n-th of its flow.
func exchange(n int, think, rtt time.Duration) *event.Exchange {
	at := time.Duration(n) * 100 * time.Second
	x := event.NewExchange(event.Head{FlowID: 7, Proto: packet.ProtoTCP, Client: client, Server: server})
	x.Request, x.Response = ref(uint64(10*n), at), ref(uint64(10*n+1), at+think)
	x.Think, x.RTT, x.Count = think, rtt, uint32(n)
	return x
}

// ended is the flow of the exchanges; all is how many it had.
func ended(all uint32, greets bool) *event.Flow {
	f := event.NewFlow(event.Head{FlowID: 7, Proto: packet.ProtoTCP, Client: client, Server: server})
	f.What, f.Exchanges = event.Ended, all
	f.Start, f.Last = ref(1, 0), ref(9999, time.Hour)
	f.Marks[event.MarkClientData], f.Marks[event.MarkServerData] = ref(4, time.Second), ref(6, 2*time.Second)
	if greets {
		f.Marks[event.MarkServerData] = ref(3, time.Second/2)
	}
	return f
}

func judge(t *testing.T, all uint32, greets bool, xs ...*event.Exchange) *finding.Finding {
	t.Helper()
	var got []*finding.Instance
	l := detect.NewLedger(10)
	s := detect.NewScope(l, detect.NewHosts(10), nil, detect.Limits{Entries: 10}, func(i *finding.Instance) { got = append(got, i) })
	d := Def.New(s)
	begin := ended(0, greets)
	begin.What = event.Started
	l.Handle(begin)
	for _, x := range xs {
		d.Handle(x)
	}
	f := ended(all, greets)
	l.Handle(f)
	d.Handle(f)
	d.Tick(f.Last.Time)
	d.End(f.Last.Time)
	if len(got) == 0 {
		return nil
	}
	g := &finding.Group{Code: Def.Codes[0], Count: len(got), First: got[0].First, Last: got[len(got)-1].Last}
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
	slow := func(n int, think, rtt time.Duration) (xs []*event.Exchange) {
		for i := 1; i <= n; i++ {
			xs = append(xs, exchange(i, think+time.Duration(i)*think/10, rtt))
		}
		return xs
	}
	repeated := slow(4, time.Second, time.Millisecond)
	for _, x := range repeated {
		x.Retrans = true
	}
	equal := slow(1, 5*time.Second, time.Millisecond)
	for i := 2; i <= 5; i++ {
		equal = append(equal, exchange(i, 5500*time.Millisecond, time.Millisecond))
	}
	for _, c := range []struct {
		name   string
		all    uint32
		greets bool
		xs     []*event.Exchange
		want   string
	}{
		{"slow", 8, false, slow(8, time.Second, time.Millisecond), "likely"},
		{"slow, others quick", 80, false, slow(8, time.Second, time.Millisecond), "likely"},
		{"exceptions", 161, false, slow(8, time.Second, time.Millisecond), ""},
		{"few", 3, false, slow(3, time.Second, time.Millisecond), "possible"},
		{"a long way", 8, false, slow(8, time.Second, 500*time.Millisecond), ""},
		{"way unknown", 8, false, slow(8, time.Second, 0), "possible"},
		{"repeated", 4, false, repeated, ""},
		{"interactive", 8, true, slow(8, time.Second, time.Millisecond), "possible"},
		{"held", 8, false, slow(8, 8*time.Second, time.Millisecond), "possible"},
		{"a timer", 5, false, equal, "possible"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if f := judge(t, c.all, c.greets, c.xs...); f != nil {
				got = f.Confidence.String()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestLive counts the exchanges of a flow that has not ended by what the exchange itself says.
func TestLive(t *testing.T) {
	if f := judge(t, 0, false, exchange(100, time.Second, time.Millisecond)); f != nil {
		t.Errorf("one slow answer of a hundred is reported: %s", f.Title)
	}
}
