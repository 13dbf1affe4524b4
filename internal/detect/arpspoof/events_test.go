package arpspoof_test

import (
	"testing"

	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect/arpspoof"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func mac(n byte) packet.MAC { return packet.MAC{2, 0, 0, 0, 0, n} }

var all = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// says sends an ARP packet of the machine n to the machine to; 0: to all.
func says(b *detecttest.Bench, at float64, op uint16, n byte, sender, target string, to byte) {
	dst := all
	if to != 0 {
		dst = mac(to)
	}
	x := event.NewARP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), DstMAC: dst})
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = op, mac(n), packet.MustAddr(sender), packet.MustAddr(target)
	b.Send(x)
}

const gw, host, bad = "10.0.0.1", "10.0.0.7", "10.0.0.66"

// meet makes the gateway (1), the host (7) and the poser (66) known.
func meet(b *detecttest.Bench) {
	says(b, 0, 1, 7, host, gw, 0)
	says(b, 0.1, 2, 1, gw, host, 7)
	says(b, 0.2, 1, 66, bad, gw, 0)
	says(b, 0.3, 2, 1, gw, bad, 66)
}

func TestPoses(t *testing.T) {
	lie := func(b *detecttest.Bench, at float64) { says(b, at, 2, 66, gw, host, 7) }
	still := func(b *detecttest.Bench, at float64) {
		says(b, at, 1, 9, "10.0.0.9", gw, 0)
		says(b, at+0.1, 2, 1, gw, "10.0.0.9", 9)
	}
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence // 0: nothing
		says string
	}{
		{"unasked, the owner still there", func(b *detecttest.Bench) {
			meet(b)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
			}
			still(b, 9)
		}, finding.Likely, "poses as 10.0.0.1 to 10.0.0.7"},
		{"unasked, the owner silent: it may have taken over", func(b *detecttest.Bench) {
			meet(b)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
			}
		}, finding.Possible, "ask whether 02:00:00:00:00:42 took over from it"},
		{"two are no habit", func(b *detecttest.Bench) { meet(b); lie(b, 1); lie(b, 3); still(b, 9) }, 0, ""},
		{"too rare", func(b *detecttest.Bench) {
			meet(b)
			for i := range 5 {
				lie(b, 1+float64(i)*11)
			}
			still(b, 60)
		}, 0, ""},
		{"each answer was asked for: a proxy", func(b *detecttest.Bench) {
			meet(b)
			for i := range 5 {
				says(b, 1+float64(i)*2, 1, 7, host, gw, 0)
				says(b, 1.1+float64(i)*2, 2, 66, gw, host, 7)
			}
			still(b, 12)
		}, 0, ""},
		{"its own address, told to all", func(b *detecttest.Bench) {
			meet(b)
			for i := range 6 {
				says(b, 1+float64(i), 2, 66, bad, bad, 0)
			}
		}, 0, ""},
		{"a cluster's new node announces, the old one is silent", func(b *detecttest.Bench) {
			meet(b)
			for i := range 6 {
				says(b, 1+float64(i), 2, 66, gw, gw, 0)
			}
		}, 0, ""},
		{"announced to all, and the owner is still there", func(b *detecttest.Bench) {
			meet(b)
			for i := range 6 {
				says(b, 1+float64(i), 2, 66, gw, gw, 0)
				still(b, 1.5+float64(i))
			}
		}, finding.Likely, "to everybody"},
		{"a card that was exchanged asks in the name too", func(b *detecttest.Bench) {
			meet(b)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
			}
			says(b, 8.5, 1, 66, gw, host, 0)
			still(b, 9)
		}, 0, ""},
		{"both ends, nothing seen to be relayed", func(b *detecttest.Bench) {
			meet(b)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
				says(b, 1.5+float64(i)*2, 2, 66, host, gw, 1)
			}
		}, finding.Likely, "to each other"},
		{"both ends, relayed", func(b *detecttest.Bench) {
			meet(b)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
				says(b, 1.5+float64(i)*2, 2, 66, host, gw, 1)
			}
			r := event.NewRepeat(event.Head{Seen: b.Ref(0, 9), SrcMAC: mac(66), DstMAC: mac(1), Client: event.End{Addr: packet.MustAddr(host)}, Server: event.End{Addr: packet.MustAddr("192.0.2.1")}})
			r.First, r.Times, r.TTLFirst, r.TTLLast, r.MACs = b.Ref(0, 9), 2, 64, 63, [4]packet.MAC{mac(7), mac(66)}
			b.Send(r)
		}, finding.Certain, "10.0.0.7 to 192.0.2.1, TTL 64 in"},
		{"an address that routers share", func(b *detecttest.Bench) {
			meet(b)
			v := vrrp.NewAdvert(event.Head{Seen: b.Ref(0, 0.5)}, event.FirstAnalyzerKind)
			v.Addresses[0], v.NAddress = packet.MustAddr(gw), 1
			b.Send(v)
			for i := range 4 {
				lie(b, 1+float64(i)*2)
			}
			still(b, 9)
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpspoof.Def)
			c.play(b)
			fs := b.End()
			if c.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want {
				for _, f := range fs {
					t.Errorf("%s", detecttest.Text(f))
				}
				t.Fatalf("%d findings", len(fs))
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}
