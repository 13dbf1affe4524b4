package refused_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/refused"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// TestWhoRefused: the TTL of the reset and of the server's other packets, and the time it took, decide.
func TestWhoRefused(t *testing.T) {
	const ms = 0.001
	for _, c := range []struct {
		name       string
		theirs     uint8 // TTL of the server's other packets; 0 = none seen
		connect    float64
		ttl        uint8
		took       float64
		change     func(*event.Flow)
		code       string
		confidence finding.Confidence
		says       []string
	}{
		{"same distance", 61, 20 * ms, 61, 20 * ms, nil, closed, finding.Likely, []string{"10.0.0.9 itself refuses port 8443"}},
		{"nearer", 61, 20 * ms, 63, 5 * ms, nil, middlebox, finding.Likely, []string{"a device 2 hops nearer than 10.0.0.9", "hop 2 from where", "5.0 ms is faster than the server ever answered (20 ms)"}},
		{"nearer, as slow", 61, 20 * ms, 62, 20 * ms, nil, middlebox, finding.Likely, []string{"a device 1 hop nearer"}},
		{"farther", 61, 20 * ms, 60, 20 * ms, nil, middlebox, finding.Possible, []string{"another machine than 10.0.0.9"}},
		{"another beginning, same distance", 61, 20 * ms, 125, 20 * ms, nil, closed, finding.Possible, []string{"counted from another beginning"}},
		{"another beginning, same distance, too soon", 61, 20 * ms, 125, 2 * ms, nil, middlebox, finding.Possible, []string{"another machine than"}},
		{"another beginning, nearer, too soon", 125, 20 * ms, 64, 0.1 * ms, nil, middlebox, finding.Likely, []string{"a device nearer than 10.0.0.9", "100 µs is less than half of the shortest time", "or: an address that forwards"}},
		{"another beginning, nearer, as slow", 125, 20 * ms, 64, 19 * ms, nil, middlebox, finding.Possible, []string{"another machine than 10.0.0.9"}},
		{"another beginning, another distance", 61, 20 * ms, 255, 20 * ms, nil, middlebox, finding.Possible, []string{"TTL 255, its own packets have TTL 61"}},
		{"same TTL, too soon", 61, 20 * ms, 61, 4 * ms, nil, middlebox, finding.Possible, []string{"something nearer than 10.0.0.9", "never answered in less than 20 ms"}},
		{"same TTL, soon, on a short wire", 61, 0.2 * ms, 61, 0.05 * ms, nil, closed, finding.Likely, nil},
		{"nothing to compare with", 0, 0, 61, 20 * ms, nil, closed, finding.Possible, []string{"nothing else of 10.0.0.9 was seen", "shows its TTL: 61 too if it refuses itself"}},
		{"odd sequence number", 61, 20 * ms, 61, 20 * ms, func(f *event.Flow) { f.Refusal.Seq = 99 }, closed, finding.Possible, []string{"sequence number is 99"}},
		{"sequence numbers not recorded", 61, 20 * ms, 61, 20 * ms, func(f *event.Flow) { f.Refusal.Seq, f.Missing = 99, packet.NoSeq }, closed, finding.Likely, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, refused.Def)
			if c.theirs != 0 {
				b.Connect(detecttest.Flow{ID: 1, Client: "10.0.0.1:999", Server: "10.0.0.9:80"}, 1, c.connect, c.theirs)
			}
			b.Refuse(detecttest.Flow{ID: 2, Client: "10.0.0.1:1000", Server: "10.0.0.9:8443"}, 5, c.took, c.ttl, c.change)
			fs := b.End()
			if len(fs) != 1 || fs[0].Code.ID != c.code || fs[0].Confidence != c.confidence {
				for _, f := range fs {
					t.Errorf("%s %s\n%s", f.Code.ID, f.Confidence, detecttest.Text(f))
				}
				t.Fatalf("want %s %s", c.code, c.confidence)
			}
			detecttest.Says(t, fs[0], c.says...)
		})
	}
}

// TestServiceThatStopped: the port's own past is told, and one that accepts others meanwhile may be full.
func TestServiceThatStopped(t *testing.T) {
	b := detecttest.NewBench(t, nil, refused.Def)
	b.Connect(detecttest.Flow{ID: 1, Client: "10.0.0.1:999", Server: "10.0.0.9:8443"}, 1, 0.001, 63)
	b.Refuse(detecttest.Flow{ID: 2, Client: "10.0.0.1:1000", Server: "10.0.0.9:8443"}, 20, 0.001, 63, nil)
	b.Refuse(detecttest.Flow{ID: 3, Client: "10.0.0.2:1000", Server: "10.0.0.9:8443"}, 22, 0.001, 63, nil)
	b.Connect(detecttest.Flow{ID: 4, Client: "10.0.0.1:1001", Server: "10.0.0.9:8443"}, 60, 0.001, 63)
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Likely || fs[0].Severity != finding.Medium {
		t.Fatalf("%+v", fs)
	}
	detecttest.Says(t, fs[0], "the port still answered at 1.00 s", "the port answered again at 60.00 s", "10.0.0.1 and 10.0.0.2")

	b = detecttest.NewBench(t, nil, refused.Def)
	b.Refuse(detecttest.Flow{ID: 2, Client: "10.0.0.1:1000", Server: "10.0.0.9:8443"}, 20, 0.001, 63, nil)
	b.Connect(detecttest.Flow{ID: 3, Client: "10.0.0.1:1001", Server: "10.0.0.9:8443"}, 21, 0.001, 63)
	fs = b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Possible {
		t.Fatalf("%+v", fs)
	}
	detecttest.Says(t, fs[0], "or: a service that cannot accept more at the moment: the port accepted 1 other request within seconds")
}

// TestSearch: many closed ports, or one closed port on many machines, are one search and not as many faults.
func TestSearch(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(i int) string
		n      int
		wants  int
		title  string
	}{
		{"a few ports", func(i int) string { return fmt.Sprintf("10.0.0.9:%d", 8000+i) }, 5, 5, "10.0.0.9 itself refuses port 800"},
		{"many ports", func(i int) string { return fmt.Sprintf("10.0.0.9:%d", 8000+i) }, 60, 1, "10.0.0.1 tried 60 ports of 10.0.0.9 that are closed"},
		{"many machines", func(i int) string { return fmt.Sprintf("10.0.0.%d:22", 9+i) }, 60, 1, "10.0.0.1 tried port 22 of 60 machines that refuse it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, refused.Def)
			b.Connect(detecttest.Flow{ID: 1000, Client: "10.0.0.2:1", Server: "10.0.0.9:80"}, 1, 0.001, 64)
			// somebody else's broken service is not lost in it
			b.Refuse(detecttest.Flow{ID: 1001, Client: "10.0.0.7:1", Server: "10.0.0.9:443"}, 1.5, 0.001, 64, nil)
			for i := range c.n {
				b.Refuse(detecttest.Flow{ID: uint64(1 + i), Client: fmt.Sprintf("10.0.0.1:%d", 1000+i), Server: c.server(i)}, 2+float64(i)/10, 0.001, 64, nil)
			}
			fs := b.End()
			if len(fs) != c.wants+1 {
				for _, f := range fs {
					t.Log(f.Title)
				}
				t.Fatalf("%d findings, want %d", len(fs), c.wants+1)
			}
			found, other := false, false
			for _, f := range fs {
				found = found || len(f.Title) >= len(c.title) && f.Title[:len(c.title)] == c.title
				other = other || f.Title == "10.0.0.9 itself refuses port 443: nothing listens there"
			}
			if !found || !other {
				t.Errorf("search told %v, the other service told %v: %s", found, other, fs[0].Title)
			}
		})
	}
}

// TestTwoCaptures: with the other side of the device known, requests that entered and never left decide.
func TestTwoCaptures(t *testing.T) {
	for _, c := range []struct {
		name       string
		trace      detect.Trace
		code       string
		confidence finding.Confidence
		says       string
	}{
		{"never left", detect.Trace{Known: true, Vantage: 1}, middlebox, finding.Likely, "a device between in.pcap and out.pcap refuses port 8443 in the name of 10.0.0.9"},
		{"passed", detect.Trace{Known: true, Seen: true, Vantage: 1}, closed, finding.Possible, "the resets came from beyond out.pcap"},
		{"unknown", detect.Trace{}, closed, finding.Possible, "nothing else of 10.0.0.9 was seen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tw := detect.NewTwins([]string{"in.pcap", "out.pcap"}, func(packet.Ref) detect.Trace { return c.trace })
			b := detecttest.NewBench(t, tw, refused.Def)
			b.Refuse(detecttest.Flow{ID: 2, Client: "10.0.0.1:1000", Server: "10.0.0.9:8443"}, 5, 0.001, 61, nil)
			fs := b.End()
			if len(fs) != 1 || fs[0].Code.ID != c.code || fs[0].Confidence != c.confidence {
				t.Fatalf("%v", fs[0])
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}

// TestForgets: a client that rests is no longer searching, and the room it took is free again.
func TestForgets(t *testing.T) {
	b := detecttest.NewBench(t, nil, refused.Def)
	b.Connect(detecttest.Flow{ID: 1000, Client: "10.0.0.2:1", Server: "10.0.0.9:80"}, 1, 0.001, 64)
	for i := range 12 { // one port every quarter of an hour
		b.Refuse(detecttest.Flow{ID: uint64(1 + i), Client: "10.0.0.1:1000", Server: fmt.Sprintf("10.0.0.9:%d", 8000+i)}, 2+900*float64(i), 0.001, 64, nil)
	}
	if fs := b.End(); len(fs) != 12 {
		t.Errorf("%d findings, want each port's own", len(fs))
	}
}
