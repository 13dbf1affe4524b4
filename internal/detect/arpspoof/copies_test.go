package arpspoof_test

import (
	"testing"

	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/detect/duplicate"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// copy sends the second sight of a packet from one machine to another, sent by the machine n.
func copy(b *detecttest.Bench, at float64, n byte, from byte, fall uint8) {
	first := b.Ref(0, at)
	r := event.NewRepeat(event.Head{Seen: b.Ref(0, at+0.0001), SrcMAC: mac(n), Client: event.End{Addr: packet.MustAddr(host)}, Server: event.End{Addr: packet.MustAddr("10.2.0.2")}})
	r.First, r.Times, r.TTLFirst, r.TTLLast, r.Step, r.MACs = first, 2, 64, 64-fall, fall, [4]packet.MAC{mac(from), mac(n)}
	b.Send(r)
}

// TestCopies: what a poser passes on is seen twice, and that is part of its finding. What other machines pass on, and
// what a mirror copies, is not.
func TestCopies(t *testing.T) {
	relayed := func(b *detecttest.Bench) { copy(b, 10.5, 66, 7, 1); copy(b, 10.6, 66, 1, 1) }
	for _, c := range []struct {
		name           string
		copies         func(b *detecttest.Bench)
		routed, copied uint64
		want           bool // the copies are told
		says           string
	}{
		{"relayed by the poser", relayed, 400, 0, false, ""},
		{"a router that is seen on both sides", func(b *detecttest.Bench) { copy(b, 10.5, 1, 7, 1) }, 400, 0, true, "400 of 1000 frames"},
		{"a mirror", func(b *detecttest.Bench) { copy(b, 10.5, 7, 7, 0) }, 0, 480, true, "480 of 1000 frames"},
		{"the poser's own packets, by a mirror", func(b *detecttest.Bench) { copy(b, 10.5, 66, 66, 0) }, 0, 480, true, "480 of 1000 frames"},
		{"half of them a router's", func(b *detecttest.Bench) { copy(b, 10.3, 1, 7, 1); copy(b, 10.4, 1, 7, 1); relayed(b) }, 400, 0, true, "200 of 1000 frames"},
		{"few of them a router's", func(b *detecttest.Bench) {
			for range 9 {
				relayed(b)
			}
			copy(b, 10.8, 1, 7, 1)
		}, 400, 0, false, ""},
		{"relayed by the poser as it was, as ettercap does", func(b *detecttest.Bench) { copy(b, 10.5, 66, 7, 0) }, 0, 400, false, ""},
		{"as it was, by another machine", func(b *detecttest.Bench) { copy(b, 10.5, 1, 7, 0) }, 0, 400, true, "400 of 1000 frames"},
		{"half of them a mirror's", func(b *detecttest.Bench) { copy(b, 10.4, 7, 7, 0); copy(b, 10.5, 66, 7, 0) }, 0, 400, true, "200 of 1000 frames"},
		{"a mirror beside it", func(b *detecttest.Bench) { copy(b, 10.4, 7, 7, 0); relayed(b) }, 100, 300, true, "300 of 1000 frames"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpspoof.Def, duplicate.Def)
			meet(b)
			for i := range 5 {
				says(b, 1+float64(i)*2, 2, 66, gw, host, 7)
			}
			says(b, 9.5, 1, 9, "10.0.0.9", gw, 0)
			says(b, 9.6, 2, 1, gw, "10.0.0.9", 9)
			c.copies(b)
			x := event.NewCapture(event.Head{Seen: b.Ref(0, 11)})
			x.From, x.To, x.Packets, x.Duplicates, x.Routed, x.CopyFrames, x.CopyPairs = detecttest.At(0), detecttest.At(11), 1000, c.copied, c.routed, 1000, 1
			b.Send(x)
			var spoof, copies *finding.Finding
			for _, f := range b.End() {
				switch f.Code.ID {
				case arpspoof.Code:
					spoof = f
				case duplicate.Code:
					copies = f
				}
			}
			if spoof == nil || (copies != nil) != c.want {
				t.Fatalf("spoof %v, copies %v", spoof, copies)
			}
			if c.want {
				detecttest.Says(t, copies, c.says)
			}
		})
	}
}

// TestCopiesOfCapture: one cause, one line.
func TestCopiesOfCapture(t *testing.T) {
	for _, file := range []string{"arp-spoof-both/lan.pcap", "arp-spoof-one-way/lan.pcap", "nd-spoof/lan.pcap", "arp-spoof-ettercap/lan.pcap"} {
		detecttest.None(t, detecttest.Run(t, nil, file), duplicate.Code)
	}
}
