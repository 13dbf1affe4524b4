package outofwindow_test

import (
	"fmt"
	"testing"

	"firestorm/internal/detect"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/outofwindow"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// play sends a connection that works and then repeats data in vain; change may alter the event of its end.
func play(b *detecttest.Bench, id uint64, vantage uint16, at float64, change func(*event.Flow)) {
	x := *b.Connect(detecttest.Flow{ID: id, Client: "10.0.0.1:4000", Server: "10.9.0.1:22", Vantage: vantage}, at, 0.01, 60).Clone()
	first, last := b.Ref(vantage, at+2), b.Ref(vantage, at+9)
	*x.Head() = b.Head(detecttest.Flow{ID: id, Client: "10.0.0.1:4000", Server: "10.9.0.1:22", Vantage: vantage}, last)
	x.What, x.Last, x.State, x.End = event.Ended, last, event.StateEstablished, event.EndInput
	x.OwnRare()
	x.Stall = event.Stall{Dir: packet.ToServer, First: first, Last: last, Before: x.Last, Tries: 4, IPLen: 140, Bound: event.SeqAbove, Outside: 500}
	x.Sides[0].Next, x.Sides[0].Acked = 6000, 2000
	x.Sides[1].ISN, x.Sides[1].Next, x.Sides[1].Acked = 5000, 7000, 7000
	if change != nil {
		change(&x)
	}
	b.Send(&x)
}

// TestOneCaptureAlone: no more than possible, whichever bound, and what would be logged.
func TestOneCaptureAlone(t *testing.T) {
	for bound, says := range map[event.Bound]string{
		event.SeqAbove: "begins 500 bytes beyond", event.SeqBelow: "ends 500 bytes before", event.AckAbove: "acknowledges 500 bytes of 10.9.0.1 that did not pass", event.AckBelow: "acknowledges 500 bytes less",
	} {
		b := detecttest.NewBench(t, nil, outofwindow.Def)
		play(b, 1, 0, 1, func(f *event.Flow) { f.Stall.Bound = bound })
		fs := b.End()
		if len(fs) != 1 || fs[0].Confidence != finding.Possible || len(fs[0].Remedy) > 0 {
			t.Fatalf("%v: %d findings", bound, len(fs))
		}
		detecttest.Says(t, fs[0], says, "Linux would log: nf_ct_proto_6: "+bound.String(), "a second capture behind the firewall")
	}
	for name, change := range map[string]func(*event.Flow){
		"within the window": func(f *event.Flow) { f.Stall.Bound = event.InWindow },
		"two tries":         func(f *event.Flow) { f.Stall.Tries = 2 },
		"a closed window":   func(f *event.Flow) { f.Stall.WindowClosed = true },
		"a reset":           func(f *event.Flow) { f.Stall.EndedByRST = true },
	} {
		b := detecttest.NewBench(t, nil, outofwindow.Def)
		play(b, 1, 0, 1, change)
		if fs := b.End(); len(fs) > 0 {
			t.Errorf("%s: %s", name, detecttest.Text(fs[0]))
		}
	}
}

// two plays the connection at two places; far is what the far one saw.
func two(t *testing.T, left bool, near, far func(*event.Flow)) (*detecttest.Bench, *detect.Twins) {
	tw := detect.NewTwins([]string{"in.pcap", "out.pcap"}, func(r packet.Ref) detect.Trace { return detect.Trace{Known: true, Seen: left, Vantage: 1 - r.Source} })
	tw.Pair(1, 2)
	b := detecttest.NewBench(t, tw, outofwindow.Def)
	play(b, 2, 1, 1, func(f *event.Flow) {
		f.Stall = event.Stall{}
		f.Sides[0].Next = 3000
		far(f)
	})
	play(b, 1, 0, 1, near)
	return b, tw
}

// TestOtherPlace: what is missing at both places was lost by neither capture.
func TestOtherPlace(t *testing.T) {
	ack := func(f *event.Flow) { f.Stall.Bound = event.AckAbove }
	same := func(*event.Flow) {}
	for _, c := range []struct {
		name      string
		near, far func(*event.Flow)
		want      finding.Confidence
	}{
		{"acknowledgements missing at both", same, same, finding.Likely},
		{"acknowledgements seen there", same, func(f *event.Flow) { f.Sides[0].Acked = 2600 }, finding.Possible},
		{"data missing at both", ack, func(f *event.Flow) { f.Sides[1].Next = 6500 }, finding.Likely},
		{"data seen there", ack, func(f *event.Flow) { f.Sides[1].Next = 6600 }, finding.Possible},
		{"its begin not seen there", same, func(f *event.Flow) { f.Sides[1].SYNSeen = false }, finding.Possible},
		{"an old acknowledgement", func(f *event.Flow) { f.Stall.Bound = event.AckBelow }, same, finding.Possible},
	} {
		b, _ := two(t, false, c.near, c.far)
		fs := b.End()
		if len(fs) != 1 || fs[0].Confidence != c.want {
			t.Fatalf("%s: %d findings, want %s", c.name, len(fs), c.want)
		}
		detecttest.Says(t, fs[0], "does not leave it")
	}
	b, _ := two(t, true, same, same)
	if fs := b.End(); len(fs) > 0 {
		t.Errorf("it left the device: %s", detecttest.Text(fs[0]))
	}
}

// TestGates: a capture that lost packets, and connections that were forgotten, say less.
func TestGates(t *testing.T) {
	same := func(*event.Flow) {}
	for name, fail := range map[string]func(*detecttest.Bench){
		"G-LOSS": func(b *detecttest.Bench) {
			c := event.NewCapture(event.Head{Seen: b.Ref(0, 11)})
			c.From, c.To, c.Packets, c.KernelLost = detecttest.At(0), detecttest.At(11), 100, 50
			b.Send(c)
		},
		"G-TABLE": func(b *detecttest.Bench) {
			b.Gates.Forgot = func(uint16, packet.Addr, packet.Addr) (packet.Time, packet.Time, bool) {
				return detecttest.At(0), detecttest.At(20), true
			}
		},
	} {
		b, _ := two(t, false, same, same)
		fail(b)
		fs := b.End()
		if len(fs) != 1 || fs[0].Confidence >= finding.Likely || len(fs[0].Gates) != 1 || fs[0].Gates[0].Gate.String() != name {
			t.Errorf("%s: %v", name, fs)
		}
	}
}

// TestBounded: what is remembered of joined connections stays within the limit, and what is not is not claimed.
func TestBounded(t *testing.T) {
	tw := detect.NewTwins([]string{"in.pcap", "out.pcap"}, func(r packet.Ref) detect.Trace { return detect.Trace{Known: true, Vantage: 1 - r.Source} })
	tw.Pair(1, 2)
	b := detecttest.NewBench(t, tw, outofwindow.Def) // 1000 entries
	for i := range uint64(1500) {
		tw.Pair(10_000+i, 20_000+i)
		play(b, 20_000+i, 1, 1, func(f *event.Flow) { f.Stall = event.Stall{} })
	}
	play(b, 2, 1, 1, func(f *event.Flow) { f.Stall = event.Stall{} })
	play(b, 1, 0, 1, nil)
	if fs := b.End(); len(fs) != 1 || fs[0].Confidence != finding.Possible {
		t.Errorf("%d findings: %s", len(fs), fmt.Sprint(fs))
	}
}
