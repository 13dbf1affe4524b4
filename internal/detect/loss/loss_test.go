package loss

import (
	"strings"
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

// upload is a flow of 1000 data packets to the server, with SACK; n tells flows apart.
func upload(n int, change func(c, s *event.Side, f *event.Flow)) *event.Flow {
	f := event.NewFlow(event.Head{FlowID: uint64(n), Proto: packet.ProtoTCP,
		Client: event.End{Addr: packet.MustAddr("192.0.2.1"), Port: uint16(40000 + n)}, Server: event.End{Addr: packet.MustAddr("198.51.100.2"), Port: 443}})
	f.What = event.Ended
	f.Start, f.Last = ref(uint64(1000*n), 0), ref(uint64(1000*n+999), time.Minute)
	c, s := &f.Sides[packet.ToServer], &f.Sides[packet.ToClient]
	c.Packets, c.Payload, c.MaxIPLen, c.SACKOK = 1000, 1000*1460, 1500, true
	s.Packets, s.MaxIPLen, s.SACKOK = 500, 40, true
	at := func(k int) packet.Ref {
		return ref(uint64(1000*n+100*k), time.Duration(10*n+k)*time.Second)
	}
	c.RetransRefs, c.GapRefs = [3]packet.Ref{at(1), at(2), at(3)}, [3]packet.Ref{at(4), at(5), at(6)}
	change(c, s, f)
	return f
}

func judge(t *testing.T, tw *detect.Twins, fs ...*event.Flow) []*finding.Finding {
	t.Helper()
	groups := map[string]*finding.Group{}
	var order []string
	s := detect.NewScope(detect.NewLedger(10), detect.NewHosts(10), tw, detect.Limits{Entries: 10}, func(i *finding.Instance) {
		key := i.Key + string(rune('0'+i.Vantage)) // the engine leaves one vantage of a connection
		g := groups[key]
		if g == nil {
			g = &finding.Group{Code: Def.Codes[0], First: i.First}
			groups[key] = g
			order = append(order, key)
		}
		g.Count++
		g.Last = i.Last
		g.Kept = append(g.Kept, *i)
	})
	d := Def.New(s)
	for _, f := range fs {
		d.Handle(f)
	}
	d.Tick(0)
	d.End(0)
	var out []*finding.Finding
	for _, k := range order {
		b := finding.NewBuilder(groups[k])
		if !d.Compose(groups[k], b) {
			continue
		}
		f, err := b.Done()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(c, s *event.Side, f *event.Flow)
		want   string // confidence and place
	}{
		{"behind", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20 }, "certain between the sensor and 198.51.100.2"},
		{"before", func(c, s *event.Side, f *event.Flow) { c.RetransGap = 20 }, "certain between 192.0.2.1 and the sensor"},
		{"a handful", func(c, s *event.Side, f *event.Flow) { c.Retrans = 4; c.Packets = 100 }, ""},
		{"rare", func(c, s *event.Side, f *event.Flow) { c.Retrans = 5; c.Packets = 1001; c.RetransGap = 0 }, ""},
		{"few", func(c, s *event.Side, f *event.Flow) { c.Retrans = 7 }, "likely between the sensor and 198.51.100.2"},
		{"needless, the sensor knows", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20; c.Spurious = 18 }, ""},
		{"needless, the receiver says", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20; c.DSACKs = 18 }, ""},
		{"late originals after their repeats", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20; c.RetransGap = 20; c.DSACKs = 20 }, ""},
		{"overtaken", func(c, s *event.Side, f *event.Flow) { c.OutOfOrder = 50 }, ""},
		{"nobody would report copies", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20; s.SACKOK = false }, "likely between the sensor and 198.51.100.2"},
		{"the capture loses too", func(c, s *event.Side, f *event.Flow) { c.RetransGap = 20; c.Gaps = 3 }, "likely between 192.0.2.1 and the sensor"},
		{"a dead connection", func(c, s *event.Side, f *event.Flow) { c.Retrans = 12; f.Stall = event.Stall{Tries: 12} }, ""},
		{"window probes", func(c, s *event.Side, f *event.Flow) { c.Retrans = 12; s.ZeroCount, s.ZeroProbes = 1, 10 }, ""},
		{"too big, and told so", func(c, s *event.Side, f *event.Flow) { c.Retrans = 12; f.Marks[event.MarkFragNeeded] = ref(3, 0) }, ""},
		{"one moment", func(c, s *event.Side, f *event.Flow) {
			c.Retrans = 20
			c.RetransRefs = [3]packet.Ref{ref(5, time.Second), ref(6, time.Second), ref(7, time.Second)}
		}, "possible between the sensor and 198.51.100.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, f := range judge(t, nil, upload(1, c.change)) {
				got += f.Confidence.String() + " " + f.Title[strings.Index(f.Title, "between"):]
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestTwoVantages names the segment between two captures, or the one beyond them.
func TestTwoVantages(t *testing.T) {
	at := func(vantage uint16, f *event.Flow) *event.Flow {
		f.Head().Vantage = vantage
		return f
	}
	behindNear := func(c, s *event.Side, f *event.Flow) { c.Retrans = 20 }
	for _, c := range []struct {
		name string
		far  func(c, s *event.Side, f *event.Flow)
		want string
	}{
		{"between", func(c, s *event.Side, f *event.Flow) { c.RetransGap = 20 }, "is lost between in.pcap and out.pcap"},
		{"beyond", func(c, s *event.Side, f *event.Flow) { c.Retrans = 20 }, "is lost behind out.pcap, on the way to 198.51.100.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw := detect.NewTwins([]string{"in.pcap", "out.pcap"}, func(packet.Ref) detect.Trace { return detect.Trace{} })
			tw.Pair(1, 2)
			fs := judge(t, tw, at(0, upload(1, behindNear)), at(1, upload(2, c.far)))
			if len(fs) == 0 || !strings.Contains(fs[0].Title, c.want) {
				t.Errorf("got %v, want %q", fs, c.want)
			}
		})
	}
}

func TestPeriod(t *testing.T) {
	bursts := func(starts ...float64) (rs []packet.Ref) {
		for i, s := range starts {
			for k := range 3 {
				rs = append(rs, ref(uint64(10*i+k), time.Duration(s*1e9)+time.Duration(k)*time.Millisecond))
			}
		}
		return rs
	}
	for _, c := range []struct {
		name string
		refs []packet.Ref
		want time.Duration
	}{
		{"every ten seconds", bursts(1, 11, 21.5, 31), 10 * time.Second},
		{"two are no row", bursts(1, 11), 0},
		{"now and then", bursts(1, 4, 21), 0},
		{"single losses", []packet.Ref{ref(1, 0), ref(2, 10*time.Second), ref(3, 20*time.Second), ref(4, 30*time.Second)}, 0},
	} {
		every, _, ok := period(c.refs)
		if ok != (c.want > 0) || ok && every != c.want {
			t.Errorf("%s: %v %v, want %v", c.name, every, ok, c.want)
		}
	}
}
