package wscale_test

import (
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/wscale"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = "wscale-stripped"

func TestStripped(t *testing.T) {
	in, out := "wscale-stripped/inside.pcap", "wscale-stripped/outside.pcap"
	f := detecttest.Only(t, detecttest.Run(t, nil, in, out), code, finding.Certain)
	detecttest.Says(t, f, "a device between inside.pcap and outside.pcap removes window scaling from connection requests: at most ",
		"offers window scaling (shift 10) at inside.pcap; the same packet at outside.pcap does not", "2 connections, each at most",
		"not: a proxy that opens connections of its own: it is the same packet")
	// One capture shows neither who left the option out nor a transfer that it slowed down.
	for _, file := range []string{in, out} {
		r := detecttest.Run(t, nil, file)
		detecttest.None(t, r)
		detecttest.None(t, r, code)
	}
}

// TestStrippedOtherwise: with the timestamps and behind NAT; over IPv6; out of the answer alone.
func TestStrippedOtherwise(t *testing.T) {
	for _, c := range []struct {
		dir  string
		says []string
	}{
		{"wscale-stripped-nat", []string{"from connection requests", "its sequence number is unchanged (its timestamps are taken out too)", "option timestamps removed"}},
		{"wscale-stripped-ipv6", []string{"from connection requests: at most 13 Mbit/s", "sequence number and timestamp are unchanged"}},
		{"wscale-stripped-answer", []string{"from connection answers", "(high, certain, 2)", "the server believes that scaling was agreed on"}},
	} {
		f := detecttest.Only(t, detecttest.Run(t, nil, c.dir+"/inside.pcap", c.dir+"/outside.pcap"), code, finding.Certain)
		detecttest.Says(t, f, c.says...)
	}
}

func TestNotStripped(t *testing.T) {
	for _, dir := range []string{"wscale-stripped-remedied", "clean-nat", "clean-wan", "asymmetric-path"} {
		detecttest.None(t, detecttest.Run(t, nil, dir+"/inside.pcap", dir+"/outside.pcap"), code)
	}
}

func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			r := detecttest.Run(t, []detecttest.Mutation{d.Make}, "wscale-stripped/inside.pcap", "wscale-stripped/outside.pcap")
			switch d.Name {
			case "no SYN", "no packets from the server": // no handshake was seen
				detecttest.None(t, r, code)
			case "96 bytes of each frame", "every frame twice":
				detecttest.Only(t, r, code, finding.Certain)
			}
			for _, f := range r.Findings {
				if f.Code.ID != code && detecttest.Claims(f) {
					t.Errorf("%s", detecttest.Text(f))
				}
			}
		})
	}
}

// handshake sends a connection that ends after a transfer.
func handshake(b *detecttest.Bench, id uint64, change func(*event.Flow)) {
	f := *b.Connect(detecttest.Flow{ID: id, Client: "10.1.0.5:2000", Server: "10.2.0.9:443"}, 0, 0.05, 60)
	f.RTT = 50 * time.Millisecond
	for d := range f.Sides {
		s := &f.Sides[d]
		s.WScale, s.TSSeen, s.SACKOK, s.MaxWindow, s.MaxFlight = -1, true, true, 65535, 64000
	}
	if change != nil {
		change(&f)
	}
	f.What, f.Last = event.Ended, b.Ref(0, 10)
	b.Send(&f)
}

// TestOneCapture: what one capture shows is possible at most.
func TestOneCapture(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*event.Flow)
		want   bool
	}{
		{"full windows, no scaling, long path", nil, true},
		{"the client offers, the server does not", func(f *event.Flow) { f.Sides[packet.ToServer].WScale = 7 }, true},
		{"both offer", func(f *event.Flow) { f.Sides[0].WScale, f.Sides[1].WScale = 7, 7 }, false},
		{"a short path", func(f *event.Flow) { f.RTT = 2 * time.Millisecond }, false},
		{"windows that were never full", func(f *event.Flow) { f.Sides[0].MaxFlight, f.Sides[1].MaxFlight = 20000, 20000 }, false},
		{"a small stack that offers nothing", func(f *event.Flow) { f.Sides[0].TSSeen, f.Sides[0].SACKOK = false, false }, false},
		{"a larger window was announced", func(f *event.Flow) { f.Sides[1].MaxWindow = 80000 }, false},
		{"no request seen", func(f *event.Flow) { f.Sides[0].SYNSeen = false }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, wscale.Def)
			handshake(b, 1, c.change)
			fs := b.End()
			switch {
			case !c.want && len(fs) > 0:
				t.Errorf("%s", detecttest.Text(fs[0]))
			case c.want && (len(fs) != 1 || fs[0].Confidence != finding.Possible):
				t.Errorf("%d findings, want a possible one", len(fs))
			case c.want:
				detecttest.Says(t, fs[0], "at most 10 Mbit/s over this path (65 535 bytes in each round trip of 50 ms)")
			}
		})
	}
}

// TestAnswersOnly: a device that takes the option out of answers alone leaves the two ends at odds.
func TestAnswersOnly(t *testing.T) {
	tw := detect.NewTwins([]string{"a.pcap", "b.pcap"}, func(r packet.Ref) detect.Trace {
		x := detect.Trace{Known: true, Seen: true, Ref: packet.Ref{Frame: r.Frame, Source: 1, Time: r.Time}, Vantage: 1}
		if r.Frame == 2 { // the answer
			x.Removed = packet.OptWScale
		}
		return x
	})
	tw.Pair(1, 2)
	b := detecttest.NewBench(t, tw, wscale.Def)
	handshake(b, 1, func(f *event.Flow) { f.Sides[packet.ToServer].WScale = 7 })
	fs := b.End()
	if len(fs) != 1 || fs[0].Confidence != finding.Certain || fs[0].Severity != finding.High {
		t.Fatalf("%d findings", len(fs))
	}
	detecttest.Says(t, fs[0], "removes window scaling from connection answers", "the server believes that scaling was agreed on, the client does not")
}
