package arpconflict_test

import (
	"fmt"
	"testing"

	"firestorm/internal/analyzer/vrrp"
	"firestorm/internal/detect/arpconflict"
	"firestorm/internal/detect/detecttest"
	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

func mac(n byte) packet.MAC { return packet.MAC{2, 0, 0, 0, 0, n} }

var all = packet.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// says sends an ARP packet of the machine n.
func says(b *detecttest.Bench, at float64, op uint16, n byte, sender, target string) {
	dst := all
	if op == 2 && sender != target {
		dst = mac(99)
	}
	x := event.NewARP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), DstMAC: dst})
	x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = op, mac(n), packet.MustAddr(sender), packet.MustAddr(target)
	b.Send(x)
}

const ip = "10.0.0.7"

func TestClaims(t *testing.T) {
	ask := func(b *detecttest.Bench, at float64, n byte) { says(b, at, 1, n, ip, "10.0.0.1") }
	tell := func(b *detecttest.Bench, at float64, n byte) { says(b, at, 1, n, ip, ip) }
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want finding.Confidence // 0: nothing
		says string
	}{
		{"moves once, announced", func(b *detecttest.Bench) { ask(b, 0, 1); ask(b, 1, 1); tell(b, 5, 2); tell(b, 6, 2); ask(b, 7, 2) }, 0, ""},
		{"fails over and back", func(b *detecttest.Bench) { ask(b, 0, 1); tell(b, 5, 2); ask(b, 7, 2); tell(b, 60, 1); ask(b, 61, 1) }, 0, ""},
		{"a lease that ended", func(b *detecttest.Bench) { ask(b, 0, 1); ask(b, 100, 2); ask(b, 200, 2) }, 0, ""},
		{"changes, but not within five minutes", func(b *detecttest.Bench) {
			for i := range 6 {
				ask(b, float64(i)*200, byte(1+i%2))
			}
		}, 0, ""},
		{"in turn", func(b *detecttest.Bench) {
			for i := range 6 {
				ask(b, float64(i)*20, byte(1+i%2))
			}
		}, finding.Certain, "5 changes within 5 minutes"},
		{"in turn, all announced", func(b *detecttest.Bench) {
			for i := range 6 {
				tell(b, float64(i)*40, byte(1+i%2))
			}
		}, 0, ""},
		{"one defends it", func(b *detecttest.Bench) { ask(b, 0, 1); tell(b, 5, 2); tell(b, 6, 1); ask(b, 8, 2) }, finding.Certain, "it defends what it has"},
		{"the questions of a host with two cards, both answering", func(b *detecttest.Bench) {
			for i := range 3 {
				at := float64(i) * 10
				says(b, at, 1, 9, "10.0.0.9", ip)
				says(b, at+0.1, 2, 1, ip, "10.0.0.9")
				says(b, at+0.2, 2, 2, ip, "10.0.0.9")
			}
		}, finding.Possible, "arp_ignore=0"},
		{"both answer, and both send", func(b *detecttest.Bench) {
			for i := range 3 {
				at := float64(i) * 10
				says(b, at, 1, 9, "10.0.0.9", ip)
				says(b, at+0.1, 2, 1, ip, "10.0.0.9")
				says(b, at+0.2, 2, 2, ip, "10.0.0.9")
			}
			for i := range 2 {
				h := b.Head(detecttest.Flow{ID: uint64(i + 1), Client: "10.0.0.7:1000", Server: "10.0.0.9:80"}, b.Ref(0, 21+float64(i)))
				h.SrcMAC = mac(byte(1 + i))
				f := event.NewFlow(h)
				f.What, f.Start = event.Started, h.Seen
				b.Send(f)
			}
			says(b, 31, 1, 9, "10.0.0.9", ip)
			says(b, 31.1, 2, 1, ip, "10.0.0.9")
			says(b, 31.2, 2, 2, ip, "10.0.0.9")
		}, finding.Certain, "one machine sends them by one card"},
		{"late answers belong to no question", func(b *detecttest.Bench) {
			says(b, 0, 1, 9, "10.0.0.9", ip)
			says(b, 1, 2, 1, ip, "10.0.0.9")
			says(b, 4, 2, 2, ip, "10.0.0.9")
		}, 0, ""},
		{"one of them a proxy", func(b *detecttest.Bench) {
			for i := range 6 {
				says(b, 0, 2, 2, fmt.Sprintf("10.0.1.%d", i), "10.0.0.9")
			}
			for i := range 3 {
				at := 1 + float64(i)*10
				ask(b, at, 1)
				says(b, at, 1, 9, "10.0.0.9", ip)
				says(b, at+0.1, 2, 1, ip, "10.0.0.9")
				says(b, at+0.2, 2, 2, ip, "10.0.0.9")
			}
		}, finding.Possible, "02:00:00:00:00:02 answers for 3 or more other addresses too"},
		{"probes claim nothing", func(b *detecttest.Bench) {
			for i := range 6 {
				says(b, float64(i), 1, byte(1+i%2), "0.0.0.0", ip)
			}
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpconflict.Def)
			c.play(b)
			fs := b.End()
			if c.want == 0 {
				if len(fs) > 0 {
					t.Errorf("%s", detecttest.Text(fs[0]))
				}
				return
			}
			if len(fs) != 1 || fs[0].Confidence != c.want {
				t.Fatalf("%d findings: %v", len(fs), fs)
			}
			detecttest.Says(t, fs[0], c.says)
		})
	}
}

// TestShared: an address that routers speak of as theirs, and a virtual address, are handed on by design.
func TestShared(t *testing.T) {
	b := detecttest.NewBench(t, nil, arpconflict.Def)
	v := vrrp.NewAdvert(event.Head{Seen: b.Ref(0, 0)}, event.FirstAnalyzerKind)
	v.Addresses[0], v.NAddress = packet.MustAddr(ip), 1
	b.Send(v)
	for i := range 8 {
		says(b, float64(i), 1, byte(1+i%2), ip, "10.0.0.1")
	}
	for i := range 8 { // HSRP's virtual address beside the router's own
		x := event.NewARP(event.Head{Seen: b.Ref(0, 10+float64(i)), SrcMAC: mac(1), DstMAC: all})
		x.Op, x.SenderMAC, x.SenderIP, x.TargetIP = 1, mac(1), packet.MustAddr("10.0.0.8"), packet.MustAddr("10.0.0.1")
		if i%2 == 0 {
			x.SenderMAC = packet.MAC{0, 0, 0x0c, 7, 0xac, 1}
		}
		b.Send(x)
	}
	for _, f := range b.End() {
		t.Errorf("%s", detecttest.Text(f))
	}
}

func dad(b *detecttest.Bench, at float64, n byte, target string) {
	x := event.NewNDP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), Server: event.End{Addr: packet.MustAddr("ff02::1:ff00:7")}})
	x.Type, x.Target, x.Probe, x.Valid = 135, packet.MustAddr(target), true, true
	b.Send(x)
}

func advert(b *detecttest.Bench, at float64, n byte, target string) {
	x := event.NewNDP(event.Head{Seen: b.Ref(0, at), SrcMAC: mac(n), Client: event.End{Addr: packet.MustAddr(target)}, Server: event.End{Addr: packet.MustAddr("ff02::1")}})
	x.Type, x.Target, x.LinkAddr, x.Override, x.Valid = 136, packet.MustAddr(target), mac(n), true, true
	b.Send(x)
}

func TestDAD(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(b *detecttest.Bench)
		want []finding.Confidence
		says string
	}{
		{"free", func(b *detecttest.Bench) {
			dad(b, 0, 1, "fe80::7")
			advert(b, 1, 1, "fe80::7")
			dad(b, 9, 1, "fe80::7")
		}, nil, ""},
		{"taken by who uses it", func(b *detecttest.Bench) {
			advert(b, 0, 2, "fe80::7")
			dad(b, 5, 1, "fe80::7")
			advert(b, 5.1, 2, "fe80::7")
		}, []finding.Confidence{finding.Certain}, "used the address before"},
		{"taken by somebody", func(b *detecttest.Bench) { dad(b, 5, 1, "fe80::7"); advert(b, 5.1, 2, "fe80::7") }, []finding.Confidence{finding.Likely}, "ping -6 fe80::7"},
		{"announced much later", func(b *detecttest.Bench) { dad(b, 5, 1, "fe80::7"); advert(b, 50, 2, "fe80::7") }, nil, ""},
		{"two ask at once", func(b *detecttest.Bench) { dad(b, 5, 1, "fe80::7"); dad(b, 5.5, 2, "fe80::7") }, []finding.Confidence{finding.Certain}, "neither may use it"},
		{"refused to all", func(b *detecttest.Bench) {
			for i := range 3 {
				a := fmt.Sprintf("fe80::1%d", i)
				dad(b, float64(i), byte(10+i), a)
				advert(b, float64(i)+0.1, 2, a)
			}
		}, []finding.Confidence{finding.Likely, finding.Likely, finding.Likely}, "02:00:00:00:00:02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := detecttest.NewBench(t, nil, arpconflict.Def)
			c.play(b)
			fs := b.End()
			if len(fs) != len(c.want) {
				t.Fatalf("%d findings, want %d", len(fs), len(c.want))
			}
			for i, f := range fs {
				if f.Code.ID != arpconflict.DAD || f.Confidence != c.want[i] {
					t.Errorf("%s\n%s", f.Confidence, detecttest.Text(f))
				}
				detecttest.Says(t, f, c.says)
			}
		})
	}
}
