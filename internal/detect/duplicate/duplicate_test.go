package duplicate_test

import (
	"testing"

	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

const code = "duplicate-on-wire"

func TestMirror(t *testing.T) {
	for _, c := range []struct {
		file string
		says []string
	}{
		{"span-duplicates/span.pcap", []string{"the mirror port copies each packet twice: I counted each once", "frame 5 and frame 6 are the same packet, 2 µs apart", "232 of 464 frames (50 %) are such copies"}},
		{"clean-span-twice/span.pcap", []string{"the mirror port copies each packet twice", "3142 of 6284 frames (50 %)", "they belong to 7 pairs of hosts; of the frames between those, 50 % are copies"}},
		{"span-routed-twice/span.pcap", []string{"the capture shows packets before and after a router", "224 with a TTL one less", "frame 4 and frame 7 are the same packet, 15 µs apart, TTL 64 and 63"}},
	} {
		f := detecttest.Only(t, detecttest.Run(t, nil, c.file), code, finding.Certain)
		detecttest.Says(t, f, c.says...)
		if f.Severity != finding.Info {
			t.Errorf("%s: %s for a fault of the capture", c.file, f.Severity)
		}
	}
}

func TestNoMirror(t *testing.T) {
	for _, file := range []string{"span-once/span.pcap", "duplicate-by-network/inside.pcap", "clean-routed/inside.pcap", "clean-wan/inside.pcap", "loss-none/inside.pcap", "reorder/inside.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), code)
	}
}

// TestDamaged: copies are copies whatever else the capture lacks; half of a capture that is lost by chance leaves fewer.
func TestDamaged(t *testing.T) {
	for _, d := range detecttest.Damages("10.1.0.11", "10.2.0.2") {
		t.Run(d.Name, func(t *testing.T) {
			n := 0
			for _, f := range detecttest.Run(t, []detecttest.Mutation{d.Make}, "clean-span-twice/span.pcap").Findings {
				if f.Code.ID == code && f.Confidence == finding.Certain {
					n++
				} else if f.Code.ID != "tcp-asymmetric-path" && detecttest.Claims(f) { // without one host's packets that is what it looks like
					t.Errorf("%s", detecttest.Text(f))
				}
			}
			if n != 1 {
				t.Errorf("%d findings", n)
			}
		})
	}
}

// TestNetworkOrMirror: what is doubled in part may be the network's doing, and is not called the mirror's.
func TestNetworkOrMirror(t *testing.T) {
	a, z := packet.MAC{2, 0, 0, 0, 0, 1}, packet.MAC{2, 0, 0, 0, 0, 2}
	for _, c := range []struct {
		name                           string
		frames, copies, routed, amongs uint64
		macs                           [4]packet.MAC
		want                           finding.Confidence
	}{
		{"every packet twice", 1000, 500, 0, 1000, [4]packet.MAC{a, a}, finding.Certain},
		{"one pair of hosts of many, every packet", 1000, 100, 0, 202, [4]packet.MAC{a, a}, finding.Certain},
		{"before and after a router", 1000, 10, 400, 900, [4]packet.MAC{a, z}, finding.Certain},
		{"a fifth of the packets", 1000, 180, 0, 1000, [4]packet.MAC{a, a}, finding.Possible},
		{"every packet, by another sender", 1000, 500, 0, 1000, [4]packet.MAC{a, z}, finding.Possible},
		{"a twentieth", 1000, 50, 0, 1000, [4]packet.MAC{a, a}, 0},
		{"too few to tell", 30, 15, 0, 30, [4]packet.MAC{a, a}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, duplicate.Def)
			r := event.NewRepeat(event.Head{Seen: b.Ref(0, 0.001), Client: event.End{Addr: packet.MustAddr("10.0.0.1")}})
			r.First, r.Times, r.TTLFirst, r.TTLLast, r.MACs = b.Ref(0, 0), 2, 64, 64, c.macs
			if c.routed > c.copies {
				r.TTLLast, r.Step = 63, 1
			}
			b.Send(r)
			for i := range uint64(2) { // two rounds
				x := event.NewCapture(event.Head{Seen: b.Ref(0, float64(1+i))})
				x.From, x.To, x.Packets, x.Duplicates, x.Routed, x.CopyFrames, x.CopyPairs = detecttest.At(float64(i)), detecttest.At(float64(1+i)), c.frames/2, c.copies/2, c.routed/2, c.amongs/2, 1
				b.Send(x)
			}
			fs := b.End()
			switch {
			case c.want == 0 && len(fs) > 0:
				t.Errorf("%s", detecttest.Text(fs[0]))
			case c.want != 0 && (len(fs) != 1 || fs[0].Confidence != c.want):
				t.Errorf("%d findings, want one, %s", len(fs), c.want)
				for _, f := range fs {
					t.Log(detecttest.Text(f))
				}
			}
		})
	}
}
